"""Targets: what comes to a client's socket for peers. Whoever writes the octets has the keys of a link, the log's peer
secret, or nothing."""

from functools import cache

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.peering import OPEN_OCTETS, seal_open
from lanchat.protocol.datagram.seal import OVERHEAD
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_FRAMES_MAX, DATAGRAM_MAX
from lanchat.protocol.log.keys import public_octets, sha256
from lanchat.protocol.log.messages import check_author, decode_header_untrusted
from lanchat.protocol.log.peers import PeerBody, sign_peer
from lanchat.protocol.log.records import blanked
from lanchat.protocol.wire.peers import RECORDS_OCTETS_MAX
from tests.fuzz import letter, seeds
from tests.fuzz.picture import FIGURES, picture
from tests.fuzz.target import Target
from tests.support.fake_log import LOG_ID, FakeLog, device_of, key_of
from tests.support.peer_network import SECRET, certificate_of
from tests.support.peer_office import GENERAL, PeerOffice, Talker

_PAYLOAD_MAX = DATAGRAM_MAX - OVERHEAD
# What says that somebody was heard, and what is asked for at most so often.
_HEARD = FIGURES | {
    "heard_at",
    "send_at",
    "sent_at",
    "_deaths",
    "_now",
    "now",
    "unsettled",
    "bucket",
    "_partners",
    "_opens",
}
_ELSEWHERE = wire.PeerAddress(bytes([10, 9, 9, 9]), 9)


def _payload(octets: bytes) -> None:
    """Frames of a peer."""
    frames = wire.decode_peer_datagram_untrusted(octets)
    letter.check_value(frames, octets)
    letter.check_end(wire.decode_peer_datagram_untrusted, octets)
    assert len(frames) <= DATAGRAM_FRAMES_MAX, "more frames than a datagram may hold"
    assert wire.decode_peer_datagram_untrusted(encode(frames)) == frames


def _talk_to_peer(payload: bytes) -> None:
    """A datagram with the keys of a link to two clients that carry something: nothing unproven is kept or handed on."""
    office = _office()
    liar, listener = office.talkers[2], office.talkers[3]
    before = listener.texts()
    liar.links.send(listener.links.end, payload[:_PAYLOAD_MAX], office.net.now)
    office.net.run_for(1.0)
    refused = sum(listener.talk.counters.values())
    reach = listener.reach()
    assert listener.store.records(GENERAL, 1, reach) == _log().records[GENERAL][:reach], "records of no log"
    for talker in (listener, office.talkers[4]):
        for item in talker.carried.all():
            header = decode_header_untrusted(item.message.header)
            key = public_octets(key_of(item.author))
            assert device_of(key_of(item.author)) == header.device, "a message of another device"
            check_author(key, LOG_ID, item.message.header, sha256(item.message.body), item.message.signature)
            assert item.author in office.rooms[header.room], "a message of who is no member"
        assert before <= talker.texts(), "something that was carried is gone"
    if refused:
        raise ProtocolError("refused")


def _office() -> PeerOffice:
    office = PeerOffice(3)
    office.talkers[2].copy_log(_log(), 20)
    office.talkers[3].copy_log(_log(), 10)
    office.link()
    office.away()
    office.talkers[3].say("hello")
    office.net.run_for(0.2)
    return office


def _open(content: bytes) -> None:
    """The content of an open datagram, sealed here with the log's secret."""
    host = _stranger_host()
    datagram = seal_open(SECRET, LOG_ID, bytes(32), content[: OPEN_OCTETS - 60])
    _meet(host, datagram)


def _udp_to_peer(datagram: bytes) -> None:
    """From somebody without keys."""
    _meet(_stranger_host(), datagram)


def _meet(host: Talker, datagram: bytes) -> None:
    """What is refused changes nothing and is not answered; what is taken is answered by no more than it had."""
    before, known = picture((host.links,), _HEARD), set(host.links._links)
    host.links.receive_untrusted(_ELSEWHERE, datagram, host.net.now)
    answers = host.links.take_datagrams()
    assert sum(len(answer) for _, answer in answers) <= len(datagram), "an answer larger than its question"
    if host.links.counters:
        assert set(host.links._links) == known, "a stranger became a peer"
        assert picture((host.links,), _HEARD) == before, "a dropped datagram changed the links"
        assert not answers
        raise ProtocolError("dropped")
    for link in host.links._links.values():
        assert link.body.log_id == LOG_ID
        assert link.user in (3, 4), "a peer that the log does not know"


def _stranger_host() -> Talker:
    return PeerOffice(1).talkers[2]


def _opening(number: int) -> wire.OpenLink:
    body = PeerBody(LOG_ID, device_of(key_of(number)), 7, bytes([9]) * 32, 0)
    return wire.OpenLink(sign_peer(key_of(number), body), certificate_of(number), device_of(key_of(2)), False)


@cache
def _openings() -> list[bytes]:
    genuine = [encode(_opening(number)) for number in (3, 4)]
    other = [encode(wire.OpenLink(_opening(3).info, _opening(4).certificate, device_of(key_of(2)), False))]
    return [*genuine, *other, *seeds.odd(genuine[0])]


@cache
def _open_datagrams() -> list[bytes]:
    found = [seal_open(SECRET, LOG_ID, bytes([number]) * 32, encode(_opening(3 + number))) for number in (0, 1)]
    return [*found, found[0][:-1], found[0] + b"x", b"\2" * OPEN_OCTETS, b"\3" * 40, b""]


@cache
def _log() -> FakeLog:
    log = FakeLog()
    for number in range(20):
        log.say(text=f"text {number}")
    return log


def _records(octets: bytes) -> None:
    for record in wire.decode_peer_records_untrusted(octets):
        assert encode(record)


@cache
def _pages() -> list[bytes]:
    records = _log().records[GENERAL]
    return [encode(records[:3]), encode([]), encode([blanked(records[0])]), *seeds.odd(encode(records[:1]))]


@cache
def _payloads() -> list[bytes]:
    office = _office()
    author = office.talkers[2]
    message = author.message("hello")
    large = author.message("x" * 2500)
    held = office.talkers[3].carried.held(GENERAL)
    frames = [
        wire.Carry([message], 0),
        wire.Carry([author.message("two"), author.message("three")], 8),
        wire.Digest(5),
        wire.RoomDigests([wire.RoomDigest(GENERAL, 5), wire.RoomDigest(77, 1)]),
        wire.Holds(GENERAL, held, True),
        wire.Holds(GENERAL, [wire.HeldRun(bytes(16), 5, 2**63 - 1, b"\xff" * 64)], False),
        wire.Want([wire.MessageName(*item.header.key) for item in office.talkers[3].carried.all()]),
        wire.WantAuthors([device_of(key_of(3)), bytes(16)]),
        wire.PeerCertificates([certificate_of(3)]),
        wire.OfferMessage(large.header, large.signature, sha256(large.body), len(large.body), 0),
        wire.WantPiece(wire.MessageName(*decode_header_untrusted(message.header).key), 0),
        wire.Piece(wire.MessageName(*decode_header_untrusted(large.header).key), 1000, large.body[1000:2000]),
        wire.Digest(5, 7),
        wire.Stored([wire.RoomReach(GENERAL, 500), wire.RoomReach(77, 1)]),
        wire.WantHead(GENERAL),
        wire.StoredHead(_log().head(GENERAL)),
        wire.WantRecords(GENERAL, 1, 20, 0),
        wire.RecordsPiece(GENERAL, 11, 3000, 1000, b"x" * 1000),
        wire.WantPeers([device_of(key_of(3))]),
        wire.WantMissed(GENERAL, [1, 2, 300]),
        wire.Missed(GENERAL, _log().records[GENERAL][10]),
        wire.Introduce(office.talkers[4].entry()),
        wire.Digest(5, 7, 9),
        wire.WantStatements(0),
        *office.talkers[3].talk._hearsay._tell(2, 0),
    ]
    return [encode([]), *(encode([frame]) for frame in frames), encode(frames[2:5]), encode([wire.Digest(1)] * 17)]


TARGETS = (
    Target("payload-to-peer", _payload, ProtocolError, _payloads, datagram=True, octets_max=_PAYLOAD_MAX),
    Target("talk-to-peer", _talk_to_peer, ProtocolError, _payloads, octets_max=_PAYLOAD_MAX, examples=60),
    Target("peer-records", _records, ProtocolError, _pages, octets_max=RECORDS_OCTETS_MAX),
    Target("open-link", _open, ProtocolError, _openings, octets_max=OPEN_OCTETS, examples=150),
    Target("udp-to-peer", _udp_to_peer, ProtocolError, _open_datagrams, octets_max=DATAGRAM_MAX, examples=150),
)
