"""A thread that receives datagrams where the event loop has no readers (Windows).

Whatever has come by the time the thread wakes up is handed to the event loop in one call: a turn of it costs as much as
ten datagrams.
"""

import asyncio
import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

# Handed on in one call: a flood cannot starve everything else.
TOGETHER_MAX = 256
# What a datagram can be long at most: one that is too long is received, counted and dropped like any other. Windows
# reports it as an error of the socket when it does not fit.
_DATAGRAM_OCTETS = 1 << 16
# How late the thread notices that the socket was closed.
_READ_TIMEOUT = 0.5
# After an error, so that one that stays does not make the thread spin.
_ERROR_PAUSE = 0.02

Received = tuple[bytes, Any]


class ReceivingThread:
    """Receives from a socket until `close`; all calls are made on the event loop's thread."""

    def __init__(
        self, sock: socket.socket, take: Callable[[list[Received]], None], failed: Callable[[], None], name: str
    ) -> None:
        """Begins at once, on the running event loop. `take` gets datagrams with their senders in the order in which
        they came; `failed` is called for each error of the socket. The socket is closed by its owner, after `close`."""
        self._sock = sock
        self._take = take
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._buffer = bytearray(_DATAGRAM_OCTETS)
        sock.setblocking(False)  # sending must not block the event loop either
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def close(self) -> None:
        """Nothing is handed on any more."""
        self._closed = True

    def _run(self) -> None:
        while not self._closed:
            found: list[Received] = []
            failed = False
            try:
                if select.select([self._sock], [], [], _READ_TIMEOUT)[0]:
                    self._drain(found)
            except (OSError, ValueError):  # ValueError: `select` of a socket that was closed
                failed = True
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                if found or failed:
                    self._loop.call_soon_threadsafe(self._hand_on, found, failed)
            if failed and not self._closed:
                time.sleep(_ERROR_PAUSE)

    def _drain(self, found: list[Received]) -> None:
        """Adds what is there; on an error what came before it stays."""
        view = memoryview(self._buffer)
        with contextlib.suppress(BlockingIOError):
            while len(found) < TOGETHER_MAX:
                size, address = self._sock.recvfrom_into(self._buffer)
                found.append((bytes(view[:size]), address))

    def _hand_on(self, found: list[Received], failed: bool) -> None:
        if self._closed:
            return
        if failed:
            self._failed()
        if found:
            self._take(found)
