"""What Tk does not tell of an X server, asked over a connection of its own. Nothing when that cannot be made."""

import contextlib
import ctypes
import time
from collections.abc import Iterator

from lanchat.ui.kit.keys.keyboard import LETTER_CODES_X11

_GROUP_SHIFT = 13  # where the number of the layout in use stands in the state of a key event
_GROUPS = 3
_SELECTION_MAX = 64 << 20  # octets
_SELECTION_NOTIFY = 31
_EVENT_OCTETS = 24 * ctypes.sizeof(ctypes.c_long)
_ANSWER_MAX = 2.0  # seconds, in which the window does nothing else


@contextlib.contextmanager
def _connected(display: str) -> Iterator[tuple[ctypes.CDLL, int] | None]:
    """The library and a connection of its own."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        yield None
        return
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    connection = x11.XOpenDisplay(display.encode())
    try:
        yield (x11, connection) if connection else None
    finally:
        if connection:
            x11.XCloseDisplay(connection)


def has_latin(display: str, state: int) -> bool | None:
    """Whether most letter keys send Latin letters in the layout that a key event's `state` names; None when the
    server cannot be asked. A layout changed a moment ago is known."""
    with _connected(display) as server:
        if server is None:
            return None
        sent = [_keysym(*server, code, state & _GROUPS << _GROUP_SHIFT) for code in LETTER_CODES_X11]
    return 2 * sum(ord("a") <= keysym <= ord("z") for keysym in sent) > len(sent)


def _keysym(x11: ctypes.CDLL, connection: int, code: int, state: int) -> int:
    """The keysym of a key; 0 for none."""
    left, keysym = ctypes.c_uint(), ctypes.c_ulong()
    look_up = x11.XkbLookupKeySym
    look_up.argtypes = [ctypes.c_void_p, ctypes.c_ubyte, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
    found = look_up(connection, code, state, ctypes.byref(left), ctypes.byref(keysym))
    return keysym.value if found else 0


def selection_text(display: str, selection: str) -> str:
    """The text of a selection whose owner sends it in one piece; empty for none. Tk refuses more than 400,000
    octets."""
    with _connected(display) as server:
        if server is None:
            return ""
        x11, connection = server
        x11.XInternAtom.restype = x11.XDefaultRootWindow.restype = x11.XCreateSimpleWindow.restype = ctypes.c_ulong
        x11.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        x11.XDefaultRootWindow.argtypes = [ctypes.c_void_p]
        x11.XCreateSimpleWindow.argtypes = [ctypes.c_void_p, ctypes.c_ulong, *[ctypes.c_int] * 2, *[ctypes.c_uint] * 3]
        x11.XCreateSimpleWindow.argtypes += [ctypes.c_ulong] * 2
        root = x11.XDefaultRootWindow(connection)
        window = x11.XCreateSimpleWindow(connection, root, 0, 0, 1, 1, 0, 0, 0)
        name = x11.XInternAtom(connection, selection.encode(), 0)
        x11.XConvertSelection.argtypes = [ctypes.c_void_p, *[ctypes.c_ulong] * 5]
        kind = x11.XInternAtom(connection, b"UTF8_STRING", 0)
        x11.XConvertSelection(connection, name, kind, name, window, 0)
        octets = _property(x11, connection, window, name) if _answered(x11, connection) else b""
    return octets.decode("utf-8", "replace")


def _answered(x11: ctypes.CDLL, connection: int) -> bool:
    """Waits for the owner of a selection to have put it where it was asked to."""
    event = ctypes.create_string_buffer(_EVENT_OCTETS)
    x11.XCheckTypedEvent.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    deadline = time.monotonic() + _ANSWER_MAX
    while not x11.XCheckTypedEvent(connection, _SELECTION_NOTIFY, event):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _property(x11: ctypes.CDLL, connection: int, window: int, name: int) -> bytes:
    kind, size, count, after = ctypes.c_ulong(), ctypes.c_int(), ctypes.c_ulong(), ctypes.c_ulong()
    data = ctypes.c_void_p()
    read = x11.XGetWindowProperty
    read.argtypes = [ctypes.c_void_p, *[ctypes.c_ulong] * 2, *[ctypes.c_long] * 2, ctypes.c_int, ctypes.c_ulong]
    read.argtypes += [ctypes.c_void_p] * 5
    told = (ctypes.byref(value) for value in (kind, size, count, after, data))
    failed = read(connection, window, name, 0, _SELECTION_MAX // 4, 0, 0, *told)
    octets = ctypes.string_at(data, count.value) if not failed and data and size.value == 8 else b""
    if data:
        x11.XFree.argtypes = [ctypes.c_void_p]
        x11.XFree(data)
    return octets
