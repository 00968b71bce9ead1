"""A screen without hardware (Xvfb) and a person's hands on it (xdotool).

A bare Xvfb runs no window manager: nobody gives a new window the keyboard, so `focus` does.

xdotool types a character that the keyboard does not have by redefining a key for a moment; a Tk program that reads
the key before it has heard of the new definition gets another character. So `Screen` loads a keyboard on which every
character that `type_text` accepts has its own key from the start: Latin, Cyrillic and common typographic signs.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.child import Child
from tests.support.waiting import patient, wait_until

SIZE = (1280, 900)
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"
_SIGNS = "—–«»…№“”‘’€éüß"
_EXTRA_KEYS = [(letter, letter.upper()) for letter in _CYRILLIC] + [(sign, sign) for sign in _SIGNS]
_FIRST_SPARE_KEY = 208  # keys 208 to 255 have names, and no symbols in the plain US keyboard
TYPEABLE = frozenset(
    [chr(code) for code in range(0x20, 0x7F)] + [character for key in _EXTRA_KEYS for character in key]
)
_DELAY_MS = 4


def xvfb_available() -> bool:
    return all(shutil.which(program) for program in ("Xvfb", "xdotool", "xkbcomp", "import", "openbox"))


class Screen:
    """An X server, of 1280 × 900 pixels unless told, on a free display; `display` is its name. A context manager."""

    def __init__(self, size: tuple[int, int] = SIZE) -> None:
        width, height = size
        depth = f"{width}x{height}x24"
        # -noreset: else it forgets keyboard and settings when the last program leaves. -r: no key repeats itself; on a
        # busy computer xdotool may release one only half a second after it has pressed it.
        options = ["-nolisten", "tcp", "-noreset", "-ac", "-r"]
        self._server = Child(["Xvfb", "-displayfd", "1", "-screen", "0", depth, *options])
        self.display = ":" + self._server.wait_for_line(str.isdigit, timeout=20, what="Xvfb is up")
        _load_keyboard(self.display)

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _load_keyboard(display: str) -> None:
    keys = "".join(
        f"key <I{_FIRST_SPARE_KEY + n}> {{ [ U{ord(lower):04X}, U{ord(upper):04X} ] }};\n"
        for n, (lower, upper) in enumerate(_EXTRA_KEYS)
    )
    use_layout(display, "pc+us", keys)


def use_layout(display: str, symbols: str, keys: str = "") -> None:
    """Gives a display another keyboard: `symbols` in the notation of xkbcomp, `pc+gr`, and single `keys` over it."""
    keymap = f"""xkb_keymap {{
        xkb_keycodes {{ include "evdev+aliases(qwerty)" }};
        xkb_types {{ include "complete" }};
        xkb_compat {{ include "complete" }};
        xkb_symbols {{ include "{symbols}"
        {keys}}};
    }};"""
    subprocess.run(
        ["xkbcomp", "-w0", "-", display], input=keymap, text=True, check=True, capture_output=True, timeout=patient(20)
    )


class KeyCodes:
    """Keys pressed by their code. Unlike xdotool it leaves the keyboard in the layout that it is in."""

    def __init__(self, display: str) -> None:
        self._x11, self._test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._connection = ctypes.c_void_p(self._x11.XOpenDisplay(display.encode()))

    def use_group(self, group: int) -> None:
        """What the key that changes between layouts does; 0 is the first one."""
        self._x11.XkbLockGroup(self._connection, 0x100, group)  # of the keyboard that all programs share
        self._x11.XSync(self._connection, 0)

    def press(self, *codes: int) -> None:
        """Presses keys together, in this order."""
        for down, order in ((1, codes), (0, reversed(codes))):
            for code in order:
                self._test.XTestFakeKeyEvent(self._connection, code, down, 0)
        self._x11.XSync(self._connection, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._x11.XCloseDisplay(self._connection)


class WindowManager:
    """openbox on a display, with its own default settings. A context manager."""

    def __init__(self, display: str, folder: Path) -> None:
        self.display = display
        environment = screen_environment(display, {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)})
        self._process = Child(["openbox", "--sm-disable"], env=environment)
        wait_until(self._is_there, 20, "the window manager is there")

    def _is_there(self) -> bool:
        command = ["xprop", "-display", self.display, "-root", "_NET_SUPPORTING_WM_CHECK"]
        return "window id" in subprocess.run(command, capture_output=True, text=True, timeout=20).stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()


def screen_environment(display: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """For programs on that screen: a UTF-8 locale too, without which Tk reads no Cyrillic from the keyboard. Ours start
    warm with these values."""
    kept = {name: value for name, value in os.environ.items() if name not in ("WAYLAND_DISPLAY", "LC_ALL")}
    return kept | {"LC_CTYPE": "C.UTF-8", "PYTHONUNBUFFERED": "1"} | dict(env or {}) | {"DISPLAY": display}


def xdotool(display: str, *args: str, timeout: float = 10.0) -> str:
    """Runs one xdotool command; returns what it printed. Raises CalledProcessError, TimeoutExpired."""
    return subprocess.run(
        ["xdotool", *args],
        env=screen_environment(display),
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=patient(timeout),
    ).stdout.strip()


def find_window(display: str, name: str) -> str | None:
    """The id of a visible window whose title matches the regular expression `name`; the newest of several."""
    try:
        return xdotool(display, "search", "--onlyvisible", "--name", name).splitlines()[-1]
    except subprocess.CalledProcessError:
        return None


def wait_for_window(display: str, name: str, timeout: float = 15.0) -> str:
    """Waits for `find_window` and returns the id. Raises TimeoutError."""
    return wait_until(lambda: find_window(display, name), timeout, f"a window named {name!r}", interval=0.05)  # type: ignore[return-value]


def focus(display: str, window: str, timeout: float = 5.0) -> None:
    """Gives that window the keyboard and waits until it has it. Raises TimeoutError."""

    def has_focus() -> bool:
        xdotool(display, "windowfocus", window)
        return xdotool(display, "getwindowfocus", "-f") == window

    wait_until(has_focus, timeout, f"window {window} has the keyboard")


def click(display: str, x: int, y: int, button: int = 1) -> None:
    """A click at a place of the screen."""
    xdotool(display, "mousemove", "--sync", str(x), str(y), "click", str(button))


def key(display: str, *names: str) -> None:
    """Presses keys one after the other: `Return`, `ctrl+a`, `Page_Up` …"""
    xdotool(display, "key", "--delay", str(_DELAY_MS), "--clearmodifiers", *names)


def type_text(display: str, text: str) -> None:
    """Types into the window that has the keyboard. Raises ValueError for a character outside TYPEABLE."""
    if missing := sorted(set(text) - TYPEABLE):
        raise ValueError(f"no key for {missing}: press Return with key(), paste the rest")
    xdotool(display, "type", "--delay", str(_DELAY_MS), "--", text, timeout=10 + len(text) * 0.1)


@contextmanager
def clipboard(display: str, text: str) -> Iterator[None]:
    """Another program that has this on its clipboard."""
    with subprocess.Popen(
        ["xclip", "-selection", "clipboard", "-quiet", "-loops", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=screen_environment(display),
    ) as owner:
        assert owner.stdin
        assert owner.stderr
        owner.stdin.write(text.encode())
        owner.stdin.close()
        owner.stderr.readline()  # "Waiting for selection requests"
        try:
            yield
        finally:
            owner.kill()


def screenshot(display: str, path: Path) -> Path:
    """A picture of the whole screen; the format follows the suffix."""
    command = ["import", "-display", display, "-window", "root", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=patient(30))
    return path
