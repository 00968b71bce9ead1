"""`PageSet` and `TabRow`: pages, each made when it is opened first, and the row of their names."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import NamedTuple

from lanchat.ui.administration.page_view import AdminPageView
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit


class Tab(NamedTuple):
    """The name of a page, and what makes it in a frame."""

    title: str
    make: Callable[[ttk.Frame], AdminPageView]


class TabRow:
    """Names of pages, of which one is chosen; the left and right keys go from one to the next."""

    def __init__(self, tools: Toolkit, master: tk.Misc, titles: list[str], choose: Callable[[int], None]) -> None:
        """The caller places `frame`. `choose` gets the place of the name that a person chose."""
        self.frame = ttk.Frame(master)
        self._choose = choose
        self._marks: list[tk.Frame] = []
        self._palette = tools.palette
        self._buttons: list[ttk.Button] = []
        for place, title in enumerate(titles):
            self._add(tools, place, title)

    def _add(self, tools: Toolkit, place: int, title: str) -> None:
        cell = ttk.Frame(self.frame)
        cell.pack(side="left", padx=(0, tools.px(4)))
        button = tools.button(cell, title, lambda: self._choose(place), ControlStyle.QUIET)
        button.pack()
        button.bind("<Left>", lambda event: self._walk(place - 1))
        button.bind("<Right>", lambda event: self._walk(place + 1))
        mark = tk.Frame(cell, height=tools.px(3), background=tools.palette.surface)
        mark.pack(fill="x", padx=tools.px(8))
        self._marks.append(mark)
        self._buttons.append(button)

    def show(self, chosen: int) -> None:
        """Marks the page that is in sight."""
        for place, mark in enumerate(self._marks):
            mark.configure(background=self._palette.accent if place == chosen else self._palette.surface)

    def _walk(self, place: int) -> None:
        place %= len(self._buttons)
        self._choose(place)
        self._buttons[place].focus_set()  # the page may have taken the keyboard


class PageSet:
    """Pages of which one is in sight. Main thread."""

    def __init__(self, master: tk.Misc, tabs: list[Tab]) -> None:
        """The caller places `frame`; no page is there before `open`."""
        self.frame = ttk.Frame(master)
        self._tabs = tabs
        self._pages: dict[int, AdminPageView] = {}
        self._here: int | None = None

    def open(self, place: int) -> None:
        """The page at this place, instead of the one before."""
        if place == self._here:
            return
        self.leave()
        if place not in self._pages:
            self._pages[place] = self._tabs[place].make(self.frame)
        self._here = place
        page = self._pages[place]
        page.frame.pack(fill="both", expand=True)
        page.enter()

    def leave(self) -> None:
        """No page is in sight."""
        if self._here is not None:
            page, self._here = self._pages[self._here], None
            page.leave()
            page.frame.pack_forget()

    def close(self) -> None:
        """Everything is taken away."""
        self.leave()
        for page in self._pages.values():
            page.close()
        self.frame.destroy()
