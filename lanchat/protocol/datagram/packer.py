"""Frames into datagrams: as few as they fit, none above 1,200 octets once sealed."""

from collections.abc import Iterable
from typing import Any

from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.seal import OVERHEAD
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.log.messages import Message

# A msgpack array of at most 15 elements has one octet before them (0x90 + length).
_FRAMES_MAX = 15
_SMALL_ARRAY = 0x90
PAYLOAD_MAX = DATAGRAM_MAX - OVERHEAD - 1
# A Submit: its array, its tag, and the array of messages.
SUBMIT_PAYLOAD_MAX = PAYLOAD_MAX - 1 - 1 - 3
# Of a message beside header and body: its array, and three lengths (binary of up to 64 KiB: 3 octets).
_MESSAGE_EXTRA = 1 + 3 * 3 + 64


def message_size(message: Message) -> int:
    """An upper bound of a message's octets inside a Submit."""
    return _MESSAGE_EXTRA + len(message.header) + len(message.body)


def pack_datagrams(frames: Iterable[Any]) -> list[bytes]:
    """Payloads to seal, in the order of the frames. A frame that fits no datagram raises ValueError: it belongs on the
    TLS channel."""
    payloads: list[bytes] = []
    parts: list[bytes] = []
    size = 0
    for frame in frames:
        octets = encode(frame)
        if len(octets) > PAYLOAD_MAX:
            raise ValueError("frame too large for a datagram")
        if parts and (size + len(octets) > PAYLOAD_MAX or len(parts) == _FRAMES_MAX):
            payloads.append(_join(parts))
            parts, size = [], 0
        parts.append(octets)
        size += len(octets)
    if parts:
        payloads.append(_join(parts))
    return payloads


def _join(parts: list[bytes]) -> bytes:
    return bytes([_SMALL_ARRAY | len(parts)]) + b"".join(parts)
