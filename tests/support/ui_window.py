"""A window of the client in a process of its own, and a person in front of it: real keys, real clicks.

What is on the screen comes from the probe (ui_probe.py). When the `with` block ends, the window must not have reported
an error: no callback that failed, no ERROR in the log, exit code 0.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import xvfb
from tests.support.child import Child
from tests.support.ui_probe import Probe, Seen
from tests.support.waiting import wait_until

TITLE = "LAN Chat"

_MENU_BUTTON = 3
# Seconds: not every click opens one.
_MENU_PATIENCE = 3.0


class UiWindow:
    """A running window. `argv` starts it, with its probe at `probe`."""

    def __init__(self, display: str, argv: Sequence[str], probe: Path, env: dict[str, str] | None = None) -> None:
        self.display = display
        before = _windows(display)
        self.child = Child(argv, env=xvfb.screen_environment(display, env), cwd=Path(__file__).parents[2])
        self.probe = Probe(probe)
        try:
            # First the cheaper question: each look at the screen is a process.
            wait_until(lambda: _answers(self.probe), 20, "the window answers", interval=0.05)
            self.window = wait_until(
                lambda: next(iter(_windows(display) - before), None), 20, "the window is there", interval=0.05
            )
            self.take_keyboard()
            _OPEN.add(self)
        except BaseException:
            self.child.kill()
            raise

    # A person

    def take_keyboard(self) -> None:
        """The window manager that is not there would do this. Waits until each window knows who has the keyboard now:
        Tk takes it back for a window that has not heard yet that it lost it."""

        def has_keyboard() -> bool:
            xvfb.focus(self.display, str(self.window))
            others = [window for window in _OPEN if window is not self and window.display == self.display]
            return not any(_has_focus(window) for window in others) and _has_focus(self)

        wait_until(has_keyboard, 20, "the window has the keyboard")

    def keys(self, *names: str) -> None:
        xvfb.key(self.display, *names)

    def write(self, text: str) -> None:
        xvfb.type_text(self.display, text)

    def send(self, text: str) -> None:
        """Types a message and presses Return."""
        self.write(text)
        self.keys("Return")

    def click(self, text: str, kind: str = "", button: int = 1, timeout: float = 8.0) -> Seen:
        """Waits for something with this text and clicks its middle. A menu that belongs to something else, as this has
        moved between the look and the click, is closed and opened where it is now."""
        seen = self.probe.wait(text, kind, timeout)
        self.click_at(seen, button)
        while button == _MENU_BUTTON and (now := self._place_when_open(text, kind)) and now.middle != seen.middle:
            self.keys("Escape")
            seen = now
            self.click_at(seen, button)
        return seen

    def _place_when_open(self, text: str, kind: str) -> Seen | None:
        """Where something is once the click on it has opened a menu: until then it may still move below the pointer."""
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self.probe.seen("entry"), _MENU_PATIENCE, "a menu is open", interval=0.05)
        return self.probe.find(text, kind)

    def click_at(self, seen: Seen, button: int = 1, count: int = 1) -> None:
        """Clicks the middle of something that was seen."""
        x, y = map(str, seen.middle)
        repeat = ["--repeat", str(count), "--delay", "5" if button in (4, 5) else "60"]
        xvfb.xdotool(self.display, "mousemove", x, y, "click", *repeat, str(button))

    def double_click(self, text: str, kind: str = "") -> None:
        self.click_at(self.probe.wait(text, kind), count=2)

    def choose(self, *labels: str) -> None:
        """Chooses an entry of the menu that is open, through its submenus."""
        for label in labels:
            self.click(label, "entry")

    def wheel(self, seen: Seen, notches: int) -> None:
        """Turns the wheel over something; up with a negative number."""
        self.click_at(seen, 4 if notches < 0 else 5, abs(notches))

    def see(self, text: str, kind: str = "", timeout: float = 8.0) -> Seen:
        return self.probe.wait(text, kind, timeout)

    def paste(self) -> None:
        """Pastes and waits until it is there: Tk handles events that come while it asks for the clipboard, so that a
        key which is pressed at once may come first."""

        def texts() -> list[str]:
            return [seen.text for kind in ("TEntry", "Text") for seen in self.probe.seen(kind)]

        before = texts()
        self.keys("ctrl+v")
        wait_until(lambda: texts() != before, 8.0, "the clipboard is pasted")

    # The process

    def commands(self, name: str) -> list[dict[str, Any]]:
        """Commands of this name that a traced fake engine got so far."""
        found = []
        for line in list(self.child.stdout):
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("command") == name:
                    found.append(event)
        return found

    def wait_command(self, name: str, count: int = 1, timeout: float = 8.0) -> dict[str, Any]:
        """Waits for the `count`-th command of this name."""
        wait_until(lambda: len(self.commands(name)) >= count, timeout, f"{count} × {name}")
        return self.commands(name)[count - 1]

    def quit(self) -> None:
        """Ends the window by its key."""
        self.take_keyboard()
        self.keys("ctrl+q")
        assert self.child.wait(10) == 0, self.child.transcript()

    def check(self) -> None:
        """Nothing went wrong in there."""
        signs = ("error", "traceback", "invalid command name")
        bad = [line for line in self.child.stderr if any(sign in line.lower() for sign in signs)]
        assert not bad, self.child.transcript()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _OPEN.discard(self)
        if kind is not None:
            self.child.kill()
            print(self.child.transcript())
            return
        if self.child.returncode is None:
            code = self.child.stop()
            assert code == 0, self.child.transcript()
        self.check()


# Windows that are open, of all displays of this process.
_OPEN: set[UiWindow] = set()


def _has_focus(window: UiWindow) -> bool:
    """Whether a window takes itself for the one with the keyboard; one that is gone does not."""
    try:
        return bool(window.probe.focus)
    except OSError:
        return False


def _windows(display: str) -> set[str]:
    try:
        return set(xvfb.xdotool(display, "search", "--onlyvisible", "--name", TITLE).split())
    except subprocess.CalledProcessError:
        return set()


def _answers(probe: Probe) -> bool:
    try:
        return bool(probe.look())
    except OSError:
        return False


def fake_window(
    display: str,
    folder: Path,
    *,
    geometry: str = "1000x700+0+0",
    language: str = "en",
    theme: str = "light",
    env: dict[str, str] | None = None,
    **scenario: Any,
) -> UiWindow:
    """A window on the fake network (fake_engine.py), with a profile in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    settings = folder / "settings.toml"
    if not settings.exists():
        settings.write_text(f'language = "{language}"\ntheme = "{theme}"\n')
    probe = folder / "probe"
    probe.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "tests.support.fake_window", "--profile", str(folder), "--geometry", geometry]
    argv += ["--scenario", json.dumps({"trace": True} | scenario), "--probe", str(probe)]
    return UiWindow(display, argv, probe, env)
