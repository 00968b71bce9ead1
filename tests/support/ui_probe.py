"""Looking into a window of another process: what text is where on the screen, so that tests can point at it.

In the window's process `serve` listens on a Unix socket and answers on the Tk thread; in the test `Probe` asks. It only
reads: everything that a test does to the window goes through real keys and mouse clicks.
"""

import json
import socket
import threading
import tkinter as tk
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lanchat.ui.kit.wakeup import Wakeup
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Seen:
    """Something on the screen: `kind` is the widget's class (or `item` on a canvas, `entry` of a menu)."""

    kind: str
    text: str
    x: int
    y: int
    width: int
    height: int
    path: str
    enabled: bool = True

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2


# In the window's process


def serve(root: tk.Tk, path: Path) -> None:
    """Answers questions about the window on this socket, as long as the process lives."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    wakeup: Wakeup[Callable[[], None]] = Wakeup(root, _run)
    threading.Thread(target=_answer_all, args=(root, listener, wakeup), daemon=True).start()


def _run(jobs: list[Callable[[], None]]) -> None:
    for job in jobs:
        job()


def _answer_all(root: tk.Tk, listener: socket.socket, wakeup: "Wakeup[Callable[[], None]]") -> None:
    while True:
        connection, _address = listener.accept()
        done = threading.Event()
        answer: dict[str, Any] = {}

        def job(answer: dict[str, Any] = answer, done: threading.Event = done) -> None:
            try:
                answer.update(_look(root))
            except tk.TclError as error:
                answer["error"] = str(error)
            done.set()

        wakeup.post(job)
        done.wait(10)
        with connection:
            connection.sendall(json.dumps(answer).encode())


def _look(root: tk.Tk) -> dict[str, Any]:
    root.update_idletasks()
    try:
        focus = str(root.focus_displayof() or "")
    except KeyError:
        focus = ""
    seen = [vars(thing) for widget in _walk(root) for thing in _things(widget)]
    return {"focus": focus, "title": root.title(), "seen": seen}


def _walk(widget: tk.Misc) -> Iterator[tk.Misc]:
    yield widget
    for child in widget.winfo_children():
        yield from _walk(child)


def _things(widget: tk.Misc) -> Iterator[Seen]:
    if not widget.winfo_viewable():
        return
    kind, path = widget.winfo_class(), str(widget)
    x, y = widget.winfo_rootx(), widget.winfo_rooty()
    width, height = widget.winfo_width(), widget.winfo_height()
    if isinstance(widget, tk.Canvas):
        yield from _items(widget, x, y)
    if isinstance(widget, tk.Menu):
        yield from _entries(widget)
        return
    yield Seen(kind, _text(widget), x, y, width, height, path, _enabled(widget))


def _text(widget: tk.Misc) -> str:
    if isinstance(widget, tk.Text):
        return str(widget.get("1.0", "end-1c"))
    if isinstance(widget, tk.Entry):
        return str(widget.get())
    if isinstance(widget, tk.Toplevel | tk.Tk):
        return str(widget.title())
    return str(widget.cget("text")) if "text" in widget.keys() else ""  # noqa: SIM118


def _enabled(widget: tk.Misc) -> bool:
    instate: Any = getattr(widget, "instate", None)
    return bool(instate(["!disabled"])) if instate else True


def _items(canvas: tk.Canvas, x: int, y: int) -> Iterator[Seen]:
    dx, dy = x - canvas.canvasx(0), y - canvas.canvasy(0)
    bottom = canvas.winfo_height()
    for item in canvas.find_all():
        if str(canvas.type(item)) == "text" and (box := canvas.bbox(item)):
            left, top, right, low = box
            if low + dy > y and top + dy < y + bottom:
                text = str(canvas.itemcget(item, "text"))  # type: ignore[no-untyped-call]
                yield Seen("item", text, int(left + dx), int(top + dy), right - left, low - top, str(canvas))


def _entries(menu: tk.Menu) -> Iterator[Seen]:
    last = menu.index("end")
    x, y, width = menu.winfo_rootx(), menu.winfo_rooty(), menu.winfo_width()
    for index in range((last or 0) + 1):
        if menu.type(index) in ("command", "cascade"):
            top = menu.yposition(index)
            below = menu.yposition(index + 1) if index < (last or 0) else menu.winfo_height()
            label = str(menu.entrycget(index, "label")).strip()
            enabled = str(menu.entrycget(index, "state")) != "disabled"
            yield Seen("entry", label, x, y + top, width, below - top, str(menu), enabled)


# In the test


class Probe:
    """What a window shows now."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def look(self) -> dict[str, Any]:
        """Focus, title and everything that can be seen. Raises OSError when the window is gone."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(15)
            connection.connect(str(self._path))
            parts = iter(lambda: connection.recv(1 << 20), b"")
            answer: dict[str, Any] = json.loads(b"".join(parts))
        return answer

    def seen(self, kind: str = "") -> list[Seen]:
        """Everything that can be seen, of one kind when given."""
        found = [Seen(**thing) for thing in self.look().get("seen", [])]
        return [thing for thing in found if not kind or thing.kind == kind]

    def find(self, text: str, kind: str = "") -> Seen | None:
        """The first thing whose text contains `text`; one whose text is exactly that is preferred."""
        fitting = [thing for thing in self.seen(kind) if text in thing.text]
        exact = [thing for thing in fitting if thing.text == text]
        return next(iter(exact or fitting), None)

    def wait(self, text: str, kind: str = "", timeout: float = 8.0) -> Seen:
        """Waits until `find` finds it. Raises TimeoutError that says what is there instead."""
        try:
            return wait_until(lambda: self.find(text, kind), timeout, repr(text), interval=0.05)  # type: ignore[return-value]
        except TimeoutError:
            texts = [thing.text for thing in self.seen() if thing.text]
            raise TimeoutError(f"{text!r} is not on the screen, but: {texts}") from None

    def wait_gone(self, text: str, kind: str = "", timeout: float = 8.0) -> None:
        """Waits until nothing has this text. Raises TimeoutError."""
        wait_until(lambda: self.find(text, kind) is None, timeout, f"{text!r} is gone", interval=0.05)

    @property
    def focus(self) -> str:
        """The path of the widget that has the keyboard."""
        return str(self.look().get("focus", ""))

    @property
    def title(self) -> str:
        return str(self.look().get("title", ""))
