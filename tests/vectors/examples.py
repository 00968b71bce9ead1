"""Vectors of keys, messages, records, certificates, sealed datagrams, and one of each frame. Every key is one letter,
32 times."""

from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import inspect

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.seal import Sealer
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import Certificate, CertificateBody, issue_certificate
from lanchat.protocol.log.messages import Header, Kind, Message, make_message
from lanchat.protocol.log.records import Head, Record, chain_hash, genesis_hash, sign_head
from lanchat.protocol.text.identity import fingerprint_words, make_invite
from lanchat.protocol.text.names import name_key
from lanchat.protocol.text.wordlist import WORDS
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


def said() -> list[tuple[Header, str, Message]]:
    """A message of each kind: about record 1, where it speaks of one."""
    bodies = {
        Kind.TEXT: "Grüße, мир \N{GRINNING FACE}",
        Kind.EDIT: "corrected",
        Kind.REACTION: "-\N{THUMBS UP SIGN}",
        Kind.FILE: "a file",
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
