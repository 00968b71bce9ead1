"""A message: what a device made and signed, before the log has given it a number.

The header travels as the author's own octets, so that whoever hands it on (server or peer) cannot change how it was
encoded. The signature covers

    MESSAGE_CONTEXT || log_id || header || SHA-256(body)

and not the body itself: when a body is deleted, the hash stays and everything still verifies.

(room, device, run, n) names a message for ever. `run` is drawn at random at each start of a client, because a laptop
restored from an old image must not use a number twice; `n` counts from 1 per room and run.
"""

import enum
from typing import Annotated, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.codec import U63, Key16, Positive, Signature, decoder, encode
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError, TooLong
from lanchat.protocol.limits import (
    BODY_CHARACTERS_MAX,
    BODY_OCTETS_MAX,
    REACTION_CHARACTERS_MAX,
    SUBMIT_OCTETS_MAX,
)
from lanchat.protocol.log import keys
from lanchat.protocol.log.files import file_body_untrusted
from lanchat.protocol.text.names import check_text, is_blank
from lanchat.protocol.text.reactions import is_reaction

HEADER_MAX = 128
# What a reader of a Submit takes, so that a message beyond HEADER_MAX or BODY_OCTETS_MAX is refused by name.
SUBMITTED_HEADER_MAX = 1024


class Kind(enum.IntEnum):
    """What a message is. Numbers are append-only."""

    TEXT = 1
    EDIT = 2
    DELETE = 3
    REACTION = 4
    FILE = 5
    NOTICE = 6


class MessageKey(NamedTuple):
    """The name of a message."""

    room: int
    device: bytes
    run: int
    n: int


class Header(msgspec.Struct, array_like=True, frozen=True):
    """What the author signed beside the body. `ref` is the number of the record replied to, edited, deleted or
    reacted to (0: none); `sent_ms` the author's clock, from which nothing follows; `lamport` orders what is not stored
    yet."""

    room: U63
    device: Key16
    run: U63
    n: Positive
    kind: Kind
    ref: U63
    sent_ms: U63
    lamport: U63

    @property
    def key(self) -> MessageKey:
        """The name of the message: its first four elements."""
        return MessageKey(self.room, self.device, self.run, self.n)


class Message(msgspec.Struct, array_like=True, frozen=True):
    """Header octets, body (UTF-8) and the author's signature, as they travel. One whose header or body is longer than
    a record may have is refused."""

    header: Annotated[bytes, msgspec.Meta(max_length=SUBMITTED_HEADER_MAX)]
    body: Annotated[bytes, msgspec.Meta(max_length=SUBMIT_OCTETS_MAX)]
    signature: Signature


class SubmittedHeader(NamedTuple):
    """The header of a message from outside. With a `fault`, the code of its refusal, only the name of `header` is what
    the author wrote."""

    header: Header
    fault: Code | None


class _Name(msgspec.Struct, array_like=True, frozen=True):
    """The first elements of a header."""

    room: U63
    device: Key16
    run: U63
    n: Positive


class _AnyKind(msgspec.Struct, array_like=True, frozen=True):
    """A header whose kind is not looked at."""

    room: U63
    device: Key16
    run: U63
    n: Positive
    kind: U63
    ref: U63
    sent_ms: U63
    lamport: U63


decode_header_untrusted = decoder(Header)
_decode_name = decoder(_Name)
_decode_any_kind = decoder(_AnyKind)


def submitted_header_untrusted(octets: bytes) -> SubmittedHeader:
    """The header of a message that was handed in. Raises ProtocolError when it does not even name the message."""
    name: _Name = _decode_name(octets)
    nameless = Header(name.room, name.device, name.run, name.n, Kind.TEXT, 0, 0, 0)
    if len(octets) > HEADER_MAX:
        return SubmittedHeader(nameless, Code.BAD_HEADER)
    try:
        return SubmittedHeader(decode_header_untrusted(octets), None)
    except ProtocolError:
        pass
    try:
        _decode_any_kind(octets)
    except ProtocolError:
        return SubmittedHeader(nameless, Code.BAD_HEADER)
    return SubmittedHeader(nameless, Code.UNSUPPORTED_KIND)


def make_message(key: Ed25519PrivateKey, log_id: bytes, header: Header, body: str) -> Message:
    """Sign. Raises ProtocolError when the body breaks the limits of its kind."""
    check_body(header.kind, body)
    octets = body.encode()
    head = encode(header)
    signature = key.sign(b"".join((keys.MESSAGE_CONTEXT, log_id, head, keys.sha256(octets))))
    return Message(head, octets, signature)


def check_author(public_key: bytes, log_id: bytes, header: bytes, body_hash: bytes, signature: bytes) -> None:
    """Raise ProtocolError unless the owner of `public_key` signed this header and body hash."""
    keys.check_signature(public_key, signature, keys.MESSAGE_CONTEXT, log_id, header, body_hash)


def check_body(kind: Kind, body: str) -> None:
    """Raise ProtocolError, TooLong for one that is too long, unless `body` is one that a message of this kind may have.

    A text, an edit, a notice: 1 to 4,000 characters, of which one can be seen. A deletion: none. A reaction: an emoji,
    or something else in one line; with a leading "-" it takes that reaction back. Files: as in files.py.
    """
    if kind is Kind.FILE:
        if len(body.encode()) > BODY_OCTETS_MAX:
            raise TooLong("text too long")
        file_body_untrusted(body)
        return
    if kind is Kind.DELETE:
        if body:
            raise ProtocolError("a deletion has no body")
        return
    limit = REACTION_CHARACTERS_MAX if kind is Kind.REACTION else BODY_CHARACTERS_MAX
    check_text(body, limit)
    if len(body.encode()) > BODY_OCTETS_MAX:
        raise TooLong("text too long")
    if is_blank(body) or (kind is Kind.REACTION and not is_reaction(body)):
        raise ProtocolError("empty text")


def body_text_untrusted(kind: Kind, body: bytes) -> str:
    """Decode and check a body from outside; raises ProtocolError, TooLong. That of a message with files is still to be
    read by `file_body_untrusted`."""
    if len(body) > BODY_OCTETS_MAX:
        raise TooLong("text too long")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("text is not UTF-8") from error
    check_body(kind, text)
    return text
