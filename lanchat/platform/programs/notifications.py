"""Notifications on the desktop, through the command that freedesktop systems have for them (`notify-send`)."""

import html
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence

# Notifications that wait for a click at the same time, each with a process; the oldest one gives way.
WAITING_MAX = 4
_TITLE_MAX = 80
_TEXT_MAX = 200
_ACTION = "default"  # what a click on the notification itself is called
_SHOWN_MS = 10_000


class Notifier:
    """Where the command is missing, or no notification service runs, nothing is shown. Any thread."""

    def __init__(self, program: str | None = None) -> None:
        """`program`: the command; None: the one that is found."""
        self._program = shutil.which("notify-send") if program is None else program
        self._waiting: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()
        self._closed = False

    def show(self, title: str, text: str, clicked: Callable[[], None]) -> None:
        """Shows the beginnings of both; `clicked` is called in another thread."""
        if not self._program:
            return
        options = [self._program, "--app-name=LAN Chat", "--icon=lanchat", "--category=im.received"]
        options += [f"--expire-time={_SHOWN_MS}", "--hint=string:sound-name:message-new-instant"]
        # Services take the text for markup, the title as it is.
        words = [_plain(title, _TITLE_MAX), html.escape(_plain(text, _TEXT_MAX), quote=False)]
        threading.Thread(target=self._run, args=(options, words, clicked), name="notification", daemon=True).start()

    def close(self) -> None:
        """Nothing waits for a click any more."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for process in waiting:
            process.terminate()

    def _run(self, options: Sequence[str], words: Sequence[str], clicked: Callable[[], None]) -> None:
        said, code = self._wait([*options, "--wait", f"--action={_ACTION}=", "--", *words])
        if said.strip() == _ACTION:
            clicked()
        elif code > 0:
            # Before libnotify 0.8 the command knows nothing of clicks.
            self._wait([*options, "--", *words])

    def _wait(self, arguments: Sequence[str]) -> tuple[str, int]:
        """What the command printed and its exit code; negative when it was ended, or could not be started."""
        try:
            process = subprocess.Popen(  # noqa: S603 - the command that was found, words behind `--`
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
            )
        except OSError:
            return "", -1
        self._keep(process)
        said, _errors = process.communicate()
        with self._lock:
            if process in self._waiting:
                self._waiting.remove(process)
        return said, process.returncode

    def _keep(self, process: "subprocess.Popen[str]") -> None:
        with self._lock:
            self._waiting.append(process)
            ended = self._waiting if self._closed else self._waiting[:-WAITING_MAX]
            self._waiting = [] if self._closed else self._waiting[-WAITING_MAX:]
        for old in ended:
            old.terminate()


def _plain(text: str, limit: int) -> str:
    """The beginning of a text in one line, without what an argument cannot have."""
    flat = " ".join(text[: limit * 4].replace("\0", " ").split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
