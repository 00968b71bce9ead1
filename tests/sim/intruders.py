"""What modified clients try at others, in runs with peers: records of rooms that they are not in, and links of devices
that were revoked; in some runs a device is revoked for that. Drawn apart from everything else of a seed."""

from random import Random
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.peers import PeerBody, sign_peer
from tests.sim.ledger import require
from tests.support.rig import LOG_ID

_ATTEMPTS = 20
# In so many runs a device is revoked, if somebody has two.
_REVOKES = 0.3


class Intruders:
    """Of one run."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._random = Random(f"intruders {world.seed}")

    def plan(self) -> None:
        duration, clock = self._world.scene.duration, self._world.clock
        if not self._world.scene.peers:
            return
        if self._random.random() < _REVOKES:
            clock.at(self._random.uniform(0.1, 0.6) * duration, self._revoke)
        for _ in range(_ATTEMPTS):
            clock.at(self._random.uniform(0.2, 1.0) * duration, self._act)

    def _revoke(self) -> None:
        """Somebody with two computers logs out at one of them."""
        profiles = [profile for profile in self._world.profiles if profile.processes and not profile.revoked]
        pairs = [(a, b) for a in profiles for b in profiles if a is not b and a.user == b.user]
        if pairs:
            self._random.choice(pairs)[0].processes[0].ask(wire.Logout())

    def _act(self) -> None:
        for profile in self._world.profiles:
            for process in profile.processes:
                if process.alive and profile.awake and process.core.peers is not None:
                    self._ask_for_records(process)
                    self._open_links(process)

    def _ask_for_records(self, process: Any) -> None:
        """Each end asks for what its user may not read, as far as this process knows; `PeerPaths.watch` looks at the
        answers."""
        now, records = self._world.clock.now, process.core.peers.talk.records
        for end, user, _heard in process.core.peers.links.ends():
            for room in self._world.database.rooms:
                span, first = process.profile.store.span(room), (process.core.statements.members(room) or {}).get(user)
                if span is None or first == 1:
                    continue
                asked = span.cursor if first is None else 1
                try:
                    records.take(end, user, wire.WantRecords(room, max(1, asked), max(1, asked), 0), now)
                except ProtocolError:
                    self._world.counters["peers: records refused to others"] += 1

    def _open_links(self, process: Any) -> None:
        """I10: the devices that this process knows as revoked get no link."""
        links, now = process.core.peers.links, self._world.clock.now
        for device in self._world.ledger.revoked:
            known = self._world.database.devices[device]
            if not process.core.statements.refuses(device, known.user):
                continue
            body = PeerBody(LOG_ID, device, self._random.getrandbits(62), self._random.randbytes(32), 0)
            info = sign_peer(self._world.profile_of(device).author.key, body)
            links.take_roster([wire.Peer(info, known.certificate, [], False)], now, complete=False)
            opened = any(end == body.end for end, _user, _heard in links.ends())
            require(not opened, "I10", f"{process.name} has a link to {body.end}, which has no right")
            self._world.counters["peers: link refused to a revoked device"] += 1
