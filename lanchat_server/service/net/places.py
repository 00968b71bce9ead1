"""Bounded places for those who have not logged in yet, and how a TLS greeting is told from everything else.

When all places are taken, the oldest one of the address that holds most gives way: somebody who opens many cannot keep
others out. With so many addresses that each holds one, the oldest of all gives way.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, Protocol, TypeVar

from lanchat.protocol.errors import ProtocolError


class SlotHolder(Hashable, Protocol):
    """Who takes a place."""

    address: str


G = TypeVar("G", bound=SlotHolder)


class ConnectionSlots(Generic[G]):
    """At most `size` guests, in order of arrival. Those whom `keep` says yes to give way last."""

    def __init__(self, size: int, keep: Callable[[G], bool] = lambda guest: False) -> None:
        """Begins empty. `keep` is asked each time that somebody has to give way."""
        self._size = size
        self._keep = keep
        self._guests: dict[G, None] = {}
        self._of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        """Places that are taken."""
        return len(self._guests)

    def __contains__(self, guest: G) -> bool:
        """Whether this guest has a place."""
        return guest in self._guests

    def __iter__(self) -> Iterator[G]:
        """Those who are here now; they may go meanwhile."""
        return iter(list(self._guests))

    @property
    def oldest(self) -> G | None:
        """Who came first of those who are here."""
        return next(iter(self._guests), None)

    def add(self, guest: G) -> G | None:
        """Take a place; who lost his for it."""
        loser = self._loser() if len(self._guests) >= self._size else None
        if loser is not None:
            self.discard(loser)
        self._guests[guest] = None
        self._of_address[guest.address] += 1
        return loser

    def discard(self, guest: G) -> bool:
        """Free a place; whether there was one."""
        if guest not in self._guests:
            return False
        del self._guests[guest]
        self._of_address[guest.address] -= 1
        if not self._of_address[guest.address]:
            del self._of_address[guest.address]
        return True

    def _loser(self) -> G | None:
        crowd = max(self._of_address, key=self._of_address.__getitem__)
        if self._of_address[crowd] == 1:
            return next((guest for guest in self._guests if not self._keep(guest)), self.oldest)
        of_crowd = [guest for guest in self._guests if guest.address == crowd]
        return next((guest for guest in of_crowd if not self._keep(guest)), of_crowd[0])


# TLS (RFC 8446): a record of a handshake begins with 22, 3 and the length of what follows; a ClientHello in it with 1
# and its own length.
_RECORD, _MESSAGE = 5, 4
GREETING_HEAD = _RECORD + _MESSAGE
# OpenSSL's ClientHello is 250 to 600 octets, with post-quantum keys 1,900. It comes in one record.
GREETING_MAX = 8192


def greeting_size_untrusted(head: bytes) -> int:
    """How many octets the ClientHello that begins so takes with its record; GREETING_HEAD while that cannot be said.
    Raises ProtocolError for what is none."""
    expected = b"\x16\x03"
    if head[:2] != expected[: len(head)]:
        raise ProtocolError("no TLS")
    if len(head) < GREETING_HEAD:
        return GREETING_HEAD
    record, message = int.from_bytes(head[3:5], "big"), int.from_bytes(head[6:9], "big")
    if head[5] != 1 or message + _MESSAGE > record or not GREETING_HEAD < _RECORD + record <= GREETING_MAX:
        raise ProtocolError("no ClientHello")
    return _RECORD + record
