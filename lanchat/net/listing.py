"""The servers that were found, as data: one entry each, whoever spoke of it, and when it is taken for gone.

No sockets and no clock here: times are handed in, seconds of one monotonic clock. A server that answered a probe is
there as long as it goes on answering. One that is known by DNS-SD alone is there until its goodbye, or until its
records have expired: a power cut may show only after an hour, which is why the probe has the last word.
"""

from collections.abc import Hashable
from typing import Literal

import msgspec

from lanchat.protocol.beacon import Advert

# Servers in one list. Honest need: a few; a stranger can invent them at will. A list of 64 can still be looked
# through, and takes about 30 KiB.
SERVERS_MAX = 64
# Interfaces and names under which DNS-SD may speak of one server. Honest need: one per interface of this computer
# and of the server; a stranger can invent more, and each takes 200 octets.
SOURCES_MAX = 32
# Two rounds of a browser may get lost before a server is taken for gone.
ANSWER_LIFETIME = 25.0
# After a goodbye a server that goes on answering (it lost one interface of two) keeps its place.
GOODBYE_GRACE = 1.0

Via = Literal["zeroconf", "probe", "peer"]
Key = tuple[bytes, str]
# Where DNS-SD spoke of a server; stays the same while it is there.
Source = Hashable


class FoundServer(msgspec.Struct, frozen=True):
    """A server that somebody spoke of. `fingerprint` is 64 hex digits; `name` is safe to show; nothing is proven."""

    name: str
    host: str
    port: int
    fingerprint: str
    log_id: bytes
    via: Via

    @property
    def key(self) -> Key:
        """What makes two of them one: the log, and the key that it is announced with. A stranger who announces our
        log with his own key stands beside the real one and does not hide it."""
        return self.log_id, self.fingerprint


def found(advert: Advert, host: str, via: Via) -> FoundServer:
    return FoundServer(advert.name, host, advert.port, advert.fingerprint, advert.log_id, via)


class _Entry(msgspec.Struct):
    server: FoundServer
    sources: set[Source] = set()
    heard: float | None = None
    goodbye: float | None = None

    def is_there(self, now: float, lifetime: float) -> bool:
        if self.heard is None:
            return bool(self.sources)
        return now < self.heard + lifetime and (self.goodbye is None or now < self.goodbye + GOODBYE_GRACE)


class Listing:
    """Starts empty; `servers` is in the order of their first sign of life, SERVERS_MAX at most."""

    def __init__(self, lifetime: float = ANSWER_LIFETIME) -> None:
        self._lifetime = lifetime
        self._entries: dict[Key, _Entry] = {}

    @property
    def servers(self) -> list[FoundServer]:
        return [entry.server for entry in self._entries.values()]

    def answered(self, server: FoundServer, now: float) -> bool:
        """A probe was answered. The address that answered last but one second ago stays; True when it is new."""
        entry, is_new = self._entry(server)
        if entry is None:
            return False
        if entry.heard is None or server.host == entry.server.host or now - entry.heard > self._lifetime / 2:
            entry.server = server
        entry.heard, entry.goodbye = now, None
        return is_new

    def announced(self, server: FoundServer, source: Source) -> bool:
        """DNS-SD speaks of it; an address that answered a probe stays. True when it is new."""
        self._forget(source, but=server.key)
        entry, is_new = self._entry(server)
        if entry is None:
            return False
        if len(entry.sources) < SOURCES_MAX:
            entry.sources.add(source)
        if entry.heard is None:
            entry.server = server
        return is_new

    def withdrawn(self, source: Source, now: float) -> bool:
        """DNS-SD takes it back. True when the server may be gone: it should be probed at once."""
        key = self._forget(source)
        if key is None or key not in self._entries:
            return False
        self._entries[key].goodbye = now
        return True

    def expire(self, now: float) -> None:
        """Removes what is gone."""
        self._entries = {k: e for k, e in self._entries.items() if e.is_there(now, self._lifetime)}

    def is_missing(self, since: float) -> bool:
        """True when a server that used to answer probes has not done so since then."""
        return any(entry.heard is not None and entry.heard < since for entry in self._entries.values())

    def _entry(self, server: FoundServer) -> tuple[_Entry | None, bool]:
        entry = self._entries.get(server.key)
        if entry is not None or len(self._entries) >= SERVERS_MAX:
            return entry, False
        return self._entries.setdefault(server.key, _Entry(server)), True

    def _forget(self, source: Source, but: Key | None = None) -> Key | None:
        for key, entry in self._entries.items():
            if key != but and source in entry.sources:
                entry.sources.discard(source)
                if not entry.sources and entry.heard is None:
                    del self._entries[key]
                return key
        return None
