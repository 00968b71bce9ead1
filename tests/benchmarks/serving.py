"""A real server process with limits far above the load, on either database, with accounts that the generator knows."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.accounts import World, make_world
from tests.support.mariadb import MariaDB
from tests.support.procs import ServerProcess

DATABASES = ("SQLite", "MariaDB")
# MariaDB's own defaults; the tests' servers are smaller.
MARIADB_OPTIONS = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M")
# One password at a time: where log-ins are measured, the server has one core.
_LIMITS = """
[limits]
message_rate = 1000000.0
user_octets_per_day = 1000000000000
message_burst = 1000000
total_rate = 1000000.0
sessions_per_user = 100
sessions_total = 5000
unauthenticated_max = 1000
[passwords]
workers = 1
"""


@dataclass
class Serving:
    """`pids`: the server's process, then the database's when it has one of its own."""

    server: ServerProcess
    world: World
    pids: tuple[int, ...]
    folder: Path
    database: str

    @property
    def port(self) -> int:
        return self.server.port


@contextlib.contextmanager
def serving(
    database: str,
    people: int,
    rooms: int = 0,
    *,
    password_hash: str = "",
    filled: Callable[[Path, str | None, World], None] | None = None,
) -> Iterator[Serving]:
    """A server that is ready; ended and removed with the block. `filled` may put more into its database before."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lanchat-bench-")))
        url: str | None = None
        others: tuple[int, ...] = ()
        if database == "MariaDB":
            mariadb = stack.enter_context(MariaDB(MARIADB_OPTIONS))
            url, others = mariadb.create_database("bench"), (mariadb.pid,)
        world = make_world(folder, url, people, rooms, password_hash=password_hash)
        if filled is not None:
            filled(folder, url, world)
        yield stack.enter_context(start(folder, url, others, world, database))


@contextlib.contextmanager
def start(folder: Path, url: str | None, others: tuple[int, ...], world: World, database: str) -> Iterator[Serving]:
    """A server on what is in its folder and its database; killed with the block. `others`: see Serving.pids."""
    limits = folder / "limits.toml"
    limits.write_text(_LIMITS)
    extra = ("--config", str(limits), "--log-level", "warning")
    server = ServerProcess(folder, database=url, host="127.0.0.1", extra=extra, timeout=60)
    found = Serving(server, world, (server.pid, *others), folder, database)
    try:
        yield found
    finally:
        found.server.kill()
