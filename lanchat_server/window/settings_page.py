"""The page of settings in the server's window: what is set, and a test message where e-mail is set."""

import tkinter as tk
import tkinter.ttk as ttk
from functools import partial

from lanchat.i18n import _
from lanchat.protocol.text.names import tidy_name
from lanchat.ui.administration.page_view import stack, wrapping
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.table import Column, Table
from lanchat.ui.kit.toolkit import Toolkit
from lanchat_server.mail import send_test
from lanchat_server.window.settings import SettingsSource, settings_rows


class SettingsPage:
    """Main thread. See `lanchat.ui.administration.page_view.AdminPageView`."""

    def __init__(self, tools: Toolkit, master: tk.Misc, source: SettingsSource) -> None:
        """The caller places `frame`."""
        self._source = source
        self._closed = False
        self.frame = ttk.Frame(master)
        words = _("Options and the configuration file set these; a change takes effect at the next start.")
        text = wrapping(tools.label(self.frame, words))
        columns = (Column(_("Setting"), 290), Column(_("Value"), 260), Column(_("Key in the file"), 200))
        table = Table(tools, self.frame, columns)
        table.show(settings_rows(source.config))
        row = ttk.Frame(self.frame)
        self._address = Field(tools, row, _("Test message to"))
        self._address.entry.configure(width=32)
        self._address.frame.pack(side="left")
        self._address.on_return(self._try)
        self._button = tools.button(row, _("Send"), self._try)
        self._button.pack(side="left", anchor="s", padx=tools.px(8))
        self._result = wrapping(tools.label(self.frame))
        stack(self.frame, (text, table.frame, row, self._result), table.frame, tools.px(8))
        if source.config.smtp is None:
            row.grid_remove()

    def enter(self) -> None:
        """The page asks for nothing."""

    def leave(self) -> None:
        """A message that is under way goes on."""

    def close(self) -> None:
        """Answers that come later are ignored."""
        self._closed = True

    def _try(self) -> None:
        config, address = self._source.config, tidy_name(self._address.get(), joiners=False)
        if config.smtp is None or self._button.instate(["disabled"]):
            return
        self._button.state(["disabled"])
        self._say(_("One moment…"), ControlStyle.MUTED)
        self._source.beside(partial(send_test, config.smtp, address, config.name), self._tried)

    def _tried(self, problem: str) -> None:
        if self._closed:
            return
        self._button.state(["!disabled"])
        done = _("The mail server has taken the message. Look whether it arrives.")
        self._say(problem or done, ControlStyle.ERROR if problem else ControlStyle.DONE)

    def _say(self, text: str, look: ControlStyle) -> None:
        self._result.configure(text=glyphs.inline(text), style=look.value)
