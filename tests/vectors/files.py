"""Vectors of files: the body of a message, chunks with their leaves and root, and the frames that carry them."""

import hashlib
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.limits import CHUNK_OCTETS
from lanchat.protocol.log.files import Manifest, chunk_count, encode_file_body, leaf_hash, root_hash
from tests.vectors import examples
from tests.vectors.values import plain

# Contents by rule, as they are too long for a file of vectors: octet i is i modulo 251.
_PERIOD = bytes(range(251))
SIZES = (0, 5, CHUNK_OCTETS, CHUNK_OCTETS + 3)


def contents(size: int) -> bytes:
    """The contents of so many octets that the vectors speak of."""
    return (_PERIOD * (size // len(_PERIOD) + 1))[:size]


def leaves_of(octets: bytes) -> bytes:
    """The leaves of these contents, one after the other."""
    count = chunk_count(len(octets))
    return b"".join(leaf_hash(octets[part * CHUNK_OCTETS : (part + 1) * CHUNK_OCTETS]) for part in range(count))


def manifest_of(octets: bytes, name: str = "picture.png", media_type: str = "image/png") -> Manifest:
    """The manifest of these contents."""
    root = root_hash(len(octets), leaves_of(octets))
    return Manifest(name, len(octets), media_type, root, hashlib.sha256(octets).digest())


def file_body() -> str:
    """Of a message with two files."""
    report = manifest_of(contents(CHUNK_OCTETS + 3), "отчёт за май.pdf", "application/pdf")
    return encode_file_body("Here they are", [manifest_of(contents(5)), report])


def file_vectors() -> dict[str, Any]:
    """All of them."""
    return {
        "body": file_body(),
        "contents": [
            {
                "size": size,
                "leaves": leaves_of(contents(size)),
                "root": manifest_of(contents(size)).root,
                "sha256": manifest_of(contents(size)).sha256,
            }
            for size in SIZES
        ],
        "frames": [
            {"name": kind.__name__, "direction": direction, "fields": plain(frame), "octets": encode(frame)}
            for direction, union in (("to server", wire.BulkFromClient), ("to client", wire.BulkFromServer))
            for kind in examples.structs(union)
            for frame in [examples.example(kind)]
        ],
        "stream": wire.pack_bulk(wire.TransferDone()) + wire.part_head(5, 1) + contents(5),
        "bad_bodies": _bad_bodies(),
    }


def _bad_bodies() -> list[dict[str, str]]:
    good = file_body()
    first = plain_manifest("a.txt", 5, "text/plain")
    return [
        {"why": why, "body": body}
        for why, body in (
            ("no JSON", "files"),
            ("no files", '["text",[]]'),
            ("an object", '{"text":"","files":[]}'),
            ("cut off", good[:-1]),
            ("an empty name", f'["",[{plain_manifest("", 5, "text/plain")}]]'),
            ("a name of 256 octets", f'["",[{plain_manifest("я" * 128, 5, "text/plain")}]]'),
            ("a negative size", f'["",[{plain_manifest("a", -1, "text/plain")}]]'),
            ("a million chunks", f'["",[{plain_manifest("a", 1_000_000 * CHUNK_OCTETS, "text/plain")}]]'),
            ("no media type", f'["",[{plain_manifest("a", 5, "text")}]]'),
            ("a control character in the text", f'["\\u0007",[{first}]]'),
            ("33 files", f'["",[{",".join([first] * 33)}]]'),
        )
    ]


def plain_manifest(name: str, size: int, media_type: str) -> str:
    """A manifest in JSON that nothing has checked."""
    zero = "A" * 43 + "="
    return f'["{name}",{size},"{media_type}","{zero}","{zero}"]'
