"""What octets of msgpack, TOML or JSON hold, whatever a library makes of them: depth and texts.

Deliberate faults need it (bugs_*.py): which error a library raises for a text that is no UTF-8, and from which depth on
it gives up, differs between its versions and between those of Python.
"""

from typing import NamedTuple

# Deeper than any value of ours.
DEEP = 100
# After these first octets: how many octets of a length follow; how many of an extension's type.
_TEXT = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_OCTETS = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}
_ARRAY = {0xDC: 2, 0xDD: 4}
_MAP = {0xDE: 2, 0xDF: 4}
# Numbers, and extensions of a fixed size with their type.
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED |= {0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}


class Scan(NamedTuple):
    """How deep arrays and maps nest, and the octets of each text, as far as these are msgpack."""

    depth: int
    texts: list[bytes]

    @property
    def is_text(self) -> bool:
        """All texts are UTF-8."""
        return all(_is_utf8(text) for text in self.texts)


def scan(octets: bytes | memoryview) -> Scan:
    """The first value in `octets`, up to where it ends or breaks off."""
    octets = bytes(octets)
    at, depth, texts = 0, 0, []
    left = [1]  # how many values each open array or map still lacks
    while left and at < len(octets):
        left[-1] -= 1
        head, at = octets[at], at + 1
        values, skip, is_text, lengths = _shape(head)
        count = int.from_bytes(octets[at : at + lengths], "big")
        at += lengths
        if values:
            left.append(count * values if lengths else skip * values)
            depth = max(depth, len(left) - 1)
        else:
            size = skip + count
            if is_text and at + size <= len(octets):
                texts.append(octets[at : at + size])
            at += size
        while left and left[-1] == 0:
            left.pop()
    return Scan(depth, texts)


def _shape(head: int) -> tuple[int, int, bool, int]:
    """Of a value's first octet: values per element of a container (else 0), fixed size or number of elements, whether
    it is a text, octets of the length that follows."""
    if 0x80 <= head <= 0x9F:
        return (2 if head < 0x90 else 1, head & 0x0F, False, 0)
    if 0xA0 <= head <= 0xBF:
        return (0, head & 0x1F, True, 0)
    if head in _TEXT:
        return (0, 0, True, _TEXT[head])
    if head in _OCTETS:
        lengths, kind = _OCTETS[head]
        return (0, kind, False, lengths)
    if head in _ARRAY or head in _MAP:
        return (1, 0, False, _ARRAY[head]) if head in _ARRAY else (2, 0, False, _MAP[head])
    return (0, _FIXED.get(head, 0), False, 0)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def brackets(octets: bytes) -> int:
    """How deep brackets of TOML or JSON nest, those in texts counted too."""
    depth = deepest = 0
    for octet in octets:
        if octet in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif octet in b"]}":
            depth = max(0, depth - 1)
    return deepest
