"""Statements: what the log says of accounts, rooms and revoked devices, signed, so that anybody can hand it on.

A statement travels as the octets that were signed, as certificates do. Its number only grows for each subject, over a
restore of the log too: of two statements about the same subject the one with the higher number holds. A list that a
statement is about (members, devices) travels apart from it; the statement has its hash.
"""

import enum
from collections.abc import Iterable
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.codec import U32, U63, Decoder, Key16, Key32, Positive, Signature, decoder, encode
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DISPLAY_NAME_MAX, ROOM_NAME_MAX, USER_NAME_MAX
from lanchat.protocol.log import keys

STATEMENT_MAX = 640  # octets; names are at most 64 characters of four


class StatementKind(enum.IntEnum):
    """What a statement is about."""

    ACCOUNT = 1
    ROOM = 2
    REVOCATIONS = 3


class AccountBody(msgspec.Struct, array_like=True, frozen=True):
    """An account. `disabled`: nothing of it is taken any more."""

    log_id: Key16
    number: U63
    user: Positive
    name: Annotated[str, msgspec.Meta(max_length=USER_NAME_MAX)]
    display_name: Annotated[str, msgspec.Meta(max_length=DISPLAY_NAME_MAX)]
    role: Role
    disabled: bool


class RoomBody(msgspec.Struct, array_like=True, frozen=True):
    """A room and who is in it. `members_hash`: see `members_hash`. A direct room has no name. Of a room that was
    deleted only the id is left."""

    log_id: Key16
    number: U63
    room: U63
    name: Annotated[str, msgspec.Meta(max_length=ROOM_NAME_MAX)]
    kind: RoomKind
    history: HistoryPolicy
    creator: U63
    archived: bool
    deleted: bool
    members: U32
    members_hash: Key32


class RevocationsBody(msgspec.Struct, array_like=True, frozen=True):
    """All devices that were ever revoked. `devices_hash`: see `devices_hash`."""

    log_id: Key16
    number: U63
    devices: U32
    devices_hash: Key32


StatementBody = AccountBody | RoomBody | RevocationsBody


class Statement(msgspec.Struct, array_like=True, frozen=True):
    """Signed octets of the body that belongs to `kind`."""

    kind: StatementKind
    octets: Annotated[bytes, msgspec.Meta(max_length=STATEMENT_MAX)]
    signature: Signature


_CONTEXTS = {
    StatementKind.ACCOUNT: keys.ACCOUNT_CONTEXT,
    StatementKind.ROOM: keys.ROOM_CONTEXT,
    StatementKind.REVOCATIONS: keys.REVOCATIONS_CONTEXT,
}
_KINDS = {
    AccountBody: StatementKind.ACCOUNT,
    RoomBody: StatementKind.ROOM,
    RevocationsBody: StatementKind.REVOCATIONS,
}
_DECODERS: dict[StatementKind, Decoder] = {kind: decoder(body) for body, kind in _KINDS.items()}


def issue_statement(key: Ed25519PrivateKey, body: StatementBody) -> Statement:
    """Sign with the log key."""
    kind, octets = _KINDS[type(body)], encode(body)
    return Statement(kind, octets, key.sign(_CONTEXTS[kind] + octets))


def open_statement_untrusted(log_key: bytes, log_id: bytes, statement: Statement) -> StatementBody:
    """What a statement of this log says; raises ProtocolError."""
    keys.check_signature(log_key, statement.signature, _CONTEXTS[statement.kind], statement.octets)
    body: StatementBody = _DECODERS[statement.kind](statement.octets)
    if body.log_id != log_id:
        raise ProtocolError("statement of another log")
    return body


def read_statement_untrusted(statement: Statement) -> StatementBody:
    """What a statement says whose signature was checked before; raises ProtocolError."""
    body: StatementBody = _DECODERS[statement.kind](statement.octets)
    return body


def subject_of(body: StatementBody) -> tuple[StatementKind, int]:
    """What it is about: the kind, and the id of account or room (0: the list of revoked devices)."""
    match body:
        case AccountBody():
            return StatementKind.ACCOUNT, body.user
        case RoomBody():
            return StatementKind.ROOM, body.room
        case RevocationsBody():
            return StatementKind.REVOCATIONS, 0


def members_hash(members: Iterable[tuple[int, int]]) -> bytes:
    """SHA-256 over the members by user id: id and the lowest number that this member may read, 8 octets each."""
    return keys.sha256(*(part.to_bytes(8, "big") for member in sorted(members) for part in member))


def devices_hash(devices: Iterable[bytes]) -> bytes:
    """SHA-256 over device ids in ascending order."""
    return keys.sha256(*sorted(devices))
