"""Inputs that readers take: the golden vectors, alone and put together; and what is made from them to be refused."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from lanchat.protocol.limits import DATAGRAM_FRAMES_MAX

VECTORS = Path(__file__).parents[1] / "vectors"


@cache
def vectors(name: str) -> Any:
    """A file of golden vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def frames(direction: str) -> list[bytes]:
    """Every frame that goes "to server" or "to client"."""
    return [bytes.fromhex(item["octets"]) for item in vectors("frames")["frames"] if item["direction"] == direction]


def live_frames(direction: str) -> list[bytes]:
    """Those that may travel in a datagram: tags below 32."""
    return [octets for octets in frames(direction) if octets[1] < 32]


def array(items: list[bytes]) -> bytes:
    """A msgpack array of encoded items."""
    count = len(items)
    return (bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")) + b"".join(items)


def datagrams(direction: str) -> list[bytes]:
    """Payloads with one frame each, with all that fit, and with one more than may be in one."""
    live = live_frames(direction)
    together: list[bytes] = []
    for frame in live:
        if sum(map(len, together)) + len(frame) < 1100 and len(together) < 15:
            together.append(frame)
    crowd = array([min(live, key=len)] * (DATAGRAM_FRAMES_MAX + 1))
    return [array([frame]) for frame in live if len(frame) < 1100] + [array(together), crowd]


# --- What is no honest writer's -------------------------------------------------------------------------------------


def longer(octets: bytes, element: bytes) -> bytes:
    """An array of less than 15 elements with one more."""
    assert 0x90 <= octets[0] < 0x9F
    return bytes([octets[0] + 1]) + octets[1:] + element


def padded(frame: bytes, size: int) -> bytes:
    """A frame of that many octets: what it has more is in an element that no reader knows."""
    missing = size - len(frame) - 3
    return longer(frame, b"\xc5" + missing.to_bytes(2, "big") + bytes(missing))


def odd(octets: bytes) -> list[bytes]:
    """An array that nests without end, holds a text that is none, goes on after its end, has its numbers as texts."""
    spelled = [str(item) if place and isinstance(item, int) else item for place, item in enumerate(_values(octets))]
    return [
        longer(octets, b"\x91" * 2000),
        longer(octets, b"\xa1\xff"),
        octets + b"\0",
        msgspec.msgpack.encode(spelled),
    ]


def _values(octets: bytes) -> list[Any]:
    found: list[Any] = msgspec.msgpack.decode(octets)
    return found
