"""A logged-in client that records its datagrams as sent: what an eavesdropper has.

Its keys are recorded too, so that a test can open the datagrams with the real `Opener`.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.datagram import seal
from lanchat.protocol.limits import INLINE_BODY_MAX
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.wire import decode_server_datagram_untrusted, encode_datagram
from tests.attacks import databases
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import wait_until


@dataclass(slots=True)
class Recording:
    """Datagrams of one session in both directions, and what they were sealed with."""

    keys: wire.SessionKeys
    log_id: bytes
    epoch: int
    up: list[bytes] = field(default_factory=list)
    down: list[bytes] = field(default_factory=list)

    def openers(self, **other: Any) -> tuple[seal.Opener, seal.Opener]:
        """Fresh ones, as the server has for `up` and the client for `down`; `log_id`, `epoch` may be others."""
        context = (other.get("log_id", self.log_id), other.get("epoch", self.epoch))
        keys = self.keys
        return seal.Opener(keys.to_server, keys.key_id, *context), seal.Opener(keys.to_client, keys.key_id, *context)


class RecordingClient(RawClient):
    """Its datagrams go through `udp`; `tape` has all of them once logged in."""

    def __init__(self, port: int, **options: Any) -> None:
        super().__init__(port, **options)
        self.udp = udp_socket(port)
        self.tape: Recording

    def close(self) -> None:
        self.udp.close()
        super().close()

    def _logged_in(self, result: Any) -> Any:
        super()._logged_in(result)
        if isinstance(result, wire.LoggedIn):
            self.tape = Recording(result.keys, self.welcome.log_id, self.welcome.log_epoch)
        return result

    def sealed(self, *frames: Any) -> bytes:
        """The next datagram, not sent yet."""
        return self.sealer.seal(encode_datagram(list(frames)))

    def send_datagram(self, *frames: Any) -> bytes:
        """Seal, keep, send."""
        datagram = self.sealed(*frames)
        self.tape.up.append(datagram)
        self.udp.send(datagram)
        return datagram

    def frames(self, wait: float = 0.3) -> list[Any]:
        """What comes by datagram until nothing came for `wait` seconds."""
        found: list[Any] = []
        self.udp.settimeout(wait)
        with contextlib.suppress(TimeoutError):
            while True:
                datagram = self.udp.recv(2048)
                self.tape.down.append(datagram)
                found += decode_server_datagram_untrusted(self.opener.open_untrusted(datagram))
        return found

    def status(self) -> dict[str, Any]:
        """The server's figures; for its administrator, who asks again when he asked too often."""
        while isinstance(report := self.request(wire.Status()), wire.Failure) and report.code == wire.Code.BUSY:
            time.sleep(report.retry_ms / 1000)
        assert isinstance(report, wire.StatusReport), report
        return wire.status_document(report)

    def counter(self, *names: str) -> int:
        """The sum of some of the server's counters."""
        counters = self.status()["counters"]
        return sum(counters.get(name, 0) for name in names)


def udp_socket(port: int, source: str = "") -> socket.socket:
    """Connected to the relay port on loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if source:
        sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    return sock


def record_every_kind(client: RecordingClient) -> Recording:
    """Let every kind of live frame travel by datagram, in both directions."""
    room = client.rooms["general"]
    assert client.request(wire.Subscribe([room])).heads
    client.send_datagram(wire.Ping(1))
    client.send_datagram(wire.Submit([client.message(room, "short")]))
    client.send_datagram(wire.Submit([client.message(room, "x" * INLINE_BODY_MAX)]))
    client.frames()
    seqs = [1, 2]
    client.send_datagram(wire.Submit([client.message(room, text) for text in ("one", "two", "three")]))
    client.send_datagram(wire.Nack(room, seqs), wire.Nack(room, []))
    client.send_datagram(wire.Cursors([wire.Cursor(room, 2, 1)]))
    client.send_datagram(wire.Activity(wire.PresenceState.ONLINE))
    # Numbers 1000 and on of another run: answered with Expect.
    ahead = Header(room, client.device, client.run ^ 1, 1000, Kind.TEXT, 0, 1, 1)
    client.send_datagram(wire.Submit([make_message(client.key, client.welcome.log_id, ahead, "too early")]))
    client.frames()
    for _ in range(40):
        client.udp.send(client.sealed(wire.Submit([client.message(room, "more than the rate allows")])))
    heard: set[type] = set()

    def all_came() -> bool:
        heard.update(type(frame) for frame in client.frames())
        return {wire.RoomCursors, wire.Busy} <= heard

    wait_until(all_came, 5, "receipts and a refusal")
    client.tape.down = few_of_each_kind(client.tape)
    return client.tape


def counter_of(datagram: bytes) -> int:
    """The number that it has under its key."""
    return int.from_bytes(datagram[5 : seal.HEADER], "big")


def kinds_of(tape: Recording) -> list[tuple[type, ...]]:
    """What each of the server's datagrams has in it."""
    _, opener = tape.openers()
    opened = (decode_server_datagram_untrusted(opener.open_untrusted(datagram)) for datagram in tape.down)
    return [tuple(type(frame) for frame in frames) for frames in opened]


def few_of_each_kind(tape: Recording) -> list[bytes]:
    """At most three of the server's datagrams with the same kinds of frames."""
    kinds: dict[tuple[type, ...], list[bytes]] = {}
    for datagram, kind in zip(tape.down, kinds_of(tape), strict=True):
        kinds.setdefault(kind, []).append(datagram)
    return [datagram for each in kinds.values() for datagram in each[:3]]


@contextlib.contextmanager
def observed_server(data_dir: Path, **options: Any) -> Iterator[tuple[ServerProcess, RecordingClient]]:
    """A real server and a session of its administrator, which reads its counters."""
    options = {"database": databases.new_database()} | options
    with ServerProcess(data_dir, **options) as server, RecordingClient(server.port) as watcher:
        watcher.register("watcher")
        yield server, watcher
