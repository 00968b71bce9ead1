"""The first page of the server's window: how others find the server, who is connected, and the log."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import Any, TypeVar

from lanchat.i18n import _
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.canvas.glyphs import inline, one_line
from lanchat.ui.kit.canvas.qr import qr_png
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.theme import Palette
from lanchat.ui.kit.toolkit import Toolkit
from lanchat_server.window.first_account import FirstAccountForm
from lanchat_server.window.log import WindowLog
from lanchat_server.window.log_pane import LogPane
from lanchat_server.window.model import ServerIdentity, WindowModel

# Pixels of a module at 96 dpi: the whole code is then some 180 wide, which a phone reads from a screen at arm's length.
_QR_SCALE = 4
_COPIED_MS = 2000
_PEOPLE_WIDTH = 240
# More than these would push the rest away; the first is that of the invite link.
_ADDRESSES_MAX = 4


L = TypeVar("L", tk.Label, ttk.Label)


class OverviewPage:
    """Main thread."""

    def __init__(
        self, tools: Toolkit, parent: tk.Misc, log: WindowLog, make_first: Callable[[str, str, str], None]
    ) -> None:
        """The caller places `frame`. `make_first`: what the form for the first account calls."""
        self._tools = tools
        self._make_first = make_first
        self._identity: ServerIdentity | None = None
        self._online: list[str] = []
        self._qr = tk.PhotoImage(master=tools.root)
        px = tools.px
        self.frame = ttk.Frame(parent)
        self.frame.columnconfigure(0, weight=1)
        self.frame.rowconfigure(1, weight=1)
        # Only once there is something to tell.
        self._middle = ttk.Frame(self.frame)
        self._middle.columnconfigure(0, weight=1)
        self._build_invitation(self._middle)
        self._build_people(self._middle)
        self._log = LogPane(tools, self.frame, log)
        self._log.frame.grid(row=1, sticky="nsew", pady=(px(8), 0))

    def show(self, model: WindowModel) -> None:
        """Bring every widget up to date; cheap when nothing changed."""
        if model.identity != self._identity:
            self._show_identity(model.identity)
        self._show_online(model)
        set_text(self._figures, model.figures_line())
        set_text(self._handed_in, model.handed_in_line())
        self._show_setup(model.setup_line())
        self._first.show(model.needs_first, model.making_first, model.first_problem)
        if model.needs_first:
            self._first.frame.grid(row=9, column=0, columnspan=2, sticky="ew", pady=(self._tools.px(8), 0))
        else:
            self._first.frame.grid_remove()
        self._log.refresh()

    # --- Invitation --------------------------------------------------------------------------------------------------

    def _build_invitation(self, parent: tk.Misc) -> None:
        tools, px = self._tools, self._tools.px
        box = ttk.Frame(parent)
        box.grid(row=0, column=0, sticky="nsew")
        box.columnconfigure(1, weight=1)
        self._code = tk.Label(box, image=self._qr, borderwidth=0)
        self._code.grid(row=0, column=0, rowspan=6, padx=(0, px(16)), sticky="n")
        self._address = self._fact(box, 0, _("Address"))
        self._words = self._fact(box, 2, _("Fingerprint, as words"))
        self._digits = self._fact(box, 4, _("Fingerprint, as digits"), mono=True)
        caption = _("Invite link: opens LAN Chat, or goes there into the field \u201cAnother server\u201d")
        wrapped(tools.label(box, caption)).grid(row=6, column=0, columnspan=2, sticky="ew", pady=(px(8), px(2)))
        row = ttk.Frame(box)
        row.grid(row=7, column=0, columnspan=2, sticky="ew")
        row.columnconfigure(0, weight=1)
        self._link = ttk.Entry(row, state="readonly", style=ControlStyle.ENTRY.value, font="TkTextFont")
        self._link.grid(row=0, column=0, sticky="ew", padx=(0, px(8)))
        self._copy = tools.button(row, _("Copy"), self._copy_link, ControlStyle.ACCENT)
        self._copy.grid(row=0, column=1)
        self._setup = wrapped(tools.label(box))
        self._setup.configure(font=Font.NAME.value)
        self._first = FirstAccountForm(tools, box, self._make_first)

    def _fact(self, box: tk.Misc, row: int, caption: str, mono: bool = False) -> ttk.Label:
        tools, px = self._tools, self._tools.px
        tools.label(box, caption, ControlStyle.MUTED).grid(row=row, column=1, sticky="w")
        value = wrapped(tools.label(box))
        value.configure(font="TkFixedFont" if mono else Font.BODY.value, anchor="w")
        value.grid(row=row + 1, column=1, sticky="ew", pady=(0, px(8)))
        return value

    def _show_setup(self, line: str) -> None:
        set_text(self._setup, inline(line))
        if line:
            self._setup.grid(row=8, column=0, columnspan=2, sticky="ew", pady=(self._tools.px(8), 0))
        else:
            self._setup.grid_remove()

    def _show_identity(self, identity: ServerIdentity | None) -> None:
        self._identity = identity
        if identity is None:
            self._middle.grid_remove()
            return
        self._middle.grid(row=0, sticky="nsew")
        set_text(self._address, _addresses(identity))
        set_text(self._words, identity.words)
        set_text(self._digits, identity.digits)
        self._show_link(identity.invite)
        self._qr.configure(data=qr_png(identity.invite, self._tools.px(_QR_SCALE)))

    def _show_link(self, link: str) -> None:
        self._link.configure(state="normal")
        self._link.delete(0, "end")
        self._link.insert(0, link)
        self._link.configure(state="readonly")

    def _copy_link(self) -> None:
        if self._identity is None:
            return
        root = self._tools.root
        root.clipboard_clear()
        root.clipboard_append(self._identity.invite)
        self._copy.configure(text=_("Copied"))
        root.after(_COPIED_MS, lambda: self._copy.configure(text=_("Copy")))

    # --- People ------------------------------------------------------------------------------------------------------

    def _build_people(self, parent: tk.Misc) -> None:
        tools, px = self._tools, self._tools.px
        box = ttk.Frame(parent)
        box.grid(row=0, column=1, sticky="nsew", padx=(px(16), 0))
        box.rowconfigure(1, weight=1)
        box.columnconfigure(0, weight=1)
        self._count = tools.label(box)
        self._count.configure(font=Font.NAME.value)
        self._count.grid(row=0, column=0, sticky="w", pady=(0, px(4)))
        self._people = tk.Listbox(box, width=28, height=8, activestyle="none", borderwidth=0, highlightthickness=1)
        self._people.configure(font="TkDefaultFont")
        self._people.grid(row=1, column=0, sticky="nsew")
        bar = ttk.Scrollbar(box, command=self._people.yview, style=ControlStyle.SCROLLBAR.value)
        bar.grid(row=1, column=1, sticky="ns")
        self._people.configure(yscrollcommand=bar.set)
        self._figures = tools.label(box, "", ControlStyle.MUTED, _PEOPLE_WIDTH)
        self._figures.grid(row=2, column=0, columnspan=2, sticky="w", pady=(px(8), 0))
        # Empty but for the time after one without the server.
        self._handed_in = tools.label(box, "", ControlStyle.MUTED, _PEOPLE_WIDTH)
        self._handed_in.grid(row=3, column=0, columnspan=2, sticky="w")

    def _show_online(self, model: WindowModel) -> None:
        set_text(self._count, model.online_line())
        online = model.online
        if online != self._online:
            self._online = online
            top = self._people.yview()[0]
            self._people.delete(0, "end")
            self._people.insert("end", *(f" {one_line(name, 64)}" for name in online))
            self._people.yview_moveto(top)

    def paint(self, palette: Palette) -> None:
        """The colours of what is no ttk control, in a theme that was just chosen."""
        self._code.configure(background=palette.surface)
        self._people.configure(
            background=palette.field,
            foreground=palette.text,
            highlightbackground=palette.line,
            highlightcolor=palette.accent,
            selectbackground=palette.row_selected,
            selectforeground=palette.on_row_selected,
        )
        self._first.paint(palette)
        self._log.paint(palette)


def wrapped(label: L, margin: int = 4) -> L:
    """The label, breaking its text at whatever width it gets. `margin`: pixels of it that are not text."""
    label.bind("<Configure>", lambda event: label.configure(wraplength=max(event.width - margin, 1)))
    return label


def set_text(label: Any, text: str) -> None:
    """The label's text; nothing is drawn when it is that already."""
    if str(label.cget("text")) != text:
        label.configure(text=text)


def _addresses(identity: ServerIdentity) -> str:
    shown = (f"[{address}]" if ":" in address else address for address in identity.addresses[:_ADDRESSES_MAX])
    return ",  ".join(f"{address}:{identity.port}" for address in shown)
