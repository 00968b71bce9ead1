"""Commands on a server's data that are killed at each of their steps: the administrator's, and a start.

A step is a statement of the database, its commit, or a change of a folder. The next start finds the state before
the command or the state that it makes, and repeating the command completes it.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine

from lanchat.protocol import wire
from lanchat.protocol.codes import Role
from lanchat_server.admin.backups import CLAIMED_FILE
from lanchat_server.admin.run import AdminError, Administration
from lanchat_server.config import ServerConfig
from lanchat_server.core.refusals import Refused
from lanchat_server.maintenance import key_swap
from lanchat_server.maintenance.backup import backup_at_rest, restore
from lanchat_server.maintenance.initdb import init_db
from lanchat_server.maintenance.lost_log import IDENTITY_FILE
from lanchat_server.service.keys import load_or_create
from lanchat_server.service.lifecycle.server import ServerReady, serve
from lanchat_server.store import SqlStore, open_store
from lanchat_server.store.tables import schema
from lanchat_server.store.transactions import claiming
from tests.support.mariadb import MariaDB
from tests.support.stores import Log, device, room, user

LOUNGE, MESSAGES = 77, 12
PASSWORD = "correct horse"
ALL_KEYS = ("identity.crt", "identity.key", "log.key")
STEPS_MAX = 1000
# Changes of folders; writing into a file that nobody reads yet is no step of its own.
_DISK = frozenset(("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link"))


class ServerData(NamedTuple):
    """Where a server's data are. `url` None: SQLite in `folder`; `admin_url`: of who may make databases."""

    folder: Path
    url: str | None = None
    admin_url: str | None = None

    @property
    def backup(self) -> Path:
        """The file that the command `backup` writes."""
        return self.folder / CLAIMED_FILE

    def config(self) -> ServerConfig:
        return ServerConfig("x", self.folder, self.url, host="127.0.0.1", port=0, discovery=False)


class Backups(NamedTuple):
    """Of two servers, each with keys and one account."""

    anna: Path
    boris: Path


@dataclass(frozen=True, slots=True)
class Command:
    """`prepare` makes what is there when the command `work` begins; `look` returns what a person finds afterwards."""

    name: str
    prepare: Callable[[ServerData, Backups], None]
    work: Callable[[ServerData, Backups], object]
    look: Callable[[ServerData], object]
    # The database is made anew each time: without tables, or not even that.
    fresh: bool = False


# --- Being killed -----------------------------------------------------------------------------------------------------


def kill_at(step: int) -> None:
    """From now on this process dies before the given step (0: the first)."""
    left = step

    def count(*_: object) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def audit(name: str, args: tuple[Any, ...]) -> None:
        # Python's own files, of modules that are imported for the first time, are nobody's data.
        if args and "__pycache__" in str(args[0]):
            return
        if name in _DISK or (name == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT):
            count()

    sys.addaudithook(audit)
    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)


def run_in_child(work: Callable[[], object]) -> bool:
    """Runs it in a process of its own; False when that was killed. Raises AssertionError when it failed otherwise."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return not os.WIFSIGNALED(status)


# --- What is there ----------------------------------------------------------------------------------------------------


def make_backups(folder: Path) -> Backups:
    for name in Backups._fields:
        place = ServerData(folder / name)
        load_or_create(place.folder)
        with _opened(place) as store:
            store.take_lease("test", 1)
            with store.transaction() as tx:
                tx.add_user(user(name.capitalize(), role=Role.ADMINISTRATOR))
                tx.add_user(user("Dora"))
        backup_at_rest(folder / f"{name}.backup", None, place.folder)
    return Backups(folder / "anna.backup", folder / "boris.backup")


@contextlib.contextmanager
def _opened(place: ServerData) -> Iterator[SqlStore]:
    store = open_store(place.url, place.folder)
    try:
        yield store
    finally:
        store.close()


def _no_tables_or_keys(place: ServerData, backups: Backups) -> None:
    """Neither tables nor keys."""


def _empty_tables(place: ServerData, backups: Backups) -> None:
    """Tables without rows, no keys."""
    init_db(place.url, None, place.folder)


def _server_of_boris(place: ServerData, backups: Backups) -> None:
    """A server of Boris, an older backup of Anna's at the place of the new one."""
    restore(backups.boris, place.url, place.folder, force=True)
    shutil.copy(backups.anna, place.backup)


def _server_with_messages(place: ServerData, backups: Backups) -> None:
    """A server of Boris with a room that has messages."""
    _server_of_boris(place, backups)
    with _opened(place) as store:
        store.claim_lease()
        boris = next(row for row in store.snapshot().users if row.name == "Boris")
        with store.transaction() as tx:
            tx.add_device(device(boris.id))
            tx.add_room(room(store, LOUNGE, "lounge"))
        Log(store, LOUNGE).say(*(f"message {number}" for number in range(MESSAGES)), author=boris.id)


def _interrupted_restore(place: ServerData, backups: Backups) -> None:
    """A restore of Anna's backup over a server of Boris died after its commit: her keys are not in place yet."""
    _server_of_boris(place, backups)
    with patch.object(key_swap, "settle"):
        restore(backups.anna, place.url, place.folder, force=True)
    shutil.copy(backups.boris, place.backup)


# --- What is found ----------------------------------------------------------------------------------------------------


def _keys(folder: Path) -> dict[str, str]:
    """Without what each start writes beside them from the database."""
    keys = folder / "keys"
    if not keys.is_dir():
        return {}
    return {path.name: path.read_text() for path in keys.iterdir() if IDENTITY_FILE not in path.name}


def _found(place: ServerData) -> object:
    """What a start finds: accounts, rooms and their heads, keys."""
    with _opened(place) as store:
        key_swap.settle(place.folder / "keys", store.log)
        there = store.snapshot()
    users = sorted((row.name, row.role, row.disabled) for row in there.users)
    left = sorted(path.name for path in place.folder.iterdir() if path.name.startswith("keys"))
    assert left in ([], ["keys"]), left
    return users, sorted((row.name, row.head.seq) for row in there.rooms), _keys(place.folder)


def _found_after_erasing(place: ServerData) -> object:
    """As a start finds it once it has erased what is to be erased; a room's records are all there, or none is."""
    with _opened(place) as store:
        store.claim_lease()
        while True:
            with store.transaction() as tx:
                more = tx.erase_more(5)
            if not more:
                break
        with store.reading() as connection:
            count = select(func.count()).select_from(schema.records).where(schema.records.c.room_id == LOUNGE)
            records = connection.execute(count).scalar_one()
    return _found(place), records


def _state_after_repetition(place: ServerData) -> object:
    with _opened(place) as store, store.reading() as connection:
        codes = connection.execute(select(func.count()).select_from(schema.recovery_codes)).scalar_one()
    return _found(place), codes


def _backed_up(place: ServerData) -> object:
    """The server, and what its backup has."""
    copy = ServerData(place.folder / "copy")
    shutil.rmtree(copy.folder, ignore_errors=True)
    restore(place.backup, None, copy.folder)
    found = _found(copy)
    shutil.rmtree(copy.folder)
    return _found(place), found


def _tables(place: ServerData) -> object:
    """Nobody uses a database that was half made: the command is given again."""
    init_db(place.url, place.admin_url, place.folder)
    return _found(place)


def _started(place: ServerData) -> object:
    """A first start makes keys of its own: all of them or none."""
    with _opened(place) as store:
        rooms = [row.name for row in store.snapshot().rooms]
    names = sorted(_keys(place.folder))
    assert names in ([], sorted(ALL_KEYS)), names
    return rooms


def _start(place: ServerData, backups: Backups) -> None:
    """A start of the server, which ends as soon as it is ready."""

    async def run() -> None:
        stop = asyncio.Event()

        def ready(_: ServerReady) -> None:
            stop.set()

        await serve(place.config(), on_ready=ready, stop=stop)

    asyncio.run(run())


def _admin(make: Callable[[Administration], Any]) -> Callable[[ServerData, Backups], object]:
    """The request that `make` gives; it may ask something before."""

    def run(place: ServerData, _: Backups) -> object:
        with Administration(place.config()) as admin:
            return admin.ask(make(admin), object)

    return run


def _add_user(admin: Administration) -> int:
    return admin.ask(wire.FindAccount("dora"), wire.AccountResult).account.id


def _rooms_named_lounge(admin: Administration) -> list[int]:
    rooms = admin.all_of(wire.ListAllRooms(), wire.RoomSummaryList)
    return [room.id for room in rooms if room.name == "lounge"]


def _restore_anna(place: ServerData, backups: Backups) -> None:
    restore(backups.anna, place.url, place.folder, force=True)


def _restore_boris(place: ServerData, backups: Backups) -> None:
    restore(backups.boris, place.url, place.folder, force=True)


COMMANDS = (
    Command(
        "init-db", _no_tables_or_keys, lambda place, _: init_db(place.url, place.admin_url, place.folder), _tables, True
    ),
    Command("first start", _no_tables_or_keys, _start, _started, True),
    Command("start after a killed restore", _interrupted_restore, _start, _found),
    Command("backup", _server_of_boris, _admin(lambda _: wire.CreateBackup()), _backed_up),
    Command("backup after a killed restore", _interrupted_restore, _admin(lambda _: wire.CreateBackup()), _backed_up),
    Command("restore into an empty one", _empty_tables, _restore_anna, _found, True),
    Command("restore over another one", _server_of_boris, _restore_anna, _found),
    Command("restore after a killed restore", _interrupted_restore, _restore_boris, _found),
    Command(
        "users add, the first", _no_tables_or_keys, _admin(lambda _: wire.AddAccount("carla", PASSWORD)), _found, True
    ),
    Command("users add", _server_of_boris, _admin(lambda _: wire.AddAccount("carla", PASSWORD)), _found),
    Command(
        "users disable", _server_of_boris, _admin(lambda admin: wire.DisableAccount(_add_user(admin), True)), _found
    ),
    Command(
        "users reset-password",
        _server_of_boris,
        _admin(lambda admin: wire.ResetPassword(_add_user(admin))),
        _state_after_repetition,
    ),
    Command(
        "rooms delete",
        _server_with_messages,
        _admin(lambda admin: wire.DeleteRooms(_rooms_named_lounge(admin))),
        _found_after_erasing,
    ),
)


# --- Each step --------------------------------------------------------------------------------------------------------


class Result(NamedTuple):
    """How often a command was killed, and what was found that may not be."""

    kills: int
    faults: list[str]


def killed(command: Command, folder: Path, database: MariaDB | None, stride: int = 1) -> Result:
    """Kill it at every `stride`-th step. `database` None: SQLite in folders of its own, in `folder`."""
    kind = "SQLite" if database is None else "MariaDB"
    # Whoever comes next has to see that whoever was killed does not renew the lease.
    with patch.object(claiming, "LEASE_TIMING", claiming.LeaseTiming(0.3, 0.05)):
        backups = make_backups(folder)
        places = _places(command, folder, database)
        before, after = _expected_states(command, places, backups)
        faults: list[str] = []
        for number, step in enumerate(range(0, STEPS_MAX, stride)):
            place = next(places)
            try:
                lived = _kill_at_step(command, place, backups, step, (before, after))
            except Exception as error:
                lived = False
                faults.append(f"command: {command.name}, killed before step {step}, {kind}: {error!r}"[:500])
            shutil.rmtree(place.folder, ignore_errors=True)
            if lived:
                return Result(number, faults)
    raise AssertionError(f"{command.name} never ends")


def _places(command: Command, folder: Path, database: MariaDB | None) -> Iterator[ServerData]:
    name = "killed_commands"
    for number in range(STEPS_MAX):
        place = ServerData(folder / f"place{number}")
        place.folder.mkdir()
        if database is None:
            yield place
        elif command.name == "init-db":
            database.execute(f"DROP DATABASE IF EXISTS `{name}`")
            yield place._replace(url=database.url(name, "chat", "secret"), admin_url=database.url())
        elif command.fresh or not number:
            yield place._replace(url=database.create_database(name))
        else:
            yield place._replace(url=database.url(name))


def _expected_states(command: Command, places: Iterator[ServerData], backups: Backups) -> tuple[object, object]:
    """What is found before it, and when it was not killed."""
    found = []
    for work in (False, True):
        place = next(places)
        command.prepare(place, backups)
        if work:
            assert run_in_child(lambda place=place: command.work(place, backups))  # type: ignore[misc]
        found.append(command.look(place))
    return found[0], found[1]


def _kill_at_step(
    command: Command, place: ServerData, backups: Backups, step: int, expected: tuple[object, object]
) -> bool:
    """Whether it lived. Raises what shows that something is lost, or that it cannot be completed."""
    command.prepare(place, backups)

    def work() -> None:
        kill_at(step)
        command.work(place, backups)

    lived = run_in_child(work)
    found = command.look(place)
    assert found in (expected[1:] if lived else expected), f"found {found}"
    # Refused, as for an account that is there: then it was done.
    with contextlib.suppress(AdminError, Refused):
        command.work(place, backups)
    found = command.look(place)
    assert found == expected[1], f"given again: {found}"
    return lived
