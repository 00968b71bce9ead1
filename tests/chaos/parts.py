"""The parts of the long runs: pieces of a minute or so, each with servers, databases and clients of its own."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from lanchat_server.store import open_store
from tests.chaos.audit import Audit
from tests.chaos.campaign import Kill, Tally, campaign, draw_kills
from tests.chaos.commands import COMMANDS, Command
from tests.chaos.commands import killed as killed_command
from tests.chaos.crowd import LIMITS
from tests.chaos.disks import SmallDisk
from tests.chaos.killed_clients import CommandLineUser, draw_deaths
from tests.chaos.launcher import kill_at
from tests.chaos.outages import Outage, OutageReport, full_disk, killed, prepared, read_only, run_outages, stopped
from tests.chaos.pieces import Figures, Kept, Piece
from tests.chaos.replacement import replace_servers
from tests.chaos.server_with_clients import LAUNCHER, ServerWithClients
from tests.support.mariadb import MariaDB
from tests.support.ports import free_port
from tests.support.procs import ServerProcess

DATABASES = ("SQLite", "MariaDB")
# Kills of one crowd, then a new one: a piece of a minute, and a log that is read quickly by who comes back.
KILLS_PER_CROWD = 15
STEPS_PER_PIECE = 25
DEATHS_PER_PIECE = 10
RECOVERY_P99 = 5.0
GROWTH_MAX = 16 << 20
OUTAGES = ((1, 10), (5, 10), (20, 5), (50, 3))


@contextmanager
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lanchat-chaos-") as folder:
        yield Path(folder)


@contextmanager
def databases(kind: str) -> Iterator[Callable[[], str | None]]:
    """Makes empty databases of that kind: URLs, or None for SQLite in the server's folder."""
    if kind == "SQLite":
        yield lambda: None
        return
    with MariaDB() as server:
        yield lambda: server.create_database("chat")


# --- Servers killed while people write ------------------------------------------------------------------------------


def kills(kills: int, seed: int, kept: Kept) -> Iterator[Piece]:
    """Half of them on each database, at named points and at random moments."""
    for number, first in enumerate(range(0, kills // 2, KILLS_PER_CROWD)):
        for kind in DATABASES:
            count = min(KILLS_PER_CROWD, kills // 2 - first)
            drawn = draw_kills(count, seed + first, first)
            yield Piece(f"kills/{kind}/{number}", lambda kind=kind, drawn=drawn: _campaign(kind, drawn, seed))


def outages(kills: int, seed: int, kept: Kept) -> Iterator[Piece]:
    """Servers that are down for a while."""
    for outage, times in OUTAGES:
        drawn = [Kill(delay=0.2, outage=outage)] * times
        yield Piece(f"outages/{outage}", lambda drawn=drawn: _campaign("SQLite", drawn, seed, rate=1.0))


def _campaign(kind: str, drawn: Sequence[Kill], seed: int, rate: float = 4.0) -> Figures:
    with temporary() as folder, databases(kind) as database:
        tally: Tally = asyncio.run(campaign(ServerWithClients(folder, database=database(), seed=seed), drawn, rate))
    return {
        "kills": dict(tally.kills),
        "made": tally.made,
        "told": tally.told,
        "stored": tally.stored,
        "recoveries": [round(each, 3) for each in tally.recoveries],
        "returns": [round(each, 3) for each in tally.returns],
        "faults": tally.faults,
    }


# --- First starts ---------------------------------------------------------------------------------------------------


def starts(kills: int, seed: int, kept: Kept) -> Iterator[Piece]:
    """First starts that are killed after each statement of the database and each file of the keys."""
    for kind in DATABASES:
        for point in ("statement", "key-file", "lease-taken"):
            for number in range(100):
                name, first = f"starts/{kind}/{point}/{number}", 1 + number * STEPS_PER_PIECE
                yield Piece(name, lambda kind=kind, point=point, first=first: _steps(kind, point, first))
                if name not in kept or kept[name]["ended"]:
                    break


def _steps(kind: str, point: str, first: int) -> Figures:
    faults: list[str] = []
    with databases(kind) as database:
        for passing in range(first, first + STEPS_PER_PIECE):
            with temporary() as folder:
                url = database()
                try:
                    env = kill_at(point, passing)
                    ServerProcess(folder / "server", database=url, module=LAUNCHER, env=env).stop()
                    return {"steps": passing - first, "ended": True, "faults": faults}
                except RuntimeError:
                    faults += _complaints(folder / "server", url, f"first start killed at {point} {passing}, {kind}")
    return {"steps": STEPS_PER_PIECE, "ended": False, "faults": faults}


def _complaints(data_dir: Path, database: str | None, what: str) -> list[str]:
    """Whether it starts again and serves."""
    try:
        with ServerProcess(data_dir, database=database):
            pass
        store = open_store(database, data_dir, migrate=False)
        rooms = [room.name for room in store.snapshot().rooms]
        store.close()
        assert rooms == ["general"], rooms
    except (RuntimeError, TimeoutError, AssertionError) as error:
        return [f"start: {what}: {error}"]
    return []


# --- Commands -------------------------------------------------------------------------------------------------------


def commands(kills: int, seed: int, kept: Kept) -> Iterator[Piece]:
    """The administrator's commands, and starts after them, killed at every step."""
    for command in COMMANDS:
        for kind in DATABASES:
            yield Piece(f"commands/{kind}/{command.name}", lambda command=command, kind=kind: _killed(command, kind))


def _killed(command: Command, kind: str) -> Figures:
    with temporary() as folder, MariaDB() if kind == "MariaDB" else nullcontext() as database:
        result = killed_command(command, folder, database)
    return {"commands": result.kills, "faults": result.faults}


# --- Databases ------------------------------------------------------------------------------------------------------


def troubles(kills: int, seed: int, kept: Kept) -> Iterator[Piece]:
    """Databases that fail."""
    yield Piece("troubles/MariaDB/away", _mariadb_down)
    yield Piece("troubles/MariaDB/disk", _mariadb_disk)
    yield Piece("troubles/SQLite/disk", _sqlite_disk)


def _mariadb_down() -> Figures:
    with MariaDB() as server, temporary() as folder:
        kinds = [killed(server, 3), read_only(server, 3), stopped(server, 10), stopped(server, 25), killed(server, 8)]
        return _live_through(ServerWithClients(folder, database=prepared(server)), kinds)


def _mariadb_disk() -> Figures:
    with SmallDisk(160 << 20) as disk, temporary() as folder:
        server = MariaDB(parent=disk.path)
        try:
            server.start()
            return _live_through(ServerWithClients(folder, database=prepared(server)), [full_disk(disk, 5, server)] * 2)
        finally:
            server.remove()


def _sqlite_disk() -> Figures:
    with SmallDisk(64 << 20) as disk, temporary() as folder:
        return _live_through(ServerWithClients(folder, data_dir=disk.path / "server"), [full_disk(disk, 5)] * 2)


def _live_through(scene: ServerWithClients, kinds: Sequence[Outage]) -> Figures:
    reports, audit = asyncio.run(run_outages(scene, kinds))
    complaints = [text for each in reports for text in each.complaints(growth_max=GROWTH_MAX, back_max=RECOVERY_P99)]
    made = sum(len(person.memory.made) for person in scene.crowd.people)
    return {
        "reports": [_figures(report) for report in reports],
        "made": made,
        "told": scene.crowd.acknowledged(),
        "faults": audit.faults + complaints,
    }


def _figures(report: OutageReport) -> Figures:
    return {
        "name": report.outage.name,
        "seconds": report.outage.seconds,
        "meanwhile": report.acknowledged_meanwhile,
        "waited": report.waited,
        "back": report.back,
        "caught_up": report.caught_up,
        "busy": report.busy,
        "flooded": report.flooded,
        "growth": report.growth,
    }


# --- Two servers, typists -------------------------------------------------------------------------------------------


def two(kills: int, seed: int, kept: Kept) -> Iterator[Piece]:
    """A second server on the database, again and again."""
    for number in range(2):
        yield Piece(f"two/{number}", lambda number=number: _duel(seed + number))


def _duel(seed: int) -> Figures:
    with temporary() as folder, databases("MariaDB") as database:
        scene = ServerWithClients(folder, database=database(), discovery_port=free_port())
        outcome = asyncio.run(replace_servers(scene, 5, seed))
    return {
        "fenced": outcome.fenced,
        "recoveries": outcome.recoveries,
        "made": outcome.made,
        "told": scene.crowd.acknowledged(),
        "faults": outcome.faults,
    }


def typists(kills: int, seed: int, kept: Kept) -> Iterator[Piece]:
    """Clients killed while they write, two at a time on one profile."""
    for number in range(4):
        yield Piece(f"typists/{number}", lambda number=number: _type(seed + number))


def _type(seed: int) -> Figures:
    with temporary() as folder:
        config = folder / "server.toml"
        config.write_text(LIMITS)
        deaths = draw_deaths(DEATHS_PER_PIECE, seed)
        with ServerProcess(folder / "server", extra=["--config", str(config)]) as server:
            typist = CommandLineUser(folder, "anna")
            typist.register(server)
            typist.type_until_killed(deaths)
            asyncio.run(typist.send_queued())
        audit = Audit(None, folder / "server")
        audit.check_memory("anna", typist.memory)
        audit.check_profile("anna", typist.profile)
    return {"deaths": len(deaths), "made": len(typist.memory.made), "faults": audit.faults}


PARTS = {part.__name__: part for part in (kills, starts, commands, outages, troubles, two, typists)}
