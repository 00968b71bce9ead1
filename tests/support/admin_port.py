"""A listener where a killed server's admin.json points, for tests of the commands that ask there."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from lanchat_server.admin.channel import ADMIN_FILE
from tests.support.waiting import patient


def point_at(folder: Path, port: int, token: str) -> None:
    """Write admin.json as a server does that listens at `port`."""
    (folder / ADMIN_FILE).write_text(json.dumps({"port": port, "token": token}))


class AdminPort:
    """Calls `serve` with each connection, one after the other, and closes it."""

    def __init__(self, folder: Path, token: str, serve: Callable[[socket.socket], object]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._serve = serve
        point_at(folder, self._listener.getsockname()[1], token)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                self._serve(sock)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # Windows: it is not connected; closing it ends `accept` there
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(patient(10))
