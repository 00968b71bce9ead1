"""The client's window as people start it, that says on stdout when it is where:

    python -m tests.benchmarks.window_program [--open-room NAME --open-room NAME] OPTION…

The options are those of `lanchat`. One JSON line for each event:

    painted   the first page is on the screen        log-in   the page that asks for name and password is
    live      connected, and everything is up to date  opened   the named rooms were opened in turn: seconds of each
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from lanchat.app.api import LinkState
from lanchat.ui import assembly
from lanchat.ui.model.entry_model import WindowPage

OPENED = 9
_LOOK_MS = 2


def say(event: str, **more: Any) -> None:
    """`at` is comparable between the processes of one computer."""
    print(json.dumps({"event": event, "at": time.monotonic(), **more}), flush=True)


class Watch:
    """Looks at a window from within its main loop."""

    def __init__(self, window: assembly.Window, rooms: list[str]) -> None:
        self._window = window
        self._rooms = rooms
        self._said: set[str] = set()
        self._seconds: list[float] = []

    def look(self) -> None:
        window = self._window
        self._once("painted", bool(window.root.winfo_viewable()))
        self._once("log-in", window._shown is WindowPage.LOGIN)
        live = window._model.link.state is LinkState.LIVE and not window._drawing
        self._once("live", live)
        if live and self._rooms:
            window.root.after(300, self._open)
        elif not live:
            window.root.after(_LOOK_MS, self.look)

    def _once(self, event: str, reached: bool) -> None:
        if reached and event not in self._said:
            self._said.add(event)
            self._window.root.update_idletasks()
            say(event)

    def _open(self) -> None:
        """The next room, until each was opened often enough."""
        window = self._window
        if len(self._seconds) == OPENED * len(self._rooms):
            first = self._seconds[:: len(self._rooms)]
            say("opened", seconds=first)
            return
        name = self._rooms[len(self._seconds) % len(self._rooms)]
        room = next(room.room for room in window._model.rooms.values() if room.name == name)
        began = time.perf_counter()
        window._chat.open_room(room)
        window.root.after(1, self._opened, began)

    def _opened(self, began: float) -> None:
        timeline = self._window._model.timeline
        if timeline is None or not timeline.loaded or self._window._drawing:
            self._window.root.after(1, self._opened, began)
            return
        self._window.root.update_idletasks()
        self._seconds.append(time.perf_counter() - began)
        self._window.root.after(200, self._open)


def watched(run: Callable[[assembly.Window], int], rooms: list[str]) -> Callable[[assembly.Window], int]:
    """`Window.run` with a watch."""

    def look_on(window: assembly.Window) -> int:
        window.root.after(1, Watch(window, rooms).look)
        return run(window)

    return look_on


def main() -> None:
    rooms, options = [], sys.argv[1:]
    while options[:1] == ["--open-room"]:
        rooms.append(options[1])
        options = options[2:]
    setattr(assembly.Window, "run", watched(assembly.Window.run, rooms))  # noqa: B010  (not assigned: types know it as a method)
    sys.argv[1:] = options
    from lanchat.__main__ import main as lanchat

    sys.exit(lanchat())


if __name__ == "__main__":
    main()
