"""A made-up log for tests of the local store: real headers and chain hashes, signatures that nobody checks."""

from lanchat.core.ports import ChainLink, LogStore
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import HistoryPolicy, PresenceState, Role, RoomKind
from lanchat.protocol.log.certificates import Certificate, CertificateBody
from lanchat.protocol.log.messages import Header, Kind, Message, MessageKey
from lanchat.protocol.log.records import Head, Record, chain_hash, genesis_hash
from lanchat.protocol.wire import Room, User

LOG_ID = b"the log of tests"
DEVICE = b"device-of-tester"
SIGNATURE = b"s" * 64
TIME_MS = 1_700_000_000_000


def message(n: int, text: str = "hello", room: int = 1, run: int = 7, device: bytes = DEVICE) -> Message:
    """A text of run `run`."""
    return Message(encode(Header(room, device, run, n, Kind.TEXT, 0, TIME_MS + n, n)), text.encode(), SIGNATURE)


def key(n: int, room: int = 1, run: int = 7, device: bytes = DEVICE) -> MessageKey:
    """The name of `message(n, …)`."""
    return MessageKey(room, device, run, n)


class Log:
    """One room from its first record on; `links[i]` is record i + 1. `run` keeps the author's run apart from others."""

    def __init__(self, room: int = 1, run: int = 99) -> None:
        self.room = room
        self.run = run
        self.links: list[ChainLink] = []

    def hash_at(self, seq: int) -> bytes:
        return self.links[seq - 1].hash if seq else genesis_hash(LOG_ID, self.room)

    def add(self, text: str = "text", kind: Kind = Kind.TEXT, ref: int = 0) -> ChainLink:
        """The next record, made by the log's own author."""
        n = len(self.links) + 1
        header = Header(self.room, DEVICE, self.run, n, kind, ref, TIME_MS + n, n)
        return self.take(Message(encode(header), text.encode(), SIGNATURE))

    def take(self, said: Message) -> ChainLink:
        """The next record, of this message."""
        seq = len(self.links) + 1
        record = Record(seq, TIME_MS + seq, said.header, said.signature, said.body)
        link = ChainLink(record, chain_hash(LOG_ID, self.room, self.hash_at(seq - 1), record))
        self.links.append(link)
        return link

    def fill(self, count: int) -> "Log":
        for _ in range(count):
            self.add(f"text {len(self.links) + 1} of {self.room}")
        return self

    def span(self, first: int, last: int) -> list[ChainLink]:
        """Records first … last."""
        return self.links[first - 1 : last]

    def head(self, seq: int | None = None, epoch: int = 0, time_ms: int = TIME_MS) -> Head:
        """A head whose signature nobody checks; of the last record unless told otherwise."""
        seq = len(self.links) if seq is None else seq
        return Head(epoch, self.room, seq, self.hash_at(seq), time_ms + seq, SIGNATURE)


def certificate(not_after_ms: int, serial: int = 1) -> Certificate:
    body = CertificateBody(LOG_ID, 1, b"p" * 32, "anna", "Anna", not_after_ms, serial)
    return Certificate(encode(body), SIGNATURE)


def stored_log(store: LogStore, count: int = 5) -> Log:
    """Room 1 with so many records, all of them in `store`."""
    log = Log().fill(count)
    store.start_span(1, 0, log.hash_at(0))
    store.append(1, log.links, log.head())
    return log


def room_info(number: int, name: str) -> Room:
    """A room as the server describes it."""
    return Room(number, name, RoomKind.PRIVATE, HistoryPolicy.SINCE_JOINING, 3, True, 12, 0, 4, 2)


def user_info(number: int, name: str) -> User:
    """A user as the server describes him."""
    return User(number, name, name.title(), PresenceState.AWAY, 123, Role.MODERATOR)
