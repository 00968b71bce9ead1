"""The page of backups: write one now, and what a restore would do."""

import tkinter as tk
import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.ui.administration.backups import BackupModel
from lanchat.ui.administration.page_view import CopyField, Notices, wrapping
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit

_NIGHTLY = "--backup-folder /mnt/backups --backup-time 03:00 --backup-keep 14"
_RESTORE = "lanchat-server restore FILE"
_STEP_MS = 40  # between two movements of the bar that shows that something goes on


class BackupPage:
    """Main thread. See `page_view.AdminPageView`."""

    def __init__(self, tools: Toolkit, master: tk.Misc, server: AdministrationPort) -> None:
        """The caller places `frame`."""
        px = tools.px
        self.model = BackupModel(server, self._show)
        self.frame = ttk.Frame(master)
        self._text(tools, _("Backup"), ControlStyle.TITLE)
        self._text(
            tools,
            _(
                "Keys and database in one file on the server's computer, in the folder “backups” of the data folder. "
                "The five newest are kept; copy one to another disk, and keep it safe: with it somebody could run "
                "your server. People go on chatting meanwhile."
            ),
        )
        row = ttk.Frame(self.frame)
        row.pack(fill="x", pady=(0, px(8)))
        self._button = tools.button(row, _("Back up now"), self.model.begin, ControlStyle.ACCENT)
        self._button.pack(side="left")
        self._bar = ttk.Progressbar(row, mode="indeterminate", length=px(160))
        self._notices = Notices(tools, self.frame, self.model)
        self._notices.frame.pack(fill="x", pady=(0, px(16)))
        self._text(tools, _("Every night"), ControlStyle.TITLE)
        self._text(tools, _("With these options, or the same in its settings, the server writes one by itself:"))
        self._copied(tools, _NIGHTLY)
        self._text(tools, _("Restore"), ControlStyle.TITLE)
        self._text(
            tools,
            _(
                "A restore replaces keys and database of the server by those of a backup. What is newer than the "
                "backup is gone from the server; clients that have newer messages keep them and say so. Stop the "
                "server first, then give this command on its computer. It shows what is in the file and asks before it "
                "begins:"
            ),
        )
        self._copied(tools, _RESTORE)
        self._show()

    def _text(self, tools: Toolkit, words: str, look: ControlStyle = ControlStyle.TEXT) -> None:
        wrapping(tools.label(self.frame, words, look)).pack(fill="x", pady=(0, tools.px(6)))

    def _copied(self, tools: Toolkit, text: str) -> None:
        field = CopyField(tools, self.frame)
        field.show(text)
        field.frame.pack(fill="x", pady=(0, tools.px(16)))

    def enter(self) -> None:
        """The page asks for nothing."""
        self._button.focus_set()

    def leave(self) -> None:
        """A backup that is being written goes on."""

    def close(self) -> None:
        """Answers that come later are ignored."""
        self.model.close()

    def _show(self) -> None:
        busy = self.model.busy
        self._button.state(["disabled" if busy else "!disabled"])
        if busy and not self._bar.winfo_manager():
            self._bar.pack(side="left", padx=12)
            self._bar.start(_STEP_MS)
        elif not busy and self._bar.winfo_manager():
            self._bar.stop()
            self._bar.pack_forget()
        self._notices.show()
