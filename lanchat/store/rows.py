"""How a value lies in the local store: crc32 over its key and its octets, then the octets (msgpack).

SQLite notices a broken page, but not a changed octet inside a row. The checksum does: what comes out of the store is
what went in, or the file counts as damaged.
"""

import struct
import zlib
from typing import Any

from lanchat.protocol.codec import Decoder, encode
from lanchat.protocol.errors import ProtocolError

_CRC = struct.Struct(">I")

Key = tuple[int | bytes, ...]


class Damaged(Exception):
    """A row does not hold what was written."""


def pack(key: Key, value: Any) -> bytes:
    """The blob for `value` in the row `key`."""
    octets = encode(value)
    return _CRC.pack(_checksum(key, octets)) + octets


def unpack(decoder: Decoder, key: Key, blob: Any) -> Any:
    """The value of the row `key`; raises Damaged."""
    if not isinstance(blob, bytes) or len(blob) < 4:
        raise Damaged
    octets = blob[4:]
    if _CRC.unpack_from(blob)[0] != _checksum(key, octets):
        raise Damaged
    try:
        return decoder(octets)
    except ProtocolError as error:
        raise Damaged from error


def _checksum(key: Key, octets: bytes) -> int:
    return zlib.crc32(octets, zlib.crc32(repr(key).encode()))
