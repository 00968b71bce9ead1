"""Tk: a real root window, where there is a display.

In a process of its own: a display that does not answer would stop this one, with all of its threads.
"""

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
import time

from lanchat.about.version import is_frozen
from lanchat.checks.runner import CheckFailed, Finding, SelfCheck
from lanchat.i18n import _
from lanchat.platform.programs.display import has_display
from lanchat.terminal.arguments import WINDOW_OPTION

NO_TK = 3
NO_WINDOW = 4
_TIMEOUT = 12.0
_TURN = 0.01


def window_check(module: str, *, needed: bool) -> SelfCheck:
    """`module`: the program that is started again, where it is not frozen. `needed`: without Tk the check fails where
    there is a display; else it says that there is none."""
    return SelfCheck("tk", "Tk", lambda: check_window(module, needed=needed))


def check_window(module: str, *, needed: bool) -> Finding:
    """Opens a window in another process, and hears from it."""
    if not has_display():
        return Finding(_("there is no display, so no window was opened"), absent=True)
    command = [sys.executable, *([] if is_frozen() else ["-m", module]), WINDOW_OPTION]
    code, out, err = _run(command)
    if code == NO_TK:
        text = _("Tk is not installed ({reason})").format(reason=err)
        if needed:
            raise CheckFailed(text)
        return Finding(text, absent=True)
    if code:
        reason = err.splitlines()[-1] if err else _("exit code {code}").format(code=code)
        raise CheckFailed(_("no window can be opened: {reason}").format(reason=reason))
    version, _space, size = out.strip().partition(" ")
    text = _("a window of {size} was shown; Tk {version}")
    return Finding(text.format(size=size, version=version), {"version": version})


def _run(command: list[str]) -> tuple[int, str, str]:
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    # Windows shows a console for a moment otherwise.
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with subprocess.Popen(  # noqa: S603 - this program
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environment,
        creationflags=flags,
    ) as process:
        ended = threading.Timer(_TIMEOUT, process.kill)
        ended.daemon = True
        ended.start()
        try:
            out, err = process.communicate()
        finally:
            late = not ended.is_alive()
            ended.cancel()
    if late:
        raise CheckFailed(_("the display does not answer"))
    return process.returncode, out, err.strip()


def _end_in_time() -> None:
    """Ends this process, wherever it hangs, when nobody is there any more who would."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(math.ceil(_TIMEOUT) + 1)


def open_test_window() -> int:
    """In the process of its own: opens a window, draws in it, and prints Tk's version and its size; the exit code."""
    _end_in_time()
    try:
        import tkinter as tk

        import ttkbootstrap
        from PIL import Image, ImageTk
    except ImportError as error:
        print(error, file=sys.stderr)
        return NO_TK
    try:
        root = ttkbootstrap.App(title="LAN Chat", iconphoto=None)  # as the windows are made
        root.geometry("200x80+0+0")
        picture = ImageTk.PhotoImage(Image.new("RGB", (16, 16), "#2460d8"), master=root)
        tk.Label(root, text="LAN Chat", image=picture, compound="left").pack()
        while not root.winfo_viewable():  # `wait_visibility` waits for ever when it is visible already
            root.update()
            time.sleep(_TURN)
        root.update()
        print(root.tk.call("info", "patchlevel"), f"{root.winfo_width()}×{root.winfo_height()}", flush=True)
        root.destroy()
    except tk.TclError as error:
        print(error, file=sys.stderr)
        return NO_WINDOW
    with contextlib.suppress(OSError, AttributeError):
        sys.stdout.flush()
    return 0
