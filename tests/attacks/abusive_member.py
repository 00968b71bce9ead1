"""A member that violates every limit, as a process of its own:  python -m tests.attacks.abusive_member KIND PORT N

One account with N sessions, each of which sends some 2,000 frames a second of each kind and reads what comes (but for
`readless`):

submits     messages, two hundred times as many as a session may send, over TLS and by datagram
nacks       requests for repair, over TLS and by datagram
pages       requests for pages of the whole room
searches    searches of everything
pings       pings, over TLS and by datagram
mixture     all of the above
dawdlers    a frame of the greatest length each, octet by octet
readless    requests for pages whose answers they never read

Prints `ready` when it has been under way for a second, so that what it may send at once is over, and a
JSON object with its figures when it is terminated.
"""

import contextlib
import json
import signal
import struct
import sys
import time
from collections import Counter
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.limits import FRAME_MAX_TO_SERVER
from lanchat.protocol.wire import decode_from_server_untrusted, pack_frame
from tests.attacks.recording_client import RecordingClient

# What one of them sends at a time, and the pause of all after each round.
_FRAMES = 20
_PAUSE = 0.01
_WARM_UP = 1.5

figures: Counter[str] = Counter()
stopped: list[bool] = []


class AbusiveSession(RecordingClient):
    """One session; `send_and_read` does not block for long."""

    def enter(self, name: str, first: bool) -> "AbusiveSession":
        answer = self.register(name) if first else self.log_in(name)
        assert isinstance(answer, wire.LoggedIn), answer
        self.room = self.rooms["general"]
        self.request(wire.Subscribe([self.room]))
        self.sock.setblocking(False)
        self.udp.setblocking(False)
        self._unsent = b""
        self._number = 10
        return self

    def send_and_read(self, kind: str, reading: bool = True) -> None:
        if kind == "dawdlers":
            self._unsent = self._unsent or struct.pack(">I", FRAME_MAX_TO_SERVER) + b"\xc4" * 64
            self._put(1)
            figures["frames"] += 1
            return
        frames = [frame for _ in range(_FRAMES) for frame in self._drawn(kind)]
        if len(self._unsent) < 1 << 16:
            self._unsent += b"".join(pack_frame(frame) for frame in frames)
            figures["frames"] += len(frames)
        self._put(len(self._unsent))
        for frame in frames:
            if not isinstance(frame, wire.Request):
                with contextlib.suppress(OSError, OverflowError):
                    self.udp.send(self.sealed(frame))
                    figures["datagrams"] += 1
        if reading:
            self._read()

    def _put(self, count: int) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            sent = self.sock.send(self._unsent[:count])
            self._unsent = self._unsent[sent:]
            figures["octets"] += sent

    def _drawn(self, kind: str) -> list[Any]:
        self._number += 1
        match kind:
            case "submits":
                return [wire.Submit([self._spam])]
            case "nacks":
                return [wire.Nack(self.room, list(range(1, 33)))]
            case "pages" | "readless":
                return [wire.Request(self._number, wire.History(self.room, 1, True, 200))]
            case "searches":
                return [wire.Request(self._number, wire.Search(0, "e", 0, 200))]
            case "pings":
                return [wire.Ping(self._number)]
            case _:
                return [f for k in ("submits", "nacks", "pages", "searches", "pings") for f in self._drawn(k)]

    @property
    def _spam(self) -> Any:
        # One signature for many: the flood is to cost the server more than the sender.
        if self._number % 50 == 0 or not hasattr(self, "_signed"):
            self._signed = self.message(self.room, f"spam {self._number} " + "e" * 400)
        return self._signed

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while octets := self.sock.recv(1 << 18):
                for frame in self._reader.feed_untrusted(octets):
                    self._count(decode_from_server_untrusted(frame))
        with contextlib.suppress(OSError):
            while self.udp.recv(2048):
                figures["datagrams_back"] += 1

    def _count(self, frame: Any) -> None:
        name = type(frame).__name__
        figures[f"{name}_{frame.code}" if isinstance(frame, wire.Failure) else name] += 1


def main() -> None:
    kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    name = f"rowdy{time.time_ns():x}"
    mob = [AbusiveSession(port).enter(name, not number) for number in range(count)]
    began, told = time.monotonic(), False
    while not stopped:
        for rowdy in mob:
            rowdy.send_and_read(kind, reading=kind != "readless")
        time.sleep(_PAUSE)
        if not told and time.monotonic() - began > _WARM_UP:
            told = True
            print("ready", flush=True)
    figures["ms"] = int((time.monotonic() - began) * 1000)
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
