"""Files of a message: what names their contents, and how contents are proven chunk by chunk.

A message of the kind FILE has a body in JSON, `[text, [manifest, …]]`; the author's signature covers it as any body, so
nobody puts other contents in the place of these. A manifest names the contents by the root of a hash tree over chunks
of CHUNK_OCTETS, the last one shorter:

    leaf = SHA-256( LEAF_CONTEXT || chunk )        root = SHA-256( ROOT_CONTEXT || size u64 || leaf 1 || leaf 2 || … )

Whoever has the leaves that fit the root can check each chunk by itself, from whomever it came. `sha256` is that of the
contents as a whole, as every tool prints it. Name and media type are what the author says of them: nothing follows from
either (text/file_names.py makes a name for a disk).
"""

import hashlib
import re
import struct
from collections.abc import Iterable
from typing import Annotated

import msgspec

from lanchat.protocol.codec import Key32
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import (
    BODY_CHARACTERS_MAX,
    CHUNK_OCTETS,
    FILE_CHUNKS_MAX,
    FILE_NAME_OCTETS_MAX,
    FILES_MAX,
    MEDIA_TYPE_MAX,
)
from lanchat.protocol.text.names import check_text

HASH_OCTETS = 32
FILE_OCTETS_MAX = CHUNK_OCTETS * FILE_CHUNKS_MAX
LEAVES_OCTETS_MAX = HASH_OCTETS * FILE_CHUNKS_MAX
UNKNOWN_MEDIA_TYPE = "application/octet-stream"
LEAF_CONTEXT = b"lanchat/1 chunk\0"
ROOT_CONTEXT = b"lanchat/1 file\0"
_SIZE = struct.Struct(">Q")
_PART = "[a-z0-9][a-z0-9!#$&^_.+-]*"
_MEDIA_TYPE = re.compile(f"{_PART}/{_PART}")


class Manifest(msgspec.Struct, array_like=True, frozen=True):
    """One file as its author announces it. `size` in octets; `root` and `sha256` as above."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=FILE_NAME_OCTETS_MAX)]
    size: Annotated[int, msgspec.Meta(ge=0, le=FILE_OCTETS_MAX)]
    media_type: Annotated[str, msgspec.Meta(max_length=MEDIA_TYPE_MAX)]
    root: Key32
    sha256: Key32


class FileBody(msgspec.Struct, array_like=True, frozen=True):
    """The body of a message with files; `text` may be empty."""

    text: Annotated[str, msgspec.Meta(max_length=BODY_CHARACTERS_MAX)]
    files: Annotated[tuple[Manifest, ...], msgspec.Meta(min_length=1, max_length=FILES_MAX)]


_decode_body = msgspec.json.Decoder(FileBody)


def encode_file_body(text: str, files: Iterable[Manifest]) -> str:
    """The body of a message with these files. Raises ProtocolError for what no reader takes; whether it is too long
    `make_message` says."""
    body = FileBody(text, tuple(files))
    try:
        octets = msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        raise ProtocolError("text is not Unicode") from error
    file_body_untrusted(octets)
    return octets.decode()


def file_body_untrusted(body: bytes | str) -> FileBody:
    """Text and manifests of a body. Raises ProtocolError."""
    try:
        found = _decode_body.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise ProtocolError("not the body of a message with files") from error
    check_text(found.text, BODY_CHARACTERS_MAX)
    for manifest in found.files:
        _check_manifest(manifest)
    return found


def _check_manifest(manifest: Manifest) -> None:
    try:
        octets = len(manifest.name.encode())
    except UnicodeEncodeError as error:
        raise ProtocolError("a file's name is not Unicode") from error
    if octets > FILE_NAME_OCTETS_MAX:
        raise ProtocolError("a file's name is too long")
    if not _MEDIA_TYPE.fullmatch(manifest.media_type):
        raise ProtocolError("no media type")


# --- The hash tree -----------------------------------------------------------------------------------------------


def chunk_count(size: int) -> int:
    """How many chunks contents of so many octets have; none has one that is empty."""
    return -(-size // CHUNK_OCTETS)


def chunk_octets(size: int, number: int) -> int:
    """Octets of chunk `number`, counted from 1, of contents of `size` octets. Raises ProtocolError where there is no
    such chunk."""
    if not 1 <= number <= chunk_count(size):
        raise ProtocolError("a chunk that the contents do not have")
    return min(CHUNK_OCTETS, size - (number - 1) * CHUNK_OCTETS)


def leaf_hash(chunk: bytes | bytearray | memoryview) -> bytes:
    """The leaf of one chunk."""
    found = hashlib.sha256(LEAF_CONTEXT)
    found.update(chunk)
    return found.digest()


def root_hash(size: int, leaves: bytes) -> bytes:
    """The root over the leaves, one after the other."""
    found = hashlib.sha256(ROOT_CONTEXT + _SIZE.pack(size))
    found.update(leaves)
    return found.digest()


def check_leaves(root: bytes, size: int, leaves: bytes) -> None:
    """Raise ProtocolError unless these are the leaves of the contents that `root` names."""
    if not 0 <= size <= FILE_OCTETS_MAX or len(leaves) != HASH_OCTETS * chunk_count(size):
        raise ProtocolError("leaves that do not fit the size")
    if root_hash(size, leaves) != root:
        raise ProtocolError("leaves of other contents")


def check_chunk(leaves: bytes, size: int, number: int, chunk: bytes | bytearray | memoryview) -> None:
    """Raise ProtocolError unless this is chunk `number`, counted from 1, of contents with these leaves."""
    if len(chunk) != chunk_octets(size, number):
        raise ProtocolError("a chunk of another length")
    place = HASH_OCTETS * (number - 1)
    if leaf_hash(chunk) != leaves[place : place + HASH_OCTETS]:
        raise ProtocolError("a chunk of other contents")
