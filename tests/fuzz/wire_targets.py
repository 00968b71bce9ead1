"""Targets: single frames, the TLS stream, discovery, certificates, records. Each input is what came off the network."""

from random import Random

from lanchat.protocol import beacon, wire
from lanchat.protocol.certificates import Certificate, open_certificate_untrusted
from lanchat.protocol.client.chain import link_untrusted
from lanchat.protocol.client.fold import Note
from lanchat.protocol.codec import Decoder, decoder, encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.keys import CERTIFICATE_CONTEXT, public_octets, sha256
from lanchat.protocol.limits import FRAME_MAX, FRAME_MAX_UNAUTHENTICATED
from lanchat.protocol.messages import (
    Header,
    Kind,
    body_text_untrusted,
    check_author,
    check_body,
    decode_header_untrusted,
)
from lanchat.protocol.names import BIDI_CONTROLS
from lanchat.protocol.records import Head, Record, check_head
from lanchat.protocol.wire import FrameReader
from tests.fuzz import seeds
from tests.fuzz.mutate import blind
from tests.fuzz.target import Target
from tests.support.fake_log import LOG_ID, FakeLog, key_of

# --- Frames ---------------------------------------------------------------------------------------------------------


def _round_trip(decode: Decoder, octets: bytes) -> None:
    value = decode(octets)
    again = decode(encode(value))
    # NaN is not itself; its encoding is.
    assert again == value or encode(again) == encode(value), "a decoded value does not survive its own encoding"


def _frame_to_server(octets: bytes) -> None:
    _round_trip(wire.decode_from_client_untrusted, octets)


def _frame_to_client(octets: bytes) -> None:
    _round_trip(wire.decode_from_server_untrusted, octets)


def _payload_to_server(octets: bytes) -> None:
    _round_trip(wire.decode_client_datagram_untrusted, octets)


def _payload_to_client(octets: bytes) -> None:
    _round_trip(wire.decode_server_datagram_untrusted, octets)


# --- The TLS stream -------------------------------------------------------------------------------------------------

_LIMITS = (0, 5, 64, FRAME_MAX_UNAUTHENTICATED, FRAME_MAX)


def _tls_stream(octets: bytes) -> None:
    """The first two octets say which limit holds and where the stream is split; the rest is the stream."""
    limit, rng = _LIMITS[octets[0] % len(_LIMITS)] if octets else 0, Random(octets[:2])
    stream = octets[2:]
    whole, whole_error = _read(limit, [stream])
    parts = []
    start = 0
    while start < len(stream):
        end = start + rng.choice((1, 1, 2, 3, 5, 100))
        parts.append(stream[start:end])
        start = end
    split, split_error = _read(limit, parts)
    assert whole_error == split_error, "a split of the stream decides whether it is refused"
    # What came in one piece with an error is lost with it: the connection ends.
    assert split[: len(whole)] == whole, "a split of the stream gives other frames"
    assert whole_error or split == whole
    assert all(len(frame) <= limit for frame in split)
    if whole_error:
        raise ProtocolError("refused")


def _read(limit: int, parts: list[bytes]) -> tuple[list[bytes], bool]:
    reader = FrameReader(limit)
    frames: list[bytes] = []
    for part in parts:
        try:
            frames += reader.feed_untrusted(part)
        except ProtocolError:
            return frames, True
    return frames, False


def _streams() -> list[bytes]:
    stream = bytes.fromhex(seeds.vectors("frames")["stream"])
    frames = [len(frame).to_bytes(4, "big") + frame for frame in seeds.frames("to server")]
    found = [bytes([4, number]) + octets for number, octets in enumerate([stream, *frames, b"".join(frames)])]
    for place, limit in enumerate(_LIMITS[:4]):
        found += [bytes([place, 0]) + size.to_bytes(4, "big") + bytes(size) for size in (limit, limit + 1)]
    return found


# --- Discovery ------------------------------------------------------------------------------------------------------


def _probe(octets: bytes) -> None:
    token = beacon.decode_probe(octets)
    assert beacon.encode_probe(token) == octets
    answer = beacon.encode_answer(token, _ADVERT)
    assert len(answer) < len(octets), "an answer that is not smaller than its question"


def _answer(octets: bytes) -> None:
    token, advert = beacon.decode_answer(octets)
    _check_advert(advert)
    again = beacon.encode_answer(token, advert)
    assert beacon.decode_answer(again) == (token, advert)


def _txt(octets: bytes) -> None:
    txt, port, label = _decode_txt(octets)
    advert = beacon.decode_txt(txt, port, label)
    _check_advert(advert)
    again = {key.encode(): value.encode() for key, value in beacon.encode_txt(advert).items()}
    assert beacon.decode_txt(again, advert.port, advert.name) == advert
    service_label = beacon.service_label(advert.name)
    assert 0 < len(service_label.encode()) <= beacon.LABEL_OCTETS_MAX
    assert "." not in service_label


_decode_txt = decoder(tuple[dict[bytes, bytes | None], int | None, str])
_ADVERT = beacon.Advert(LOG_ID, "ab" * 32, 47400, "Office")


def _check_advert(advert: beacon.Advert) -> None:
    assert len(advert.log_id) == 16
    assert 0 < len(advert.name.encode()) <= beacon.NAME_OCTETS_MAX
    assert not BIDI_CONTROLS & set(advert.name)
    assert "\n" not in advert.name


def _txts() -> list[bytes]:
    txt = {key.encode(): value.encode() for key, value in beacon.encode_txt(_ADVERT).items()}
    return [encode((txt, 47400, "Office")), encode((txt | {b"later": None}, 1, "a\u2024b")), encode(({}, None, ""))]


# --- Signed things --------------------------------------------------------------------------------------------------

_LOG_KEY = key_of(1)
_LOG_PUBLIC = public_octets(_LOG_KEY)


def _certificate(octets: bytes) -> None:
    """The content of a certificate, signed here with the log's key."""
    certificate = Certificate(octets, _LOG_KEY.sign(CERTIFICATE_CONTEXT + octets))
    body = open_certificate_untrusted(_LOG_PUBLIC, LOG_ID, certificate)
    assert body.log_id == LOG_ID
    assert len(body.device) == 16
    assert len(body.user_name) <= 32


def _any_certificate(octets: bytes) -> None:
    """A whole certificate from somebody who has no key: nothing but the real ones opens."""
    certificate = _decode_certificate(octets)
    body = open_certificate_untrusted(_LOG_PUBLIC, LOG_ID, certificate)
    assert (certificate.octets, certificate.signature) in _REAL, f"a forged certificate of {body.user_name!r} was taken"


def _certificates() -> list[Certificate]:
    log = FakeLog()
    return [log.enrol(key_of(number), number, name) for number, name in ((7, "anna"), (9, "борис"))]


_decode_certificate = decoder(Certificate)
_REAL = {(item.octets, item.signature) for item in _certificates()}


def _message(octets: bytes) -> None:
    """Header, body and key of a message, as a server takes them apart."""
    header_octets, body, signature = _decode_message(octets)
    header: Header = decode_header_untrusted(header_octets)
    assert decode_header_untrusted(encode(header)) == header
    for kind in (header.kind, Kind.TEXT, Kind.REACTION, Kind.DELETE):
        try:
            text = body_text_untrusted(kind, body)
        except ProtocolError:
            continue
        check_body(kind, text)
        assert text.encode() == body
        assert not BIDI_CONTROLS & set(text)
    public_key, log_id = (bytes.fromhex(seeds.vectors("messages")[name]) for name in ("public_key", "log_id"))
    check_author(public_key, log_id, header_octets, sha256(body), signature)
    assert (header_octets, body) in map(_said_in, _messages()), "a forged message was taken"


_decode_message = decoder(tuple[bytes, bytes, bytes])


def _said_in(octets: bytes) -> tuple[bytes, bytes]:
    header, body, _ = _decode_message(octets)
    return header, body


def _messages() -> list[bytes]:
    found = seeds.vectors("messages")["messages"]
    return [encode([bytes.fromhex(item[name]) for name in ("header", "body", "signature")]) for item in found]


def _records(octets: bytes) -> None:
    """Records of one room with a head, as a client links and folds them: nothing that the log did not say is proven."""
    vectors = seeds.vectors("records")
    log_id, log_key, chain = (bytes.fromhex(vectors[name]) for name in ("log_id", "log_key", "genesis"))
    page: wire.Records = _decode_records(octets)
    for record in page.records:
        held = link_untrusted(log_id, vectors["room"], chain, record)
        chain = held.link.hash
        assert Note(record).header == held.header
    if page.head is not None:
        check_head(log_key, log_id, page.head)
        if (page.head.room, page.head.hash) == (vectors["room"], chain):
            assert [_said(record) for record in page.records] in _true_pages(), "records that nobody said were proven"


_decode_records = decoder(wire.Records)
_decode_record = decoder(Record)
_decode_head = decoder(Head)


def _said(record: Record) -> tuple[object, ...]:
    """What the chain covers of a record."""
    return record.seq, record.time_ms, record.header, record.signature, record.body_hash


def _true_pages() -> list[list[tuple[object, ...]]]:
    vectors = seeds.vectors("records")
    records = [_said(_decode_record(bytes.fromhex(item["octets"]))) for item in vectors["records"]]
    return [records[:count] for count in range(len(records) + 1)]


def _record_pages() -> list[bytes]:
    vectors = seeds.vectors("records")
    records = [_decode_record(bytes.fromhex(item["octets"])) for item in vectors["records"]]
    heads = [_decode_head(bytes.fromhex(item["octets"])) for item in vectors["heads"]]
    return [encode(wire.Records(vectors["room"], records, head)) for head in (None, *heads)]


def _damaged(octets: bytes, rng: Random, most: int) -> bytes:
    """A stream has no structure but its lengths."""
    return blind(octets, rng)[:most]


TARGETS = (
    Target("frame-to-server", _frame_to_server, ProtocolError, lambda: seeds.frames("to server")),
    Target("frame-to-client", _frame_to_client, ProtocolError, lambda: seeds.frames("to client")),
    Target("payload-to-server", _payload_to_server, ProtocolError, lambda: seeds.datagrams("to server"), datagram=True),
    Target("payload-to-client", _payload_to_client, ProtocolError, lambda: seeds.datagrams("to client"), datagram=True),
    Target("tls-stream", _tls_stream, ProtocolError, _streams, change=_damaged),
    Target("beacon-probe", _probe, ProtocolError, lambda: [beacon.encode_probe(b"t" * 16)], datagram=True),
    Target(
        "beacon-answer",
        _answer,
        ProtocolError,
        lambda: [beacon.encode_answer(b"t" * 16, _ADVERT), beacon.encode_answer(bytes(16), _ADVERT)],
        datagram=True,
    ),
    Target("dns-sd", _txt, ProtocolError, _txts, datagram=True),
    Target("certificate", _certificate, ProtocolError, lambda: [octets for octets, _ in sorted(_REAL)]),
    Target("any-certificate", _any_certificate, ProtocolError, lambda: [encode(list(item)) for item in sorted(_REAL)]),
    Target("message", _message, ProtocolError, _messages),
    Target("records", _records, ProtocolError, _record_pages),
)
