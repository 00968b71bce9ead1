"""One window for each profile: the first start holds a lock and listens, a further one tells it what it was asked for.

The first listens on the loopback address and writes port and token to a file of the profile, which is private. Whoever
knows the token may raise the window and show it a link, nothing more; a call is one line each way.
"""

import contextlib
import hmac
import json
import logging
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lanchat.platform.file_lock import FileLock, FileLockedError
from lanchat.platform.files import read_private, replace_file

LOCK_FILE = "window.lock"
PLACE_FILE = "window.json"
# What a further start may hand over: an invite link is some hundred characters.
WISH_MAX = 8192
_LINE_MAX = 4 * WISH_MAX
_PLACE_MAX = 4096
# Seconds for one call; and until the first start, which is just beginning, has said where it listens.
_CALL_TIMEOUT = 3.0
_POLL = 0.05

log = logging.getLogger(__name__)


class Instance:
    """The first start of a profile's window, until `close` or the end of the process."""

    def __init__(self, folder: Path, lock: FileLock | None) -> None:
        """`lock` None: the profile cannot be written, so that nobody can be kept out. See `claim`."""
        self._place = folder / PLACE_FILE
        self._lock = lock
        self._token = secrets.token_hex(32)
        self._listener: socket.socket | None = None

    @classmethod
    def claim(cls, folder: Path) -> "Instance | None":
        """The right to open the window of the profile in `folder`; None when one is open already."""
        try:
            return cls(folder, FileLock(folder / LOCK_FILE))
        except FileLockedError:
            return None
        except OSError as error:
            log.info("no lock for the window: %s", error)
            return cls(folder, None)

    def listen(self, called: Callable[[str], None]) -> None:
        """From now on `called` gets what further starts ask for (a link; empty: to be seen), in a thread of its own."""
        if self._lock is None:
            return
        try:
            self._listener = socket.create_server(("127.0.0.1", 0))
            where = {"port": self._listener.getsockname()[1], "token": self._token}
            replace_file(self._place, json.dumps(where).encode())
        except OSError as error:
            log.info("further starts cannot reach this window: %s", error)
            return
        threading.Thread(target=self._serve, args=(self._listener, called), name="starts", daemon=True).start()

    def _serve(self, listener: socket.socket, called: Callable[[str], None]) -> None:
        while True:
            try:
                sock, _address = listener.accept()
            except OSError:  # closed
                return
            with sock, contextlib.suppress(OSError):
                sock.settimeout(_CALL_TIMEOUT)
                wish = wish_in_untrusted(_line(sock), self._token)
                if wish is not None:
                    called(wish)
                    sock.sendall(b"ok\n")

    def close(self) -> None:
        """Let another start be the first."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._place.unlink()
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        if self._lock is not None:
            self._lock.release()


def call_first(folder: Path, wish: str, timeout: float = 5.0) -> bool:
    """Hand a wish (a link; empty: to be seen) to the window that is open; whether it took it in `timeout` seconds."""
    _let_it_come_forward()
    deadline = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            where = json.loads(read_private(folder / PLACE_FILE, _PLACE_MAX))
            with socket.create_connection(("127.0.0.1", int(where["port"])), timeout=_CALL_TIMEOUT) as sock:
                sock.sendall(json.dumps({"token": str(where["token"]), "wish": wish[:WISH_MAX]}).encode() + b"\n")
                if _line(sock) == b"ok\n":
                    return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)


def wish_in_untrusted(line: bytes, token: str) -> str | None:
    """What a further start asks for; None: it does not know the token, or says nothing of use."""
    try:
        call: Any = json.loads(line)
        known, wish = call["token"], call["wish"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    if not isinstance(known, str) or not isinstance(wish, str) or len(wish) > WISH_MAX:
        return None
    return wish if hmac.compare_digest(known.encode(errors="replace"), token.encode()) else None


def _line(sock: socket.socket) -> bytes:
    """One line, or what there is of it. Raises OSError."""
    end = time.monotonic() + _CALL_TIMEOUT
    octets = bytearray()
    while not octets.endswith(b"\n") and len(octets) < _LINE_MAX and time.monotonic() < end:
        more = sock.recv(_LINE_MAX)
        if not more:
            break
        octets += more
    return bytes(octets)


def _let_it_come_forward() -> None:
    """Windows lets a window come to the front only when the program that has the person's attention agrees."""
    if sys.platform == "win32":
        import ctypes

        anybody = ctypes.c_uint32(0xFFFFFFFF)
        ctypes.WinDLL("user32").AllowSetForegroundWindow(anybody)


if sys.platform == "win32":
    _mutexes: list[int] = []

    def hold_mutex(name: str) -> None:
        """Make a named mutex that setups look for, until the end of the process."""
        import ctypes

        kernel = ctypes.WinDLL("kernel32")
        kernel.CreateMutexW.restype = ctypes.c_void_p
        _mutexes.append(kernel.CreateMutexW(None, False, name) or 0)

else:

    def hold_mutex(name: str) -> None:
        """Windows alone has such names."""
