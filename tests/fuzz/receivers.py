"""What the targets with real receivers share: the session's keys, an event loop, conversations."""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lanchat.protocol.codec import decoder
from lanchat.protocol.datagram.seal import HEADER, OVERHEAD
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.wire import SessionKeys
from tests.fuzz.seeds import array, padded

PAYLOAD_MAX = DATAGRAM_MAX - OVERHEAD
KEYS = SessionKeys(7, b"s" * 32, b"c" * 32, 3_600_000)
_decode_talk = decoder(list[msgspec.Raw])


@cache
def loop() -> asyncio.AbstractEventLoop:
    """Both relays are made in a running loop; nothing of ours is ever read from it."""
    return asyncio.new_event_loop()


def conversation(octets: bytes, decode: Callable[[bytes], Any]) -> list[Any]:
    """The frames of an array that can be decoded; raises ProtocolError when there is none."""
    frames = []
    for raw in _decode_talk(octets)[:40]:
        try:
            frames.append(decode(bytes(raw)))
        except ProtocolError:
            continue
    if not frames:
        raise ProtocolError("no frame at all")
    return frames


def sealed(key: bytes, log_id: bytes, number: int, payload: bytes) -> bytes:
    """Sealed here by the letter of docs/PROTOCOL.md, without our own code: of any length, under any number."""
    header = b"\1" + KEYS.key_id.to_bytes(4, "big") + number.to_bytes(8, "big")
    return header + ChaCha20Poly1305(key).encrypt(
        bytes(4) + header[5:], payload, header + log_id + (1).to_bytes(4, "big")
    )


def longest_and_longer(frame: bytes, key: bytes, log_id: bytes) -> list[bytes]:
    """A datagram of DATAGRAM_MAX octets, and one of an octet more, which is too long."""
    return [sealed(key, log_id, 0, array([padded(frame, PAYLOAD_MAX - 1 + more)])) for more in (0, 1)]


def check_numbers(datagram: bytes, key: bytes, log_id: bytes, take: Callable[[bytes], bool]) -> None:
    """After a datagram was taken: it is not taken again, and whatever has a higher number is taken, once, although the
    low octets of the numbers are the same."""
    assert len(datagram) <= DATAGRAM_MAX, "a datagram beyond its bound was taken"
    assert not take(datagram), "a datagram was taken twice"
    number = int.from_bytes(datagram[5:HEADER], "big")
    for bits in (8, 16, 32):
        later = sealed(key, log_id, number + (1 << bits), b"\x90")
        assert take(later), "a new number counts as seen"
        assert not take(later), "a datagram was taken twice"


def is_genuine(datagram: bytes, key: bytes, log_id: bytes) -> bool:
    """Opened here by the letter of docs/PROTOCOL.md, without our own code."""
    header, rest = datagram[:HEADER], datagram[HEADER:]
    try:
        ChaCha20Poly1305(key).decrypt(bytes(4) + header[5:], rest, header + log_id + (1).to_bytes(4, "big"))
    except InvalidTag:
        return False
    return header[:5] == b"\1" + KEYS.key_id.to_bytes(4, "big")
