"""Whether there is a screen to show windows on."""

import os
import sys


def has_display() -> bool:
    """Whether windows can be tried at all: X11 needs the name of a display, other systems have one."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY"))
