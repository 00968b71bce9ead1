"""The sockets of a python-zeroconf instance: each is to hear its own interface only."""

import contextlib
import socket
import sys

from zeroconf import Zeroconf

# More than the datagrams that a socket's buffer holds; a flood does not keep this loop going.
_DISCARDED_MAX = 10_000
# From linux/in.h and asm-generic/socket.h; Python has no names for them.
_IP_MULTICAST_ALL = 49
_SO_BINDTOIFINDEX = 62


def limit_to_own_interface(zeroconf: Zeroconf, index: int) -> None:
    """Linux hands a multicast datagram to each socket on the port, whichever interface it joined the group on: an
    instance would answer on another interface, and take its sister's announcement for a name clash. An option ends
    that for IPv4; over IPv6 a socket that has joined the group hears it from everywhere unless it is bound to its
    interface, the one with the number `index`.

    SO_REUSEPORT, which the library needs for binding on other systems, goes as well: when only one socket wants a
    multicast datagram, Linux gives it to any of those with this option.

    Call before anything is read. What came in since the sockets were made is discarded: nobody can say on which
    interface it was heard, and it is repeated.
    """
    if sys.platform == "linux":
        for sock in sockets_of(zeroconf):
            sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)  # also IPv6's, which hears both
            if sock.family == socket.AF_INET6:
                # Not allowed to all before Linux 5.7, nor needed a second time for the socket of a link-local address.
                with contextlib.suppress(PermissionError):
                    sock.setsockopt(socket.SOL_SOCKET, _SO_BINDTOIFINDEX, index)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
            _discard_received(sock)


def sockets_of(zeroconf: Zeroconf) -> list[socket.socket]:
    """The sockets of an instance that has not read anything yet. The library names them in public only later, when it
    reads already (`engine.readers`)."""
    engine = zeroconf.engine
    return [sock for sock in (engine._listen_socket, *engine._respond_sockets) if sock is not None]


def _discard_received(sock: socket.socket) -> None:
    sock.setblocking(False)
    with contextlib.suppress(OSError):  # BlockingIOError: nothing is left
        for _ in range(_DISCARDED_MAX):
            sock.recv(1)
