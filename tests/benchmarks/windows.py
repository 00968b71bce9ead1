"""The client's real window on a screen without hardware: when it was where, and how much memory it takes."""

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import memory_mib
from tests.support.child import Child
from tests.support.xvfb import Screen, screen_environment

ROOT = Path(__file__).parents[2]


class Window:
    """A window on this profile, until the end of its block. `rooms`: what it opens in turn once it is live."""

    def __init__(self, profile: Path, *options: str, rooms: tuple[str, ...] = ()) -> None:
        self._stack = contextlib.ExitStack()
        screen = self._stack.enter_context(Screen())
        named = [word for room in rooms for word in ("--open-room", room)]
        argv = [sys.executable, "-m", "tests.benchmarks.window_program", *named, "--profile", str(profile), *options]
        environment = screen_environment(screen.display, {"LANGUAGE": "en"})
        self._began = time.monotonic()
        self._child = Child(argv, env=environment, cwd=ROOT)
        self._stack.callback(self._child.kill)

    def event(self, name: str, timeout: float = 60.0) -> dict[str, Any]:
        """What the window said of this event (see window_program.py). Raises TimeoutError, RuntimeError."""
        line = self._child.wait_for_line(lambda text: f'"{name}"' in text, timeout, name)
        return dict(json.loads(line))

    def reached(self, name: str, timeout: float = 60.0) -> float:
        """Seconds from the start of the process to this event. Raises TimeoutError, RuntimeError."""
        return float(self.event(name, timeout)["at"]) - self._began

    def memory(self) -> float:
        return memory_mib(self._child.pid)

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
