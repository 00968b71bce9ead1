"""The socket for other clients: one port for IPv4 and, where there is one, IPv6; datagrams with where they came from.

Errors are no errors here: what cannot be sent is lost, as a datagram may be, and a port that is closed at the other end
is what keep-alives find out.
"""

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from lanchat.platform.network.interfaces import ignore_port_unreachable
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.wire import PeerAddress
from lanchat.transport.receiving_thread import Received, ReceivingThread

# One turn of the event loop reads at most this many, so that a flood cannot starve everything else.
DRAIN_MAX = 256
_BUFFER_OCTETS = 1 << 20


class PeerSocket:
    """`on_datagram(address, octets)` for each datagram, `on_idle()` after each turn that had any. Event loop's thread
    only. Raises OSError on creation. `dropped` counts datagrams by reason."""

    def __init__(
        self,
        on_datagram: Callable[[PeerAddress, bytes], None],
        on_idle: Callable[[], None],
        *,
        port: int = 0,
        threaded: bool = sys.platform == "win32",
    ) -> None:
        """`port` 0, or one that is taken: any that is free."""
        self.dropped: Counter[str] = Counter()
        self._on_datagram = on_datagram
        self._on_idle = on_idle
        self._closed = False
        self._socket = _bound(port)
        self._family = self._socket.family
        self.port: int = self._socket.getsockname()[1]
        self._thread: ReceivingThread | None = None
        if threaded:
            self._thread = ReceivingThread(self._socket, self._take, self._count_failure, "lanchat-peers")
        else:
            self._socket.setblocking(False)
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._drain)

    def send(self, address: PeerAddress, datagram: bytes) -> None:
        """Send, or lose it."""
        if self._closed:
            return
        try:
            self._socket.sendto(datagram, _target(address, self._family))
        except OSError as error:
            self.dropped[f"send_{type(error).__name__}"] += 1
        except ValueError:
            self.dropped["send_to_no_address"] += 1

    def close(self) -> None:
        """Nothing is sent or handed on any more. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._thread.close()
        else:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _drain(self) -> None:
        for _ in range(DRAIN_MAX):
            try:
                datagram, sender = self._socket.recvfrom(DATAGRAM_MAX + 1)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                self._count_failure()
                break
            self._hand_on(datagram, sender)
            if self._closed:
                return
        self._on_idle()

    def _take(self, received: list[Received]) -> None:
        for datagram, sender in received:
            self._hand_on(datagram, sender)
            if self._closed:
                return
        self._on_idle()

    def _count_failure(self) -> None:
        self.dropped["receive_failed"] += 1

    def _hand_on(self, datagram: bytes, sender: tuple[str, int]) -> None:
        try:
            address = address_of(*sender[:2])
        except ProtocolError:
            self.dropped["no_address"] += 1
            return
        self._on_datagram(address, datagram)


def address_of(host: str, port: int) -> PeerAddress:
    """Of an address as sockets have it; an IPv4 address within IPv6 is one of IPv4. Raises ProtocolError."""
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError as error:
        raise ProtocolError("no address") from error
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    if not port:
        raise ProtocolError("no port")
    return PeerAddress((mapped or found).packed, port)


def _target(address: PeerAddress, family: int) -> tuple[str, int]:
    """Raises ValueError for an address that a socket of this family does not reach."""
    host = ip_address(address.host)
    if family == socket.AF_INET6:
        return (f"::ffff:{host}" if host.version == 4 else str(host)), address.port
    if host.version == 6:
        raise ValueError("no IPv6 here")
    return str(host), address.port


def _bound(port: int) -> socket.socket:
    """A socket for both kinds of addresses where the computer has both. Raises OSError."""
    try:
        return _bound_to(socket.AF_INET6, "::", port)
    except OSError:
        return _bound_to(socket.AF_INET, "", port)


def _bound_to(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        ignore_port_unreachable(sock)
        try:
            sock.bind((host, port))
        except OSError:
            sock.bind((host, 0))
    except OSError:
        sock.close()
        raise
    return sock
