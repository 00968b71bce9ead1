"""Fifty people for two hours at a server with a history of some months:

    python -m tests.office [--minutes N] [--people N] [--pace N] [--history N] [--database KIND] [--trace N] [--write]

Everything that people do, within the announced rates (people.py), besides discovery probes and scrapes of the figures.
Every 30 seconds memory, descriptors, threads and objects of the server and of the clients' processes go into a file in
`.cache/office`, one JSON line each. The verdict is about the second half of the time: the server's memory grows by at
most 2 MiB an hour, its descriptors and threads do not. Ctrl+C ends it early, with the verdict on what there is. The
exit code is 1 when something grew. `--write` puts the figures into docs/RELIABILITY.md; `--trace N` has the processes
trace their allocations, N frames each, which makes them slow.
"""

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.datagram.beacon import encode_probe
from tests.benchmarks.accounts import make_world
from tests.benchmarks.filling import fill
from tests.benchmarks.measure import cpu_seconds
from tests.office.holdings import TRACE
from tests.office.launcher import VARIABLE
from tests.office.people import ROOMS
from tests.office.watch import Sample, growth, sample, second_half
from tests.support.child import Child
from tests.support.figures import table
from tests.support.mariadb import MariaDB
from tests.support.marked import RELIABILITY, write
from tests.support.ports import free_port
from tests.support.procs import ROOT, ServerProcess, plain_environment
from tests.support.raw import RawClient
from tests.support.waiting import wait_until

PROCESSES = 2
INTERVAL = 30.0
_SCRAPE = 5.0
# What the server may grow by in the second half, an hour.
MEMORY_GROWTH_MAX = 2 << 20
# Connections come and go; a leak of one in a hundred of them would be more.
DESCRIPTORS_GROWTH_MAX = 5.0
_NICENESS = 5
# Who wrote what was there before.
_AUTHORS = 20


class Office:
    """The server, the processes of its people, and what was seen of them."""

    def __init__(self, folder: Path, options: argparse.Namespace, database: str | None, samples: Path) -> None:
        self._folder = folder
        self._options = options
        self._file = samples
        self._metrics, self._discovery = free_port(), free_port()
        self._holdings = folder / "holdings.json"
        config = folder / "server.toml"
        config.write_text(f"[metrics]\nport = {self._metrics}\n")
        # In an empty database the caches would grow as long as it does.
        world = make_world(folder / "server", database, _AUTHORS)
        fill(folder / "server", database, world, [world.general], options.history, signed=True)
        self._traced = {TRACE: str(options.trace)} if options.trace else {}
        self.server = ServerProcess(
            folder / "server",
            module="tests.office.launcher",
            database=database,
            discovery_port=self._discovery,
            extra=("--config", str(config)),
            env={VARIABLE: str(self._holdings)} | self._traced,
            timeout=60.0,
        )
        self.people: list[Child] = []
        self.samples: list[Sample] = []
        self._began = 0.0
        self._cpu = (0.0, 0.0)

    def open(self) -> None:
        """Rooms, and everybody comes in."""
        with RawClient(self.server.port) as administrator:
            answer = administrator.register("administrator")
            assert isinstance(answer, wire.LoggedIn), answer
            for name in ROOMS:
                room = administrator.request(wire.CreateRoom(name, wire.RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING))
                assert not isinstance(room, wire.Failure), room
        share = -(-self._options.people // PROCESSES)
        for first in range(0, self._options.people, share):
            self.people.append(self._start(first, min(share, self._options.people - first)))
        for child in self.people:
            child.wait_for_line(lambda line: line == "ready", 120, "everybody is in")
        self._began = time.monotonic()

    def _start(self, first: int, count: int) -> Child:
        argv = [sys.executable, "-m", "tests.office.people", str(self._folder / "people")]
        argv += [self.server.address, self.server.fingerprint, str(first), str(count), str(self._options.pace)]
        return Child(argv, env=plain_environment(self._folder) | self._traced, cwd=ROOT)

    def look(self) -> None:
        """Take a sample, and keep it."""
        at = time.monotonic() - self._began
        taken = {"at": at, "who": "server", **sample(self.server.pid), **self._told_by_server()}
        cpu = cpu_seconds(self.server.pid)
        before, self._cpu = self._cpu, (at, cpu)
        taken["cpu"] = (cpu - before[1]) / (at - before[0]) if before[0] else 0.0
        self._keep(taken)
        for number, child in enumerate(self.people):
            self._keep({"at": at, "who": f"people {number}", **sample(child.pid), **self._told_by(child)})

    def _keep(self, taken: Sample) -> None:
        self.samples.append(taken)
        with self._file.open("a") as file:
            file.write(json.dumps(taken) + "\n")

    def _told_by_server(self) -> dict[str, Any]:
        self._holdings.unlink(missing_ok=True)
        self.server.signal(signal.SIGUSR2)
        wait_until(self._holdings.exists, 30, "the server tells what it holds")
        return dict(json.loads(self._holdings.read_text()))

    def _told_by(self, child: Child) -> dict[str, Any]:
        start = len(child.stdout)
        child.signal(signal.SIGUSR2)
        return dict(json.loads(child.wait_for_line(lambda line: line.startswith("{"), 30, "it tells", start)))

    def knock(self) -> None:
        """A discovery probe and a scrape of the figures, as others on the network make them all the time."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.sendto(encode_probe(secrets.token_bytes(16)), ("127.0.0.1", self._discovery))
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=30) as answer:
            answer.read()

    def of(self, who: str) -> list[Sample]:
        return [each for each in self.samples if each["who"] == who]

    def check(self) -> None:
        """Raises RuntimeError when a process has ended."""
        for child in (self.server, *self.people):
            if child.returncode is not None:
                raise RuntimeError(child.transcript())

    def close(self) -> None:
        for child in (*self.people, self.server):
            if child.returncode is None:
                child.stop(60)


def work(office: Office, minutes: float) -> None:
    """Until the time is over or Ctrl+C."""
    end, next_look = time.monotonic() + 60 * minutes, time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        while time.monotonic() < end:
            office.check()
            office.knock()
            if time.monotonic() >= next_look:
                next_look += INTERVAL
                office.look()
                _say(office)
            time.sleep(_SCRAPE)
    office.look()


def _say(office: Office) -> None:
    last = office.of("server")[-1]
    rate = growth(office.of("server"), "rss") / (1 << 20)
    print(
        f"\r{last['at'] / 60:6.1f} min: {last['rss'] / (1 << 20):6.1f} MiB, {rate:+.1f} MiB/h, "
        f"{last['descriptors']} descriptors, {last['threads']} threads, {last['blocks']:,} blocks, "
        f"{100 * last['cpu']:.0f} % of a core",
        end="" if sys.stdout.isatty() else "\n",
        flush=True,
    )


def verdict(samples: list[Sample]) -> list[str]:
    """What grew in the server and may not."""
    faults = []
    if (memory := growth(samples, "rss")) > MEMORY_GROWTH_MAX:
        faults.append(f"the server's memory grows by {memory / (1 << 20):.1f} MiB an hour")
    faults += [
        f"the server's {name} grow by {more:.0f} an hour"
        for name in ("descriptors", "threads")
        if (more := growth(samples, name)) > DESCRIPTORS_GROWTH_MAX
    ]
    return faults


def report(office: Office, database: str) -> str:
    """The document's table."""
    rows = []
    for who in sorted({each["who"] for each in office.samples}):
        samples = office.of(who)
        late = second_half(samples)
        rows.append(
            (
                who,
                *(f"{samples[n]['rss'] >> 20}" for n in (0, len(samples) // 2, -1)),
                *(f"{growth(samples, name) / (1 << 20):+.1f}" for name in ("rss", "pss")),
                f"{min(each['descriptors'] for each in late)} to {max(each['descriptors'] for each in late)}",
                f"{min(each['threads'] for each in late)} to {max(each['threads'] for each in late)}",
                f"{growth(samples, 'blocks'):+,.0f}",
            )
        )
    columns = ("process", "MiB at first", "in the middle", "at the end", "growth MiB/h: resident", "proportional")
    columns += ("descriptors", "threads", "growth of blocks/h")
    done: Counter[str] = Counter()
    for child in {each["who"] for each in office.samples} - {"server"}:
        done.update(office.of(child)[-1]["counts"])
    server = office.of("server")
    busy = sum(each["cpu"] for each in server[1:]) / max(1, len(server) - 1)
    text = (
        f"{database}, {office.samples[-1]['at'] / 60:.0f} minutes; the server used {100 * busy:.0f} % of a core. Done: "
    )
    return text + ", ".join(f"{name} {count:,}" for name, count in done.most_common()) + ".\n\n" + table(columns, rows)


@contextlib.contextmanager
def _database(kind: str) -> Iterator[str | None]:
    if kind == "sqlite":
        yield None
        return
    with MariaDB() as server:
        yield server.create_database("chat")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.office", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--pace", type=float, default=5.0, help="seconds between two things that a person does")
    parser.add_argument("--history", type=int, default=100_000, help="messages that are there before")
    parser.add_argument("--database", choices=("sqlite", "mariadb"), default="sqlite")
    parser.add_argument("--trace", type=int, default=0, metavar="FRAMES")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    os.nice(_NICENESS)
    # Also in the background of a shell, where Python would not listen to either.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    samples = ROOT / ".cache" / "office" / f"{time.strftime('%Y%m%d-%H%M%S')}-{options.database}.jsonl"
    samples.parent.mkdir(parents=True, exist_ok=True)
    print(f"samples: {samples}", flush=True)
    with tempfile.TemporaryDirectory(prefix="lanchat-office-") as folder, _database(options.database) as database:
        office = Office(Path(folder), options, database, samples)
        try:
            office.open()
            work(office, options.minutes)
        finally:
            office.close()
    faults = verdict(office.of("server"))
    text = report(office, "MariaDB" if database else "SQLite")
    print(f"\n{text}\n", *faults, sep="\n")
    if options.write:
        write(RELIABILITY, "office", text)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
