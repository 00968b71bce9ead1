"""Records, the hash chain of a room, and its signed head.

A record is a message that the log has numbered. Its chain hash covers the record before it:

    hash(seq) = SHA-256( RECORD_CONTEXT || log_id || room u64 || seq u64 || hash(seq-1) || time_ms u64
                         || header || signature || SHA-256(body) )

with big-endian numbers; the header is the only part of variable length, so no two records share an input. A head is
(log_epoch, room, seq, hash, time), signed with the log key. Whoever holds records seq a..b, the hash before a, and a
signed head at b knows that the server ordered exactly these: one signature proves a whole batch.
"""

import struct
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.codec import U32, U63, Key32, Positive, Signature
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import BODY_OCTETS_MAX
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import HEADER_MAX

_ROOM_SEQ = struct.Struct(">QQ")
_U64 = struct.Struct(">Q")
_HEAD = struct.Struct(">IQQ32sQ")


class Record(msgspec.Struct, array_like=True, frozen=True):
    """A numbered message. `body` is nil once it was erased; then `erased_hash` is its SHA-256, else empty."""

    seq: Positive
    time_ms: U63
    header: Annotated[bytes, msgspec.Meta(max_length=HEADER_MAX)]
    signature: Signature
    body: Annotated[bytes, msgspec.Meta(max_length=BODY_OCTETS_MAX)] | None
    erased_hash: Annotated[bytes, msgspec.Meta(max_length=32)] = b""

    @property
    def body_hash(self) -> bytes:
        """SHA-256 of the body, also of one that was deleted."""
        return self.erased_hash if self.body is None else keys.sha256(self.body)


def blanked(record: Record) -> Record:
    """The record as it is after a deletion: without its body, with the hash of it."""
    if record.body is None:
        return record
    return Record(record.seq, record.time_ms, record.header, record.signature, None, record.body_hash)


class Head(msgspec.Struct, array_like=True, frozen=True):
    """Where a room stands, signed with the log key. `seq` 0 is a room without records."""

    epoch: U32
    room: U63
    seq: U63
    hash: Key32
    time_ms: U63
    signature: Signature


def genesis_hash(log_id: bytes, room: int) -> bytes:
    """The chain hash before record 1."""
    return keys.sha256(keys.GENESIS_CONTEXT, log_id, _U64.pack(room))


def chain_hash(log_id: bytes, room: int, before: bytes, record: Record) -> bytes:
    """The chain hash of `record`, given the one before it; raises ProtocolError on an erased body without hash."""
    body_hash = record.body_hash
    if len(body_hash) != 32:
        raise ProtocolError("erased body without its hash")
    return keys.sha256(
        keys.RECORD_CONTEXT,
        log_id,
        _ROOM_SEQ.pack(room, record.seq),
        before,
        _U64.pack(record.time_ms),
        record.header,
        record.signature,
        body_hash,
    )


def _head_octets(log_id: bytes, epoch: int, room: int, seq: int, chain: bytes, time_ms: int) -> bytes:
    return keys.HEAD_CONTEXT + log_id + _HEAD.pack(epoch, room, seq, chain, time_ms)


def sign_head(
    key: Ed25519PrivateKey, log_id: bytes, epoch: int, room: int, seq: int, chain: bytes, time_ms: int
) -> Head:
    """The signed head of a room."""
    signature = key.sign(_head_octets(log_id, epoch, room, seq, chain, time_ms))
    return Head(epoch, room, seq, chain, time_ms, signature)


def check_head(log_key: bytes, log_id: bytes, head: Head) -> None:
    """Raise ProtocolError unless the log signed this head."""
    octets = _head_octets(log_id, head.epoch, head.room, head.seq, head.hash, head.time_ms)
    keys.check_signature(log_key, head.signature, octets)
