"""Vectors of keys, messages, records, certificates, sealed datagrams, and one of each frame. Every key is one letter,
32 times."""

from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import inspect

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.datagram.peering import LINK_KIND, LINK_LIMITS, link_keys, seal_open
from lanchat.protocol.datagram.seal import Sealer
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import Certificate, CertificateBody, issue_certificate
from lanchat.protocol.log.files import Manifest, encode_file_body
from lanchat.protocol.log.messages import Header, Kind, Message, make_message
from lanchat.protocol.log.peers import PeerBody, PeerInfo, sign_peer
from lanchat.protocol.log.records import Head, Record, chain_hash, genesis_hash, sign_head
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    Statement,
    StatementBody,
    devices_hash,
    issue_statement,
    members_hash,
)
from lanchat.protocol.text.identity import fingerprint_words, make_invite
from lanchat.protocol.text.names import name_key
from lanchat.protocol.text.wordlist import WORDS
from lanchat_server.core.peers import peer_secret
from tests.vectors.values import plain

LOG_ID = bytes(range(16))
EPOCH = 2
ROOM = 7
USER = 3
RUN = 0x0123_4567_89AB_CDEF
TIME_MS = 1_700_000_000_123
CHALLENGE = b"?" * 32
FINGERPRINT = keys.sha256(b"a certificate in DER").hex()
DEVICE_KEY = keys.private_key(b"d" * 32)
LOG_KEY = keys.private_key(b"l" * 32)
DEVICE = keys.device_id(keys.public_octets(DEVICE_KEY))
LOG_PUBLIC = keys.public_octets(LOG_KEY)


def key_vectors() -> dict[str, Any]:
    """Keys, device id, the signatures of enrolment and log-in, a fingerprint's words and link."""
    proof = LOG_ID + bytes.fromhex(FINGERPRINT) + CHALLENGE
    return {
        "log_id": LOG_ID,
        "fingerprint": FINGERPRINT,
        "challenge": CHALLENGE,
        "device": _key(DEVICE_KEY) | {"id": DEVICE},
        "log": _key(LOG_KEY),
        "enrolment_signature": DEVICE_KEY.sign(keys.ENROL_CONTEXT + proof),
        "login_signature": DEVICE_KEY.sign(keys.LOGIN_CONTEXT + proof),
        "fingerprint_words": fingerprint_words(FINGERPRINT),
        "words": list(WORDS),
        "invites": {
            make_invite(host, 47474, FINGERPRINT): {"host": host, "port": 47474}
            for host in ("192.168.1.5", "server.example", "fe80::1")
        },
        "name_keys": {
            name: name_key(name) for name in ("Anna", "ÅNGSTRÖM", "a\u030angstro\u0308m", "Straße", "Ａｎｎａ")
        },
    }


def _key(key: Ed25519PrivateKey) -> dict[str, bytes]:
    return {"private": keys.private_octets(key), "public": keys.public_octets(key)}


FILE = Manifest("picture.png", 5, "image/png", b"r" * 32, b"s" * 32)


def said() -> list[tuple[Header, str, Message]]:
    """A message of each kind: about record 1, where it speaks of one."""
    bodies = {
        Kind.TEXT: "Grüße, мир \N{GRINNING FACE}",
        Kind.EDIT: "corrected",
        Kind.REACTION: "-\N{THUMBS UP SIGN}",
        Kind.FILE: encode_file_body("a file", [FILE]),
        Kind.NOTICE: "a notice",
        Kind.DELETE: "",
    }
    found = []
    for n, (kind, body) in enumerate(bodies.items(), start=1):
        about = 1 if kind in (Kind.EDIT, Kind.REACTION, Kind.DELETE) else 0
        header = Header(ROOM, DEVICE, RUN, n, kind, about, TIME_MS + n, 10 + n)
        found.append((header, body, make_message(DEVICE_KEY, LOG_ID, header, body)))
    return found


def message_vectors() -> dict[str, Any]:
    return {
        "log_id": LOG_ID,
        "public_key": keys.public_octets(DEVICE_KEY),
        "messages": [
            {"fields": plain(header), "text": body, "header": said.header, "body": said.body}
            | {"signature": said.signature, "octets": encode(said)}
            for header, body, said in said()
        ],
    }


def room() -> list[tuple[Record, bytes]]:
    """The records of the messages above and their chain hashes; the deletion at the end has erased the first body."""
    links, before = [], genesis_hash(LOG_ID, ROOM)
    for seq, (_header, _body, message) in enumerate(said(), start=1):
        record = Record(seq, TIME_MS + 1000 * seq, message.header, message.signature, message.body)
        before = chain_hash(LOG_ID, ROOM, before, record)
        links.append((record, before))
    first, first_hash = links[0]
    links[0] = (msgspec.structs.replace(first, body=None, erased_hash=first.body_hash), first_hash)
    return links


def signed_head(seq: int) -> Head:
    return sign_head(LOG_KEY, LOG_ID, EPOCH, ROOM, seq, room()[seq - 1][1], TIME_MS + 1000 * seq)


def record_vectors() -> dict[str, Any]:
    empty = sign_head(LOG_KEY, LOG_ID, EPOCH, ROOM, 0, genesis_hash(LOG_ID, ROOM), 0)
    return {
        "log_id": LOG_ID,
        "log_key": LOG_PUBLIC,
        "room": ROOM,
        "genesis": genesis_hash(LOG_ID, ROOM),
        "records": [{"fields": plain(record), "octets": encode(record), "hash": chain} for record, chain in room()],
        "heads": [{"fields": plain(head), "octets": encode(head)} for head in (empty, signed_head(len(room())))],
    }


def certificate() -> Certificate:
    public = keys.public_octets(DEVICE_KEY)
    return issue_certificate(
        LOG_KEY, CertificateBody(LOG_ID, USER, public, "anna", "Анна Å.", TIME_MS + 259_200_000, 9)
    )


def certificate_vectors() -> dict[str, Any]:
    made = certificate()
    body = msgspec.msgpack.decode(made.octets, type=CertificateBody)
    return {
        "log_id": LOG_ID,
        "log_key": LOG_PUBLIC,
        "certificates": [{"fields": plain(body), "device": DEVICE, "octets": encode(made)}],
    }


def statement_bodies() -> list[StatementBody]:
    """One of each kind, a direct and a deleted room."""
    number = (EPOCH << 40) + 7
    nobody = members_hash([])
    room = RoomBody(
        LOG_ID, number + 1, ROOM, "Küche", RoomKind.PRIVATE, HistoryPolicy.SINCE_JOINING, USER, True, False, 2,
        members_hash(MEMBERS),
    )  # fmt: skip
    return [
        AccountBody(LOG_ID, number, USER, "anna", "Анна Å.", Role.MODERATOR, False),
        room,
        msgspec.structs.replace(room, name="", kind=RoomKind.DIRECT, history=HistoryPolicy.EVERYTHING, creator=0),
        msgspec.structs.replace(room, name="", creator=0, archived=False, deleted=True, members=0, members_hash=nobody),
        RevocationsBody(LOG_ID, number + 2, len(REVOKED), devices_hash(REVOKED)),
    ]


MEMBERS = [(USER, 1), (USER + 1, 2**40)]
REVOKED = [b"\xff" * 16, b"\1" * 16]


def statement_vectors() -> dict[str, Any]:
    return {
        "log_id": LOG_ID,
        "log_key": LOG_PUBLIC,
        "members": [{"user": user, "first_seq": first} for user, first in MEMBERS],
        "members_hash": members_hash(MEMBERS),
        "revoked": REVOKED,
        "devices_hash": devices_hash(REVOKED),
        "statements": [
            {"fields": plain(body), "octets": encode(issue_statement(LOG_KEY, body))} for body in statement_bodies()
        ],
    }


def exchange_key(letter: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(letter * 32)


def peer_body(key: Ed25519PrivateKey, letter: bytes) -> PeerBody:
    """Of a start that drew this letter 32 times as its key."""
    public = exchange_key(letter).public_key().public_bytes_raw()
    return PeerBody(LOG_ID, keys.device_id(keys.public_octets(key)), RUN, public, TIME_MS)


def peer_vectors() -> dict[str, Any]:
    """Two ends, the keys of their link, a datagram each way, and an open datagram."""
    one, other = peer_body(DEVICE_KEY, b"x"), peer_body(LOG_KEY, b"y")
    keys_of_one = link_keys(exchange_key(b"x"), other.exchange_key, LOG_ID, one.end, other.end)
    there = Sealer(keys_of_one.send, keys_of_one.send_id, LOG_ID, 0, LINK_LIMITS, LINK_KIND)
    back = Sealer(keys_of_one.receive, keys_of_one.receive_id, LOG_ID, 0, LINK_LIMITS, LINK_KIND)
    opening = encode(wire.OpenLink(sign_peer(DEVICE_KEY, one), certificate(), other.device, False))
    secret = peer_secret(LOG_KEY, LOG_ID)
    return {
        "log_id": LOG_ID,
        "log_private": b"l" * 32,
        "ends": [
            {"private": letter * 32, "fields": plain(body), "octets": encode(body)}
            for letter, body in ((b"x", one), (b"y", other))
        ],
        "info": encode(sign_peer(DEVICE_KEY, one)),
        "send": {"key": keys_of_one.send, "key_id": keys_of_one.send_id},
        "receive": {"key": keys_of_one.receive, "key_id": keys_of_one.receive_id},
        "there": there.seal(encode([])),
        "back": back.seal(encode([])),
        "secret": secret,
        "random": b"r" * 32,
        "content": opening,
        "open": seal_open(secret, LOG_ID, b"r" * 32, opening),
    }


def seal_vectors() -> dict[str, Any]:
    """Datagrams of one key in the order of their counters, the last one under another epoch."""
    payloads = [b"", wire.encode_datagram([wire.Ping(RUN)]), bytes(range(256)) * 4]
    found = []
    for epoch, counters in ((EPOCH, (0, 1, 1_000_000)), (EPOCH + 1, (0,))):
        sealer = Sealer(b"c" * 32, 0x0102_0304, LOG_ID, epoch)
        for counter, payload in zip(counters, payloads, strict=False):
            sealer.counter = counter
            found.append({"epoch": epoch, "counter": counter, "payload": payload, "datagram": sealer.seal(payload)})
    return {"log_id": LOG_ID, "key": b"c" * 32, "key_id": 0x0102_0304, "datagrams": found}


# One of each frame

SPECIMENS: dict[type, Callable[[], Any]] = {
    Message: lambda: said()[0][2],
    Record: lambda: room()[1][0],
    Head: lambda: signed_head(2),
    Certificate: certificate,
    PeerInfo: lambda: sign_peer(DEVICE_KEY, peer_body(DEVICE_KEY, b"x")),
    Statement: lambda: issue_statement(LOG_KEY, statement_bodies()[0]),
}
FIELDS: dict[str, Any] = {
    "room": ROOM,
    "user": USER,
    "device": DEVICE,
    "run": RUN,
    "token": RUN,
    "versions": [1],
    "client": "another client 1.0",
    "json": '{"name": "Office"}',
    "log_id": LOG_ID,
    "log_epoch": EPOCH,
    "log_key": LOG_PUBLIC,
    "challenge": CHALLENGE,
    "public_key": keys.public_octets(DEVICE_KEY),
    "id": 3,
    "retry_ms": 250,
    "lifetime_ms": 3_600_000,
    "before_hash": genesis_hash(LOG_ID, ROOM),
}
PLAIN_TYPES: dict[type, type] = {
    inspect.IntType: int,
    inspect.BytesType: bytes,
    inspect.StrType: str,
    inspect.ListType: list,
}


def frame_vectors() -> dict[str, Any]:
    frames = [_frame(kind, "to server", example(kind)) for kind in structs(wire.LiveFromClient)]
    frames += [
        _frame(kind, "to server", wire.Request(number, example(kind)))
        for number, kind in enumerate(structs(wire.Operation), start=1)
    ]
    frames += [
        _frame(kind, "to client", example(kind))
        for union in (wire.LiveFromServer, wire.EventFromServer, wire.Failure)
        for kind in structs(union)
    ]
    frames += [
        _frame(kind, "to client", wire.Response(number, example(kind)))
        for number, kind in enumerate(structs(wire.Result), start=1)
    ]
    frames += [_frame(kind, "to peer", example(kind)) for kind in structs(wire.PeerFrame)]
    live = [wire.Records(ROOM, [room()[0][0], room()[1][0]], signed_head(2)), wire.Heads([signed_head(2)])]
    return {
        "frames": frames,
        "stream": b"".join(map(wire.pack_frame, live)),
        "datagram": wire.encode_datagram(live),
    }


def _frame(kind: type[msgspec.Struct], direction: str, frame: msgspec.Struct) -> dict[str, Any]:
    return {"name": kind.__name__, "direction": direction, "fields": plain(frame), "octets": encode(frame)}


def structs(union: Any) -> list[type[msgspec.Struct]]:
    """The frames of a union, in their order."""
    info = inspect.type_info(union)
    return [member.cls for member in getattr(info, "types", (info,)) if isinstance(member, inspect.StructType)]


def example(kind: type[msgspec.Struct]) -> Any:
    """A frame of this kind with every field filled in."""
    return _made(inspect.type_info(kind), "")


def _made(kind: inspect.Type, name: str) -> Any:
    match kind:
        case inspect.StructType():
            if kind.cls in SPECIMENS:
                return SPECIMENS[kind.cls]()
            return kind.cls(**{field.name: _field(field) for field in kind.fields})
        case inspect.UnionType():
            return _made(next(member for member in kind.types if not isinstance(member, inspect.NoneType)), name)
        case inspect.ListType():
            return [_made(kind.item_type, name)]
        case inspect.EnumType():
            return list(kind.cls)[-1]
        case inspect.BytesType():
            return (name.encode() * 32)[: kind.min_length or 5]
        case inspect.StrType():
            return f"{name} ж"
        case inspect.IntType():
            return TIME_MS if name.endswith("_ms") else max(len(name), kind.ge or 0)
        case inspect.FloatType():
            return 12.5
        case inspect.BoolType():
            return True
    raise TypeError(kind)


def _field(field: inspect.Field) -> Any:
    value = FIELDS.get(field.name)
    return value if type(value) is PLAIN_TYPES.get(type(field.type)) else _made(field.type, field.name)
