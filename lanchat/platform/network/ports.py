"""Sockets on ports that belong to one program, on each system.

Elsewhere a port that is bound is taken. Windows lets any program bind it once more with SO_REUSEADDR and get what was
meant for the first one, unless that one asked for exclusive use.
"""

import socket
from typing import Any


def claim(sock: socket.socket) -> None:
    """Nobody else may bind the port that this socket will be bound to. Raises OSError."""
    exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows
    if exclusive is not None:
        sock.setsockopt(socket.SOL_SOCKET, exclusive, 1)


def listen(
    place: tuple[Any, ...], backlog: int, family: socket.AddressFamily = socket.AF_INET, *, both_families: bool = False
) -> socket.socket:
    """A TCP socket that listens on a port of its own. `both_families`: an IPv6 socket takes IPv4 clients too. Raises
    OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            claim(sock)
        else:  # connections of a server that has just ended must not keep the next one from its port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both_families)
        sock.bind(place)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock
