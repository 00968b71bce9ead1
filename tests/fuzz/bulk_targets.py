"""Targets: files. The body of a message with files, names for a disk, frames and heads of parts on a connection for
files, leaves and chunks."""

import hashlib
import re

from lanchat.protocol import wire
from lanchat.protocol.codec import Decoder
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import BODY_CHARACTERS_MAX, CHUNK_OCTETS, FILE_CHUNKS_MAX, FILES_MAX
from lanchat.protocol.log import files
from lanchat.protocol.text import file_names
from lanchat.protocol.wire import bulk
from lanchat.transport.bulk import Chunk, PartReader
from tests.fuzz import letter, seeds
from tests.fuzz.target import Target

_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)\d)( *\.|$)", re.I)


def _body(octets: bytes) -> None:
    body = files.file_body_untrusted(octets)
    letter.check_text(body.text)
    assert len(body.text) <= BODY_CHARACTERS_MAX
    assert 1 <= len(body.files) <= FILES_MAX
    for manifest in body.files:
        assert 0 <= manifest.size <= CHUNK_OCTETS * FILE_CHUNKS_MAX, "more chunks than contents may have"
        assert (len(manifest.root), len(manifest.sha256)) == (32, 32), "a hash of another length"
        assert 1 <= len(manifest.name.encode()) <= 255, "a name of another length"
        assert re.fullmatch(r"[^/\s]+/[^/\s]+", manifest.media_type), "a media type that is none"
    assert files.file_body_untrusted(files.encode_file_body(body.text, body.files)) == body


def _name(octets: bytes) -> None:
    """Lone surrogates come from JSON that Python has read."""
    for name in (octets.decode("utf-8", "surrogateescape"), octets.decode("latin-1")):
        safe = file_names.safe_file_name(name)
        for shown in (safe, file_names.numbered_file_name(safe, 12)):
            assert 1 <= len(shown.encode()) <= 255, "a name of another length"
            assert not re.search(r'[/\\:<>"|?*\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]', shown), "no name in a folder"
            assert not _RESERVED.match(shown), "a name that Windows takes for a device"
            assert shown[0] != ".", "a hidden file"
            assert shown[-1] not in ". ", "an end that Windows drops"
        assert file_names.safe_file_name(safe) == safe


def _frame(decode: Decoder, octets: bytes) -> None:
    frame = decode(octets)
    letter.check_value(frame, octets)
    letter.check_end(decode, octets)
    assert wire.pack_bulk(frame)[bulk.PART_HEAD_OCTETS :]


def _part_head(octets: bytes) -> None:
    head = wire.part_head_untrusted(octets)
    assert len(octets) == 8
    assert 1 <= head.length <= (CHUNK_OCTETS if head.number else bulk.BULK_FRAME_MAX), "a part beyond its bound"
    assert 0 <= head.number <= FILE_CHUNKS_MAX
    assert wire.part_head(*head) == octets


def _stream(octets: bytes) -> None:
    """As a connection brings it: in pieces that have nothing to do with its parts."""
    reader, taken = PartReader(), 0
    while taken < len(octets):
        room = reader.buffer()
        assert len(room), "nowhere to put the next octets"
        piece = octets[taken : taken + min(len(room), 1 + taken % 7)]
        room[: len(piece)] = piece
        taken += len(piece)
        part = reader.filled_untrusted(len(piece))
        if isinstance(part, Chunk):
            assert 1 <= part.number <= FILE_CHUNKS_MAX, "a chunk that no contents have"
            assert len(part.octets) <= CHUNK_OCTETS, "a chunk beyond its bound"
            assert octets[:taken].endswith(bytes(part.octets)), "octets that did not come"
        elif part is not None:
            letter.check_value(part, octets)


def _chunk(octets: bytes) -> None:
    """A size in three octets, root, number and leaf in the clear, then the contents: taken only when all of it fits."""
    size, root, number, rest = int.from_bytes(octets[:3], "big"), octets[3:35], octets[35:36], octets[36:]
    count = files.chunk_count(size)
    leaves, chunk = rest[: 32 * count], rest[32 * count :]
    files.check_leaves(root, size, leaves)
    assert hashlib.sha256(b"lanchat/1 file\0" + size.to_bytes(8, "big") + leaves).digest() == root
    files.check_chunk(leaves, size, int.from_bytes(number, "big"), chunk)
    assert count == 1
    assert len(chunk) == size
    assert hashlib.sha256(b"lanchat/1 chunk\0" + chunk).digest() == leaves


def _bodies() -> list[bytes]:
    found = seeds.vectors("files")
    return [found["body"].encode(), *(item["body"].encode() for item in found["bad_bodies"])]


def _names() -> list[bytes]:
    names = (
        "a.txt",
        "../a",
        "C:\\a",
        "CON",
        "com1.txt",
        "nul .x",
        ".ssh",
        "a. ",
        "..",
        "\u202egpj.exe",
        "я" * 200 + ".pdf",
    )
    return [name.encode() for name in names]


def _frames(direction: str) -> list[bytes]:
    frames = [item for item in seeds.vectors("files")["frames"] if item["direction"] == direction]
    octets = [bytes.fromhex(item["octets"]) for item in frames]
    return [*octets, *(odd for frame in octets[:3] for odd in seeds.odd(frame))]


def _heads() -> list[bytes]:
    most = ((CHUNK_OCTETS, 1), (CHUNK_OCTETS + 1, 1), (0, 0), (1, FILE_CHUNKS_MAX + 1), (bulk.BULK_FRAME_MAX, 0))
    return [wire.part_head(length, number) for length, number in ((7, 0), *most)]


def _streams() -> list[bytes]:
    frames = [wire.part_head(len(frame), 0) + frame for frame in _frames("to client")]
    return [b"".join(frames[:2]) + wire.part_head(3, 1) + b"abc" + frames[0], *frames, *_heads()]


def _chunks() -> list[bytes]:
    found = seeds.vectors("files")["contents"][1]
    leaves, root = bytes.fromhex(found["leaves"]), bytes.fromhex(found["root"])
    return [(5).to_bytes(3, "big") + root + b"\1" + leaves + bytes(range(5)), bytes(3) + root]


TARGETS = (
    Target("file-body", _body, ProtocolError, _bodies),
    Target("file-name", _name, ProtocolError, _names),
    Target(
        "bulk-to-server",
        lambda octets: _frame(wire.decode_bulk_from_client_untrusted, octets),
        ProtocolError,
        lambda: _frames("to server"),
    ),
    Target(
        "bulk-to-client",
        lambda octets: _frame(wire.decode_bulk_from_server_untrusted, octets),
        ProtocolError,
        lambda: _frames("to client"),
    ),
    Target("bulk-stream", _stream, ProtocolError, _streams),
    Target("part-head", _part_head, ProtocolError, _heads),
    Target("chunk", _chunk, ProtocolError, _chunks),
)
