"""The client's real window on a screen without hardware, and what it shows, as tests of the window see it."""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.measure import memory_mib
from tests.support.child import Child
from tests.support.ui_probe import Probe, Seen
from tests.support.waiting import wait_until
from tests.support.xvfb import Screen, screen_environment

ROOT = Path(__file__).parents[2]


class Window:
    """`began`: when the process was started, by the monotonic clock. `program` as people start it."""

    def __init__(self, profile: Path, *options: str) -> None:
        self._stack = contextlib.ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="lanchat-bench-")))
        screen = self._stack.enter_context(Screen())
        probe = folder / "probe"
        argv = [sys.executable, "-m", "tests.support.real_window", "--profile", str(profile), "--probe", str(probe)]
        environment = {**os.environ, **screen_environment(screen.display), "LANGUAGE": "en"}
        self.began = time.monotonic()
        self._child = self._stack.enter_context(_Stopped(Child([*argv, *options], env=environment, cwd=ROOT)))
        self._probe = Probe(probe)

    def painted(self) -> float:
        """Seconds from the start of the process to the first page on the screen."""
        self._child.child.wait_for_line(lambda line: "painted" in line, 30, "the window is painted")
        return time.monotonic() - self.began

    def wait_for_text(self, text: str, timeout: float = 30.0) -> float:
        """Seconds from the start of the process until something on the screen has this text in it."""
        self.painted()
        wait_until(lambda: any(text in seen.text for seen in self._seen()), timeout, text, interval=0.01)
        return time.monotonic() - self.began

    def _seen(self) -> list[Seen]:
        with contextlib.suppress(OSError, ValueError):
            return list(self._probe.seen())
        return []

    def memory(self) -> float:
        return memory_mib(self._child.child.pid)

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class _Stopped(contextlib.AbstractContextManager["_Stopped"]):
    """A child that ends with its block."""

    def __init__(self, child: Child) -> None:
        self.child = child

    def __exit__(self, *_: object) -> None:
        self.child.kill()
