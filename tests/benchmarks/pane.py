"""Processor time that the conversation takes for what happens while somebody reads, in milliseconds, on a screen of its
own:

    python -m tests.benchmarks.pane
"""

import os
import time
import tkinter
from collections.abc import Callable
from typing import Any

import ttkbootstrap

from lanchat.ui.conversation.pane import Pane
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.kit.fonts import Fonts
from lanchat.ui.kit.styles import Styles
from lanchat.ui.kit.theme import LIGHT
from lanchat.ui.model.entries import EntryContext, arrange
from tests.support.slowness import slowness
from tests.support.ui_kit import line
from tests.support.xvfb import Screen

WORDS = [
    "Morning:",
    "the",
    "repair",
    "works",
    "on",
    "my",
    "segment,",
    "and",
    "the",
    "fallback",
    "kicked",
    "in",
    "when",
    "the",
    "old",
    "switch",
    "dropped",
]


class Owner:
    """What a pane asks of its page: nothing here."""

    def near_top(self) -> None: ...

    def near_bottom(self) -> None: ...

    def scrolled(self) -> None: ...

    def explain(self, message: Any, spot: Any) -> str:
        return ""


def text(seq: int) -> str:
    return " ".join(WORDS[n % len(WORDS)] for n in range(seq, seq + seq % 37 + 1))


def measure(root: tkinter.Tk) -> dict[str, float]:
    """Milliseconds by what was done."""
    fonts = Fonts(root)
    Styles(root, fonts.px).use(LIGHT)
    pane = Pane(root, fonts.kit(LIGHT), Images(root, fonts.px), Owner())
    pane.frame.pack(fill="both", expand=True)
    root.update()
    lines = [line(seq, author=seq % 5 + 1, text=text(seq)) for seq in range(1, 2001)]
    took: dict[str, float] = {}

    def timed(name: str, job: Callable[[], Any], times: int = 1) -> None:
        start = time.process_time()
        for _ in range(times):
            job()
            root.update_idletasks()
        took[name] = (time.process_time() - start) / times * 1000

    def show(first: int, last: int, **to: Any) -> None:
        pane.show(arrange(lines[first:last], [], EntryContext()), **to)

    pane.open(1, True)
    timed("first page of 100", lambda: show(1900, 2000, end=True))
    timed("nothing changed", lambda: show(1900, 2000))
    pane.canvas.yview_moveto(0)
    timed("100 older above", lambda: show(1800, 2000))
    timed("100 more above, 400 in all", lambda: show(1600, 2000))
    timed("a notch of the wheel", lambda: pane.scroll(60), 50)
    lines.append(line(2001, text="new"))
    timed("a new line below", lambda: show(1601, 2001))
    timed("another width", lambda: (pane.scene.forget_layout(), show(1601, 2001)))
    return took


def main() -> None:
    with Screen() as screen:
        os.environ["DISPLAY"] = screen.display
        root = ttkbootstrap.App(size=(900, 700))
        for name, milliseconds in measure(root).items():
            print(f"{name:<28} {milliseconds:7.1f} ms")
        print(f"this computer, now: {slowness():.1f} × as slow as usual")
        root.destroy()


if __name__ == "__main__":
    main()
