"""One real child process: started, read line by line, stopped in a bounded time, never left behind.

Time limits are those of an idle computer, lengthened by `tests.support.waiting`. Two threads collect what the child
writes, so that it never blocks on a full pipe. Everything started here is also killed when the test process exits, in
case a test did not get to its clean-up.
"""

import atexit
import contextlib
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.support.leaks import guard
from tests.support.waiting import patient

_started: "weakref.WeakSet[Child]" = weakref.WeakSet()


class Child:
    """A process that runs from construction on. Use it as a context manager, or call `stop` or `kill`. `own_group`: in
    a process group of its own, which no signal to the caller's group reaches."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        own_group: bool = False,
    ) -> None:
        self.argv = list(argv)
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            self.argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            process_group=0 if own_group and sys.platform != "win32" else None,
        )
        _started.add(self)
        guard.environment(env)
        guard.follow(f"{self.argv[-1][:60]} (stdout)", lambda: self.stdout)
        guard.follow(f"{self.argv[-1][:60]} (stderr)", lambda: self.stderr)
        assert self._process.stdout
        assert self._process.stderr
        self._readers = [
            self._start_reader(self._process.stdout, self.stdout),
            self._start_reader(self._process.stderr, self.stderr),
        ]

    def _start_reader(self, pipe: IO[str], lines: list[str]) -> threading.Thread:
        thread = threading.Thread(target=self._collect, args=(pipe, lines), daemon=True)
        thread.start()
        return thread

    def _collect(self, pipe: IO[str], lines: list[str]) -> None:
        with pipe:
            for line in pipe:
                with self._changed:
                    lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait_for_line(self, accept: Callable[[str], bool], timeout: float, what: str, start: int = 0) -> str:
        """The first line of stdout from index `start` on that `accept` says yes to.

        Raises TimeoutError after `timeout` seconds, RuntimeError when the process ended without such a line;
        both show what it wrote.
        """
        deadline = time.monotonic() + patient(timeout)
        with self._changed:
            while True:
                ended = not self._readers[0].is_alive()
                for line in self.stdout[start:]:
                    if accept(line):
                        return line
                start = max(start, len(self.stdout))
                if ended:
                    break
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{what}: not within {patient(timeout):g} s\n{self.transcript()}")
                self._changed.wait(min(left, 0.1))
        self._reap(timeout=5)
        raise RuntimeError(f"{what}: the process ended with {self.returncode} before\n{self.transcript()}")

    def wait(self, timeout: float) -> int:
        """Waits for the end; returns the exit code. Raises TimeoutError and leaves the process running."""
        try:
            self._process.wait(patient(timeout))
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"still running after {patient(timeout):g} s\n{self.transcript()}") from None
        self._reap(timeout=5)
        return self._process.returncode

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self, grace: float = 10.0) -> int:
        """SIGTERM (on Windows as `kill`) and wait; returns the exit code (also of a process that had ended).

        Raises TimeoutError when it did not end within `grace` seconds; it is dead then, too.
        """
        self._process.terminate()
        try:
            return self.wait(grace)
        except TimeoutError:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL: the process gets no chance to finish anything, as in a power cut."""
        self._process.kill()
        self._process.wait(patient(10))
        self._reap(timeout=5)

    def _reap(self, timeout: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)

    def transcript(self) -> str:
        """Command and the last lines of both outputs, for messages of failed tests."""
        return "\n".join(
            [
                f"$ {' '.join(self.argv)}   (exit code {self.returncode})",
                *(f"out: {line}" for line in self.stdout[-30:]),
                *(f"err: {line}" for line in self.stderr[-30:]),
            ]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.returncode is not None:
            return
        if kind is None:
            self.stop()
        else:
            self.kill()


@atexit.register
def _kill_leftovers() -> None:
    for child in list(_started):
        if child.returncode is None:
            with contextlib.suppress(OSError):
                child._process.kill()
