"""Targets: single frames, the TLS stream, discovery. Each input is what came off the network."""

import re
from random import Random
from typing import Annotated, Any

import msgspec

from lanchat.protocol import wire
from lanchat.protocol.codec import Decoder, decoder, encode
from lanchat.protocol.datagram import beacon
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_FRAMES_MAX, FRAME_MAX, FRAME_MAX_UNAUTHENTICATED
from lanchat.protocol.text.names import BIDI_CONTROLS
from lanchat.protocol.wire import FrameReader
from tests.fuzz import letter, seeds
from tests.fuzz.mutate import blind
from tests.fuzz.receivers import PAYLOAD_MAX
from tests.fuzz.target import Target
from tests.support.fake_log import LOG_ID

# --- Frames ---------------------------------------------------------------------------------------------------------


def _round_trip(decode: Decoder, octets: bytes) -> Any:
    value = decode(octets)
    letter.check_value(value, octets)
    letter.check_end(decode, octets)
    again = decode(encode(value))
    # NaN is not itself; its encoding is.
    assert again == value or encode(again) == encode(value), "a decoded value does not survive its own encoding"
    return value


def _frame_to_server(octets: bytes) -> None:
    _round_trip(wire.decode_from_client_untrusted, octets)


def _frame_to_client(octets: bytes) -> None:
    _round_trip(wire.decode_from_server_untrusted, octets)


def _payload_to_server(octets: bytes) -> None:
    frames = _round_trip(wire.decode_client_datagram_untrusted, octets)
    assert len(frames) <= DATAGRAM_FRAMES_MAX, "more frames than a datagram may hold"


def _payload_to_client(octets: bytes) -> None:
    frames = _round_trip(wire.decode_server_datagram_untrusted, octets)
    assert len(frames) <= DATAGRAM_FRAMES_MAX, "more frames than a datagram may hold"


def _frames(direction: str) -> list[bytes]:
    frames = seeds.frames(direction)
    return [*frames, *(octets for frame in frames[:3] for octets in seeds.odd(frame))]


# --- The TLS stream -------------------------------------------------------------------------------------------------

_LIMITS = (0, 5, 64, FRAME_MAX_UNAUTHENTICATED, FRAME_MAX)


def _tls_stream(octets: bytes) -> None:
    """The first two octets say which limit holds and where the stream is split; the rest is the stream."""
    limit, rng = _LIMITS[octets[0] % len(_LIMITS)] if octets else 0, Random(octets[:2])
    stream = octets[2:]
    whole, whole_error = _read(limit, [stream])
    frames, refused = letter.cut_stream(stream, limit)
    assert whole_error == refused, "a frame beyond the limit is not refused at once, or another one is"
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
    assert split == frames or (refused and split == frames[: len(split)]), "other frames than the stream holds"
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
        found += [bytes([place, 0]) + (limit + 1).to_bytes(4, "big")]
    return found


# --- Discovery ------------------------------------------------------------------------------------------------------


def _probe(octets: bytes) -> None:
    token = beacon.decode_probe(octets)
    assert beacon.encode_probe(token) == octets, "a probe that says something else"
    answer = beacon.encode_answer(token, _ADVERT)
    assert len(answer) < len(octets), "an answer that is not smaller than its question"


def _answer(octets: bytes) -> None:
    token, advert = beacon.decode_answer(octets)
    assert len(octets) == _ANSWER_FIXED + octets[_ANSWER_FIXED - 1], "something stands behind the name"
    assert len(octets) <= _ANSWER_FIXED + 64, "an answer beyond its bound was taken"
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


# Of a beacon's answer what stands before the name; its last octet says how long the name is.
_ANSWER_FIXED = 4 + 1 + 1 + 16 + 16 + 32 + 2 + 1


def _answers() -> list[bytes]:
    """Taken, and with a name that is too long, no text, or not the last."""
    whole = [beacon.encode_answer(token, _ADVERT) for token in (b"t" * 16, bytes(16))]
    head = whole[0][: _ANSWER_FIXED - 1]
    return [*whole, head + b"\x41" + b"x" * 65, head + b"\x02\xff\xff", whole[0] + b"\0", whole[0][:20], head + b"\0"]


_decode_txt = decoder(tuple[dict[bytes, bytes | None], Annotated[int, msgspec.Meta(ge=0, le=65535)] | None, str])
_ADVERT = beacon.Advert(LOG_ID, "ab" * 32, 47400, "Office")


def _check_advert(advert: beacon.Advert) -> None:
    assert len(advert.log_id) == 16, "a log's id of another length"
    assert re.fullmatch("[0-9a-f]{64}", advert.fingerprint), "a fingerprint of another length"
    assert 0 < advert.port < 65536
    assert 0 < len(advert.name.encode()) <= beacon.NAME_OCTETS_MAX
    assert not BIDI_CONTROLS & set(advert.name)
    assert "\n" not in advert.name


def _txts() -> list[bytes]:
    txt = {key.encode(): value.encode() for key, value in beacon.encode_txt(_ADVERT).items()}
    blank = [txt | {key: b"  " + txt[key][2:]} for key in (b"id", b"fp")]
    found = [
        (txt, 47400, "Office"),
        (txt | {b"later": None}, 1, "a\u2024b"),
        ({}, None, ""),
        *((item, 1, "x") for item in blank),
    ]
    return [encode(item) for item in found]


def _damaged(octets: bytes, rng: Random, most: int) -> bytes:
    """A stream has no structure but its lengths."""
    return blind(octets, rng)[:most]


TARGETS = (
    Target("frame-to-server", _frame_to_server, ProtocolError, lambda: _frames("to server")),
    Target("frame-to-client", _frame_to_client, ProtocolError, lambda: _frames("to client")),
    Target(
        "payload-to-server",
        _payload_to_server,
        ProtocolError,
        lambda: seeds.datagrams("to server"),
        datagram=True,
        receiver=lambda: wire.decode_client_datagram_untrusted,
        octets_max=PAYLOAD_MAX,
    ),
    Target(
        "payload-to-client",
        _payload_to_client,
        ProtocolError,
        lambda: seeds.datagrams("to client"),
        datagram=True,
        receiver=lambda: wire.decode_server_datagram_untrusted,
        octets_max=PAYLOAD_MAX,
    ),
    Target("tls-stream", _tls_stream, ProtocolError, _streams, change=_damaged),
    Target("beacon-probe", _probe, ProtocolError, lambda: [beacon.encode_probe(b"t" * 16)], datagram=True),
    Target(
        "beacon-answer",
        _answer,
        ProtocolError,
        _answers,
        datagram=True,
    ),
    Target("dns-sd", _txt, ProtocolError, _txts, datagram=True),
)
