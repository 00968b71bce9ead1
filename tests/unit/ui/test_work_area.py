"""Windows on a screen that is small for its scaling: 1280 × 900 pixels at 150 %, with a taskbar of 60."""

from typing import Any

import pytest

from lanchat.ui.kit import work_area
from lanchat.ui.settings import placement
from lanchat.ui.settings.place import ScreenArea

SCREEN = (1280, 900)
FREE = (0, 0, 1280, 840)


class Root:
    """A window of the server at 150 %, as Tk tells of it."""

    def __init__(self, size: tuple[int, int], least: tuple[int, int], screen: tuple[int, int] = SCREEN) -> None:
        self.size, self.least, self.screen = size, least, screen
        self.tk = self

    def call(self, *_words: str) -> str:
        return "win32"

    def winfo_screenwidth(self) -> int:
        return self.screen[0]

    def winfo_screenheight(self) -> int:
        return self.screen[1]

    winfo_vrootwidth, winfo_vrootheight = winfo_screenwidth, winfo_screenheight

    def winfo_vrootx(self) -> int:
        return 0

    winfo_vrooty = winfo_vrootx

    def minsize(self, *sizes: int) -> tuple[int, int]:
        if sizes:
            self.least = (sizes[0], sizes[1])
        return self.least

    def geometry(self, text: str = "") -> str:
        if text:
            width, _x, height = text.partition("x")
            self.size = (int(width), int(height))
        return f"{self.size[0]}x{self.size[1]}+0+0"


@pytest.fixture(autouse=True)
def taskbar(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (work_area, placement):
        monkeypatch.setattr(module, "work_area", lambda: FREE)


def test_the_servers_window_ends_above_the_taskbar() -> None:
    root = Root((1410, 1050), (1140, 1020))
    work_area.keep_on_screen(root)
    assert root.size[0] <= FREE[2]
    assert root.size[1] <= FREE[3] - 32
    assert root.least[1] <= root.size[1]


def test_a_window_that_fits_keeps_its_size() -> None:
    root = Root((940, 700), (760, 680))
    work_area.keep_on_screen(root)
    assert (root.size, root.least) == ((940, 700), (760, 680))


def test_the_clients_window_is_fitted_above_the_taskbar() -> None:
    place: Any = object.__new__(placement.Placement)
    place._root = Root((1, 1), (1, 1))
    assert place._screen() == ScreenArea(*FREE)


def test_several_monitors_are_taken_as_a_whole() -> None:
    place: Any = object.__new__(placement.Placement)
    place._root = Root((1, 1), (1, 1))
    place._root.winfo_vrootwidth = lambda: 2 * SCREEN[0]
    assert place._screen() == ScreenArea(0, 0, 2 * SCREEN[0], SCREEN[1])
