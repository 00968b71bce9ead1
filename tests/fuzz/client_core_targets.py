"""Targets: a client's relay socket with the client core and its store behind it. Whoever writes the octets holds the
session keys, or does not."""

from collections.abc import Callable
from functools import cache
from typing import Any

from lanchat.core.config import ClientConfig
from lanchat.core.endpoints import SERVER
from lanchat.core.view.fold import RoomFold
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.seal import Sealer
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_FRAMES_MAX
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.log.records import Head, Record, sign_head
from lanchat.protocol.log.statements import AccountBody, issue_statement
from lanchat.protocol.transport import Transport as ClientPath
from lanchat.transport.udp import UdpRelay
from tests.fuzz.picture import FIGURES, picture
from tests.fuzz.receivers import (
    KEYS,
    PAYLOAD_MAX,
    check_numbers,
    conversation,
    is_genuine,
    longest_and_longer,
    loop,
)
from tests.fuzz.seeds import array
from tests.fuzz.target import Target, unchanged_when_refused
from tests.support.fake_log import LOG_ID, FakeLog, Wire, device_of, key_of
from tests.support.memory_local import MemoryLocalStore

# When the server was heard last, and of which rooms: a sealed datagram says that, whatever else it says.
HEARD = FIGURES | {"_link", "now", "unsettled", "_dirty", "_touched", "_nacks_in_a_row"}


# --- The client's relay and core ------------------------------------------------------------------------------------


class _ClientEnd(Wire):
    """A live client core with a copy of the log; the log answers only what it has."""

    def __init__(self) -> None:
        log = FakeLog(rooms=2)
        self.store = MemoryLocalStore()
        super().__init__(log, self.store, config=ClientConfig())
        for text in ("one", "two", "three"):
            log.say(1, text)
        self.connect()
        self.run_for(0.05)

    def _serve(self, path: ClientPath, frame: Any) -> None:
        match frame:
            case wire.Nack() if any(seq > len(self.log.records.get(frame.room, ())) for seq in frame.missing):
                return
            case wire.Request(operation=wire.History(room=room)) if room not in self.log.records:
                self.to_client(ClientPath.TLS, wire.Failure(frame.id, wire.Code.NOT_FOUND, ""))
            case _:
                super()._serve(path, frame)

    def take(self, frame: Any, path: ClientPath) -> None:
        """From the server; raises ProtocolError, and then the core is as before. Of an answer over TLS, after whose
        error the connection ends, only what outlives the connection is as before: the question counts as answered."""
        core = self.core
        kept: tuple[Any, ...] = (core,) if path is ClientPath.UDP else (core.directory, core._outbox, core._composer)
        for part in _one_by_one(frame):
            with unchanged_when_refused(*kept, self.store, leave_out=HEARD):
                core.receive(SERVER, path, part, self.now)

    def check(self) -> None:
        """The copy holds what the log has, and can be shown."""
        log = _whole_log()
        for room, records in log.records.items():
            span = self.store.span(room)
            if span is None:
                continue
            copy = self.store.records(room, span.base + 1, span.cursor)
            assert list(map(_said, copy)) == list(map(_said, records[span.base : span.cursor])), "a copy of another log"
            RoomFold(room, self.store, self.core.authors, 7).below(0, 50)
            head = self.store.head(room)
            assert head is None or log.hashes[room][head.seq] == head.hash


def _one_by_one(frame: Any) -> list[Any]:
    """What came before an error stands: so each record is a frame of its own."""
    if not isinstance(frame, wire.Records) or len(frame.records) < 2:
        return [frame]
    return [wire.Records(frame.room, [record]) for record in frame.records] + [wire.Records(frame.room, [], frame.head)]


def _said(record: Record) -> tuple[object, ...]:
    return record.seq, record.header, record.signature, record.body_hash


def _talk_to_client(octets: bytes) -> None:
    """Frames of a server that has proven its identity and then says anything but cannot sign for the log."""
    frames = conversation(octets, wire.decode_from_server_untrusted)
    end = _ClientEnd()
    try:
        for frame in frames:
            live = isinstance(frame, wire.LiveFromServer)
            end.take(frame, ClientPath.UDP if live else ClientPath.TLS)
            end.pump()
            end.run_for(0.04)
    finally:
        end.check()


def _sealed_payload_to_client(payload: bytes) -> None:
    """A datagram with the session's keys, through the real relay."""
    end = _ClientEnd()
    errors: list[ProtocolError] = []

    def on_frames(frames: list[Any]) -> None:
        assert len(frames) <= DATAGRAM_FRAMES_MAX, "more frames than a datagram may hold"
        try:
            for frame in frames:
                end.take(frame, ClientPath.UDP)
        except ProtocolError as error:
            errors.append(error)

    relay = _client_relay()
    relay._on_frames = on_frames
    relay.dropped.clear()
    before = picture(end.core)
    relay._open(_fresh_sealer(relay).seal(payload[:PAYLOAD_MAX]))
    if relay.dropped:
        assert picture(end.core) == before, "a dropped datagram changed the core"
        raise ProtocolError("dropped")
    end.pump()
    end.check()
    if errors:
        raise errors[0]


def _udp_to_client(datagram: bytes) -> None:
    """From somebody without keys."""
    relay = _client_relay()
    taken: list[Any] = []
    relay._on_frames = taken.append
    relay.dropped.clear()
    _fresh_sealer(relay)
    with unchanged_when_refused(relay):
        relay._open(datagram)
        if relay.dropped:
            raise ProtocolError("dropped")
    assert is_genuine(datagram, KEYS.to_client, LOG_ID), "a forged datagram was taken"
    assert len(taken) == 1

    def takes(other: bytes) -> bool:
        taken.clear()
        relay._open(other)
        return bool(taken)

    check_numbers(datagram, KEYS.to_client, LOG_ID, takes)


@cache
def _sealed_to_client() -> list[bytes]:
    sealer = Sealer(KEYS.to_client, KEYS.key_id, LOG_ID, 1)
    found = [sealer.seal(payload) for payload in _payloads_to_client()]
    return found + longest_and_longer(encode(wire.Pong(1)), KEYS.to_client, LOG_ID)


@cache
def _client_relay() -> UdpRelay:
    async def make() -> UdpRelay:
        return UdpRelay(("127.0.0.1", 9), LOG_ID, 1, lambda frames: None, lambda: None)

    return loop().run_until_complete(make())


def _fresh_sealer(relay: UdpRelay) -> Sealer:
    """The server's side of new keys, which the relay has."""
    relay._openers.clear()
    relay.use_keys(KEYS)
    return Sealer(KEYS.to_client, KEYS.key_id, LOG_ID, 1)


def _client_receiver() -> Callable[[bytes], object]:
    end, relay = _ClientEnd(), _client_relay()

    def on_frames(frames: list[Any]) -> None:
        for frame in frames:
            end.core.receive(SERVER, ClientPath.UDP, frame, end.now)

    sealer = _fresh_sealer(relay)
    relay._on_frames = on_frames
    return lambda payload: relay._open(sealer.seal(payload[:PAYLOAD_MAX]))


def _relay_receiver() -> Callable[[bytes], object]:
    """Without a core behind it."""
    relay = _client_relay()
    _fresh_sealer(relay)
    relay._on_frames = lambda frames: None
    return relay._open


@cache
def _whole_log() -> FakeLog:
    """What the client has at the beginning, and what comes after it."""
    log = FakeLog(rooms=2)
    log.enrol(key_of(7), 7, "me")
    log.enrol(key_of(9), 9, "other")
    for text in ("one", "two", "three", "four", "five"):
        log.say(1, text)
    log.say(1, "edited", kind=Kind.EDIT, ref=2)
    log.say(1, "", kind=Kind.DELETE, ref=3)
    log.say(2, "elsewhere")
    return log


def _forged_frames() -> list[wire.Records]:
    """What somebody makes up who has everything but the log's key: right chains, heads that he signed himself."""
    forged = FakeLog(rooms=2)
    for text in ("one", "two", "three", "what nobody said"):
        forged.say(1, text)
    signed = sign_head(key_of(3), LOG_ID, 1, 1, 4, forged.hashes[1][4], forged.time_ms)
    unsigned = Head(1, 1, 4, forged.hashes[1][4], forged.time_ms, bytes(64))
    return [wire.Records(1, forged.records[1][3:], head) for head in (signed, unsigned)]


@cache
def _frames_to_client() -> list[bytes]:
    """What a server sends to this client: its next records, old ones, heads, decisions, answers, news."""
    log = _whole_log()
    (*_, edit, gone), (other,) = log.records[1], log.records[2]
    user = wire.User(9, "other", "Other", wire.PresenceState.ONLINE, 5)
    receipt = wire.Receipt(1, device_of(key_of(7)), 5, 1, 4)
    frames = [
        *_forged_frames(),
        wire.Records(1, log.records[1][3:5], log.head(1, 5)),
        wire.Records(1, log.records[1][:4], None),
        wire.Records(1, [edit, gone], log.head(1)),
        wire.Records(2, [other], log.head(2)),
        wire.Heads([log.head(1), log.head(2)]),
        wire.Decided([receipt, wire.Receipt(1, device_of(key_of(7)), 5, 2, 0, 103)]),
        wire.Expect(1, device_of(key_of(7)), 5, 1),
        wire.Busy(500, [wire.NotTaken(1, device_of(key_of(7)), 5, 1, 3)]),
        wire.Pong(1),
        wire.RoomCursors(1, [wire.MemberCursor(9, 3, 2)]),
        wire.Lagging(),
        wire.Users([user]),
        wire.RoomChanged(log.rooms()[1]),
        wire.RoomGone(2),
        wire.RoomsDeleted([2]),
        wire.MembersChanged(1, [wire.Member(3, 1)], [4]),
        wire.Statements([issue_statement(log.key, AccountBody(LOG_ID, 1, 9, "o", "O", wire.Role.MEMBER, False))]),
        wire.NewCertificate(log.devices[device_of(key_of(7))]),
        wire.SessionKeys(8, b"x" * 32, b"y" * 32, 60_000),
        *(wire.Response(number, log.page(wire.History(1, 1, True, 200))) for number in (2, 3, 4)),
        wire.Response(1, wire.Subscribed([log.head(1), log.head(2)], [])),
        wire.Failure(3, wire.Code.BUSY, "", 100),
        wire.Goodbye(0, "stopping"),
    ]
    return [encode(frame) for frame in frames]


def _payloads_to_client() -> list[bytes]:
    live = [frame for frame in _frames_to_client() if frame[1] < 32]
    return [array([frame]) for frame in live if len(frame) < PAYLOAD_MAX] + [array(live[6:11]), b"\x90"]


def _payloads_and_a_crowd() -> list[bytes]:
    """And more frames than one datagram may hold."""
    return [*_payloads_to_client(), array([encode(wire.Pong(1))] * (DATAGRAM_FRAMES_MAX + 1))]


def _talks_to_client() -> list[bytes]:
    frames = _frames_to_client()
    return [array(frames[:13]), array(frames[13:]), array([frames[4], frames[12], frames[19], frames[20]])]


TARGETS = (
    Target(
        "udp-to-client",
        _udp_to_client,
        ProtocolError,
        _sealed_to_client,
        datagram=True,
        receiver=_relay_receiver,
    ),
    Target(
        "sealed-to-client",
        _sealed_payload_to_client,
        ProtocolError,
        _payloads_and_a_crowd,
        datagram=True,
        receiver=_client_receiver,
        octets_max=PAYLOAD_MAX,
        examples=150,
    ),
    Target("talk-to-client", _talk_to_client, ProtocolError, _talks_to_client, octets_max=8192, examples=100),
)
