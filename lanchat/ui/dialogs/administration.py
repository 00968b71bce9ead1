"""The window with the pages of an administrator; it stays open beside the conversation."""

import tkinter as tk
import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.ui.administration.pages import administration_tabs
from lanchat.ui.administration.window_view import PageSet, TabRow
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.administration import ClientAdministration
from lanchat.ui.model.chat import Chat

_SIZE = (820, 620)
_MINIMUM = (640, 480)


class AdministrationWindow:
    """Main thread."""

    def __init__(self, tools: Toolkit, chat: Chat) -> None:
        """Opens on the first page."""
        px = tools.px
        self.window = window = tk.Toplevel(tools.root, background=tools.palette.surface)
        window.title(glyphs.one_line(_("Administration")))
        window.transient(tools.root)
        width, height = (min(px(size), most) for size, most in zip(_SIZE, window.maxsize(), strict=True))
        root = tools.root
        x = max(root.winfo_rootx() + (root.winfo_width() - width) // 2, 0)
        y = max(root.winfo_rooty() + (root.winfo_height() - height) // 3, 0)
        window.geometry(f"{width}x{height}+{x}+{y}")
        window.minsize(min(px(_MINIMUM[0]), width), min(px(_MINIMUM[1]), height))
        server = ClientAdministration(chat.ask)
        frame = ttk.Frame(window, padding=px(16))
        frame.pack(fill="both", expand=True)
        tabs = administration_tabs(tools, server)
        self.pages = PageSet(frame, tabs)
        self._row = TabRow(tools, frame, [tab.title for tab in tabs], self._choose)
        self._row.frame.pack(fill="x", pady=(0, px(10)))
        self.pages.frame.pack(fill="both", expand=True)
        window.bind("<Escape>", lambda event: self.close())
        window.protocol("WM_DELETE_WINDOW", self.close)
        window.bind("<Destroy>", self._destroyed)
        self._choose(0)

    def _choose(self, place: int) -> None:
        self._row.show(place)
        self.pages.open(place)

    def _destroyed(self, event: "tk.Event[tk.Misc]") -> None:
        if event.widget is self.window:
            self.pages.close()

    def close(self) -> None:
        """Takes the window away, when it is still there."""
        if self.window.winfo_exists():
            self.window.destroy()

    def lift(self) -> bool:
        """Brings it to the front; False when somebody closed it."""
        if not self.window.winfo_exists():
            return False
        self.window.deiconify()
        self.window.lift()
        self.window.focus_set()
        return True
