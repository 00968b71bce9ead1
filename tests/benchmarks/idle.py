"""Case j: what nobody's saying anything costs: a server with 500 idle clients, and one real idle client.

The 500 do what real ones do, by the real client's own rules (lanchat.core.session.link): they ping after silence and
keep their UDP path open. Counted are datagrams both ways together.
"""

import contextlib
import select
import tempfile
import time
from pathlib import Path
from random import Random

from lanchat.core.config import ClientConfig
from lanchat.core.session.link import LinkController
from lanchat.protocol import wire
from lanchat.protocol.transport import Transport as Way
from lanchat.protocol.wire import decode_from_server_untrusted, decode_server_datagram_untrusted, pack_frame
from tests.benchmarks.figures import Report
from tests.benchmarks.fleet import Client, log_in_all
from tests.benchmarks.measure import cpu_seconds
from tests.benchmarks.people import Person, make_profile
from tests.benchmarks.serving import serving

CLIENTS = 500


def run(report: Report, *, rounds: int, quick: bool) -> None:
    clients, seconds = (100, 10.0) if quick else (CLIENTS, 30.0)
    share, rate = measure(clients, seconds)
    at = f"{clients} idle clients"
    report.add("j", "server, share of a core", "%", "SQLite", at, [share * 100], most=3.0)
    report.add("j", "datagrams a client, both ways", "/s", "SQLite", at, [rate], most=0.2)
    report.add("j", "client, share of a core", "%", "client", "idle, without window", [_one_client(seconds / 2) * 100])


class Idler:
    """A client that only keeps its connection."""

    def __init__(self, client: Client, number: int) -> None:
        self.client = client
        self.datagrams = 0
        self._link = LinkController(ClientConfig(), Random(number).random)
        now = time.monotonic()
        self._link.start(now)
        self._link.opened()
        self._link.logged_in(now, True)
        self._timer: float | None = now

    def tick(self, now: float) -> None:
        if self._timer is None or now < self._timer:
            return
        outputs, due = self._link.handle_timer(now)
        assert due is None, "the server said nothing for too long"
        for output in outputs:
            self._link.sent(output.path, now)
            if output.path is Way.UDP:
                self.datagrams += 1
                self.client.send([output.frame])
            else:
                self.client.tls.sendall(pack_frame(output.frame))
        self._timer = self._link.timer()

    def read(self) -> None:
        client, now = self.client, time.monotonic()
        with contextlib.suppress(BlockingIOError):
            while True:
                for datagram in client.receive():
                    self.datagrams += 1
                    self._link.heard(now, Way.UDP)
                    frames = decode_server_datagram_untrusted(client.opener.open_untrusted(datagram))
                    if any(isinstance(frame, wire.Pong) for frame in frames):
                        self._link.ponged(Way.UDP)
        with contextlib.suppress(BlockingIOError, OSError):
            while octets := client.tls.recv(1 << 16):
                self._link.heard(now, Way.TLS)
                for encoded in client.reader.feed_untrusted(octets):
                    decode_from_server_untrusted(encoded)
        self._timer = self._link.timer()


def measure(clients: int, seconds: float) -> tuple[float, float]:
    """The server's share of a core, and datagrams a second and client."""
    with serving("SQLite", clients) as server:
        sessions = log_in_all(server.port, server.world, server.world.accounts, [server.world.general])
        idlers = [Idler(session, number) for number, session in enumerate(sessions)]
        poll = select.epoll()
        readers = {}
        for idler in idlers:
            for descriptor in (idler.client.udp.fileno(), idler.client.tls.fileno()):
                readers[descriptor] = idler
                poll.register(descriptor, select.EPOLLIN)
        try:
            _drive(idlers, readers, poll, 4.0)
            cpu, datagrams = cpu_seconds(server.pids[0]), sum(idler.datagrams for idler in idlers)
            _drive(idlers, readers, poll, seconds)
            spent = cpu_seconds(server.pids[0]) - cpu
            rate = (sum(idler.datagrams for idler in idlers) - datagrams) / seconds / clients
            return spent / seconds, rate
        finally:
            poll.close()
            for session in sessions:
                session.close()


def _drive(idlers: list[Idler], readers: dict[int, Idler], poll: select.epoll, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        for descriptor, _ in poll.poll(0.05):
            readers[descriptor].read()
        for idler in idlers:
            idler.tick(now)


def _one_client(seconds: float) -> float:
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder, serving("SQLite", 2) as server:
        profile = make_profile(Path(folder) / "profile", server, server.world.accounts[1])
        with Person(profile, "--idle", str(seconds)) as person:
            return float(person.wait_for("idle", seconds + 60)["share"])
