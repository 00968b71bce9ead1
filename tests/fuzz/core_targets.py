"""Targets: the real receivers. A server's relay socket with the core and the sequencer behind it, a client's relay with
the client core and its store; whoever writes the octets holds the session keys, or does not."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lanchat.net.udp import UdpRelay
from lanchat.protocol import wire
from lanchat.protocol.client.config import ClientConfig
from lanchat.protocol.client.events import Path as ClientPath
from lanchat.protocol.client.fold import RoomFold
from lanchat.protocol.codec import decoder, encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.keys import MESSAGE_CONTEXT, sha256
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.messages import Header, Kind, Message, decode_header_untrusted
from lanchat.protocol.records import Head, Record, sign_head
from lanchat.protocol.seal import HEADER, OVERHEAD, Sealer
from lanchat.protocol.wire import SessionKeys
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.sessions import Path
from lanchat_server.service.datagrams import DatagramRelay
from tests.fuzz.picture import FIGURES, picture
from tests.fuzz.seeds import array
from tests.fuzz.target import Target, unchanged_when_refused
from tests.support import rig as server_rig
from tests.support.fake_log import LOG_ID, FakeLog, Wire, device_of, key_of
from tests.support.memory_local import MemoryLocalStore
from tests.support.rig import Rig, check_chain

# When the server was heard last, also of a room: a sealed datagram says that, whatever else it says.
HEARD = FIGURES | {"_link", "now", "unsettled", "_dirty", "_nacks_in_a_row"}
PAYLOAD_MAX = DATAGRAM_MAX - OVERHEAD
KEYS = SessionKeys(7, b"s" * 32, b"c" * 32, 3_600_000)
ADDRESS = ("127.0.0.1", 4000)
_decode_talk = decoder(list[msgspec.Raw])


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Both relays are made in a running loop; nothing of ours is ever read from it."""
    return asyncio.new_event_loop()


@cache
def _socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _conversation(octets: bytes, decode: Callable[[bytes], Any]) -> list[Any]:
    """The frames of an array that can be decoded; raises ProtocolError when there is none."""
    frames = []
    for raw in _decode_talk(octets)[:40]:
        try:
            frames.append(decode(bytes(raw)))
        except ProtocolError:
            continue
    if not frames:
        raise ProtocolError("no frame at all")
    return frames


# --- The server's relay ---------------------------------------------------------------------------------------------


class _ServerEnd:
    """A relay with one session, and the core behind it as after a start."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.core = ServerCore(_rig().config, _rig().directory, _heads(), 0.0)
        for number, author in _rig().authors.items():
            self.core.add_session(number, author.user, author.device, 0.0)
            self.core.subscribe(number, [server_rig.GENERAL, Rig.PRIVATE])
        self.core.take_outputs()
        self.relay = _loop().run_until_complete(self._make())
        self.relay.open_channel(1, KEYS)

    async def _make(self) -> DatagramRelay:
        return DatagramRelay(_socket(), server_rig.LOG_ID, 1, self._receive, lambda: None, self._count)

    def _receive(self, session: int, frame: Any) -> None:
        self.core.receive(session, frame, Path.UDP, 1.0)

    def _count(self, reason: str, number: int = 1) -> None:
        self.counters[reason] += number

    def handle(self, datagram: bytes) -> None:
        """As from the socket; raises ProtocolError when it was dropped."""
        self.relay._handle(datagram, ADDRESS)
        self.core.take_outputs()
        if not self.counters["udp_in"]:
            raise ProtocolError("dropped")

    @property
    def channel(self) -> Any:
        return self.relay._by_session[1]


@cache
def _rig() -> Rig:
    return Rig()


@cache
def _heads() -> list[Head]:
    return list(_rig().core.heads.values())


def _udp_to_server(datagram: bytes) -> None:
    """From somebody without keys: only what was really sealed is taken, else nothing at all has changed."""
    end = _ServerEnd()
    with unchanged_when_refused(end.core, end.relay):
        end.handle(datagram)
    assert _is_genuine(datagram, KEYS.to_server, server_rig.LOG_ID), "a forged datagram was taken"
    with unchanged_when_refused(end.core, end.relay):
        before = end.counters["udp_in"]
        end.relay._handle(datagram, ("127.0.0.1", 6666))
        assert end.counters["udp_in"] == before, "a datagram was taken twice"
        assert end.channel.address == ADDRESS


def _is_genuine(datagram: bytes, key: bytes, log_id: bytes) -> bool:
    """Opened here by the letter of docs/PROTOCOL.md, without our own code."""
    header, sealed = datagram[:HEADER], datagram[HEADER:]
    try:
        ChaCha20Poly1305(key).decrypt(bytes(4) + header[5:], sealed, header + log_id + (1).to_bytes(4, "big"))
    except InvalidTag:
        return False
    return header[:5] == b"\1" + KEYS.key_id.to_bytes(4, "big")


@cache
def _sealed_to_server() -> list[bytes]:
    sealer = Sealer(KEYS.to_server, KEYS.key_id, server_rig.LOG_ID, 1)
    return [sealer.seal(payload) for payload in _payloads_to_server()]


def _sealed_payload_to_server(payload: bytes) -> None:
    """From a client with keys that says anything: the core takes it or is as before; its address counts only then."""
    end = _ServerEnd()
    datagram = Sealer(KEYS.to_server, KEYS.key_id, server_rig.LOG_ID, 1).seal(payload[:PAYLOAD_MAX])
    before = picture(end.core)
    try:
        end.handle(datagram)
    except ProtocolError:
        assert picture(end.core) == before, "a refused datagram changed the core"
        assert end.channel.address is None
        raise
    assert end.core.queue_lengths()["submissions"] <= end.core.config.session_queue_max


def _server_receiver() -> Callable[[bytes], object]:
    end = _ServerEnd()
    sealer = Sealer(KEYS.to_server, KEYS.key_id, server_rig.LOG_ID, 1)
    return lambda payload: end.handle(sealer.seal(payload[:PAYLOAD_MAX]))


def _payloads_to_server() -> list[bytes]:
    """What a client sends: messages of its own and of others, repair, receipts, pings; a few in one datagram."""
    return [array([frame]) for frame in _talk_frames()] + [array(_talk_frames()[:4]), b"\x90"]


def _talk_frames() -> list[bytes]:
    anna, boris = server_rig.make_author(1), server_rig.make_author(2)
    frames = [
        wire.Submit([anna.message("hello"), anna.message("again")]),
        wire.Submit([boris.message("hidden", room=Rig.PRIVATE)]),
        wire.Submit([anna.message("edited", kind=Kind.EDIT, ref=1), anna.message("👍", kind=Kind.REACTION, ref=1)]),
        wire.Submit([anna.message("", kind=Kind.DELETE, ref=1), anna.message("answer", ref=2)]),
        wire.Submit([boris.message("late", n=9), boris.message("later", n=2**63 - 1)]),
        wire.Nack(server_rig.GENERAL, [1, 2, 3]),
        wire.Nack(Rig.PRIVATE, []),
        wire.Ping(0),
        wire.Ping(2**63 - 1),
        wire.Cursors([wire.Cursor(server_rig.GENERAL, 3, 2), wire.Cursor(77, 1, 1)]),
        wire.Activity(wire.PresenceState.AWAY),
    ]
    return [encode(frame) for frame in frames]


# --- The server's core and sequencer --------------------------------------------------------------------------------


def _talk_to_server(octets: bytes) -> None:
    """Frames of three sessions, one after the other, with time between them; messages are signed here. The log stays a
    log: numbered, chained, each message once."""
    frames = _conversation(octets, wire.decode_from_client_untrusted)
    rig = Rig()
    for number, author in rig.authors.items():
        rig.core.add_session(number, author.user, author.device, 0.0)
        rig.core.subscribe(number, [server_rig.GENERAL, Rig.PRIVATE])
    now = 0.0
    for place, frame in enumerate(frames):
        if isinstance(frame, wire.Request):
            continue
        if isinstance(frame, wire.Submit):
            frame = wire.Submit([_signed(rig, message) for message in frame.messages])
        rig.core.receive(1 + place % 3, frame, Path.TLS if place % 2 else Path.UDP, now)
        rig.run_batches(now)
        now += (0.01, 0.3, 12.0, 70.0)[place % 4]
        due = rig.core.timer()
        if due is not None and due <= now:
            rig.core.handle_timer(now)
        rig.run_batches(now)
        rig.core.take_outputs()
    _check_log(rig)


def _signed(rig: Rig, message: Message) -> Message:
    """The message with the right signature, when its header names one of our devices; others stay as they are."""
    try:
        header: Header = decode_header_untrusted(message.header)
    except ProtocolError:
        return message
    author = next((author for author in rig.authors.values() if author.device == header.device), None)
    if author is None or message.signature.startswith(b"\0"):
        return message
    signature = author.key.sign(MESSAGE_CONTEXT + server_rig.LOG_ID + message.header + sha256(message.body))
    return Message(message.header, message.body, signature)


def _check_log(rig: Rig) -> None:
    for room, stored in rig.database.records.items():
        records = [item.record for item in stored]
        check_chain(room, records, rig.core.heads[room])
        keys = [decode_header_untrusted(record.header).key for record in records]
        assert len(set(keys)) == len(keys), "a message is stored twice"
        assert all(key.room == room for key in keys), "a message of another room"


def _talks_to_server() -> list[bytes]:
    frames = _talk_frames()
    return [array(frames), array(frames[:1]), array([frames[0]] * 3), array(frames[4:6] * 4)]


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
                core.receive(part, path, self.now)

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
    frames = _conversation(octets, wire.decode_from_server_untrusted)
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
    assert _is_genuine(datagram, KEYS.to_client, LOG_ID), "a forged datagram was taken"
    assert len(taken) == 1


@cache
def _sealed_to_client() -> list[bytes]:
    sealer = Sealer(KEYS.to_client, KEYS.key_id, LOG_ID, 1)
    return [sealer.seal(payload) for payload in _payloads_to_client()]


@cache
def _client_relay() -> UdpRelay:
    async def make() -> UdpRelay:
        return UdpRelay(("127.0.0.1", 9), LOG_ID, 1, lambda frames: None, lambda: None)

    return _loop().run_until_complete(make())


def _fresh_sealer(relay: UdpRelay) -> Sealer:
    """The server's side of new keys, which the relay has."""
    relay._openers.clear()
    relay.use_keys(KEYS)
    return Sealer(KEYS.to_client, KEYS.key_id, LOG_ID, 1)


def _client_receiver() -> Callable[[bytes], object]:
    end, relay = _ClientEnd(), _client_relay()

    def on_frames(frames: list[Any]) -> None:
        for frame in frames:
            end.core.receive(frame, ClientPath.UDP, end.now)

    sealer = _fresh_sealer(relay)
    relay._on_frames = on_frames
    return lambda payload: relay._open(sealer.seal(payload[:PAYLOAD_MAX]))


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
        wire.Busy(500),
        wire.Pong(1),
        wire.RoomCursors(1, [wire.MemberCursor(9, 3, 2)]),
        wire.Lagging(),
        wire.Users([user]),
        wire.RoomChanged(log.rooms()[1]),
        wire.RoomGone(2),
        wire.MembersChanged(1, [3], [4]),
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


def _talks_to_client() -> list[bytes]:
    frames = _frames_to_client()
    return [array(frames[:13]), array(frames[13:]), array([frames[4], frames[12], frames[19], frames[20]])]


TARGETS = (
    Target("udp-to-server", _udp_to_server, ProtocolError, _sealed_to_server, datagram=True),
    Target("udp-to-client", _udp_to_client, ProtocolError, _sealed_to_client, datagram=True),
    Target(
        "sealed-to-server",
        _sealed_payload_to_server,
        ProtocolError,
        _payloads_to_server,
        datagram=True,
        receiver=_server_receiver,
        octets_max=PAYLOAD_MAX,
    ),
    Target(
        "sealed-to-client",
        _sealed_payload_to_client,
        ProtocolError,
        _payloads_to_client,
        datagram=True,
        receiver=_client_receiver,
        octets_max=PAYLOAD_MAX,
        examples=150,
    ),
    Target("talk-to-server", _talk_to_server, ProtocolError, _talks_to_server, octets_max=8192, examples=100),
    Target("talk-to-client", _talk_to_client, ProtocolError, _talks_to_client, octets_max=8192, examples=100),
)
