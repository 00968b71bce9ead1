"""What octets say, read without our own code: by the letter of docs/PROTOCOL.md. Targets compare."""

import math
import unicodedata
from collections.abc import Callable
from typing import Any

import msgspec

from lanchat.protocol.errors import ProtocolError


def check_value(value: Any, octets: bytes) -> None:
    """A typed value says what its octets say: no text is a number, no number another one."""
    try:
        said = msgspec.msgpack.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError, RecursionError):
        # What no reader knows at the end of an array may be a text that is none, a moment, a map by maps.
        return
    assert _agree(msgspec.to_builtins(value, builtin_types=(bytes,)), said), "a value that the octets do not say"


def _agree(value: Any, said: Any) -> bool:
    """An array may have more elements than its reader knows, and less than it has defaults for."""
    if isinstance(value, list | tuple):
        return isinstance(said, list) and all(map(_agree, value, said))
    if isinstance(value, float) and type(said) in (int, float):
        return value == said or (math.isnan(value) and math.isnan(said))
    return type(value) is type(said) and bool(value == said)


def check_end(read: Callable[[bytes], object], octets: bytes) -> None:
    """Octets that were read are a value and nothing else: with one more or one less they are refused."""
    assert _is_refused(read, octets + b"\0"), "an octet after the value"
    assert _is_refused(read, octets[:-1]), "a value without its last octet"


def _is_refused(read: Callable[[bytes], object], octets: bytes) -> bool:
    try:
        read(octets)
    except ProtocolError:
        return True
    return False


# Embeddings, overrides and isolates: Unicode Standard Annex 9, table 1.
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters that are drawn as nothing: Hangul fillers, Khmer inherent vowels, the blank Braille pattern.
INVISIBLE = set("\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800")


def check_text(text: str) -> None:
    """No character of a body that was taken is a control character other than tab and newline, or half a character."""
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in text if char not in "\t\n"), (
        "a control character or a lone surrogate in a text"
    )
    assert not _TURNING & set(text), "a text that turns a line around"


# RFC 7748 and RFC 8032: the field, and what the points of order 1, 2, 4 and 8 have for y.
_FIELD = 2**255 - 19
_ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
_SMALL = {0, 1, _FIELD - 1, *(sign * int.from_bytes(bytes.fromhex(_ORDER_8), "little") % _FIELD for sign in (1, -1))}


def is_of_small_order(key: bytes) -> bool:
    """Whether a public key, however it is encoded, is one of eight points under which one signature fits many texts."""
    return int.from_bytes(key, "little") % 2**255 % _FIELD in _SMALL


def cut_stream(stream: bytes, limit: int) -> tuple[list[bytes], bool]:
    """The frames of a TLS stream, and whether it is refused after them."""
    frames: list[bytes] = []
    while len(stream) >= 4:
        length = int.from_bytes(stream[:4], "big")
        if length > limit:
            return frames, True
        if len(stream) < 4 + length:
            break
        frames.append(stream[4 : 4 + length])
        stream = stream[4 + length :]
    return frames, False
