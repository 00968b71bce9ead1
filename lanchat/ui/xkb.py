"""What the keyboard layout of an X server has on its letter keys, asked of the server: Tk does not tell."""

import ctypes

from lanchat.ui.keyboard import LETTER_CODES_X11

_GROUP_SHIFT = 13  # where the number of the layout in use stands in the state of a key event
_GROUPS = 3


def has_latin(display: str, state: int) -> bool | None:
    """Whether most letter keys send Latin letters in the layout that a key event's `state` names; None when the
    server cannot be asked. A connection of its own, so that a layout changed a moment ago is known."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return None
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    connection = x11.XOpenDisplay(display.encode())
    if not connection:
        return None
    try:
        sent = [_keysym(x11, connection, code, state & _GROUPS << _GROUP_SHIFT) for code in LETTER_CODES_X11]
    finally:
        x11.XCloseDisplay(connection)
    return 2 * sum(ord("a") <= keysym <= ord("z") for keysym in sent) > len(sent)


def _keysym(x11: ctypes.CDLL, connection: int, code: int, state: int) -> int:
    """The keysym of a key; 0 for none."""
    left, keysym = ctypes.c_uint(), ctypes.c_ulong()
    look_up = x11.XkbLookupKeySym
    look_up.argtypes = [ctypes.c_void_p, ctypes.c_ubyte, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
    found = look_up(connection, code, state, ctypes.byref(left), ctypes.byref(keysym))
    return keysym.value if found else 0
