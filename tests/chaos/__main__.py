"""The long runs, and their tables for docs/RELIABILITY.md:  python -m tests.chaos [PART …] [--kills N] [--seed N]

Parts: kills, starts, outages, troubles, two, typists; without any all of them. Needs root (small disks) and MariaDB.
The exit code is 1 when anything was lost, came twice, or took too long.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lanchat_server.store import open_store
from tests.chaos.audit import Audit
from tests.chaos.campaign import Kill, Tally, campaign, draw_kills, percentile
from tests.chaos.crowd import LIMITS
from tests.chaos.disks import SmallDisk
from tests.chaos.duel import duel
from tests.chaos.launcher import kill_at
from tests.chaos.scene import LAUNCHER, Scene
from tests.chaos.trouble import Report, Trouble, full, killed, live_through, prepared, read_only, stopped
from tests.chaos.typists import Typist, draw_deaths
from tests.support.mariadb import MariaDB
from tests.support.ports import free_port
from tests.support.procs import ServerProcess

# Kills of one crowd, then a new one: its log stays short enough to be read quickly by who comes back.
KILLS_PER_CROWD = 30
RECOVERY_P99 = 5.0
GROWTH_MAX = 16 << 20
DATABASES = ("SQLite", "MariaDB")


class Runs:
    """The parts; `faults` collects what is not as it should be."""

    def __init__(self, kills: int, seed: int) -> None:
        self.faults: list[str] = []
        self._kills = kills
        self._seed = seed

    # --- Killed servers -------------------------------------------------------------------------------------------

    def kills(self) -> None:
        """Servers killed at named points and at random."""
        title("Servers killed with SIGKILL, ten clients writing")
        row("database", "kills", "messages", "lost", "twice or out of order", *RECOVERY_COLUMNS)
        points: Tally = Tally()
        for kind in DATABASES:
            tally = Tally()
            for first in range(0, self._kills // 2, KILLS_PER_CROWD):
                count = min(KILLS_PER_CROWD, self._kills // 2 - first)
                tally.add(self._campaign(kind, draw_kills(count, self._seed + first, first)))
            self._tell_recoveries(kind, tally, tally.killed)
            points.add(tally)
        title("Where they died")
        row("point", "kills")
        for name, count in sorted(points.kills.items()):
            row(name, count)

    def outages(self) -> None:
        """Servers that stay away for a while."""
        title("Back after an outage, ten clients")
        row("outage s", "times", "messages", "lost", "twice or out of order", *RECOVERY_COLUMNS)
        for outage, times in ((1, 10), (5, 10), (20, 5), (50, 3)):
            tally = self._campaign("SQLite", [Kill(delay=0.2, outage=outage)] * times, rate=1.0)
            self._tell_recoveries(str(outage), tally, times)

    def _campaign(self, kind: str, kills: list[Kill], rate: float = 4.0) -> Tally:
        with place(kind) as (folder, database):
            tally = asyncio.run(campaign(Scene(folder, database=database, seed=self._seed), kills, rate))
        self.faults += tally.faults
        return tally

    def _tell_recoveries(self, name: str, tally: Tally, count: int) -> None:
        lost, rest = split(tally.faults)
        figures = [f"{percentile(tally.recoveries, part):.2f}" for part in (0.5, 0.9, 0.99, 1.0)]
        row(name, count, tally.made, lost, rest, len(tally.recoveries), *figures)
        if percentile(tally.recoveries, 0.99) > RECOVERY_P99:
            self.faults.append(f"{name}: clients were live only after {figures[2]} s (p99)")

    # --- First starts -----------------------------------------------------------------------------------------------

    def starts(self) -> None:
        """A first start that is killed after each statement of the database and each file of the keys."""
        title("First start killed at every step, then started again")
        row("database", "step", "kills", "unusable afterwards")
        for kind in DATABASES:
            for point in ("statement", "key-file", "lease-taken"):
                steps, broken = self._steps(kind, point)
                row(kind, point, steps, broken)

    def _steps(self, kind: str, point: str) -> tuple[int, int]:
        passing = broken = 0
        while True:
            with place(kind) as (folder, database):
                try:
                    env = kill_at(point, passing + 1)
                    ServerProcess(folder / "server", database=database, module=LAUNCHER, env=env).stop()
                    return passing, broken
                except RuntimeError:
                    passing += 1
                    broken += not self._starts_again(folder / "server", database, f"{point} {passing} on {kind}")

    def _starts_again(self, data_dir: Path, database: str | None, what: str) -> bool:
        try:
            with ServerProcess(data_dir, database=database):
                pass
            store = open_store(database, data_dir, migrate=False)
            rooms = [room.name for room in store.snapshot().rooms]
            store.close()
            assert rooms == ["general"], rooms
        except (RuntimeError, TimeoutError, AssertionError) as error:
            self.faults.append(f"killed at {what}: {error}")
            return False
        return True

    # --- Databases --------------------------------------------------------------------------------------------------

    def troubles(self) -> None:
        """Databases in trouble."""
        title("A database in trouble, ten clients writing and one flooding")
        columns = ("messages waited", "back s", "caught up s", "BUSY", "flooded", "growth MiB", "faults")
        row("database", "trouble", "for s", "acknowledged meanwhile", *columns)
        with MariaDB() as server, temporary() as folder:
            self._live_through(
                "MariaDB",
                Scene(folder, database=prepared(server)),
                [killed(server, 3), read_only(server, 3), stopped(server, 10), stopped(server, 25), killed(server, 8)],
            )
        with SmallDisk(160 << 20) as disk, temporary() as folder:
            server = MariaDB(parent=disk.path)
            try:
                server.start()
                self._live_through("MariaDB", Scene(folder, database=prepared(server)), [full(disk, 5)] * 2)
            finally:
                server.remove()
        with SmallDisk(64 << 20) as disk, temporary() as folder:
            self._live_through("SQLite", Scene(folder, data_dir=disk.path / "server"), [full(disk, 5)] * 2)

    def _live_through(self, kind: str, scene: Scene, troubles: list[Trouble]) -> None:
        reports, audit = asyncio.run(live_through(scene, troubles))
        self.faults += audit.faults
        for report in reports:
            self.faults += report.complaints(growth_max=GROWTH_MAX, back_max=RECOVERY_P99)
            self._tell_trouble(kind, report, len(audit.faults))

    def _tell_trouble(self, kind: str, report: Report, faults: int) -> None:
        row(
            kind,
            report.trouble.name,
            f"{report.trouble.seconds:g}",
            report.acknowledged_meanwhile,
            report.waited,
            f"{report.back:.2f}",
            f"{report.caught_up:.2f}",
            report.busy,
            report.flooded,
            f"{report.growth / (1 << 20):.1f}",
            faults,
        )

    # --- Two servers, typists -----------------------------------------------------------------------------------------

    def two(self) -> None:
        """Two servers on one database."""
        title("A second server on the same database, ten clients writing")
        row(
            "takeovers",
            "messages",
            "lost",
            "twice or out of order",
            "older one ended: p50 s",
            "max s",
            *RECOVERY_COLUMNS,
        )
        with place("MariaDB") as (folder, database):
            outcome = asyncio.run(duel(Scene(folder, database=database, discovery_port=free_port()), 10, self._seed))
        lost, rest = split(outcome.faults)
        fenced = [f"{percentile(outcome.fenced, part):.2f}" for part in (0.5, 1.0)]
        figures = [f"{percentile(outcome.recoveries, part):.2f}" for part in (0.5, 0.9, 0.99, 1.0)]
        row(len(outcome.fenced), outcome.made, lost, rest, *fenced, len(outcome.recoveries), *figures)
        self.faults += outcome.faults

    def typists(self) -> None:
        """Clients killed while they write."""
        title("`lanchat chat` killed with SIGKILL while it writes, two at a time on one profile")
        row("kills", "messages told", "lost", "twice or out of order")
        with temporary() as folder:
            config = folder / "server.toml"
            config.write_text(LIMITS)
            deaths = draw_deaths(40, self._seed)
            with ServerProcess(folder / "server", extra=["--config", str(config)]) as server:
                typist = Typist(folder, "anna")
                typist.register(server)
                typist.type_and_die(deaths)
                asyncio.run(typist.hand_in())
            audit = Audit(None, folder / "server")
            audit.check_memory("anna", typist.memory)
            audit.check_profile("anna", typist.profile)
        row(len(deaths), len(typist.memory.made), *split(audit.faults))
        self.faults += audit.faults


RECOVERY_COLUMNS = ("recoveries", "p50 s", "p90 s", "p99 s", "max s")
PARTS = ("kills", "starts", "outages", "troubles", "two", "typists")


def title(text: str) -> None:
    print(f"\n### {text}\n", flush=True)
    global _heading
    _heading = True


_heading = False


def row(*cells: object) -> None:
    """A line of a Markdown table; the first one after a title is its heading."""
    global _heading
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    if _heading:
        print("|" + "---|" * len(cells), flush=True)
        _heading = False


def split(faults: list[str]) -> tuple[int, int]:
    """How many messages were lost, and how many other faults there are."""
    lost = sum("is not stored" in fault or "stands at None" in fault for fault in faults)
    return lost, len(faults) - lost


@contextmanager
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lanchat-chaos-") as folder:
        yield Path(folder)


@contextmanager
def place(kind: str) -> Iterator[tuple[Path, str | None]]:
    """A folder and an empty database of that kind."""
    with temporary() as folder:
        if kind == "SQLite":
            yield folder, None
            return
        with MariaDB() as server:
            yield folder, server.create_database("chat")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    runs, began = Runs(options.kills, options.seed), time.monotonic()
    for part in options.parts or PARTS:
        if part not in PARTS:
            parser.error(f"no such part: {part}")
        getattr(runs, part)()
    print(f"\nseed {options.seed}, {time.monotonic() - began:.0f} s, {len(runs.faults)} faults")
    for fault in runs.faults:
        print(fault)
    return 1 if runs.faults else 0


if __name__ == "__main__":
    sys.exit(main())
