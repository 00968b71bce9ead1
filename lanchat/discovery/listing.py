"""The servers that were found, as data: one entry each, whoever spoke of it, and when it is taken for gone.

No sockets and no clock here: times are handed in, seconds of one monotonic clock. A server that answered a probe is
there as long as it goes on answering. One that is known by DNS-SD alone is there until its goodbye, or until its
records have expired: a power cut may show only after an hour, which is why the probe has the last word.
"""

import random
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Literal

import msgspec

from lanchat.protocol.datagram.beacon import Advert

# Servers in one list that nobody knows, and known ones besides. Honest need: a few; a stranger can invent them at will.
# A list of 64 can still be looked through, and takes about 30 KiB.
SERVERS_MAX = 64
# Addresses of one known server. Honest need: one per interface of it; a stranger can claim to be it at others.
ADDRESSES_MAX = 32
# Interfaces and names under which DNS-SD may speak of one server. Honest need: one per interface of this computer
# and of the server; a stranger can invent more, and each takes 200 octets.
SOURCES_MAX = 32
# Two rounds of a browser may get lost before a server is taken for gone.
ANSWER_LIFETIME = 25.0
# What DNS-SD alone spoke of, and never took back: the lifetime of a record (RFC 6762, section 10).
ANNOUNCED_LIFETIME = 4500.0
# After a goodbye a server that goes on answering (it lost one interface of two) keeps its place.
GOODBYE_GRACE = 1.0

Via = Literal["zeroconf", "probe", "peer"]
Key = tuple[bytes, str]
Address = tuple[str, int]
# Who brought a server into the list: the sender of an answer, or DNS-SD with the address that it names.
Origin = tuple[bool, str]
# Where DNS-SD spoke of a server; stays the same while it is there.
Source = Hashable


class DiscoveredServer(msgspec.Struct, frozen=True):
    """A server that somebody spoke of. `fingerprint` is 64 hex digits; `name` is safe to show; nothing is proven.
    `also`: other addresses that claim to be this server, of known ones only."""

    name: str
    host: str
    port: int
    fingerprint: str
    log_id: bytes
    via: Via
    also: tuple[Address, ...] = ()

    @property
    def address(self) -> Address:
        """Host and control port, to connect to."""
        return self.host, self.port

    @property
    def key(self) -> Key:
        """What makes two of them one: the log, and the key that it is announced with. A stranger who announces our
        log with his own key stands beside the real one and does not hide it."""
        return self.log_id, self.fingerprint


def found(advert: Advert, host: str, via: Via) -> DiscoveredServer:
    """`advert` as a server at `host`: the sender of an answer, or the address that DNS-SD named."""
    return DiscoveredServer(advert.name, host, advert.port, advert.fingerprint, advert.log_id, via)


class _Entry(msgspec.Struct):
    server: DiscoveredServer
    is_known: bool
    announced: float = 0.0
    sources: set[Source] = set()
    heard: float | None = None
    goodbye: float | None = None
    addresses: dict[Address, None] = {}

    @property
    def origin(self) -> Origin:
        return self.heard is not None, self.server.host

    def is_current(self, now: float, lifetime: float) -> bool:
        if self.heard is None:
            return bool(self.sources) and now < self.announced + ANNOUNCED_LIFETIME
        return now < self.heard + lifetime and (self.goodbye is None or now < self.goodbye + GOODBYE_GRACE)

    def listed(self) -> DiscoveredServer:
        also = tuple(address for address in self.addresses if address != self.server.address)
        return msgspec.structs.replace(self.server, also=also) if also else self.server


class ServerList:
    """Starts empty; `servers` is in the order of their first sign of life. At most SERVERS_MAX of them are not known
    (as `is_known` says), and as many are.

    When there are more, whoever brought most gives way; when everybody brought as many, all that are heard of have the
    same chance to be in the list. `left_out` says that the list does not show all."""

    def __init__(
        self,
        lifetime: float = ANSWER_LIFETIME,
        is_known: Callable[[DiscoveredServer], bool] = lambda server: False,
        chance: random.Random | None = None,
    ) -> None:
        """`lifetime`: seconds from a server's last answer until it is taken for gone. `is_known`: whether this profile
        knows a server; looked at once, when it enters the list. `chance` draws who gives way when there are too
        many."""
        self.left_out = False
        self._lifetime = lifetime
        self._is_known = is_known
        self._chance = chance or random.Random()
        self._entries: dict[Key, _Entry] = {}
        self._refused = 0

    @property
    def servers(self) -> list[DiscoveredServer]:
        """Who is gone stays until `expire`. Known ones have all their addresses."""
        return [entry.listed() for entry in self._entries.values()]

    def answered(self, server: DiscoveredServer, now: float) -> bool:
        """A probe was answered. The address that answered last but one second ago stays; True when it is new, or a new
        address of a known one."""
        entry, is_new = self._entry(server, (True, server.host))
        if entry is None:
            return False
        if entry.heard is None or server.host == entry.server.host or now - entry.heard > self._lifetime / 2:
            entry.server = server
        entry.heard, entry.goodbye = now, None
        return self._note_address(entry, server.address) or is_new

    def announced(self, server: DiscoveredServer, source: Source, now: float) -> bool:
        """DNS-SD speaks of it; an address that answered a probe stays. True when it is new, or a new address of a known
        one."""
        self._forget(source, but=server.key)
        entry, is_new = self._entry(server, (False, server.host))
        if entry is None:
            return False
        if len(entry.sources) < SOURCES_MAX:
            entry.sources.add(source)
        entry.announced = now
        if entry.heard is None:
            entry.server = server
        return self._note_address(entry, server.address) or is_new

    def withdrawn(self, source: Source, now: float) -> bool:
        """DNS-SD takes it back. True when the server may be gone: it should be probed at once."""
        key = self._forget(source)
        if key is None or key not in self._entries:
            return False
        self._entries[key].goodbye = now
        return True

    def expire(self, now: float) -> None:
        """Removes what is gone."""
        self._entries = {k: e for k, e in self._entries.items() if e.is_current(now, self._lifetime)}
        if len(self._entries) < SERVERS_MAX:
            self.left_out, self._refused = False, 0

    def is_missing(self, since: float) -> bool:
        """True when a server that used to answer probes has not done so since then."""
        return any(entry.heard is not None and entry.heard < since for entry in self._entries.values())

    def _entry(self, server: DiscoveredServer, origin: Origin) -> tuple[_Entry | None, bool]:
        entry = self._entries.get(server.key)
        if entry is not None:
            return entry, False
        is_known = self._is_known(server)
        if not self._make_room(is_known, origin):
            return None, False
        return self._entries.setdefault(server.key, _Entry(server, is_known)), True

    def _make_room(self, is_known: bool, origin: Origin) -> bool:
        """Whether one more finds a place beside those of its kind."""
        of_kind = [(key, entry.origin) for key, entry in self._entries.items() if entry.is_known == is_known]
        if len(of_kind) < SERVERS_MAX:
            return True
        self.left_out = True
        brought = Counter(other for _, other in of_kind)
        most = max(brought.values())
        if brought[origin] + 1 >= most:
            # Of all that were left out and this one, each as likely as the others.
            self._refused += 1
            if self._chance.random() * (SERVERS_MAX + self._refused) >= SERVERS_MAX:
                return False
        loser = self._chance.choice([key for key, other in of_kind if brought[other] == most])
        del self._entries[loser]
        return True

    def _note_address(self, entry: _Entry, address: Address) -> bool:
        """Of a known server; whether it is new."""
        if not entry.is_known or address in entry.addresses:
            return False
        if len(entry.addresses) >= ADDRESSES_MAX:
            del entry.addresses[self._chance.choice(list(entry.addresses))]
        entry.addresses[address] = None
        return True

    def _forget(self, source: Source, but: Key | None = None) -> Key | None:
        for key, entry in self._entries.items():
            if key != but and source in entry.sources:
                entry.sources.discard(source)
                if not entry.sources and entry.heard is None:
                    del self._entries[key]
                return key
        return None
