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
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import BODY_CHARACTERS_MAX, BODY_OCTETS_MAX, REACTION_CHARACTERS_MAX
from lanchat.protocol.log import keys
from lanchat.protocol.text.names import check_text
from lanchat.protocol.text.reactions import is_reaction

HEADER_MAX = 128


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
        return MessageKey(self.room, self.device, self.run, self.n)


class Message(msgspec.Struct, array_like=True, frozen=True):
    """Header octets, body (UTF-8) and the author's signature, as they travel."""

    header: Annotated[bytes, msgspec.Meta(max_length=HEADER_MAX)]
    body: Annotated[bytes, msgspec.Meta(max_length=BODY_OCTETS_MAX)]
    signature: Signature


decode_header_untrusted = decoder(Header)


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
    """Raise ProtocolError unless `body` is one that a message of this kind may have.

    A text, an edit, a notice: 1 to 4,000 characters. A deletion: none. A reaction: an emoji, or
    something else in one line; with a leading "-" it takes that reaction back.
    """
    if kind is Kind.DELETE:
        if body:
            raise ProtocolError("a deletion has no body")
        return
    limit = REACTION_CHARACTERS_MAX if kind is Kind.REACTION else BODY_CHARACTERS_MAX
    check_text(body, limit)
    if len(body.encode()) > BODY_OCTETS_MAX:
        raise ProtocolError("text too long")
    if not body.strip() or (kind is Kind.REACTION and not is_reaction(body)):
        raise ProtocolError("empty text")


def body_text_untrusted(kind: Kind, body: bytes) -> str:
    """Decode and check a body from outside; raises ProtocolError."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("text is not UTF-8") from error
    check_body(kind, text)
    return text
