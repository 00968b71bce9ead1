"""Targets: a server's relay socket with the core and the sequencer behind it. Whoever writes the octets holds the
session keys, or does not."""

import socket
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.seal import Sealer
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_FRAMES_MAX
from lanchat.protocol.log.keys import MESSAGE_CONTEXT, sha256
from lanchat.protocol.log.messages import Header, Kind, Message, decode_header_untrusted
from lanchat.protocol.log.records import Head
from lanchat.protocol.transport import Transport
from lanchat_server.core.hub import ServerCore
from lanchat_server.service.net.datagrams import DatagramRelay
from tests.fuzz.picture import picture
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
from tests.support import rig as server_rig
from tests.support.rig import Rig, check_chain

ADDRESS = ("127.0.0.1", 4000)


@cache
def _socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


# --- The server's relay ---------------------------------------------------------------------------------------------


class _ServerEnd:
    """A relay with one session, and the core behind it as after a start."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.frames = 0
        self.core = ServerCore(_rig().config, _rig().directory, _heads(), 0.0)
        for number, author in _rig().authors.items():
            self.core.add_session(number, author.user, author.device, 0.0)
            self.core.subscribe(number, [server_rig.GENERAL, Rig.PRIVATE])
        self.core.take_outputs()
        self.relay = loop().run_until_complete(self._make())
        self.relay.open_channel(1, KEYS)

    async def _make(self) -> DatagramRelay:
        return DatagramRelay(_socket(), server_rig.LOG_ID, 1, self._receive, lambda: None, self._count)

    def _receive(self, session: int, frame: Any) -> None:
        self.frames += 1
        self.core.receive(session, frame, Transport.UDP, 1.0)

    def _count(self, reason: str, number: int = 1) -> None:
        self.counters[reason] += number

    def handle(self, datagram: bytes) -> None:
        """As from the socket; raises ProtocolError when it was dropped."""
        self.relay._handle(datagram, ADDRESS)
        self.core.take_outputs()
        if not self.counters["udp_in"]:
            raise ProtocolError("dropped")

    def takes(self, datagram: bytes, address: tuple[str, int] = ADDRESS) -> bool:
        """Whether this one is taken, after others."""
        before = self.counters["udp_in"]
        self.relay._handle(datagram, address)
        return self.counters["udp_in"] > before

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
    assert is_genuine(datagram, KEYS.to_server, server_rig.LOG_ID), "a forged datagram was taken"
    before = picture((end.core, end.relay))
    assert not end.takes(datagram, ("127.0.0.1", 6666)), "a datagram was taken twice"
    assert picture((end.core, end.relay)) == before, "a datagram that came again changed the receiver's state"
    check_numbers(datagram, KEYS.to_server, server_rig.LOG_ID, end.takes)


@cache
def _sealed_to_server() -> list[bytes]:
    sealer = Sealer(KEYS.to_server, KEYS.key_id, server_rig.LOG_ID, 1)
    found = [sealer.seal(payload) for payload in _payloads_to_server()]
    return found + longest_and_longer(encode(wire.Ping(1)), KEYS.to_server, server_rig.LOG_ID)


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
    assert end.frames <= DATAGRAM_FRAMES_MAX, "more frames than a datagram may hold"
    assert end.core.queue_lengths()["submissions"] <= end.core.config.session_queue_max


def _server_receiver() -> Callable[[bytes], object]:
    end = _ServerEnd()
    sealer = Sealer(KEYS.to_server, KEYS.key_id, server_rig.LOG_ID, 1)
    return lambda payload: end.handle(sealer.seal(payload[:PAYLOAD_MAX]))


def _payloads_to_server() -> list[bytes]:
    """What a client sends: messages of its own and of others, repair, receipts, pings; a few in one datagram."""
    return [array([frame]) for frame in _talk_frames()] + [array(_talk_frames()[:4]), b"\x90"]


def _payloads_and_a_crowd() -> list[bytes]:
    """And more frames than one datagram may hold."""
    return [*_payloads_to_server(), array([encode(wire.Ping(0))] * (DATAGRAM_FRAMES_MAX + 1))]


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
    frames = conversation(octets, wire.decode_from_client_untrusted)
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
        rig.core.receive(1 + place % 3, frame, Transport.TLS if place % 2 else Transport.UDP, now)
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


TARGETS = (
    Target(
        "udp-to-server",
        _udp_to_server,
        ProtocolError,
        _sealed_to_server,
        datagram=True,
        receiver=lambda: _ServerEnd().handle,
    ),
    Target(
        "sealed-to-server",
        _sealed_payload_to_server,
        ProtocolError,
        _payloads_and_a_crowd,
        datagram=True,
        receiver=_server_receiver,
        octets_max=PAYLOAD_MAX,
    ),
    Target("talk-to-server", _talk_to_server, ProtocolError, _talks_to_server, octets_max=8192, examples=100),
)
