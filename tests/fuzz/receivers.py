"""What the targets with real receivers share: the session's keys, an event loop, conversations."""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lanchat.protocol.codec import decoder
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.seal import HEADER, OVERHEAD
from lanchat.protocol.wire import SessionKeys

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


def is_genuine(datagram: bytes, key: bytes, log_id: bytes) -> bool:
    """Opened here by the letter of docs/PROTOCOL.md, without our own code."""
    header, sealed = datagram[:HEADER], datagram[HEADER:]
    try:
        ChaCha20Poly1305(key).decrypt(bytes(4) + header[5:], sealed, header + log_id + (1).to_bytes(4, "big"))
    except InvalidTag:
        return False
    return header[:5] == b"\1" + KEYS.key_id.to_bytes(4, "big")
