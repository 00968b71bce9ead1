"""Targets: what is signed. Certificates, messages, records with their heads, and the one check of signatures."""

import contextlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import structs

from lanchat.core.rooms.chain import link_untrusted
from lanchat.core.view.fold import DecodedRecord
from lanchat.protocol import wire
from lanchat.protocol.codec import decoder, encode
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DISPLAY_NAME_MAX, ROOM_NAME_MAX, USER_NAME_MAX
from lanchat.protocol.log import keys, messages
from lanchat.protocol.log.certificates import Certificate, CertificateBody, open_certificate_untrusted
from lanchat.protocol.log.keys import CERTIFICATE_CONTEXT, public_octets, sha256
from lanchat.protocol.log.messages import Header, Kind, check_author, check_body
from lanchat.protocol.log.records import Head, Record, check_head
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    Statement,
    StatementBody,
    StatementKind,
    devices_hash,
    issue_statement,
    members_hash,
    open_statement_untrusted,
    subject_of,
)
from tests.fuzz import letter, seeds
from tests.fuzz.target import Target
from tests.support.fake_log import LOG_ID, FakeLog, key_of

# --- Signed things --------------------------------------------------------------------------------------------------

_LOG_KEY = key_of(1)
_LOG_PUBLIC = public_octets(_LOG_KEY)


def _certificate(octets: bytes) -> None:
    """The content of a certificate, signed here with the log's key."""
    body = _open_signed(octets)
    letter.check_value(body, octets)
    letter.check_end(_open_signed, octets)
    assert body.log_id == LOG_ID
    assert len(body.public_key) == 32, "a key of another length"
    assert len(body.user_name) <= USER_NAME_MAX
    assert len(body.display_name) <= DISPLAY_NAME_MAX
    assert body.user > 0
    assert max(body.user, body.not_after_ms, body.serial) < 2**63


def _open_signed(octets: bytes) -> CertificateBody:
    certificate = Certificate(octets, _LOG_KEY.sign(CERTIFICATE_CONTEXT + octets))
    return open_certificate_untrusted(_LOG_PUBLIC, LOG_ID, certificate)


def _any_certificate(octets: bytes) -> None:
    """A whole certificate from somebody who has no key: nothing but the real ones opens."""
    certificate = _decode_certificate(octets)
    body = open_certificate_untrusted(_LOG_PUBLIC, LOG_ID, certificate)
    assert (certificate.octets, certificate.signature) in _REAL, f"a forged certificate of {body.user_name!r} was taken"


def _certificates() -> list[Certificate]:
    log = FakeLog()
    return [log.enrol(key_of(number), number, name) for number, name in ((7, "anna"), (9, "борис"))]


def _bodies() -> list[bytes]:
    """Of certificates; the last ones with keys of other lengths."""
    genuine = [octets for octets, _ in sorted(_REAL)]
    log_id, user, key, *rest = msgspec.msgpack.decode(genuine[0])
    return [
        *genuine,
        *seeds.odd(genuine[0]),
        *(encode([log_id, user, other, *rest]) for other in (key[1:], key + b"\0", b"")),
    ]


_decode_certificate = decoder(Certificate)
_REAL = {(item.octets, item.signature) for item in _certificates()}


# --- Statements -----------------------------------------------------------------------------------------------------


def _statement(octets: bytes) -> None:
    """The kind of a statement, then its content, signed here with the log's key."""
    kind, content = octets[:1], octets[1:]
    if kind not in _KINDS:
        raise ProtocolError("no such kind")
    _check_statement(_KINDS[kind], content)


def _check_statement(kind: StatementKind, content: bytes) -> None:
    def opened(content: bytes) -> StatementBody:
        signature = _LOG_KEY.sign(_CONTEXTS[kind] + content)
        return open_statement_untrusted(_LOG_PUBLIC, LOG_ID, Statement(kind, content, signature))

    body = opened(content)
    letter.check_value(body, content)
    letter.check_end(opened, content)
    assert body.log_id == LOG_ID
    assert subject_of(body)[0] is kind
    assert 0 <= body.number < 2**63
    name = {StatementKind.ACCOUNT: USER_NAME_MAX, StatementKind.ROOM: ROOM_NAME_MAX, StatementKind.REVOCATIONS: 0}[kind]
    assert len(getattr(body, "name", "")) <= name


def _any_statement(octets: bytes) -> None:
    """A whole statement from somebody who has no key: nothing but the real ones opens."""
    statement = _decode_statement(octets)
    open_statement_untrusted(_LOG_PUBLIC, LOG_ID, statement)
    assert statement in _real_statements(), "a forged statement was taken"


def _statement_bodies() -> list[StatementBody]:
    nobody = members_hash([])
    rights = (RoomKind.PRIVATE, HistoryPolicy.EVERYTHING, 7, False, False, 0, nobody)
    return [
        AccountBody(LOG_ID, 5, 7, "anna", "Анна", Role.MEMBER, False),
        RoomBody(LOG_ID, 6, 1, "kitchen", *rights),
        RevocationsBody(LOG_ID, 7, 1, devices_hash([bytes(16)])),
    ]


def _real_statements() -> list[Statement]:
    return [issue_statement(_LOG_KEY, body) for body in _statement_bodies()]


def _contents() -> list[bytes]:
    """Of statements, each under every kind; and with odd ends."""
    genuine = [encode(body) for body in _statement_bodies()]
    odd = [other for content in genuine for other in (content, *seeds.odd(content))]
    return [kind + content for kind in _KINDS for content in odd]


_KINDS = {bytes([kind]): kind for kind in StatementKind}
_CONTEXTS = {
    StatementKind.ACCOUNT: keys.ACCOUNT_CONTEXT,
    StatementKind.ROOM: keys.ROOM_CONTEXT,
    StatementKind.REVOCATIONS: keys.REVOCATIONS_CONTEXT,
}
_decode_statement = decoder(Statement)


# --- Messages and records -------------------------------------------------------------------------------------------


def _message(octets: bytes) -> None:
    """Header, body and key of a message, as a server takes them apart."""
    header_octets, body, signature = _decode_message(octets)
    with contextlib.suppress(ProtocolError):
        _submitted(header_octets)
    header: Header = messages.decode_header_untrusted(header_octets)
    assert messages.decode_header_untrusted(encode(header)) == header
    letter.check_value(header, header_octets)
    letter.check_end(messages.decode_header_untrusted, header_octets)
    assert len(header.device) == 16, "a device of another length"
    assert header.kind in list(Kind), "a kind that there is not"
    assert header.n > 0
    assert max(header.room, header.run, header.n, header.ref, header.sent_ms, header.lamport) < 2**63
    for kind in (header.kind, Kind.TEXT, Kind.REACTION, Kind.DELETE, Kind.FILE):
        try:
            text = messages.body_text_untrusted(kind, body)
        except ProtocolError:
            continue
        if kind is not Kind.FILE:
            letter.check_text(text)
        check_body(kind, text)
        assert text.encode() == body
    public_key, log_id = (bytes.fromhex(seeds.vectors("messages")[name]) for name in ("public_key", "log_id"))
    check_author(public_key, log_id, header_octets, sha256(body), signature)
    assert (header_octets, body) in map(_said_in, _genuine_messages()), "a forged message was taken"


def _submitted(octets: bytes) -> None:
    """What a server makes of the header: whole, or refused under a name that stands in it."""
    header, fault = messages.submitted_header_untrusted(octets)
    elements = decoder(list[msgspec.Raw])(octets)
    assert [decoder(type(part))(raw) for part, raw in zip(header.key, elements, strict=False)] == list(header.key)
    if fault is None:
        assert messages.decode_header_untrusted(octets) == header
        assert len(octets) <= messages.HEADER_MAX


_decode_message = decoder(tuple[bytes, bytes, bytes])


def _said_in(octets: bytes) -> tuple[bytes, bytes]:
    header, body, _ = _decode_message(octets)
    return header, body


def _messages() -> list[bytes]:
    """Said, and with headers and texts that nobody may write."""
    genuine = _genuine_messages()
    header, body, signature = _decode_message(genuine[0])
    odd = [(other, body, signature) for other in (*seeds.odd(header), *_odd_headers(header))]
    odd += [(header, other, signature) for other in ("a\x85b".encode(), b"a\x1bb", b"\xed\xa0\x80", "\u202e".encode())]
    return [*genuine, *map(encode, odd)]


def _odd_headers(header: bytes) -> list[bytes]:
    room, device, run, n, kind, *rest = msgspec.msgpack.decode(header)
    return [encode([room, device[1:], run, n, kind, *rest]), encode([room, device, run, n, 7, *rest])]


def _genuine_messages() -> list[bytes]:
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
        assert DecodedRecord(record).header == held.header
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
    found = [encode(wire.Records(vectors["room"], records, head)) for head in (None, *heads)]
    return [*found, *seeds.odd(found[0]), encode(_forged_page(records[0]))]


def _forged_page(record: Record) -> wire.Records:
    """A record that the log did not say, under a head that covers it and is not signed."""
    vectors = seeds.vectors("records")
    log_id, genesis = (bytes.fromhex(vectors[name]) for name in ("log_id", "genesis"))
    forged = structs.replace(record, time_ms=record.time_ms + 1)
    chain = link_untrusted(log_id, vectors["room"], genesis, forged).link.hash
    return wire.Records(vectors["room"], [forged], Head(1, vectors["room"], 1, chain, 1, bytes(64)))


# --- Signatures -----------------------------------------------------------------------------------------------------


def _signature(octets: bytes) -> None:
    """A public key, a signature, a text: taken only when another library takes them, and the key is somebody's."""
    key, signature, text = octets[:32], octets[32:96], octets[96:]
    keys.check_signature(key, signature, text)
    assert not letter.is_of_small_order(key), "a key of small order is nobody's"
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except InvalidSignature:
        raise AssertionError("a false signature was taken") from None


def _signatures() -> list[bytes]:
    """The last ones fit every text: by the key that is the neutral point, and by another encoding of it."""
    text, neutral = b"hello", b"\1" + bytes(31)
    noted = _LOG_PUBLIC + _LOG_KEY.sign(text) + text
    return [noted, noted + b"x", noted[:96], *(key + neutral + bytes(32) for key in (neutral, neutral[:31] + b"\x80"))]


TARGETS = (
    Target("certificate", _certificate, ProtocolError, _bodies),
    Target("any-certificate", _any_certificate, ProtocolError, lambda: [encode(list(item)) for item in sorted(_REAL)]),
    Target("statement", _statement, ProtocolError, _contents),
    Target("any-statement", _any_statement, ProtocolError, lambda: [encode(item) for item in _real_statements()]),
    Target("message", _message, ProtocolError, _messages),
    Target("records", _records, ProtocolError, _record_pages),
    Target("signature", _signature, ProtocolError, _signatures),
)
