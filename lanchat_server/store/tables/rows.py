"""Between database rows and the values of lanchat_server.core.model."""

from typing import Any

from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Message, decode_header_untrusted
from lanchat.protocol.log.records import Record
from lanchat.protocol.text.names import name_key
from lanchat_server.core.model import (
    DeviceRow,
    MembershipRow,
    NewRecord,
    QuarantinedMessage,
    RecoveryRow,
    RoomHead,
    RoomKeyRow,
    RoomRow,
    RoomState,
    UserRow,
)
from lanchat_server.store.tables.schema import memberships, records

Values = dict[str, Any]

RECORD_COLUMNS = (
    records.c.seq,
    records.c.time_ms,
    records.c.header,
    records.c.signature,
    records.c.body,
    records.c.body_hash,
)


def room_name_key(room: int, name: str, kind: int) -> bytes:
    """What is unique among rooms. A private room takes its name from nobody: a refusal would tell the name to users who
    may not know of the room."""
    return key_octets(name) + (b"\0" + room.to_bytes(8) if kind == RoomKind.PRIVATE else b"")


def key_octets(name: str) -> bytes:
    """The `name_key` column of a name."""
    return name_key(name).encode()


def record(row: Any) -> Record:
    """From RECORD_COLUMNS."""
    seq, time_ms, header, signature, body, body_hash = row[:6]
    if body is None:
        return Record(seq, time_ms, header, signature, None, body_hash)
    return Record(seq, time_ms, header, signature, body.encode())


def record_values(room: int, new: NewRecord) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    record, header = new.record, new.header
    return (
        room,
        record.seq,
        record.time_ms,
        new.author,
        header.device,
        header.run,
        header.n,
        header.kind,
        header.ref,
        record.header,
        record.signature,
        None if record.body is None else new.text,
        record.body_hash,
        new.hash,
    )


def quarantined(row: Any) -> QuarantinedMessage:
    """From all columns of `quarantine` but its key."""
    author, brought_by, brought_ms, header, signature, body = row
    message = Message(header, body.encode(), signature)
    return QuarantinedMessage(message, decode_header_untrusted(header), author, brought_by, brought_ms)


def quarantine_values(row: QuarantinedMessage) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    message = row.message
    key = row.header.key
    sent = (message.header, message.signature, message.body.decode())
    return (*key, row.author, row.brought_by, row.brought_ms, *sent)


def user(row: Any) -> UserRow:
    """From a row of `users`; raises ValueError for a role that does not exist."""
    return UserRow(
        row.id,
        row.name,
        row.display_name,
        row.email,
        row.password_hash,
        Role(row.role),
        row.disabled,
        row.created_ms,
        row.last_seen_ms,
        row.pending_email,
        row.email_from_ms,
        row.number,
    )


def user_values(row: UserRow) -> Values:
    """All columns of `users` but the id; `name_key` follows from the name."""
    return {
        "name": row.name,
        "name_key": key_octets(row.name),
        "display_name": row.display_name,
        "email": row.email,
        "pending_email": row.pending_email,
        "email_from_ms": row.email_from_ms,
        "password_hash": row.password_hash,
        "role": int(row.role),
        "disabled": row.disabled,
        "created_ms": row.created_ms,
        "last_seen_ms": row.last_seen_ms,
        "number": row.number,
    }


def device(row: Any) -> DeviceRow:
    """From a row of `devices`, whose certificate is two columns."""
    return DeviceRow(
        row.id,
        row.user_id,
        row.public_key,
        row.name,
        row.created_ms,
        row.last_seen_ms,
        row.revoked_ms,
        Certificate(row.certificate, row.certificate_signature),
        row.revoked_number,
    )


def device_values(row: DeviceRow) -> Values:
    """All columns of `devices`."""
    return {
        "id": row.id,
        "user_id": row.user,
        "public_key": row.public_key,
        "name": row.name,
        "created_ms": row.created_ms,
        "last_seen_ms": row.last_seen_ms,
        "revoked_ms": row.revoked_ms,
        **certificate_values(row.certificate),
        "revoked_number": row.revoked_number,
    }


def certificate_values(certificate: Certificate) -> Values:
    """The two columns of `devices` that hold a certificate."""
    return {"certificate": certificate.octets, "certificate_signature": certificate.signature}


def room(row: Any) -> RoomRow:
    """From a row of `rooms` that is not deleted; raises ValueError for a kind or history policy that does not exist."""
    head = RoomHead(row.head_seq, row.head_hash, row.head_ms)
    kind, history = RoomKind(row.kind), HistoryPolicy(row.history)
    archived = row.state == RoomState.ARCHIVED
    return RoomRow(row.id, row.name, kind, history, row.creator_id, row.created_ms, head, archived, row.number)


def room_values(row: RoomRow) -> Values:
    """All columns of `rooms`; `name_key` and `state` follow from the row."""
    return {
        "id": row.id,
        "name": row.name,
        "name_key": room_name_key(row.id, row.name, row.kind),
        "kind": int(row.kind),
        "history": int(row.history),
        "creator_id": row.creator,
        "created_ms": row.created_ms,
        "state": int(room_state(row.archived)),
        **head_values(row.head),
        "number": row.number,
    }


def room_state(archived: bool) -> RoomState:
    """Of a room that is not deleted."""
    return RoomState.ARCHIVED if archived else RoomState.OPEN


def head_values(head: RoomHead) -> Values:
    """The three columns of `rooms` that hold a head."""
    return {"head_seq": head.seq, "head_hash": head.hash, "head_ms": head.time_ms}


def membership(row: Any) -> MembershipRow:
    """From a row of `memberships`; its `received_seq` and `read_seq` are the receipts."""
    return MembershipRow(row.room_id, row.user_id, row.joined_ms, row.first_seq, row.received_seq, row.read_seq)


def membership_values(row: MembershipRow) -> Values:
    """All columns of `memberships`."""
    values = (row.room, row.user, row.joined_ms, row.first_seq, row.received, row.read)
    return dict(zip((column.name for column in memberships.columns), values, strict=True))


def room_key(row: Any) -> RoomKeyRow:
    """From a row of `room_keys`."""
    return RoomKeyRow(row.room_id, row.number, row.room_key, row.not_after_ms)


def room_key_values(row: RoomKeyRow) -> Values:
    """All columns of `room_keys`."""
    return {"room_id": row.room, "number": row.number, "room_key": row.key, "not_after_ms": row.not_after_ms}


def recovery(row: Any) -> RecoveryRow:
    """From a row of `recovery_codes`, also of a code that is no longer good."""
    return RecoveryRow(row.user_id, row.code_hash, row.not_after_ms, row.tries)


def recovery_values(row: RecoveryRow) -> Values:
    """All columns of `recovery_codes`."""
    return {
        "user_id": row.user,
        "code_hash": row.code_hash,
        "not_after_ms": row.not_after_ms,
        "tries": row.tries,
    }
