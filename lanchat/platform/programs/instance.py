"""One window for each profile: the first start holds a lock and listens, a further one tells it what it was asked for.

The first listens on the loopback address and writes port and token to a file of the profile, which is private. The
token itself is never sent: a window that was killed leaves the file, and anybody on the computer may get its port then.
So each end first shows that it knows the token (proofs.py), in lines of JSON:

    further start  {"nonce": …}
    first          {"nonce": …, "proof": …}
    further start  {"proof": …, "wish": …}
    first          {"taken": …}, with a proof that the wish came to it

Whoever knows the token may raise the window and show it a link, nothing more. Others can connect and be silent: few
connections are open at a time, each for a short time, and a further start that loses its place connects again.
"""

import contextlib
import json
import logging
import secrets
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from lanchat.platform.disk.file_lock import FileLock, FileLockedError
from lanchat.platform.disk.files import read_private, replace_file
from lanchat.platform.network.ports import listen
from lanchat.platform.proofs import NONCE, field_in_untrusted, is_proof, nonce_in_untrusted, proof_in_untrusted, prove

LOCK_FILE = "window.lock"
PLACE_FILE = "window.json"
# What a further start may hand over: an invite link is some hundred characters.
WISH_MAX = 8192
_LINE_MAX = 16 * WISH_MAX
_PLACE_MAX = 4096
# Seconds for one call; and until the first start, which is just beginning, has said where it listens.
_CALL_TIMEOUT = 3.0
_POLL = 0.05
# Connections at a time. When there are more, the oldest ends: an honest one takes a few milliseconds.
CALLS_MAX = 16

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
            self._listener = listen(("127.0.0.1", 0), CALLS_MAX)
            where = {"port": self._listener.getsockname()[1], "token": self._token}
            replace_file(self._place, json.dumps(where).encode())
        except OSError as error:
            log.info("further starts cannot reach this window: %s", error)
            return
        threading.Thread(target=self._serve, args=(self._listener, called), name="starts", daemon=True).start()

    def _serve(self, listener: socket.socket, called: Callable[[str], None]) -> None:
        calls: deque[socket.socket] = deque()
        while True:
            try:
                sock, _address = listener.accept()
            except OSError:  # closed
                return
            calls.append(sock)
            if len(calls) > CALLS_MAX:
                with contextlib.suppress(OSError):  # it has ended already
                    calls.popleft().shutdown(socket.SHUT_RDWR)
            threading.Thread(target=self._hear, args=(sock, called), name="start", daemon=True).start()

    def _hear(self, sock: socket.socket, called: Callable[[str], None]) -> None:
        with sock, contextlib.suppress(OSError):
            lines = _Lines(sock)
            nonce, mine = nonce_in_untrusted(lines.read()), secrets.token_hex(NONCE)
            if nonce is None:
                return
            lines.write({"nonce": mine, "proof": prove(self._token, "first", nonce, mine)})
            wish = wish_in_untrusted(lines.read(), prove(self._token, "start", nonce, mine))
            if wish is not None:
                called(wish)
                lines.write({"taken": prove(self._token, "taken", nonce, mine)})

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
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            where = json.loads(read_private(folder / PLACE_FILE, _PLACE_MAX))
            with socket.create_connection(("127.0.0.1", int(where["port"])), timeout=_CALL_TIMEOUT) as sock:
                if _hand_over(_Lines(sock), str(where["token"]), wish[:WISH_MAX]):
                    return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)


def _hand_over(lines: "_Lines", token: str, wish: str) -> bool:
    """Whether the other end took the wish. It is told to nobody who has not shown to be the first start. Raises
    OSError."""
    nonce = secrets.token_hex(NONCE)
    lines.write({"nonce": nonce})
    answer = lines.read()
    theirs = nonce_in_untrusted(answer)
    if theirs is None or not is_proof(proof_in_untrusted(answer), prove(token, "first", nonce, theirs)):
        return False
    lines.write({"proof": prove(token, "start", nonce, theirs), "wish": wish})
    return is_proof(field_in_untrusted(lines.read(), "taken"), prove(token, "taken", nonce, theirs))


def wish_in_untrusted(line: bytes, proof: str) -> str | None:
    """What a further start asks for; None: it has not this proof, or says nothing of use."""
    known, wish = proof_in_untrusted(line), field_in_untrusted(line, "wish")
    return wish if is_proof(known, proof) and isinstance(wish, str) and len(wish) <= WISH_MAX else None


class _Lines:
    """Lines of JSON over a connection, for _CALL_TIMEOUT seconds in all. Its methods raise OSError."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._end = time.monotonic() + _CALL_TIMEOUT
        self._read = bytearray()

    def write(self, values: dict[str, str]) -> None:
        self._sock.settimeout(self._left())
        self._sock.sendall(json.dumps(values).encode() + b"\n")

    def read(self) -> bytes:
        """One line; empty: the other end has closed."""
        while b"\n" not in self._read:
            if len(self._read) > _LINE_MAX:
                raise ConnectionAbortedError
            self._sock.settimeout(self._left())
            octets = self._sock.recv(_LINE_MAX)
            if not octets:
                return b""
            self._read += octets
        line, _end, self._read = self._read.partition(b"\n")
        return bytes(line)

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


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
