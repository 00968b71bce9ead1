"""Inputs that readers take: the golden vectors, alone and put together."""

import json
from functools import cache
from pathlib import Path
from typing import Any

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
    """A msgpack array of encoded items, 15 at most."""
    assert len(items) < 16
    return bytes([0x90 | len(items)]) + b"".join(items)


def datagrams(direction: str) -> list[bytes]:
    """Payloads with one frame each, and with all that fit."""
    live = live_frames(direction)
    together: list[bytes] = []
    for frame in live:
        if sum(map(len, together)) + len(frame) < 1100 and len(together) < 15:
            together.append(frame)
    return [array([frame]) for frame in live if len(frame) < 1100] + [array(together)]
