"""Cables in user space: frames between two network interfaces are delayed, reordered, doubled and lost by a small
program, because not every kernel can do that itself (netem is a module that is often missing).

    python -m tests.lab.wire CONDITIONS-AS-JSON NAMESPACE/DEVICE=NAMESPACE/DEVICE …

Each pair becomes two TAP devices (Linux, Documentation/networking/tuntap.rst), one in each namespace, and whatever one
of them sends comes out of the other. The program says `up` when they are there; they go when it ends. Each direction of
each cable draws from a generator of its own, so the same seed and the same frames take the same course.
"""

import ctypes
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import signal
import struct
import sys
import time
from dataclasses import asdict, dataclass

_TUNSETIFF = 0x400454CA
_IFF_TAP = 0x0002
_IFF_NO_PI = 0x1000
_IFREQ = struct.Struct("16sH22x")
_CLONE_NEWNET = 0x40000000
_FRAME_MAX = 65536
# Frames of one device that are read before the other ones have their turn.
_TURN = 64


@dataclass(frozen=True, slots=True)
class Conditions:
    """Of every cable, in each direction. Seconds; parts of 1. `delay` is drawn from delay ± jitter for each frame by
    itself, so that frames overtake each other when the jitter is larger than the distance between them."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    seed: int = 1

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class Direction:
    """From one end of a cable to the other."""

    def __init__(self, conditions: Conditions, target: int, number: int) -> None:
        self._conditions = conditions
        self._target = target
        self._random = random.Random(f"{conditions.seed}/{number}")

    def arrivals(self, now: float) -> list[tuple[float, int]]:
        """When, and at which device, a frame that is sent now comes out; empty when it is lost."""
        draw, conditions = self._random, self._conditions
        if draw.random() < conditions.loss:
            return []
        copies = 2 if draw.random() < conditions.duplicate else 1
        spread = (conditions.jitter * (2 * draw.random() - 1) for _ in range(copies))
        return [(now + max(0.0, conditions.delay + late), self._target) for late in spread]


def _tap(namespace: str, device: str) -> int:
    """A new TAP device in a namespace; the descriptor reads and writes its frames."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tap, _TUNSETIFF, _IFREQ.pack(device.encode(), _IFF_TAP | _IFF_NO_PI))
        return tap
    finally:
        libc.setns(home, _CLONE_NEWNET)
        os.close(there)
        os.close(home)


class Exchange:
    """All cables of the process, in one loop."""

    def __init__(self, conditions: Conditions, cables: list[str]) -> None:
        self._directions: dict[int, Direction] = {}
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._numbers = itertools.count()
        for cable in cables:
            ends = [_tap(*end.split("/", 1)) for end in cable.split("=", 1)]
            for source, target in (ends, ends[::-1]):
                self._directions[source] = Direction(conditions, target, len(self._directions))

    def turn(self) -> None:
        """Wait for a frame, or for one that is due, and hand on."""
        wait = max(0.0, self._under_way[0][0] - time.monotonic()) if self._under_way else 0.5
        for device in select.select(list(self._directions), [], [], wait)[0]:
            for _ in range(_TURN):
                try:
                    frame = os.read(device, _FRAME_MAX)
                except OSError:  # nothing more, or the device is down
                    break
                for when, target in self._directions[device].arrivals(time.monotonic()):
                    heapq.heappush(self._under_way, (when, next(self._numbers), target, frame))
        while self._under_way and self._under_way[0][0] <= time.monotonic():
            self._deliver(*heapq.heappop(self._under_way)[2:])

    @staticmethod
    def _deliver(target: int, frame: bytes) -> None:
        try:
            os.write(target, frame)
        except OSError:
            return  # that device is down: a cable into nothing


def main(conditions: str, *cables: str) -> None:
    exchange = Exchange(Conditions(**json.loads(conditions)), list(cables))
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    print("up", flush=True)
    while not ended:
        exchange.turn()


if __name__ == "__main__":
    main(*sys.argv[1:])
