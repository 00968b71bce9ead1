"""The part of the screen that windows may use: without the taskbar of Windows."""

import re
import sys
from typing import Any

_GET_WORK_AREA = 0x30  # SPI_GETWORKAREA
# What window managers put around a window at most, in pixels: both sides, above and below.
_FRAME = (16, 40)


def work_area() -> tuple[int, int, int, int] | None:
    """Left, top, width and height on the first monitor of Windows, in pixels; None elsewhere."""
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    area = wintypes.RECT()
    if not ctypes.windll.user32.SystemParametersInfoW(_GET_WORK_AREA, 0, ctypes.byref(area), 0):
        return None
    return area.left, area.top, area.right - area.left, area.bottom - area.top


def keep_on_screen(root: Any) -> None:
    """Make size and smallest size of a root window no larger than the screen: scaled to 150 % they may be, and what is
    at the lower edge could not be reached."""
    free = work_area() or (0, 0, root.winfo_screenwidth(), root.winfo_screenheight())
    room = (free[2] - _FRAME[0], free[3] - _FRAME[1])
    least = [min(wanted, most) for wanted, most in zip(root.minsize(), room, strict=True)]
    root.minsize(*least)
    size = re.match(r"(\d+)x(\d+)", root.geometry())
    if size is not None:
        wanted = (int(size[1]), int(size[2]))
        fitting = [max(min(*pair), low) for *pair, low in zip(wanted, room, least, strict=True)]
        if wanted != (1, 1) and list(wanted) != fitting:
            root.geometry(f"{fitting[0]}x{fitting[1]}")
