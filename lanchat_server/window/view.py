"""The widgets of the server's window. Shows a `WindowModel` and the log; says what was pressed through `WindowActions`.

Only the thread that made it may call it.
"""

import logging
import tkinter as tk
from collections.abc import Callable
from typing import Any

import msgspec
import ttkbootstrap

from lanchat.i18n import _
from lanchat.protocol.text.cleaning import clean_line
from lanchat.ui.kit.canvas.glyphs import inline, one_line
from lanchat.ui.kit.canvas.qr import qr_png
from lanchat.ui.kit.fields.entry_text import EntryText
from lanchat.ui.kit.keys import shortcuts
from lanchat.ui.kit.program_icon import set_icon
from lanchat.ui.kit.theme import DARK, LIGHT, Palette
from lanchat.ui.kit.work_area import keep_on_screen
from lanchat_server.window.first_account import FirstAccountForm
from lanchat_server.window.log import LINES_MAX, LogLine, WindowLog
from lanchat_server.window.model import ServerIdentity, ServiceState, WindowModel

# Its own types are incomplete.
ttk: Any = ttkbootstrap
_FAMILY = "lanchat-server"
_PAD = 16
_GAP = 8
# Pixels of a module: the whole code is then some 180 wide, which a phone reads from a screen at arm's length.
_QR_SCALE = 4
_COPIED_MS = 2000
_PEOPLE_WIDTH = 240
# More than these would push the rest away; the first is that of the invite link.
_ADDRESSES_MAX = 4
_LEVELS = (logging.NOTSET, logging.WARNING, logging.ERROR)
_BUTTONS = {
    ServiceState.STARTING: ("danger-outline", False),
    ServiceState.RUNNING: ("danger-outline", True),
    ServiceState.STOPPING: ("danger-outline", False),
    ServiceState.STOPPED: ("primary", True),
    ServiceState.FAILED: ("primary", True),
}


class WindowActions(msgspec.Struct, frozen=True):
    """What a person may ask for."""

    start: Callable[[], None]
    stop: Callable[[], None]
    close: Callable[[], None]
    make_first: Callable[[str, str, str], None]


def make_root(dark: bool) -> Any:
    """The one Tk root of the process, in our colours."""
    ttk.Theme(
        name=_FAMILY,
        primary=LIGHT.accent,
        success=LIGHT.online,
        info=LIGHT.accent,
        warning=LIGHT.away,
        danger=LIGHT.danger,
        light={"background": LIGHT.surface, "foreground": LIGHT.text},
        dark={"background": DARK.surface, "foreground": DARK.text},
    ).register()
    theme = f"{_FAMILY}-{'dark' if dark else 'light'}"
    root = ttk.App(title="LAN Chat", theme=theme, size=(940, 700), minsize=(760, 680), iconphoto=None)
    root.update_idletasks()
    keep_on_screen(root)
    set_icon(root, "lanchat-server")
    # Some builds of Tk 8.6 bind buttons to this event and no key to the event.
    root.event_add("<<Invoke>>", "<Key-space>")
    shortcuts.install(root)
    return root


class ServerView:
    """Everything inside the window."""

    def __init__(self, root: Any, dark: bool, log: WindowLog, actions: WindowActions) -> None:
        """Fills `root`, and has its close button call `actions.close`. `dark`: the theme that `root` was made with."""
        self._root = root
        self._dark = dark
        self._actions = actions
        self._identity: ServerIdentity | None = None
        self._online: list[str] = []
        self._qr = tk.PhotoImage(master=root)
        root.protocol("WM_DELETE_WINDOW", actions.close)
        root.columnconfigure(0, weight=1)
        root.rowconfigure(3, weight=1)
        self._build_header()
        self._problem = _wrapping(tk.Label(root, anchor="w", justify="left", padx=_PAD, pady=_GAP), 2 * _PAD)
        # Only once there is something to tell.
        self._middle = ttk.Frame(root, padding=(_PAD, _GAP))
        self._middle.columnconfigure(0, weight=1)
        self._build_invitation(self._middle)
        self._build_people(self._middle)
        self._log = LogPane(root, log)
        self._log.frame.grid(row=3, sticky="nsew")
        self._paint()

    def show(self, model: WindowModel) -> None:
        """Bring every widget up to date; cheap when nothing changed."""
        self._root.title(_("{name} – LAN Chat server").format(name=one_line(model.title, 64)))
        _set(self._title, one_line(model.title, 64))
        _set(self._state, model.state_line())
        self._dot.configure(foreground=self._dot_colour(model.state))
        self._show_button(model.state)
        self._show_problem(model.problem or model.storage_line())
        if model.identity != self._identity:
            self._show_identity(model.identity)
        self._show_online(model)
        _set(self._figures, model.figures_line())
        self._show_setup(model.setup_line())
        self._first.show(model.needs_first, model.making_first, model.first_problem)
        if model.needs_first:
            self._first.frame.grid(row=9, column=0, columnspan=2, sticky="ew", pady=(_GAP, 0))
        else:
            self._first.frame.grid_remove()
        self._log.refresh()

    # --- Header ------------------------------------------------------------------------------------------------------

    def _build_header(self) -> None:
        header = ttk.Frame(self._root, padding=(_PAD, _PAD, _PAD, _GAP))
        header.grid(row=0, sticky="ew")
        header.columnconfigure(1, weight=1)
        self._title = ttk.Label(header, font=_font(18, bold=True))
        self._title.grid(row=0, column=0, columnspan=2, sticky="w")
        self._dot = tk.Label(header, text="●", borderwidth=0)
        self._dot.grid(row=1, column=0, padx=(0, 6))
        self._state = ttk.Label(header)
        self._state.grid(row=1, column=1, sticky="w")
        self._theme = ttk.Button(header, command=self._toggle_theme, **_look("secondary-outline"))
        self._theme.grid(row=0, column=2, rowspan=2, padx=_GAP)
        self._button = ttk.Button(header, width=14)
        self._button.grid(row=0, column=3, rowspan=2)
        about = ttk.Button(header, text=_("About"), command=self._show_about, **_look("secondary-outline"))
        about.grid(row=0, column=4, rowspan=2, padx=(_GAP, 0))

    def _show_about(self) -> None:
        from lanchat.about.texts import about
        from lanchat.ui.kit.text_window import TextWindow

        heading, licences = about()
        scale = float(self._root.winfo_fpixels("1i")) / 96
        TextWindow(self._root, self._palette, lambda pixels: round(pixels * scale), heading, licences)

    def _show_button(self, state: ServiceState) -> None:
        style, enabled = _BUTTONS[state]
        starts = style == "primary"
        text = _("Stop server")
        if starts:
            text = _("Start server") if state is ServiceState.STOPPED else _("Try again")
        command = self._actions.start if starts else self._actions.stop
        self._button.configure(text=text, command=command, state="normal" if enabled else "disabled", **_look(style))

    def _dot_colour(self, state: ServiceState) -> str:
        palette = self._palette
        return {
            ServiceState.STARTING: palette.away,
            ServiceState.RUNNING: palette.online,
            ServiceState.STOPPING: palette.away,
            ServiceState.STOPPED: palette.offline,
            ServiceState.FAILED: palette.danger,
        }[state]

    def _show_problem(self, problem: str) -> None:
        _set(self._problem, inline(problem))
        if problem:
            self._problem.grid(row=1, sticky="ew")
        else:
            self._problem.grid_remove()

    # --- Invitation --------------------------------------------------------------------------------------------------

    def _build_invitation(self, parent: tk.Misc) -> None:
        box = ttk.Frame(parent)
        box.grid(row=0, column=0, sticky="nsew")
        box.columnconfigure(1, weight=1)
        self._code = ttk.Label(box, image=self._qr)
        self._code.grid(row=0, column=0, rowspan=6, padx=(0, _PAD), sticky="n")
        self._address = self._fact(box, 0, _("Address"))
        self._words = self._fact(box, 2, _("Fingerprint, as words"))
        self._digits = self._fact(box, 4, _("Fingerprint, as digits"), mono=True)
        caption = _("Invite link: whoever opens it finds this server and knows that it is the right one")
        _wrapping(ttk.Label(box, text=caption)).grid(row=6, column=0, columnspan=2, sticky="ew", pady=(_GAP, 2))
        row = ttk.Frame(box)
        row.grid(row=7, column=0, columnspan=2, sticky="ew")
        row.columnconfigure(0, weight=1)
        self._link = ttk.Entry(row, state="readonly")
        self._link.grid(row=0, column=0, sticky="ew", padx=(0, _GAP))
        self._copy = ttk.Button(row, text=_("Copy"), width=12, command=self._copy_link, **_look("primary"))
        self._copy.grid(row=0, column=1)

        self._setup = _wrapping(ttk.Label(box, font=_font(11, bold=True), justify="left"))
        self._first = FirstAccountForm(box, self._actions.make_first)

    def _show_setup(self, line: str) -> None:
        _set(self._setup, line)
        if line:
            self._setup.grid(row=8, column=0, columnspan=2, sticky="ew", pady=(_GAP, 0))
        else:
            self._setup.grid_remove()

    def _fact(self, box: tk.Misc, row: int, caption: str, mono: bool = False) -> Any:
        ttk.Label(box, text=caption, **_look("secondary")).grid(row=row, column=1, sticky="w")
        value = _wrapping(ttk.Label(box, font="TkFixedFont" if mono else _font(11), anchor="w", justify="left"))
        value.grid(row=row + 1, column=1, sticky="ew", pady=(0, _GAP))
        return value

    def _show_identity(self, identity: ServerIdentity | None) -> None:
        self._identity = identity
        if identity is None:
            self._middle.grid_remove()
            return
        self._middle.grid(row=2, sticky="nsew")
        _set(self._address, _addresses(identity))
        _set(self._words, identity.words)
        _set(self._digits, identity.digits)
        self._show_link(identity.invite)
        self._qr.configure(data=qr_png(identity.invite, _QR_SCALE))

    def _show_link(self, link: str) -> None:
        self._link.configure(state="normal")
        self._link.delete(0, "end")
        self._link.insert(0, link)
        self._link.configure(state="readonly")

    def _copy_link(self) -> None:
        if self._identity is None:
            return
        self._root.clipboard_clear()
        self._root.clipboard_append(self._identity.invite)
        self._copy.configure(text=_("Copied"))
        self._root.after(_COPIED_MS, lambda: self._copy.configure(text=_("Copy")))

    # --- People ------------------------------------------------------------------------------------------------------

    def _build_people(self, parent: tk.Misc) -> None:
        box = ttk.Frame(parent)
        box.grid(row=0, column=1, sticky="nsew", padx=(_PAD, 0))
        box.rowconfigure(1, weight=1)
        box.columnconfigure(0, weight=1)
        self._count = ttk.Label(box, font=_font(11, bold=True))
        self._count.grid(row=0, column=0, sticky="w", pady=(0, 4))
        self._people = tk.Listbox(box, width=28, height=8, activestyle="none", borderwidth=0, highlightthickness=1)
        self._people.grid(row=1, column=0, sticky="nsew")
        bar = ttk.Scrollbar(box, command=self._people.yview)
        bar.grid(row=1, column=1, sticky="ns")
        self._people.configure(yscrollcommand=bar.set)
        self._figures = ttk.Label(box, wraplength=_PEOPLE_WIDTH, **_look("secondary"))
        self._figures.grid(row=2, column=0, columnspan=2, sticky="w", pady=(_GAP, 0))

    def _show_online(self, model: WindowModel) -> None:
        _set(self._count, model.online_line())
        online = model.online
        if online != self._online:
            self._online = online
            top = self._people.yview()[0]
            self._people.delete(0, "end")
            self._people.insert("end", *(f" {one_line(name, 64)}" for name in online))
            self._people.yview_moveto(top)

    # --- Colours -----------------------------------------------------------------------------------------------------

    @property
    def _palette(self) -> Palette:
        return DARK if self._dark else LIGHT

    def _toggle_theme(self) -> None:
        self._dark = not self._dark
        ttk.Style.get_instance().theme_use(f"{_FAMILY}-{'dark' if self._dark else 'light'}")
        self._paint()

    def _paint(self) -> None:
        palette = self._palette
        self._theme.configure(text=_("Light") if self._dark else _("Dark"))
        self._dot.configure(background=palette.surface)
        self._problem.configure(background=palette.danger_soft, foreground=palette.on_danger_soft)
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


class LogPane:
    """The log below: the last lines, of a level, with some words in them."""

    def __init__(self, parent: Any, log: WindowLog) -> None:
        """The caller places `frame` in `parent`. Shows nothing before `refresh`."""
        self._source = log
        self._shown = 0
        self._filter: tuple[int, str] = (_LEVELS[0], "")
        self.frame = ttk.Frame(parent, padding=(_PAD, _GAP, _PAD, _PAD))
        self.frame.columnconfigure(0, weight=1)
        self.frame.rowconfigure(1, weight=1)
        self._build_filter()
        self._text = tk.Text(self.frame, height=8, wrap="word", state="disabled", borderwidth=0, padx=_GAP, pady=4)
        self._text.configure(font="TkFixedFont", highlightthickness=1, takefocus=True)
        self._text.grid(row=1, column=0, sticky="nsew")
        bar = ttk.Scrollbar(self.frame, command=self._text.yview)
        bar.grid(row=1, column=1, sticky="ns")
        self._text.configure(yscrollcommand=bar.set)
        self._following = True
        self._top = "1.0"
        self._text.bind("<Configure>", lambda _event: self._follow())

    def _build_filter(self) -> None:
        row = ttk.Frame(self.frame)
        row.grid(row=0, column=0, columnspan=2, sticky="ew", pady=(0, 4))
        row.columnconfigure(0, weight=1)
        ttk.Label(row, text=_("Log"), font=_font(11, bold=True)).grid(row=0, column=0, sticky="w")
        ttk.Label(row, text=_("Show")).grid(row=0, column=1, padx=(0, 6))
        names = [_("everything"), _("warnings and errors"), _("errors")]
        self._level = ttk.Combobox(row, values=names, state="readonly", width=max(map(len, names)) + 1)
        self._level.current(0)
        self._level.grid(row=0, column=2, padx=(0, _PAD))
        self._level.bind("<<ComboboxSelected>>", lambda _event: self.refresh())
        ttk.Label(row, text=_("containing")).grid(row=0, column=3, padx=(0, 6))
        entry = ttk.Entry(row, width=22)
        entry.grid(row=0, column=4)
        self._words = EntryText(entry)
        self._words.on_change(self.refresh)

    def refresh(self) -> None:
        """Add what came; begin anew when the filter was changed."""
        wanted = (_LEVELS[self._level.current()], clean_line(self._words.get()))
        if wanted != self._filter:
            self._filter, self._shown = wanted, 0
            self._write([], clear=True)
        elif self._source.count == self._shown:
            return
        newest = self._source.count
        lines = self._source.after(self._shown, *self._filter)
        self._shown = newest
        self._write([line for line in lines if line.number <= newest])

    def _write(self, lines: list[LogLine], clear: bool = False) -> None:
        # Where it stood after the last line came is where it still stands, unless somebody scrolled.
        stayed = self._following and self._text.index("@0,0") == self._top
        self._following = clear or stayed or self._text.yview()[1] >= 0.999
        self._text.configure(state="normal")
        if clear:
            self._text.delete("1.0", "end")
        for line in lines:
            self._text.insert("end", f"{inline(line.text)}\n", _tag(line.level))
        surplus = int(self._text.index("end-1c").split(".")[0]) - 1 - LINES_MAX
        if surplus > 0:
            self._text.delete("1.0", f"{surplus + 1}.0")
        self._text.configure(state="disabled")
        self._follow()

    def _follow(self) -> None:
        """Keep the newest line in sight, unless somebody scrolled up to read."""
        if self._following:
            # Else the widget, which measures lines when it has time, would not know yet where the end is.
            self._text.tk.call(self._text, "sync")
            self._text.yview_moveto(1.0)
            self._top = self._text.index("@0,0")

    def paint(self, palette: Palette) -> None:
        """The colours of a theme that was just chosen, also of the lines that are there."""
        self._text.configure(
            background=palette.field,
            foreground=palette.text,
            highlightbackground=palette.line,
            highlightcolor=palette.accent,
            selectbackground=palette.selection,
            selectforeground=palette.on_selection,
        )
        self._text.tag_configure("warning", foreground=palette.warning)
        self._text.tag_configure("error", foreground=palette.on_danger_soft)
        self._text.tag_raise("sel")


def _tag(level: int) -> str:
    return "error" if level >= logging.ERROR else "warning" if level >= logging.WARNING else ""


def _look(name: str) -> dict[str, Any]:
    """The option by which ttkbootstrap picks a style; the types of plain ttk do not know it."""
    return {"bootstyle": name}


def _font(size: int, bold: bool = False) -> tuple[str, int, str]:
    return ("TkDefaultFont", size, "bold" if bold else "normal")


def _wrapping(label: Any, margin: int = 4) -> Any:
    """The label, breaking its text at whatever width it gets. `margin`: pixels of it that are not text."""
    label.bind("<Configure>", lambda event: label.configure(wraplength=max(event.width - margin, 1)))
    return label


def _set(label: Any, text: str) -> None:
    if str(label.cget("text")) != text:
        label.configure(text=text)


def _addresses(identity: ServerIdentity) -> str:
    shown = (f"[{address}]" if ":" in address else address for address in identity.addresses[:_ADDRESSES_MAX])
    return ",  ".join(f"{address}:{identity.port}" for address in shown)
