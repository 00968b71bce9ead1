"""Connections that carry contents of files, apart from talk: same port, same TLS certificate, the ALPN BULK_ALPN.

Each part of the stream has a head of eight octets, `length u32 || number u32` (`PartHead`). With number 0 its payload
is one frame, else the octets of that chunk, counted from 1. A client asks one thing after the other; answers come in
that order:

* `UseTicket` first, with the ticket of an `OpenTransfers` on the control channel: `TransferDone`.
* `OfferContents`: `ContentsKept` when they are here, else `ContentsWanted`; then the client sends the chunks from
  `first` to the last, and `ContentsKept` follows when they are checked and durable.
* `GetLeaves`: `Leaves`. `GetChunks`: the chunks.
* `DropContents`: `TransferDone`.

Instead of each answer, also in the middle of chunks either way, `TransferRefused` may come: what was asked is over, and
the server passes over chunks until the next frame.
"""

import struct
from typing import Annotated, ClassVar, NamedTuple

import msgspec

from lanchat.protocol.codec import U32, U63, Key32, Positive, decoder, encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import CHUNK_OCTETS, CHUNKS_ASKED_MAX, FILE_CHUNKS_MAX
from lanchat.protocol.log.files import FILE_OCTETS_MAX, LEAVES_OCTETS_MAX
from lanchat.protocol.wire.base import Frame, Short

_HEAD = struct.Struct(">II")
PART_HEAD_OCTETS = _HEAD.size
# The longest frame: the leaves and what is around them.
BULK_FRAME_MAX = LEAVES_OCTETS_MAX + 1024
_Size = Annotated[int, msgspec.Meta(ge=0, le=FILE_OCTETS_MAX)]
_Leaves = Annotated[bytes, msgspec.Meta(max_length=LEAVES_OCTETS_MAX)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=FILE_CHUNKS_MAX)]


class OpenTransfers(Frame, frozen=True, tag=73):
    """A request on the control channel: a ticket for one connection that carries contents. Answered by
    TransferTicket."""


class TransferTicket(Frame, frozen=True, tag=61):
    """`ticket`: good once, for `lifetime_ms`, and no longer than the session that asked. `file_octets`: of the largest
    file that is taken."""

    concealed: ClassVar[frozenset[str]] = frozenset({"ticket"})

    ticket: Key32
    lifetime_ms: U32
    file_octets: U63


class UseTicket(Frame, frozen=True, tag=1):
    """Whose connection this is. It ends with the session that asked for the ticket."""

    concealed: ClassVar[frozenset[str]] = frozenset({"ticket"})

    ticket: Key32


class OfferContents(Frame, frozen=True, tag=2):
    """Contents that this user is going to name in a message. `leaves`: one after the other; they and `size` make
    `root`."""

    root: Key32
    size: _Size
    sha256: Key32
    leaves: _Leaves


class DropContents(Frame, frozen=True, tag=3):
    """What came of these contents from this user, and is not complete, is not wanted any more."""

    root: Key32


class GetLeaves(Frame, frozen=True, tag=4):
    """The leaves of contents that record `seq` of `room` names."""

    room: U63
    seq: Positive
    root: Key32


class GetChunks(Frame, frozen=True, tag=5):
    """The chunks from `first` on, `count` of them, of contents that record `seq` of `room` names."""

    room: U63
    seq: Positive
    root: Key32
    first: _Number
    count: Annotated[int, msgspec.Meta(ge=1, le=CHUNKS_ASKED_MAX)]


class TransferDone(Frame, frozen=True, tag=16):
    """It was done."""


class ContentsWanted(Frame, frozen=True, tag=17):
    """The chunks before `first` are here already; this one and those after it are to follow."""

    first: _Number


class ContentsKept(Frame, frozen=True, tag=18):
    """These contents are here, durably, and this user may name them in a message. Those that no message names are
    removed an hour later."""

    root: Key32


class Leaves(Frame, frozen=True, tag=19):
    """They and `size` make `root`."""

    root: Key32
    size: _Size
    leaves: _Leaves


class TransferRefused(Frame, frozen=True, tag=20):
    """As Failure. `text` is for logs."""

    code: U32
    text: Short
    retry_ms: U32 = 0


BulkFromClient = UseTicket | OfferContents | DropContents | GetLeaves | GetChunks
BulkFromServer = TransferDone | ContentsWanted | ContentsKept | Leaves | TransferRefused

decode_bulk_from_client_untrusted = decoder(BulkFromClient)
decode_bulk_from_server_untrusted = decoder(BulkFromServer)


class PartHead(NamedTuple):
    """What follows: `length` octets, of a frame (`number` 0) or of that chunk."""

    length: int
    number: int


def part_head(length: int, number: int) -> bytes:
    """The head of a part."""
    return _HEAD.pack(length, number)


def part_head_untrusted(octets: bytes | bytearray | memoryview) -> PartHead:
    """The head that these PART_HEAD_OCTETS are. Raises ProtocolError for a part that no reader takes."""
    if len(octets) != PART_HEAD_OCTETS:
        raise ProtocolError("no head of a part")
    length, number = _HEAD.unpack(octets)
    most = CHUNK_OCTETS if number else BULK_FRAME_MAX
    if not 1 <= length <= most or number > FILE_CHUNKS_MAX:
        raise ProtocolError("a part of a length or number that there is not")
    return PartHead(length, number)


def pack_bulk(frame: Frame) -> bytes:
    """A frame as a part of the stream."""
    octets = encode(frame)
    return part_head(len(octets), 0) + octets
