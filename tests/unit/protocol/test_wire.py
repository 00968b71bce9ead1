"""Frames: decoding inverts encoding, and hostile octets raise nothing but ProtocolError."""

import enum
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from lanchat.protocol import limits, wire
from lanchat.protocol.codec import Decoder, decoder, encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import Certificate, CertificateBody
from lanchat.protocol.log.messages import Header, Message, decode_header_untrusted
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.wire import FrameReader, pack_frame
from tests.support.wire_values import members, values

DECODERS: dict[str, tuple[Decoder, Any]] = {
    "from client": (wire.decode_from_client_untrusted, wire.FromClient),
    "from server": (wire.decode_from_server_untrusted, wire.FromServer),
    "client datagram": (wire.decode_client_datagram_untrusted, list[wire.LiveFromClient]),
    "server datagram": (wire.decode_server_datagram_untrusted, list[wire.LiveFromServer]),
    "header": (decode_header_untrusted, Header),
    "certificate": (decoder(CertificateBody), CertificateBody),
}
# What msgpack can say, valid or not for us: wrong types, deep nests, unhashable keys, extensions, long lengths.
HOSTILE = st.one_of(
    st.binary(max_size=64),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(), st.binary()),
        lambda inner: st.one_of(st.lists(inner, max_size=8), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
        max_leaves=12,
    ).map(lambda value: msgspec.msgpack.encode(value) if _fits(value) else b"\xc1"),
    st.sampled_from(
        [
            b"\x91" * 100_000,
            b"\x93\x03\x07" + b"\x91" * 100_000,
            b"\x81\x81" * 5000,
            b"\xdd\xff\xff\xff\xff",
            b"\xdf\xff\xff\xff\xff",
            b"\xc6\xff\xff\xff\xff",
            b"\xdb\xff\xff\xff\xff",
            b"\xc9\xff\xff\xff\xff\xff",
            b"\xd6\xff\0\0\0\0",
            b"\x92\x01\xa2\xff\xfe",
            b"\x93\x40\x01\x93\x01\x91\x01\xa1\xff",
            b"\xc1",
            b"",
        ]
    ),
)


def _fits(value: Any) -> bool:
    try:
        msgspec.msgpack.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return False
    return True


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=60)
@given(data=st.data())
def test_decoding_inverts_encoding(name: str, data: st.DataObject) -> None:
    decode, kind = DECODERS[name]
    value = data.draw(values(kind))
    octets = encode(value)
    assert decode(octets) == value
    assert encode(decode(octets)) == octets


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=60)
@given(octets=HOSTILE)
def test_random_octets_raise_only_protocol_error(name: str, octets: bytes) -> None:
    attempt(DECODERS[name][0], octets)


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=60)
@given(data=st.data())
def test_damaged_frames_raise_only_protocol_error(name: str, data: st.DataObject) -> None:
    decode, kind = DECODERS[name]
    octets = bytearray(encode(data.draw(values(kind))))
    for place in range(len(octets)):
        with pytest.raises(ProtocolError):
            decode(bytes(octets[:place]))
    for _ in range(8):
        place = data.draw(st.integers(0, len(octets) * 8 - 1))
        octets[place // 8] ^= 1 << place % 8
        attempt(decode, bytes(octets))
    with pytest.raises(ProtocolError):
        decode(encode(data.draw(values(kind))) + b"\xc0")


def attempt(decode: Decoder, octets: bytes) -> None:
    """A value that survives its own encoding, or ProtocolError."""
    try:
        value = decode(octets)
    except ProtocolError:
        return
    assert decode(encode(value)) == value or encode(decode(encode(value))) == encode(value)


@pytest.mark.parametrize("union", [wire.FromClient, wire.FromServer, wire.Operation, wire.Result])
def test_tags_are_unique(union: Any) -> None:
    tags = [member.__struct_config__.tag for member in members(union)]
    assert len(set(tags)) == len(tags)


def test_numbers_of_the_first_release_are_unchanged() -> None:
    """Append-only: a new frame or code is a new line; a line that must change is a mistake."""
    tags = {
        member.__name__: member.__struct_config__.tag
        for union in (wire.FromClient, wire.FromServer, wire.Operation, wire.Result)
        for member in members(union)
    }
    assert tags.items() >= numbered(FIRST_TAGS).items()
    assert {code.name: code.value for code in wire.Code}.items() >= numbered(FIRST_CODES).items()


FIRST_TAGS = """
    Submit 1 Nack 2 Ping 3 Cursors 4 Activity 5 Records 16 Heads 17 Decided 18 Expect 19 Busy 20 Pong 21
    RoomCursors 22 Lagging 23 Users 32 RoomChanged 33 RoomGone 34 MembersChanged 35 RoomKey 36 SessionKeys 37
    NewCertificate 38 Goodbye 39 Request 64 Response 65 Failure 66 Hello 1 Register 2 LoginPassword 3 LoginDevice 4
    Recover 5 RecoverConfirm 6 Subscribe 16 History 17 Search 18 ListRooms 19 CreateRoom 20 JoinRoom 21 LeaveRoom 22
    InviteUser 23 RemoveUser 24 OpenDirect 25 SetHistoryPolicy 26 ListUsers 27 ListMembers 28 GetCertificates 29
    ListDevices 30 RevokeDevice 31 Logout 32 ChangePassword 33 ListCursors 34 GetProfile 35 SetProfile 36 Renew 37
    Status 38 CreateInvite 39 Done 1 Welcome 2 LoggedIn 3 Subscribed 4 Page 5 Found 6 RoomList 7 RoomResult 8
    UserList 9 MemberList 10 Certificates 11 DeviceList 12 CursorList 13 Profile 14 StatusReport 15 InviteCode 16
"""
FIRST_CODES = """
    BAD_REQUEST 1 BAD_CREDENTIALS 2 NOT_ALLOWED 3 NOT_FOUND 4 NAME_TAKEN 5 NAME_INVALID 6 PASSWORD_INVALID 7
    REGISTRATION_CLOSED 8 INVITE_INVALID 9 TOO_MANY_TRIES 10 TOO_MANY_SESSIONS 11 ACCOUNT_DISABLED 12
    DEVICE_REVOKED 13 BUSY 14 UNAVAILABLE 15 RECOVERY_INVALID 16 EMAIL_INVALID 17 VERSION 18 LAST_ADMINISTRATOR 19
    NOT_A_MEMBER 100 BAD_SIGNATURE 101 UNKNOWN_DEVICE 102 BAD_TEXT 103 TOO_LARGE 104 NO_SUCH_TARGET 105
    TARGET_NOT_YOURS 106 AUTHOR_DISABLED 107 UNSUPPORTED_KIND 108
"""


def numbered(text: str) -> dict[str, int]:
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def test_elements_of_a_later_version_are_ignored() -> None:
    assert wire.decode_from_client_untrusted(encode([3, 7, "new", {"a": 1}])) == wire.Ping(7)
    later = encode([64, 5, [19, b"", "new"], 0])
    assert wire.decode_from_client_untrusted(later) == wire.Request(5, wire.ListRooms())
    assert decode_header_untrusted(encode([1, b"d" * 16, 2, 3, 1, 0, 5, 6, "new"])) == Header(
        1, b"d" * 16, 2, 3, wire_kind(1), 0, 5, 6
    )


def wire_kind(number: int) -> Any:
    kinds: type[enum.IntEnum] = Header.__annotations__["kind"]
    return kinds(number)


def test_missing_elements_take_their_defaults() -> None:
    room = [1, "general", 1, 1, 1, True, 5]
    assert wire.decode_from_server_untrusted(encode([33, room])) == wire.RoomChanged(
        wire.Room(1, "general", wire.RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING, 1, True, 5)
    )


MESSAGE = Message(b"h" * 128, b"b" * 16384, b"s" * 64)
RECORD = Record(1, 1, b"h" * 128, b"s" * 64, b"b" * 16384, b"e" * 32)
HEAD = Head(1, 1, 1, b"h" * 32, 1, b"s" * 64)


@pytest.mark.parametrize(
    ("decode", "frame", "beyond"),
    [
        (0, [1, [MESSAGE] * 64], [1, [MESSAGE] * 65]),
        (0, [1, [MESSAGE]], [1, [[b"h" * 1025, b"", b"s" * 64]]]),
        (0, [1, [MESSAGE]], [1, [[b"h", b"b" * 65537, b"s" * 64]]]),
        (0, [1, [MESSAGE]], [1, [[b"h", b"b", b"s" * 63]]]),
        (0, [2, 2**63 - 1, [1] * 32], [2, 1, [1] * 33]),
        (0, [2, 0, [2**63 - 1]], [2, 0, [0]]),
        (0, [2, 0, []], [2, -1, []]),
        (0, [2, 0, []], [2, 2**63, []]),
        (0, [4, [[1, 1, 1]] * 256], [4, [[1, 1, 1]] * 257]),
        (0, [5, 2], [5, 3]),
        (0, [64, 2**32 - 1, [19]], [64, 2**32, [19]]),
        (0, [64, 1, [1, [1] * 16, "x" * 256]], [64, 1, [1, [1] * 16, "x" * 257]]),
        (0, [64, 1, [1, [1] * 16, ""]], [64, 1, [1, [1] * 17, ""]]),
        (0, [64, 1, [17, 1, 1, True, 1000]], [64, 1, [17, 1, 1, True, 1001]]),
        (0, [64, 1, [17, 1, 1, True, 1]], [64, 1, [17, 1, 0, True, 1]]),
        (0, [64, 1, [18, 0, "w" * 200, 0, 1]], [64, 1, [18, 0, "w" * 201, 0, 1]]),
        (0, [64, 1, [16, [0] * 256]], [64, 1, [16, [0] * 257]]),
        (0, [64, 1, [29, [b"d" * 16] * 256]], [64, 1, [29, [b"d" * 15]]]),
        (0, [64, 1, [39, 1000, 1]], [64, 1, [39, 1001, 1]]),
        (1, [16, 1, [RECORD] * 200, HEAD], [16, 1, [RECORD] * 201, HEAD]),
        (1, [16, 1, [RECORD]], [16, 1, [[1, 1, b"", b"s" * 64, None, b"e" * 33]]]),
        (1, [17, [HEAD] * 256], [17, [HEAD] * 257]),
        (1, [17, [HEAD]], [17, [[1, 1, 1, b"h" * 31, 1, b"s" * 64]]]),
        (1, [18, [[1, b"d" * 16, 1, 1, 1]] * 64], [18, [[1, b"d" * 16, 1, 1, 1]] * 65]),
        (1, [22, 1, [[1, 1, 1]] * 1000], [22, 1, [[1, 1, 1]] * 1001]),
        (1, [38, [b"c" * 640, b"s" * 64]], [38, [b"c" * 641, b"s" * 64]]),
        (1, [37, 1, b"a" * 32, b"b" * 32, 1], [37, 1, b"a" * 32, b"b" * 33, 1]),
        (1, [23], [24]),
    ],
)
def test_bounds_are_enforced(decode: int, frame: list[Any], beyond: list[Any]) -> None:
    read = (wire.decode_from_client_untrusted, wire.decode_from_server_untrusted)[decode]
    assert encode(read(encode(frame)))
    with pytest.raises(ProtocolError):
        read(encode(beyond))


def test_frames_of_the_other_direction_are_refused() -> None:
    with pytest.raises(ProtocolError):
        wire.decode_from_client_untrusted(encode(wire.Records(1, [])))
    with pytest.raises(ProtocolError):
        wire.decode_from_server_untrusted(encode(wire.Submit([])))
    with pytest.raises(ProtocolError):
        wire.decode_client_datagram_untrusted(encode([wire.Request(1, wire.ListRooms())]))
    with pytest.raises(ProtocolError):
        wire.decode_server_datagram_untrusted(encode([wire.Goodbye(0, "")]))


@pytest.mark.parametrize(
    "limits_sent",
    [
        [0],
        [4000, 0],
        [4000, 16384, -1],
        [1, 1, 1, 0.0],
        [1, 1, 1, float("nan")],
        [1, 1, 1, float("inf")],
        [1, 1, 1, 1.0, 0],
        [1, 1, 1, 1.0, 1, 0],
    ],
)
def test_invalid_limits_are_refused(limits_sent: list[Any]) -> None:
    read = decoder(limits.Limits)
    assert read(encode([])) == limits.Limits()
    with pytest.raises(ProtocolError):
        read(encode(limits_sent))


# The TLS stream


FRAMES = st.lists(st.one_of(values(wire.FromServer)), max_size=6)


@given(frames=FRAMES, cuts=st.lists(st.integers(1, 60), max_size=40))
def test_stream_cut_anywhere_gives_the_frames(frames: list[msgspec.Struct], cuts: list[int]) -> None:
    stream = b"".join(map(pack_frame, frames))
    reader = FrameReader()
    found: list[bytes] = []
    for cut in [*cuts, len(stream)]:
        found += reader.feed_untrusted(stream[:cut])
        stream = stream[cut:]
    assert found == [encode(frame) for frame in frames]
    assert reader.feed_untrusted(b"") == []


@given(octets=st.binary(max_size=200), cuts=st.lists(st.integers(1, 9), max_size=30))
def test_random_stream_gives_the_same_in_any_pieces(octets: bytes, cuts: list[int]) -> None:
    assert read_stream(octets, [len(octets)]) == read_stream(octets, cuts)


def read_stream(octets: bytes, cuts: list[int]) -> tuple[list[bytes], bool]:
    """What a reader with a small limit returns before it refuses, or the end comes."""
    reader = FrameReader(32)
    found: list[bytes] = []
    try:
        for cut in [*cuts, max(len(octets), 1)]:
            for place in range(0, min(cut, len(octets)), 1):
                found += reader.feed_untrusted(octets[place : place + 1])
            octets = octets[cut:]
    except ProtocolError:
        return found, False
    return found, True


def test_frame_length_is_limited() -> None:
    reader = FrameReader(10)
    assert reader.feed_untrusted(b"\0\0\0\x0a" + b"x" * 10) == [b"x" * 10]
    with pytest.raises(ProtocolError, match="too long"):
        reader.feed_untrusted(b"\0\0\0\x0b")
    reader = FrameReader(10)
    reader.limit = 11
    assert reader.feed_untrusted(b"\0\0\0\x0b" + b"x" * 11 + b"\0\0\0\0" + b"\0\0") == [b"x" * 11, b""]


def test_oversized_frame_is_refused_by_its_length() -> None:
    with pytest.raises(ProtocolError):
        FrameReader(limits.FRAME_MAX_UNAUTHENTICATED).feed_untrusted(b"\xff\xff\xff\xff")


@given(certificate=values(Certificate))
def test_largest_parts_fit_a_frame(certificate: Certificate) -> None:
    """A page's octets, one body beyond them, headers and certificates stay below the frame's limit."""
    certificates = [Certificate(b"c" * 640, b"s" * 64)] * limits.PAGE_CERTIFICATES_MAX
    page = wire.Page(1, [RECORD], b"h" * 32, HEAD, certificates, HEAD)
    overhead = len(encode(msgspec.structs.replace(RECORD, body=b""))) * limits.PAGE_RECORDS_MAX
    assert len(encode(page)) + overhead + limits.PAGE_OCTETS_MAX < limits.FRAME_MAX
    assert len(encode(certificate)) < 720
