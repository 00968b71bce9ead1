"""Clients that take datagrams of others, and which of them are neighbours.

All ends stand on a ring, in the order of a hash. Each keeps links to those at a few distances on both sides, which grow
from one to half of the ring: whoever has two neighbours is reached in a few steps, and however many leave at once, few
are cut off. Who shares a room without being a neighbour is named too, for the time when the server is away: such links
are opened then.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lanchat.protocol import wire
from lanchat.protocol.limits import PEER_ADDRESSES_MAX, PEERS_MAX
from lanchat.protocol.log.keys import private_octets, sha256
from lanchat.protocol.log.peers import PeerEnd, PeerInfo
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory

# On each side of the ring.
DISTANCES_MAX = 8


class Announced(msgspec.Struct, frozen=True):
    """What a client announced. `session` 0: it has ended."""

    info: PeerInfo
    end: PeerEnd
    user: int
    addresses: tuple[wire.PeerAddress, ...]
    session: int


class _Place(NamedTuple):
    hash: bytes
    end: PeerEnd


class PeerRegistry:
    """Which clients can be reached, in this process's time. Core's thread."""

    def __init__(self, config: CoreConfig, directory: Directory) -> None:
        """Empty."""
        self._ends_max = config.peer_ends_max
        self._directory = directory
        self._ends: dict[PeerEnd, Announced] = {}
        self._of_user: dict[int, set[PeerEnd]] = {}
        self._of_session: dict[int, PeerEnd] = {}
        self._ring: list[_Place] = []

    def announce(self, announced: Announced) -> None:
        """A session's end. Earlier starts of the device whose sessions have ended are forgotten."""
        earlier = [end for end in self._of_user.get(announced.user, ()) if end.device == announced.end.device]
        for end in earlier:
            if end == announced.end or not self._ends[end].session:
                self._forget(end)
        replaced = self._of_session.get(announced.session)
        if replaced is not None:
            self._forget(replaced)
        self._make_place()
        self._ends[announced.end] = announced
        self._of_user.setdefault(announced.user, set()).add(announced.end)
        self._of_session[announced.session] = announced.end
        insort(self._ring, _place(announced.end))

    def end_session(self, session: int) -> None:
        """The end stays known: its client may live longer than its session."""
        end = self._of_session.pop(session, None)
        if end is not None:
            # At the end of the order, behind those that ended before.
            self._ends[end] = msgspec.structs.replace(self._ends.pop(end), session=0)

    def _make_place(self) -> None:
        if len(self._ends) >= self._ends_max:
            ended = (end for end, announced in self._ends.items() if not announced.session)
            self._forget(next(ended, next(iter(self._ends))))

    def _forget(self, end: PeerEnd) -> None:
        announced = self._ends.pop(end)
        if announced.session:
            self._of_session.pop(announced.session, None)
        ends = self._of_user[announced.user]
        ends.discard(end)
        if not ends:
            del self._of_user[announced.user]
        del self._ring[bisect_left(self._ring, _place(end))]

    # --- Neighbours ---------------------------------------------------------------------------------------------------

    def peers_of(self, end: PeerEnd) -> dict[PeerEnd, bool]:
        """Its peers, and whether the link to each is kept open."""
        found: dict[PeerEnd, bool] = {}
        for other in _around(self._ring, _place(end)):
            found[other] = True
        for other in self._in_rooms(end):
            found.setdefault(other, False)
        allowed = [(other, warm) for other, warm in found.items() if self._is_in_force(other)]
        return dict(allowed[:PEERS_MAX])

    def _is_in_force(self, end: PeerEnd) -> bool:
        device = self._directory.devices.get(end.device)
        return device is not None and not (device.revoked_ms or self._directory.users[device.user].disabled)

    def _in_rooms(self, end: PeerEnd) -> Iterator[PeerEnd]:
        general = self._directory.general().id
        for room in sorted(self._directory.rooms_of(self._ends[end].user) - {general}):
            members = self._directory.members(room)
            places = (_place(other, room) for user in members for other in self._of_user.get(user, ()))
            yield from _around(sorted(places), _place(end, room))

    def shown(self, end: PeerEnd, warm: bool) -> wire.Peer:
        """As others are told of it."""
        announced, device = self._ends[end], self._directory.devices[end.device]
        return wire.Peer(announced.info, device.certificate, list(announced.addresses), warm)

    def session_of(self, end: PeerEnd) -> int:
        """0: it has none."""
        return self._ends[end].session


def _place(end: PeerEnd, room: int = 0) -> _Place:
    return _Place(sha256(room.to_bytes(8, "big"), end.device, end.boot.to_bytes(8, "big")), end)


def _around(ring: list[_Place], place: _Place) -> Iterator[PeerEnd]:
    """The ends at `distances` on both sides of `place`, which is on the ring."""
    own = bisect_left(ring, place)
    for distance in distances(len(ring)):
        for index in (own + distance, own - distance):
            other = ring[index % len(ring)].end
            if other != place.end:
                yield other


def distances(count: int) -> list[int]:
    """On a ring of so many: 1, 2, 4 … up to half of it; on a large one DISTANCES_MAX, further apart from each other."""
    most = count // 2
    if most < 1 << DISTANCES_MAX:
        return [1 << power for power in range(DISTANCES_MAX) if 1 << power <= most]
    return [round(most ** (power / (DISTANCES_MAX - 1))) for power in range(DISTANCES_MAX)]


def addresses_of(observed: str, port: int, hosts: Iterable[bytes]) -> tuple[wire.PeerAddress, ...]:
    """Where a client may be reached: first at the address that its session comes from."""
    try:
        seen = ip_address(observed.partition("%")[0])
    except ValueError:
        first: list[bytes] = []
    else:
        mapped = getattr(seen, "ipv4_mapped", None)
        first = [(mapped or seen).packed]
    wanted = dict.fromkeys([*first, *(host for host in hosts if len(host) in (4, 16))])
    return tuple(wire.PeerAddress(host, port) for host in list(wanted)[:PEER_ADDRESSES_MAX])


def peer_secret(log_key: Ed25519PrivateKey, log_id: bytes) -> bytes:
    """What everybody with an account is told, so that clients know each other's datagrams from those of strangers."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=log_id, info=b"lanchat/1 peers\0").derive
    return derive(private_octets(log_key))
