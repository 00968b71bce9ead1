"""Keys, messages, the chain of records, heads, certificates: any change is detected."""

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.seal import OVERHEAD
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import (
    BODY_CHARACTERS_MAX,
    BODY_OCTETS_MAX,
    DATAGRAM_MAX,
    DISPLAY_NAME_MAX,
    INLINE_BODY_MAX,
    REACTION_CHARACTERS_MAX,
    USER_NAME_MAX,
)
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import (
    CERTIFICATE_MAX,
    Certificate,
    CertificateBody,
    issue_certificate,
    open_certificate_untrusted,
)
from lanchat.protocol.log.messages import (
    HEADER_MAX,
    Header,
    Kind,
    Message,
    MessageKey,
    body_text_untrusted,
    check_author,
    check_body,
    decode_header_untrusted,
    make_message,
)
from lanchat.protocol.log.records import Head, Record, chain_hash, check_head, genesis_hash, sign_head
from lanchat.protocol.wire import Records, encode_datagram

LOG_ID = b"l" * 16
OTHER_LOG = b"L" * 16
AUTHOR = keys.private_key(b"a" * 32)
LOG_KEY = keys.private_key(b"k" * 32)
PUBLIC = keys.public_octets(AUTHOR)
LOG_PUBLIC = keys.public_octets(LOG_KEY)
LARGEST = 2**63 - 1


def header(**changes: Any) -> Header:
    made = Header(7, keys.device_id(PUBLIC), 12345, 3, Kind.TEXT, 0, 1_700_000_000_000, 9)
    return msgspec.structs.replace(made, **changes)


def bit_flips(octets: bytes) -> Iterator[bytes]:
    """Each copy with one changed bit."""
    for bit in range(len(octets) * 8):
        changed = bytearray(octets)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


# Keys


def test_key_encoding_and_hashes() -> None:
    assert keys.private_octets(keys.private_key(b"a" * 32)) == b"a" * 32
    assert keys.device_id(PUBLIC) == keys.sha256(PUBLIC)[:16]
    assert keys.sha256(b"ab", b"c") == keys.sha256(b"abc") == keys.sha256(b"", b"abc")
    for octets in (b"", b"a" * 31, b"a" * 33):
        with pytest.raises(ValueError):
            keys.private_key(octets)


def test_signature_is_valid_for_its_octets_and_key_only() -> None:
    signature = AUTHOR.sign(b"whole")
    keys.check_signature(PUBLIC, signature, b"wh", b"ole")
    for public, signed, octets in [
        (LOG_PUBLIC, signature, b"whole"),
        (PUBLIC, signature, b"whol"),
        (PUBLIC, signature[:-1], b"whole"),
        (PUBLIC, b"", b"whole"),
        (PUBLIC[:-1], signature, b"whole"),
        (b"", signature, b"whole"),
    ]:
        with pytest.raises(ProtocolError, match="bad signature"):
            keys.check_signature(public, signed, octets)


@given(public=st.binary(min_size=32, max_size=32), signature=st.binary(min_size=64, max_size=64))
def test_random_signature_is_refused(public: bytes, signature: bytes) -> None:
    with pytest.raises(ProtocolError):
        keys.check_signature(public, signature, b"x")


@pytest.mark.parametrize(("key_size", "signature_size"), [(31, 64), (33, 64), (0, 64), (32, 63), (32, 65), (32, 0)])
def test_key_or_signature_of_another_length_is_refused(key_size: int, signature_size: int) -> None:
    """Also where the octets fit when they are joined: the last of the signature is the first of the text."""
    key = keys.private_key(bytes(32))
    octets = (key.sign(b"text") + b"text").ljust(200, b"\0")
    public = (keys.public_octets(key) + bytes(8))[:key_size]
    with pytest.raises(ProtocolError):
        keys.check_signature(public, octets[:signature_size], octets[signature_size:68])


PRIME = 2**255 - 19
# Edwards25519: -x^2 + y^2 = 1 + D * x^2 * y^2 (RFC 8032, section 5.1)
D = -121665 * pow(121666, -1, PRIME) % PRIME


def small_order_keys() -> list[bytes]:
    """Encodings of all points whose order divides 8, computed from their equations: the neutral point and the one of
    order 2 (x = 0), two of order 4 (y = 0), four of order 8 (x^2 = -y^2); with either sign, and beyond the prime."""
    squares = [(-1 + sign * root) * pow(D, -1, PRIME) % PRIME for root in square_roots(1 + D) for sign in (1, -1)]
    eighth = [y for square in squares for y in square_roots(square)]
    found = {0, 1, PRIME - 1, *eighth}
    found |= {y + PRIME for y in found if y + PRIME < 2**255}
    return [(y | sign << 255).to_bytes(32, "little") for y in sorted(found) for sign in (0, 1)]


def square_roots(number: int) -> list[int]:
    """Modulo the prime, which is 5 modulo 8."""
    number %= PRIME
    root = pow(number, (PRIME + 3) // 8, PRIME)
    turned = root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    return [sign * found % PRIME for found in (root, turned) if found * found % PRIME == number for sign in (1, -1)]


def test_small_order_keys_are_refused() -> None:
    weak = small_order_keys()
    assert len(weak) == 14
    for public in weak:
        for signature in (bytes(64), b"\1" + bytes(63), public + bytes(32)):
            for text in (b"yes", b"no", b"maybe", b"never"):
                with pytest.raises(ProtocolError):
                    keys.check_signature(public, signature, text)


def test_signature_contexts_are_distinct() -> None:
    contexts = [value for name, value in vars(keys).items() if name.endswith("_CONTEXT")]
    assert len(contexts) == 11
    for context in contexts:
        assert context.startswith(b"lanchat/1 ")
        assert not any(other != context and other.startswith(context) for other in contexts)


# Messages


def test_message_verifies_with_the_key_of_its_author() -> None:
    made = make_message(AUTHOR, LOG_ID, header(), "hello")
    assert decode_header_untrusted(made.header) == header()
    assert header().key == MessageKey(7, keys.device_id(PUBLIC), 12345, 3)
    check_author(PUBLIC, LOG_ID, made.header, keys.sha256(made.body), made.signature)
    assert body_text_untrusted(Kind.TEXT, made.body) == "hello"


def test_any_change_of_a_message_is_detected() -> None:
    made = make_message(AUTHOR, LOG_ID, header(), "hello")
    body_hash = keys.sha256(made.body)
    attempts = [(LOG_ID, octets, body_hash, made.signature) for octets in bit_flips(made.header)]
    attempts += [(LOG_ID, made.header, changed, made.signature) for changed in bit_flips(body_hash)]
    attempts += [(LOG_ID, made.header, body_hash, changed) for changed in bit_flips(made.signature)]
    attempts += [(OTHER_LOG, made.header, body_hash, made.signature), (LOG_ID, made.header, b"", made.signature)]
    for log_id, octets, hashed, signature in attempts:
        with pytest.raises(ProtocolError):
            check_author(PUBLIC, log_id, octets, hashed, signature)


def test_longest_header_fits_its_limit() -> None:
    longest = Header(LARGEST, b"d" * 16, LARGEST, LARGEST, Kind.NOTICE, LARGEST, LARGEST, LARGEST)
    assert len(encode(longest)) <= HEADER_MAX


def test_longest_inline_record_fits_a_datagram() -> None:
    octets = encode(Header(LARGEST, b"d" * 16, LARGEST, LARGEST, Kind.TEXT, LARGEST, LARGEST, LARGEST))
    record = Record(LARGEST, LARGEST, octets, b"s" * 64, b"b" * INLINE_BODY_MAX)
    head = Head(2**32 - 1, LARGEST, LARGEST, b"h" * 32, LARGEST, b"s" * 64)
    alone = len(encode_datagram([Records(LARGEST, [record])])) + OVERHEAD
    together = len(encode_datagram([Records(LARGEST, [record], head)])) + OVERHEAD
    assert alone <= DATAGRAM_MAX
    assert together <= DATAGRAM_MAX + 160, "the head may travel in a datagram of its own"


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.FILE])  # that one: test_files.py
def test_bodies_are_checked_by_kind(kind: Kind) -> None:
    longest = REACTION_CHARACTERS_MAX if kind is Kind.REACTION else BODY_CHARACTERS_MAX
    if kind is Kind.DELETE:
        check_body(kind, "")
        bad = ["x", " "]
    else:
        for text in ("x", "x" * longest, "\u00e9\u0416", "\N{WOMAN}\u200d\N{ROCKET}", "-\N{THUMBS UP SIGN}"):
            check_body(kind, text)
        bad = ["", " \n\t", "x" * (longest + 1), "a\0b", "\u202eevil", "\ud800", "a\x1bb"]
    for text in bad:
        with pytest.raises(ProtocolError):
            check_body(kind, text)
        with pytest.raises(ProtocolError):
            make_message(AUTHOR, LOG_ID, header(kind=kind), text)


def test_longest_text_fits_in_octets() -> None:
    assert BODY_CHARACTERS_MAX * 4 <= BODY_OCTETS_MAX
    check_body(Kind.TEXT, "\N{GRINNING FACE}" * BODY_CHARACTERS_MAX)


BODIES = st.one_of(st.binary(max_size=40), st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))


@given(kind=st.sampled_from(Kind), octets=BODIES)
def test_received_body_is_text_or_refused(kind: Kind, octets: bytes) -> None:
    try:
        text = body_text_untrusted(kind, octets)
    except ProtocolError:
        return
    assert text.encode() == octets
    made = make_message(AUTHOR, LOG_ID, header(kind=kind), text)
    assert made.body == octets


# Records


def chain(count: int) -> list[tuple[Record, bytes]]:
    """Records 1 … count of room 7 and their chain hashes."""
    made, before = [], genesis_hash(LOG_ID, 7)
    for seq in range(1, count + 1):
        said = make_message(AUTHOR, LOG_ID, header(n=seq), f"text {seq}")
        record = Record(seq, 1000 + seq, said.header, said.signature, said.body)
        before = chain_hash(LOG_ID, 7, before, record)
        made.append((record, before))
    return made


def test_erased_body_keeps_the_chain_hash() -> None:
    (record, first), (_, second) = chain(2)
    erased = msgspec.structs.replace(record, body=None, erased_hash=record.body_hash)
    assert erased.body_hash == record.body_hash == keys.sha256(b"text 1")
    assert chain_hash(LOG_ID, 7, genesis_hash(LOG_ID, 7), erased) == first
    assert first != second
    check_author(PUBLIC, LOG_ID, erased.header, erased.body_hash, erased.signature)


@pytest.mark.parametrize("erased_hash", [b"", b"e" * 31])
def test_erased_body_without_its_hash_is_refused(erased_hash: bytes) -> None:
    record = Record(1, 1, b"h", b"s" * 64, None, erased_hash)
    with pytest.raises(ProtocolError):
        chain_hash(LOG_ID, 7, genesis_hash(LOG_ID, 7), record)


def test_erased_hash_does_not_replace_a_present_body() -> None:
    """`erased_hash` counts only when there is no body."""
    record = Record(1, 1, b"h", b"s" * 64, b"said", keys.sha256(b"not said"))
    assert record.body_hash == keys.sha256(b"said")


CHANGES: list[Callable[[Record], Record]] = [
    lambda record: msgspec.structs.replace(record, seq=record.seq + 1),
    lambda record: msgspec.structs.replace(record, time_ms=record.time_ms + 1),
    lambda record: msgspec.structs.replace(record, header=record.header + b"\0"),
    lambda record: msgspec.structs.replace(record, header=record.header[:-1]),
    lambda record: msgspec.structs.replace(record, header=record.header + record.signature[:1]),
    lambda record: msgspec.structs.replace(record, signature=record.signature[::-1]),
    lambda record: msgspec.structs.replace(record, body=b"text X"),
    lambda record: msgspec.structs.replace(record, body=b""),
    lambda record: msgspec.structs.replace(record, body=None, erased_hash=b"?" * 32),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("at", [0, 1, 3])
def test_any_change_of_a_record_changes_the_chain_hash(change: Callable[[Record], Record], at: int) -> None:
    links = chain(4)
    records = [record for record, _ in links]
    assert folded(records) == links[-1][1]
    records[at] = change(records[at])
    assert folded(records) != links[-1][1]


def test_chain_hash_covers_order_room_and_log() -> None:
    records = [record for record, _ in chain(4)]
    end = folded(records)
    assert folded([records[1], records[0], *records[2:]]) != end
    assert folded(records[1:]) != end
    assert folded(records, room=8) != end
    assert folded(records, log_id=OTHER_LOG) != end


def folded(records: list[Record], room: int = 7, log_id: bytes = LOG_ID) -> bytes:
    end = genesis_hash(log_id, room)
    for record in records:
        end = chain_hash(log_id, room, end, record)
    return end


@settings(max_examples=50)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_flipped_bit_in_an_encoded_record_is_detected(place: int, bit: int) -> None:
    record, end = chain(1)[0]
    octets = bytearray(encode(record))
    octets[place % len(octets)] ^= 1 << bit
    try:
        changed = msgspec.msgpack.decode(octets, type=Record)
        found = chain_hash(LOG_ID, 7, genesis_hash(LOG_ID, 7), changed)
    except (msgspec.MsgspecError, ProtocolError):
        return
    assert found != end or changed == record or changed.erased_hash != record.erased_hash


# Heads


def test_head_verifies_with_the_log_key_only() -> None:
    head = sign_head(LOG_KEY, LOG_ID, 2, 7, 4, b"h" * 32, 5000)
    check_head(LOG_PUBLIC, LOG_ID, head)
    others = {"epoch": 3, "room": 8, "seq": 5, "hash": b"H" * 32, "time_ms": 5001, "signature": b"s" * 64}
    changed = [msgspec.structs.replace(head, **{name: value}) for name, value in others.items()]
    assert len(changed) == len(Head.__struct_fields__)
    for tampered in changed:
        with pytest.raises(ProtocolError):
            check_head(LOG_PUBLIC, LOG_ID, tampered)
    with pytest.raises(ProtocolError):
        check_head(LOG_PUBLIC, OTHER_LOG, head)
    with pytest.raises(ProtocolError):
        check_head(PUBLIC, LOG_ID, head)


def test_largest_head_can_be_signed() -> None:
    check_head(LOG_PUBLIC, LOG_ID, sign_head(LOG_KEY, LOG_ID, 2**32 - 1, LARGEST, LARGEST, b"h" * 32, LARGEST))


# Certificates


def body(**changes: Any) -> CertificateBody:
    return msgspec.structs.replace(CertificateBody(LOG_ID, 3, PUBLIC, "anna", "Anna", 5000, 1), **changes)


def test_certificate_binds_a_device_to_its_user() -> None:
    issued = issue_certificate(LOG_KEY, body())
    opened = open_certificate_untrusted(LOG_PUBLIC, LOG_ID, issued)
    assert opened == body()
    assert opened.device == keys.device_id(PUBLIC)


def test_any_change_of_a_certificate_is_detected() -> None:
    issued = issue_certificate(LOG_KEY, body())
    changed = [Certificate(octets, issued.signature) for octets in bit_flips(issued.octets)]
    changed += [Certificate(issued.octets, signature) for signature in bit_flips(issued.signature)]
    changed += [Certificate(issued.octets + b"\0", issued.signature), Certificate(b"", issued.signature)]
    for tampered in changed:
        with pytest.raises(ProtocolError):
            open_certificate_untrusted(LOG_PUBLIC, LOG_ID, tampered)
    with pytest.raises(ProtocolError):
        open_certificate_untrusted(PUBLIC, LOG_ID, issued)


def test_certificate_of_another_log_or_kind_is_refused() -> None:
    with pytest.raises(ProtocolError, match="another log"):
        open_certificate_untrusted(LOG_PUBLIC, LOG_ID, issue_certificate(LOG_KEY, body(log_id=OTHER_LOG)))
    for octets in (b"\xc1", b"", encode([1, 2])):
        signed = Certificate(octets, LOG_KEY.sign(keys.CERTIFICATE_CONTEXT + octets))
        with pytest.raises(ProtocolError):
            open_certificate_untrusted(LOG_PUBLIC, LOG_ID, signed)


def test_message_signature_is_no_certificate() -> None:
    """The same octets under another context: a signature is valid for one purpose only."""
    octets = encode(body())
    for context in (keys.MESSAGE_CONTEXT, keys.HEAD_CONTEXT, keys.LOGIN_CONTEXT, b""):
        with pytest.raises(ProtocolError):
            open_certificate_untrusted(LOG_PUBLIC, LOG_ID, Certificate(octets, LOG_KEY.sign(context + octets)))


def test_longest_certificate_fits_its_limit() -> None:
    wide = "\N{GRINNING FACE}"
    longest = body(user=LARGEST, user_name=wide * USER_NAME_MAX, display_name=wide * DISPLAY_NAME_MAX)
    longest = msgspec.structs.replace(longest, not_after_ms=LARGEST, serial=LARGEST)
    assert len(encode(longest)) <= CERTIFICATE_MAX


def test_body_of_another_message_is_refused() -> None:
    """A body moved between two messages of one author does not verify."""
    first = make_message(AUTHOR, LOG_ID, header(n=1), "yes")
    second = make_message(AUTHOR, LOG_ID, header(n=2), "no")
    swapped = Message(first.header, second.body, first.signature)
    with pytest.raises(ProtocolError):
        check_author(PUBLIC, LOG_ID, swapped.header, keys.sha256(swapped.body), swapped.signature)
