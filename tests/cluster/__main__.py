"""A chat on a Galera cluster that is broken in many ways: `python -m tests.cluster`, or `make cluster`.

    --only TEXT   cases with this in their name
    --list        the names

Three nodes, one or two servers and three clients, each on a computer of its own (network namespaces). Whatever the case
breaks, everything that is written must be stored once and shown once to everybody, and every copy must be the log. The
table says how long the longest time was in which nobody got a message stored. Cases that were played are kept until
`--again`; the table of all of them goes into docs/RELIABILITY.md. Ctrl+C ends it. The exit code is 1 when anything was
lost, came twice or took too long.
"""

import argparse
import contextlib
import itertools
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.crowd import LIMITS
from tests.chaos.pieces import CACHE, Kept
from tests.cluster import galera
from tests.cluster.cases import CASES, TROUBLE, ClusterCase, Scene, copy_keys
from tests.cluster.galera import NETWORK, Cluster
from tests.lab import netns
from tests.lab.matrix import PATIENCE, Row, Talker, complete, judge
from tests.lab.matrix_cases import Case, Net
from tests.lab.netns import Computer, Lab, Lan
from tests.support import marked
from tests.support.child import Child
from tests.support.figures import table
from tests.support.procs import ServerProcess
from tests.support.standby import StandbyProcess
from tests.support.waiting import patient, wait_until

DISCOVERY_PORT = 47474
LIVE_PATIENCE = 60.0
CLIENTS = 3
# Seconds without a stored message that a case may cost, on an idle computer.
PAUSE_MAX = 10.0
# Each client writes so many messages, so many a second: for 45 s.
COUNT, RATE = 360, 8.0
# What servers said, by case.
LOGS = CACHE / "cluster-logs"
COLUMNS = ("broken", "sent", "stored", "shown", "lost", "twice", "pause s", "take-over s", "both serve s")


def play(case: ClusterCase, cluster: Cluster, lan: Lan, lab: Lab, folder: Path, number: int) -> dict[str, Any]:
    """One case, from an empty database to the audit; the figures of a row."""
    computers = [lab.computer((lan, f"{NETWORK}.{10 * number + 20 + place}/24")) for place in range(2 + CLIENTS)]
    name = f"chat{number}"
    (folder / "server.toml").write_text(LIMITS)
    extra = ["--config", str(folder / "server.toml")]
    first = ServerProcess(
        folder / "first",
        database=cluster.url(name),
        discovery_port=DISCOVERY_PORT,
        namespace=computers[0].name,
        extra=[*extra, *(["--standby"] if case.has_standby else [])],
        timeout=LIVE_PATIENCE,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(first)
        first.add_account("administrator")
        second = _standby(case, cluster.url(name), folder, computers[1], extra)
        if second is not None:
            stack.enter_context(second)
        scene = Scene(cluster, computers, first, second, name)
        as_matrix = Case(case.name, lambda _lab: Net([lan], computers[0], computers[2:]), count=COUNT, rate=RATE)
        talkers = [
            Talker(computer, folder, f"person{place}", as_matrix, None) for place, computer in enumerate(computers[2:])
        ]
        for talker in talkers:
            talker.wait_for("live", LIVE_PATIENCE)
        times = _talk(case, scene, talkers)
        for talker in talkers:
            talker.child.stop()
        for server in (first, second):
            if server is not None and server.returncode is None:
                server.stop(30.0)
        _keep_logs(case, first, second)
        row = judge(as_matrix, talkers)
        row.faults += _audit(computers[1], cluster.url(name), folder, talkers)
    return _figures(case, row, talkers, times)


def _keep_logs(case: ClusterCase, *servers: Child | None) -> None:
    """What the servers said, for whoever looks for a fault."""
    LOGS.mkdir(parents=True, exist_ok=True)
    said = ["\n".join([*server.stdout, *server.stderr]) for server in servers if server is not None]
    (LOGS / f"{case.name.replace(' ', '-')}.log").write_text("\n\n".join(said))


def _standby(
    case: ClusterCase, url: str, folder: Path, computer: Computer, extra: Sequence[str]
) -> StandbyProcess | None:
    if not case.has_standby:
        return None
    copy_keys(folder / "first", folder / "second")
    second = StandbyProcess(folder / "second", url, DISCOVERY_PORT, namespace=computer.name, extra=extra)
    second.wait_event("standby", LIVE_PATIENCE)
    # Until the first has seen it, and has promised to stop without the lease.
    time.sleep(6.0)
    return second


class Listening:
    """Looks whether a server's port is open on its computer, until `stop`. `closed_at`: since when it is not."""

    def __init__(self, computer: Computer, port: int) -> None:
        self._computer = computer
        self._port = port
        self._over = threading.Event()
        self.closed_at: float | None = None
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            found = self._computer.run("ss", "-Hltn", f"sport = :{self._port}")
            self.closed_at = None if found.strip() else self.closed_at or time.monotonic()

    def stop(self) -> float | None:
        self._over.set()
        self._thread.join()
        return self.closed_at


def _talk(case: ClusterCase, scene: Scene, talkers: Sequence[Talker]) -> dict[str, float | None]:
    """Until everybody has shown everything, or patience is over. The times of what happened."""
    times: dict[str, float | None] = {"ready": None}
    second = scene.second
    waiting = threading.Thread(target=lambda: times.update(ready=_ready_at(second)), daemon=True)
    listening = Listening(scene.computers[0], scene.first.port)
    for talker in talkers:
        talker.child.signal(signal.SIGUSR1)
    time.sleep(5.0)
    times["trouble"] = time.monotonic()
    waiting.start()
    case.trouble(scene)
    time.sleep(TROUBLE)
    times["closed"] = listening.stop()
    case.mend(scene)
    times["mended"] = time.monotonic()
    for talker in talkers:
        talker.wait_for("said", PATIENCE + 2 * COUNT / RATE)
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: complete(talkers), PATIENCE, "everything is shown", interval=0.2)
    for node in scene.cluster.nodes:
        scene.cluster.wait_synced(node)
    return times


def _ready_at(second: StandbyProcess | None) -> float | None:
    with contextlib.suppress(TimeoutError, RuntimeError):
        return second.ready_at(TROUBLE + PATIENCE) if second is not None else None
    return None


def _audit(computer: Computer, url: str, folder: Path, talkers: Sequence[Talker]) -> list[str]:
    profiles = [str(folder / talker.name) for talker in talkers]
    argv = [sys.executable, "-m", "tests.cluster.audit", url, str(folder / "first"), *profiles]
    found: list[str] = json.loads(computer.run(*argv, timeout=patient(120.0)).splitlines()[-1])
    return found


def _pause(talkers: Sequence[Talker], trouble: float) -> float:
    """The longest time, after the trouble began, in which nobody's message was stored that was waiting."""
    stored = sorted(event["at"] for talker in talkers for event in talker.of("stored"))
    begun = [trouble - 1.0, *(at for at in stored if at > trouble - 1.0)]
    return max((later - earlier for earlier, later in itertools.pairwise(begun)), default=0.0)


def _figures(case: ClusterCase, row: Row, talkers: Sequence[Talker], times: dict[str, float | None]) -> dict[str, Any]:
    trouble, ready, closed = times["trouble"], times["ready"], times["closed"]
    assert trouble is not None
    pause, faults = _pause(talkers, trouble), row.bad
    takes = None if ready is None or ready < trouble else ready - trouble
    both = None if takes is None else 0.0
    if takes is not None and ready is not None and (closed is None or closed > ready):
        both = (closed or ready + 99.0) - ready
        faults.append(f"{case.name}: both servers served for {both:.1f} s")
    if pause > patient(PAUSE_MAX):
        faults.append(f"{case.name}: nothing was stored for {pause:.1f} s")
    if case.moves and takes is None:
        faults.append(f"{case.name}: the standby did not take over")
    cells = (case.name, row.sent, row.stored, row.shown, row.lost, row.twice, f"{pause:.1f}", _text(takes), _text(both))
    return {"cells": cells, "faults": faults, "shown": row.shown}


def _text(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"


def report(kept: Kept) -> str:
    """The table of all cases that are kept."""
    found = [kept[case.name] for case in CASES if case.name in kept]
    sent, lost, twice = (sum(int(one["cells"][place]) for one in found) for place in (1, 4, 5))
    text = f"{sent:,} messages in {len(found)} cases: {lost} lost, {twice} twice."
    return f"{text}\n\n{table(COLUMNS, [one['cells'] for one in found])}"


@contextlib.contextmanager
def _cluster() -> Iterator[tuple[Lab, Lan, Cluster]]:
    with Lab() as lab:
        lan = lab.lan()
        with Cluster(lab, lan) as cluster:
            begun = time.monotonic()
            cluster.start()
            print(f"three nodes are up after {time.monotonic() - begun:.0f} s", flush=True)
            yield lab, lan, cluster


def _play_all(cases: Sequence[ClusterCase], kept: Kept) -> None:
    with _cluster() as (lab, lan, cluster):
        for number, case in enumerate(cases):
            print(f"{time.strftime('%H:%M:%S')} {case.name} …", end=" ", flush=True)
            cluster.nodes[0].ask(f"CREATE DATABASE chat{number} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
            with tempfile.TemporaryDirectory(prefix="lanchat-cluster-") as folder:
                kept.keep(case.name, play(case, cluster, lan, lab, Path(folder), number))
            found = kept[case.name]
            print(f"pause {found['cells'][6]} s, {len(found['faults'])} faults", flush=True)
            for fault in found["faults"]:
                print(f"  {fault}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with this in their name")
    parser.add_argument("--list", action="store_true", help="the names of the cases")
    parser.add_argument("--again", action="store_true", help="forget how these cases went before")
    options = parser.parse_args()
    if options.list:
        print("\n".join(case.name for case in CASES))
        return 0
    if reason := netns.missing() or galera.missing():
        parser.error(reason)
    kept = Kept("cluster")
    cases = [case for case in CASES if options.only in case.name]
    if options.again:
        for case in cases:
            kept.forget(case.name)
    left = [case for case in cases if case.name not in kept]
    with contextlib.suppress(KeyboardInterrupt):
        if left:
            _play_all(left, kept)
    marked.write(marked.RELIABILITY, "cluster", report(kept))
    print(report(kept))
    bad = [case for case in cases if case.name not in kept or kept[case.name]["faults"]]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
