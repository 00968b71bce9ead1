"""Damage to octets: blind (bits, octets, lengths) and structural (msgpack whose values, types and lengths are changed).

Everything is drawn from the `Random` that is handed in, so an input can be made again from its seed.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

# What length fields and counters break on, in both signs.
EXTREMES = (
    0, 1, 2, 15, 16, 31, 32, 63, 64, 127, 128, 200, 255, 256, 257, 1000, 1200, 4096, 2**15, 2**16 - 1, 2**16, 2**31 - 1,
    2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -1, -32, -33, -128, -129, -(2**31), -(2**63),
)  # fmt: skip
# msgpack that promises more than there is, or what no honest writer makes.
LIES = (
    b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xc5\xff\xff",
    b"\xdb\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff\x01", b"\xc1", b"\x9f", b"\x8f", b"\xd6\xff\0\0\0\0",
    b"\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\xd8\x01" + bytes(16), b"\xcb\x7f\xf8" + bytes(6),
    b"\xcb\x7f\xf0" + bytes(6), b"\x91" * 40, b"\x81" * 40, b"\x91" * 1100, b"\xa1\xff", b"\xa3\xed\xa0\x80",
    b"\xed\xa0\x80",
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "\n", "\u202e", "\u2066", "\ufeff", "\ud7ff", "\U0010ffff", "a" * 33, "Ж" * 257, "/../", "%s%n",
    "lanchat://h:1/#", "'\"; --", "\U0001f468\u200d\U0001f467", "\u0344" * 64, "ﷺ" * 18, "-👍",
    "@general", "#general", "ı", "ß", "0" * 400, "1", "\x85",
)  # fmt: skip
_DEPTH_MAX = 12


def mutate(octets: bytes, rng: Random, most: int = 1 << 16) -> bytes:
    """Another input like this one, at most `most` octets."""
    tree = _tree(octets) if rng.random() < 0.7 else None
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if tree is not None and rng.random() < 0.85:
            tree = _changed(tree, rng, 0)
        else:
            octets, tree = blind(octets if tree is None else _pack(tree), rng), None
    return (octets if tree is None else _pack(tree))[:most]


def blind(octets: bytes, rng: Random) -> bytes:
    """Damage without knowledge of the format."""
    return rng.choice(_BLIND)(bytearray(octets), rng)


# --- Octets ---------------------------------------------------------------------------------------------------------


def _flip(data: bytearray, rng: Random) -> bytes:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _overwrite(data: bytearray, rng: Random) -> bytes:
    noise = rng.choice((rng.randbytes(rng.randint(1, 8)), _number(rng), rng.choice(LIES)))
    at = rng.randint(0, len(data))
    data[at : at + len(noise)] = noise
    return bytes(data)


def _insert(data: bytearray, rng: Random) -> bytes:
    at = rng.randint(0, len(data))
    data[at:at] = rng.choice((rng.randbytes(rng.randint(1, 20)), _number(rng), rng.choice(LIES), bytes(64)))
    return bytes(data)


def _cut(data: bytearray, rng: Random) -> bytes:
    start, end = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    return bytes(data[:start]) if rng.random() < 0.5 else bytes(data[:start] + data[end:])


def _repeat(data: bytearray, rng: Random) -> bytes:
    start, end = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    at = rng.randint(0, len(data))
    return bytes(data[:at] + data[start:end] * rng.choice((1, 1, 2, 8)) + data[at:])


def _nest(data: bytearray, rng: Random) -> bytes:
    """One octet or two very often: brackets nest."""
    at = rng.randint(0, len(data))
    data[at:at] = rng.choice((b"[", b"{", b"(", b"[[", b'{"a":', b"a.", b"\x91", b"\x81")) * rng.choice((3, 300, 5000))
    return bytes(data)


def _swap(data: bytearray, rng: Random) -> bytes:
    """A text put in: parsers of lines and keys look for it."""
    at = rng.randint(0, len(data))
    data[at:at] = rng.choice(TEXTS).encode("utf-8", "replace")
    return bytes(data)


def _number(rng: Random) -> bytes:
    size = rng.choice((1, 2, 4, 8))
    return (rng.choice(EXTREMES) % (1 << 8 * size)).to_bytes(size, rng.choice(("big", "little")))


_BLIND: Sequence[Callable[[bytearray, Random], bytes]] = (
    _flip,
    _flip,
    _overwrite,
    _insert,
    _cut,
    _repeat,
    _nest,
    _swap,
)


# --- msgpack --------------------------------------------------------------------------------------------------------


def _tree(octets: bytes) -> Any:
    """The value of msgpack octets that are an array or a map; None for others. Lone numbers are text by chance."""
    try:
        value = msgspec.msgpack.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, TypeError):
        return None
    return value if isinstance(value, list | dict) and value else None


def _pack(value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, RecursionError, UnicodeEncodeError, TypeError, ValueError):
        return b"\x90"


def _changed(value: Any, rng: Random, depth: int) -> Any:
    """The value with something inside of it changed; containers are gone into more often than replaced."""
    if isinstance(value, list) and value and depth < _DEPTH_MAX and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], _changed(value[at], rng, depth + 1), *value[at + 1 :]]
    if isinstance(value, dict) and value and depth < _DEPTH_MAX and rng.random() < 0.8:
        key = rng.choice(list(value))
        return value | {key: _changed(value[key], rng, depth + 1)}
    if isinstance(value, bytes) and rng.random() < 0.4 and (inner := _tree(value)) is not None:
        return _pack(_changed(inner, rng, depth + 1))
    if isinstance(value, list) and rng.random() < 0.7:
        return _reshaped(value, rng)
    return _other(value, rng)


def _reshaped(value: list[Any], rng: Random) -> Any:
    """Another number or order of elements."""
    match rng.randrange(8):
        case 0:
            return value[: rng.randint(0, len(value))]
        case 1:
            return [*value, *(_anything(rng) for _ in range(rng.choice((1, 1, 2, 40))))]
        case 2:
            return value * rng.choice((2, 3, 50, 300)) if len(_pack(value)) < 200 else value * 2
        case 3:
            return rng.sample(value, len(value))
        case 4:
            return [value]
        case 5:
            return {str(place): item for place, item in enumerate(value)}
        case 6:
            return msgspec.Raw(rng.choice((b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\x9f")) + _pack(value)[1:])
        case _:
            at = rng.randint(0, len(value))
            return [*value[:at], _anything(rng), *value[at:]]


def _other(value: Any, rng: Random) -> Any:
    """Something else of the same type, or of another one."""
    if rng.random() < 0.25:
        return _anything(rng)
    match value:
        case bool():
            return not value
        case int():
            return rng.choice((value + 1, value - 1, value ^ (1 << rng.randrange(63)), rng.choice(EXTREMES)))
        case bytes():
            return rng.choice((blind(value, rng), value + b"\0", value[:-1], b"", bytes(len(value)), value * 2))
        case str():
            return rng.choice((value + rng.choice(TEXTS), value[:-1], rng.choice(TEXTS), value * 40))
        case float():
            return rng.choice((0.0, -1.0, 1e308, float("nan"), float("inf"), value * 2))
        case list():
            return _reshaped(value, rng)
    return _anything(rng)


def _anything(rng: Random) -> Any:
    match rng.randrange(8):
        case 0:
            return rng.choice(EXTREMES)
        case 1:
            return rng.choice(TEXTS)
        case 2:
            return rng.randbytes(rng.choice((0, 1, 16, 32, 64, 200)))
        case 3:
            return msgspec.Raw(rng.choice(LIES))
        case 4:
            return rng.choice((None, True, False, 0.5, float("nan"), -0.0))
        case 5:
            return [rng.choice(EXTREMES[:10])] * rng.choice((0, 1, 3, 33, 300))
        case 6:
            return {"a": 1, "": None}
        case _:
            nest: Any = []
            for _ in range(rng.choice((1, 5, 60))):
                nest = [nest]
            return nest
