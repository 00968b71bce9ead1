"""Clients that talk with each other without a server: real parts of the client core on a network in memory."""

from collections.abc import Sequence
from typing import Any

from lanchat.core.config import ClientConfig
from lanchat.core.context import CoreContext
from lanchat.core.events import MessagesCarried, RecordsStored
from lanchat.core.peers.carried import CarriedMessages
from lanchat.core.peers.missed import MissedRecords
from lanchat.core.peers.records import RecordExchange
from lanchat.core.peers.talk import PeerTalk
from lanchat.core.people.authors import Authors
from lanchat.core.people.statements import KnownStatements
from lanchat.core.ports import ChainLink
from lanchat.core.rooms.copies import RoomCopies
from lanchat.core.rooms.room import RoomContext, RoomReceiver
from lanchat.core.timers import earliest
from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import Header, Kind, Message, MessageKey, make_message
from lanchat.protocol.log.records import Head, Record, check_head
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    StatementKind,
    devices_hash,
    issue_statement,
    members_hash,
)
from tests.support.fake_log import LOG_ID, FakeLog, device_of, key_of
from tests.support.memory_local import MemoryLocalStore
from tests.support.peer_network import LOG_KEY, PeerHost, PeerNetwork, certificate_of

GENERAL, SECRET_ROOM = 1, 2


def _is_signed(head: Head) -> bool:
    try:
        check_head(keys.public_octets(LOG_KEY), LOG_ID, head)
    except ProtocolError:
        return False
    return head.epoch == 1


def wire_room(room: int, first_seq: int = 1) -> wire.Room:
    """One that this user is in."""
    kind = RoomKind.PUBLIC if room == GENERAL else RoomKind.PRIVATE
    return wire.Room(room, f"room {room}", kind, HistoryPolicy.EVERYTHING, first_seq, True, 0)


class Talker(PeerHost):
    """A client of user `number` that is told of everything by a server that then goes away."""

    def __init__(self, office: "PeerOffice", number: int, boot: int = 1, store: MemoryLocalStore | None = None) -> None:
        super().__init__(office.net, number, boot)
        self.office = office
        self.store = store or MemoryLocalStore()
        self.context = CoreContext(ClientConfig())
        self.authors = Authors(LOG_ID, keys.public_octets(LOG_KEY), self.store)
        self.statements = KnownStatements(ClientConfig(), self.context, LOG_ID, keys.public_octets(LOG_KEY), self.store)
        self.carried = CarriedMessages(self.store)
        for message in self.store.carried():
            self.carried.adopt(message, 0)
        receivers: dict[int, RoomReceiver] = {}
        rooms = RoomContext(LOG_ID, ClientConfig(), self.store, office.net.random.random, _is_signed)
        self.copies = RoomCopies(
            self.store, receivers, lambda room: RoomReceiver(room, rooms), lambda receiver: self._settle_room(receiver)
        )
        self.records = RecordExchange(LOG_ID, number, self.statements, self.copies, _is_signed, self.authors.unknown)
        self.talk = PeerTalk(
            self.context,
            self.links,
            self.statements,
            self.authors,
            self.carried,
            self.records,
            MissedRecords(number, self.statements, self.copies, self._take_given),
            self.store,
            number,
            office.net.random.random,
            lambda: 1_700_000_000_000 + int(office.net.now * 1000),
            lambda room: self.logged,
        )
        # Names in its copy of the log.
        self.logged: list[MessageKey] = []
        self.shown: list[tuple[int, str]] = []
        # Numbers of records that were stored and told, by room.
        self.told: dict[int, list[int]] = {}
        # Single records that others gave.
        self.given: list[tuple[int, Record]] = []
        self._counters: dict[int, int] = {}
        self._run = 100 * number + boot

    def learn(self, rooms: dict[int, list[int]], number: int = 1) -> None:
        """What the server said before: of rooms this user's, and everybody's certificates and accounts."""
        users = sorted({user for members in rooms.values() for user in members})
        bodies: list[Any] = [AccountBody(LOG_ID, number, u, f"user{u}", "", Role.MEMBER, False) for u in users]
        for room, members in rooms.items():
            if self.number in members:
                listing = [(user, 1) for user in members]
                kind = RoomKind.PUBLIC if room == GENERAL else RoomKind.PRIVATE
                rights = (kind, HistoryPolicy.EVERYTHING, 0, False, False, len(members), members_hash(listing))
                bodies.append(RoomBody(LOG_ID, number, room, f"room {room}", *rights))
                self.statements._set_members(room, dict(listing))
        self.statements.take_untrusted([issue_statement(LOG_KEY, body) for body in bodies])
        self.authors.learn_untrusted([self.office.certificate(user) for user in users])
        self.authors.save()
        self.statements.save()

    def hear_revocation(self, *devices: bytes) -> None:
        body = RevocationsBody(LOG_ID, 50, len(devices), devices_hash(devices))
        self.statements.take_untrusted([issue_statement(LOG_KEY, body)])
        self.statements._have_revoked((StatementKind.REVOCATIONS, 0), wire.RevokedList(list(devices)))

    def copy_log(self, log: FakeLog, seq: int, room: int = GENERAL, base: int = 0) -> None:
        """What it read before the server went away: records above `base` up to `seq`."""
        if self.store.span(room) is None:
            self.store.start_span(room, base, log.hashes[room][base])
        links = [ChainLink(record, log.hashes[room][record.seq]) for record in log.records[room][base:seq]]
        self.store.append(room, links, log.head(room, seq))
        first = self.statements.members(room) or {}
        self.copies.read([wire_room(room, first.get(self.number, 1))])

    def reach(self, room: int = GENERAL) -> int:
        """The number of the last stored record."""
        return self.copies.cursors().get(room, 0)

    def _take_given(self, room: int, records: Sequence[Record]) -> None:
        self.given += [(room, record) for record in records]
        if any(record.body == b"forged" for record in records):
            raise ProtocolError("records that the log does not have")

    def _settle_room(self, receiver: RoomReceiver) -> None:
        for event in receiver.settle():
            if isinstance(event, RecordsStored):
                self.told.setdefault(event.room, []).extend(held.record.seq for held in event.held)

    def away(self) -> None:
        self.context.at(self.net.now)
        self.links.set_away(True, self.net.now)
        self.talk.set_away(True)

    def message(self, text: str, room: int = GENERAL, kind: Kind = Kind.TEXT, ref: int = 0) -> Message:
        n = self._counters[room] = self._counters.get(room, 0) + 1
        header = Header(room, device_of(key_of(self.number)), self._run, n, kind, ref, 5, n)
        return make_message(key_of(self.number), LOG_ID, header, text)

    def say(self, text: str, room: int = GENERAL) -> Message:
        message = self.message(text, room)
        self.context.at(self.net.now)
        self.talk.say(message)
        return message

    def take(self, source: wire.PeerAddress, datagram: bytes) -> None:
        got = self.links.receive_untrusted(source, datagram, self.net.now)
        if got is not None:
            self.context.at(self.net.now)
            self.talk.take_untrusted(*got)
            self.settle()

    def settle(self) -> None:
        self.talk.settle()
        for event in self.context.take_events():
            if isinstance(event, MessagesCarried):
                self.shown += [(author, message.body.decode()) for _header, message, author in event.items]

    def timer(self) -> float | None:
        return earliest(self.links.timer(), self.talk.timer())

    def handle_timer(self) -> None:
        self.context.at(self.net.now)
        self.links.handle_timer(self.net.now)
        self.talk.handle_timer()

    def texts(self) -> set[str]:
        """What it has, its own included."""
        return {item.message.body.decode() for item in self.carried.all()}


class PeerOffice:
    """Users 2 … in `general`; some of them in a private room."""

    def __init__(self, count: int, secret: tuple[int, ...] = (), *, loss: float = 0.0, seed: int = 1) -> None:
        self.net = PeerNetwork(loss=loss, seed=seed)
        self.rooms = {GENERAL: list(range(2, 2 + count)), SECRET_ROOM: list(secret)}
        self.talkers = {number: self.talker(number) for number in self.rooms[GENERAL]}

    def certificate(self, number: int) -> Any:
        return certificate_of(number)

    def talker(self, number: int, boot: int = 1, store: MemoryLocalStore | None = None) -> Talker:
        talker = Talker(self, number, boot, store)
        self.net.hosts[talker.address] = talker
        talker.learn(self.rooms)
        return talker

    def link(self, *pairs: tuple[int, int]) -> None:
        """These and no others; all when none are named."""
        numbers = sorted(self.talkers)
        wanted = pairs or [(a, b) for a in numbers for b in numbers if a < b]
        for one, other in wanted:
            self.talkers[one].told_of(self.talkers[other])
            self.talkers[other].told_of(self.talkers[one])
        self.net.run_for(3.0)

    def away(self) -> None:
        for talker in self.talkers.values():
            talker.away()

    def texts(self) -> dict[int, set[str]]:
        return {number: talker.texts() for number, talker in self.talkers.items()}
