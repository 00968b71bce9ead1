"""Clients that reach each other: a network beside the one to the server, with firewalls that let answers in alone, and
what must hold of the messages that go over it."""

from collections import Counter
from typing import Any

from lanchat.core.events import CarriedRefused, MessagesCarried
from lanchat.core.peers.peers import PeerStart
from lanchat.protocol import wire
from lanchat.protocol.datagram.peering import LINK_KIND
from lanchat.protocol.datagram.seal import HEADER
from lanchat.protocol.log.messages import MessageKey
from tests.sim.ledger import require

# A firewall forgets an address so long after the last datagram to it.
_FORGETS_AFTER = 30.0
_FIRST_PORT = 5000


class PeerPaths:
    """Ways between computers. `drawn` from a generator of its own, so that runs without peers stay what they were."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._sockets: dict[wire.PeerAddress, Any] = {}
        self._opened: dict[tuple[int, wire.PeerAddress], float] = {}
        self._cut: Counter[tuple[int, int]] = Counter()
        self._numbers: set[bytes] = set()
        # Messages that somebody was told of by peers, and who.
        self.told: dict[MessageKey, set[int]] = {}

    # --- Sockets ------------------------------------------------------------------------------------------------------

    def start(self, certificate: Any) -> PeerStart:
        """What a process draws; `certificate`: of its device, when it has one."""
        random = self._world.random
        return PeerStart(random.getrandbits(62), random.randbytes(32), random.randbytes, certificate)

    def listen(self, process: Any) -> None:
        """The process gets a socket: at the port of its last start, when that is free."""
        host = bytes([10, 0, 0, process.profile.number])
        port = process.core.peer_port or _FIRST_PORT
        while wire.PeerAddress(host, port) in self._sockets:
            port += 1
        process.peer_address = wire.PeerAddress(host, port)
        self._sockets[process.peer_address] = process
        process.core.listen_to_peers(port, [host], self._world.clock.now)

    def close(self, process: Any) -> None:
        """The process is gone."""
        self._sockets.pop(process.peer_address, None)

    # --- Datagrams ----------------------------------------------------------------------------------------------------

    def cut(self, ones: set[int], others: set[int], seconds: float) -> None:
        """Nothing passes between these computers for a while."""
        for pair in {(min(one, other), max(one, other)) for one in ones for other in others if one != other}:
            self._cut[pair] += 1
            self._world.clock.after(seconds, self._mend, pair)

    def _mend(self, pair: tuple[int, int]) -> None:
        self._cut[pair] = max(0, self._cut[pair] - 1)

    def calm(self) -> None:
        """Nothing is cut any more."""
        self._cut.clear()

    def send(self, process: Any, address: wire.PeerAddress, datagram: bytes) -> None:
        """From the socket of a process."""
        world, one, other = self._world, process.profile.number, address.host[3]
        self._opened[one, address] = world.clock.now
        self._check_nonce(datagram)
        if self._cut[min(one, other), max(one, other)]:
            return
        source = process.peer_address
        world.network.between(one, other, datagram, lambda octets: self._arrive(source, address, octets))

    def _check_nonce(self, datagram: bytes) -> None:
        """No two datagrams of one key have the same number; kind, key id and number are the first 13 octets."""
        if datagram[0] == LINK_KIND:
            require(datagram[:HEADER] not in self._numbers, "seal", "a number is used twice under one key of a link")
            self._numbers.add(datagram[:HEADER])

    def _arrive(self, source: wire.PeerAddress, address: wire.PeerAddress, datagram: bytes) -> None:
        process = self._sockets.get(address)
        if process is None or not process.alive:
            return
        opened = self._opened.get((process.profile.number, source))
        if opened is None or self._world.clock.now > opened + _FORGETS_AFTER:
            self._world.counters["peers: stopped by a firewall"] += 1
            return
        process.peer_datagram(source, datagram)

    def watch(self, process: Any) -> None:
        """I10: what it hands out of the log goes to whom it knows as a member, and from before that to nobody."""
        records, members = process.core.peers.talk.records, process.core.statements.members
        hand_out = records.take

        def take(end: Any, user: int, frame: Any, now: float) -> list[Any]:
            answers: list[Any] = hand_out(end, user, frame, now)
            for answer in answers:
                if isinstance(answer, wire.RecordsPiece):
                    first = (members(answer.room) or {}).get(user)
                    given = f"{process.name} gives user {user} room {answer.room} from {answer.first} on"
                    require(first is not None and first <= answer.first, "I10", given)
            return answers

        records.take = take
        links = process.core.peers.links
        meet = links.meet_untrusted

        def met(peer: wire.Peer, now: float) -> None:
            self._world.counters["peers: introduced"] += 1
            meet(peer, now)

        links.meet_untrusted = met

    # --- What must hold -----------------------------------------------------------------------------------------------

    def carried(self, process: Any, event: MessagesCarried) -> None:
        """I9, I10: what somebody made, in a room of both, told once to each process."""
        world, user = self._world, process.profile.user
        for header, message, author in event.items:
            world.counters["peers: message carried"] += 1
            made = world.ledger.made.get(header.key)
            require(made == message, "I9", f"{process.name} carries {header.key}, which its author did not make so")
            require(world.database.devices[header.device].user == author, "I9", f"{header.key} is not of user {author}")
            for who in (user, author):
                require((header.room, who) in world.ledger.memberships, "I10", f"{header.key} is carried to user {who}")
            told = (header.key, id(process))
            require(told not in process.told_by_peers, "I8", f"{process.name} is told twice of {header.key}")
            process.told_by_peers.add(told)
            self.told.setdefault(header.key, set()).add(process.profile.number)

    def refused(self, event: CarriedRefused) -> None:
        """Somebody's line leaves the screen."""
        self._world.counters["peers: carried message refused"] += 1

    def incomplete(self, process: Any) -> str:
        """Empty when nothing is carried any more, but what the server will not answer."""
        refuses = process.core.statements.refuses
        for end, user, _heard in process.core.peers.links.ends():
            require(not refuses(end.device, user), "I10", f"{process.name} keeps a link to {end}, which has no right")
        left = [item.header.key for item in process.core.peers.carried.all() if self._must_end(item.header.key)]
        return f"{process.name} still carries {len(left)} messages, first {left[0]}" if left else ""

    def _must_end(self, key: MessageKey) -> bool:
        """A device that was revoked is not answered."""
        return key.device not in self._world.ledger.revoked

    def at_the_end(self) -> None:
        """I7: what somebody was told of who is there is decided."""
        world = self._world
        for key, numbers in self.told.items():
            there = any(profile.number in numbers and profile.kept_all for profile in world.profiles)
            decided = key in world.ledger.decisions or world.checker.was_answered(key)
            # Whoever hears that a room was deleted drops what he carries for it.
            decided = decided or key.room in world.database.deleted
            require(decided or not (there and self._must_end(key)), "I7", f"{key} was carried and is not decided")
