"""The widgets of the server's window. Shows a `WindowModel` and the log; says what was pressed through `WindowActions`.

Only the thread that made it may call it.
"""

import sys
import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import Any

import msgspec

from lanchat.i18n import _
from lanchat.ui.administration.pages import administration_tabs
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.administration.window_view import PageSet, Tab, TabRow
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.glyphs import inline, one_line
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.kit.fields import field_menu
from lanchat.ui.kit.fonts import Fonts
from lanchat.ui.kit.keys import shortcuts
from lanchat.ui.kit.program_icon import set_icon
from lanchat.ui.kit.styles import ControlStyle, Styles
from lanchat.ui.kit.theme import DARK, LIGHT, Palette
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.kit.work_area import keep_on_screen
from lanchat_server.window import question
from lanchat_server.window.log import WindowLog
from lanchat_server.window.model import ServiceState, WindowModel
from lanchat_server.window.overview import OverviewPage, set_text, wrapped
from lanchat_server.window.settings import SettingsSource
from lanchat_server.window.settings_page import SettingsPage

_SIZE, _MINIMUM = (960, 720), (780, 680)
_BUTTONS = {
    ServiceState.STARTING: (ControlStyle.PLAIN, False),
    ServiceState.RUNNING: (ControlStyle.PLAIN, True),
    ServiceState.STOPPING: (ControlStyle.PLAIN, False),
    ServiceState.STOPPED: (ControlStyle.ACCENT, True),
    ServiceState.FAILED: (ControlStyle.ACCENT, True),
}


class WindowActions(msgspec.Struct, frozen=True):
    """What a person may ask for. `administration`: what the pages of an administrator ask; None: there are none.
    `settings`: for the page of settings."""

    start: Callable[[], None]
    stop: Callable[[], None]
    close: Callable[[], None]
    make_first: Callable[[str, str, str], None]
    administration: AdministrationPort | None = None
    settings: SettingsSource | None = None


def make_root(dark: bool) -> Any:
    """The one Tk root of the process."""
    import ttkbootstrap

    if sys.platform.startswith("linux"):
        # The class names the program to window managers.
        root = ttkbootstrap.App(title="LAN Chat", iconphoto=None, className="Lanchat-server")
    else:
        root = ttkbootstrap.App(title="LAN Chat", iconphoto=None)
    root.withdraw()
    set_icon(root, "lanchat-server")
    # Some builds of Tk 8.6 bind buttons to this event and no key to the event.
    root.event_add("<<Invoke>>", "<Key-space>")
    shortcuts.install(root)
    field_menu.install(root)
    return root


class ServerView:
    """Everything inside the window."""

    def __init__(self, root: Any, dark: bool, log: WindowLog, actions: WindowActions) -> None:
        """Fills `root`, and has its close button call `actions.close`. `dark`: the theme to begin with."""
        self._root = root
        self._dark = dark
        self._actions = actions
        self._fonts = Fonts(root)
        glyphs.protect(root.tk.call("tk", "windowingsystem") == "x11", self._fonts.draws)
        self._images = Images(root, self._fonts.px)
        self._styles = Styles(root, self._fonts.px)
        self._styles.use(self._palette)
        self._tools = tools = Toolkit(root, self._fonts.kit(self._palette), self._images)
        px = tools.px
        root.protocol("WM_DELETE_WINDOW", actions.close)
        frame = self._frame = ttk.Frame(root, padding=px(16))
        frame.pack(fill="both", expand=True)
        frame.columnconfigure(0, weight=1)
        frame.rowconfigure(3, weight=1)
        self._build_header()
        self._problem = wrapped(tk.Label(frame, anchor="w", justify="left", padx=px(16), pady=px(8)), 2 * px(16))
        self._overview = OverviewPage(tools, frame, log, actions.make_first)
        self._overview.frame.grid(row=3, sticky="nsew")
        self._pages: PageSet | None = None
        self._tabs: TabRow | None = None
        self._tab = 0
        self._serves = False
        self._paint()
        self._size()

    def _size(self) -> None:
        root, px = self._root, self._tools.px
        root.minsize(px(_MINIMUM[0]), px(_MINIMUM[1]))
        root.geometry(f"{px(_SIZE[0])}x{px(_SIZE[1])}")
        keep_on_screen(root)
        root.deiconify()

    def show(self, model: WindowModel) -> None:
        """Bring every widget up to date; cheap when nothing changed."""
        title = _("{name} – LAN Chat server").format(name=one_line(model.title, 64))
        if self._root.title() != title:
            self._root.title(title)
        set_text(self._title, one_line(model.title, 64))
        set_text(self._state, model.state_line())
        self._dot.configure(foreground=self._dot_colour(model.state))
        self._show_button(model.state)
        self._show_problem(model.problem or model.storage_line())
        self._overview.show(model)
        if self._serves != (model.state is ServiceState.RUNNING):
            self._serves = not self._serves
            self._rebuild_pages()

    def ask(self, text: str, detail: str, button: str) -> bool:
        """Whether a person says yes to a question about what a button does. Raises TclError when the window goes away
        meanwhile."""
        return question.ask(self._tools, text, detail, button)

    # --- Header ------------------------------------------------------------------------------------------------------

    def _build_header(self) -> None:
        tools, px = self._tools, self._tools.px
        header = ttk.Frame(self._frame)
        header.grid(row=0, sticky="ew", pady=(0, px(12)))
        header.columnconfigure(1, weight=1)
        self._title = tools.label(header, "", ControlStyle.HUGE)
        self._title.grid(row=0, column=0, columnspan=2, sticky="w")
        self._dot = tk.Label(header, text="●", borderwidth=0, font="TkDefaultFont")
        self._dot.grid(row=1, column=0, padx=(0, px(6)))
        self._state = tools.label(header)
        self._state.grid(row=1, column=1, sticky="w")
        self._theme = tools.button(header, "", self._toggle_theme)
        self._theme.grid(row=0, column=2, rowspan=2, padx=px(8))
        self._button = tools.button(header, "", lambda: None)
        self._button.grid(row=0, column=3, rowspan=2)
        about = tools.button(header, _("About"), self._show_about)
        about.grid(row=0, column=4, rowspan=2, padx=(px(8), 0))

    def _show_about(self) -> None:
        from lanchat.about.texts import about
        from lanchat.ui.kit.text_window import TextWindow

        heading, licences = about()
        TextWindow(self._root, self._palette, self._tools.px, heading, licences)

    def _show_button(self, state: ServiceState) -> None:
        style, enabled = _BUTTONS[state]
        starts = style is ControlStyle.ACCENT
        text = _("Stop server")
        if starts:
            text = _("Start server") if state is ServiceState.STOPPED else _("Try again")
        command = self._actions.start if starts else self._actions.stop
        self._button.configure(text=text, command=command, state="normal" if enabled else "disabled", style=style.value)

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
        set_text(self._problem, inline(problem))
        if problem:
            self._problem.grid(row=1, sticky="ew", pady=(0, self._tools.px(8)))
        else:
            self._problem.grid_remove()

    # --- Pages of the administrator, while the server runs -------------------------------------------------------

    def _rebuild_pages(self) -> None:
        """The row of names above the pages, and the page that was in sight, in the present colours."""
        wanted = self._tab
        if self._pages is not None:
            self._pages.close()
        if self._tabs is not None:
            self._tabs.frame.destroy()
        self._pages = self._tabs = None
        self._choose(0)
        server = self._actions.administration
        if self._serves and server is not None:
            tabs = administration_tabs(self._tools, server)
            if (settings := self._actions.settings) is not None:
                # Before what happens now.
                tabs.insert(-1, Tab(_("Settings"), lambda master: SettingsPage(self._tools, master, settings)))
            self._pages = PageSet(self._frame, tabs)
            self._tabs = TabRow(self._tools, self._frame, [_("Overview"), *(tab.title for tab in tabs)], self._choose)
            self._tabs.frame.grid(row=2, sticky="w", pady=(0, self._tools.px(10)))
            self._choose(wanted)

    def _choose(self, place: int) -> None:
        self._tab = place
        if self._tabs is not None:
            self._tabs.show(place)
        if self._pages is not None:
            self._pages.leave()
        if place and self._pages is not None:
            self._overview.frame.grid_remove()
            self._pages.open(place - 1)
            self._pages.frame.grid(row=3, sticky="nsew")
        else:
            if self._pages is not None:
                self._pages.frame.grid_remove()
            self._overview.frame.grid()

    # --- Colours -----------------------------------------------------------------------------------------------------

    @property
    def _palette(self) -> Palette:
        return DARK if self._dark else LIGHT

    def _toggle_theme(self) -> None:
        self._dark = not self._dark
        self._styles.use(self._palette)
        self._tools = Toolkit(self._root, self._fonts.kit(self._palette), self._images)
        self._paint()
        self._rebuild_pages()

    def _paint(self) -> None:
        palette = self._palette
        self._theme.configure(text=_("Light theme") if self._dark else _("Dark theme"))
        self._dot.configure(background=palette.surface)
        self._problem.configure(background=palette.danger_soft, foreground=palette.on_danger_soft)
        self._overview.paint(palette)
