"""Port numbers that stay ours: below the range from which the kernel lends ports to outgoing connections.

A port that was found free by binding to 0 may be lent to somebody else before the server under test binds
it, or while a test has that server stopped. Numbers between 20000 and 32000 are not lent, and each test
process starts its search at another place.
"""

import os
import socket
from itertools import count

_FIRST, _LAST = 20_000, 32_000
_step = count(os.getpid() * 37)


def free_port() -> int:
    """A number that is free for TCP and UDP on all addresses. Raises OSError when there is none."""
    for _ in range(_LAST - _FIRST):
        port = _FIRST + next(_step) % (_LAST - _FIRST)
        if _is_free(port, socket.SOCK_STREAM) and _is_free(port, socket.SOCK_DGRAM):
            return port
    raise OSError("no free port for a test server")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection's TIME_WAIT is no user
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
