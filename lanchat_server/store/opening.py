"""Opening a database: lock, connect, bring the tables up to date, and give a new log its identity."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.clock import SYSTEM_CLOCK
from lanchat.platform.disk.file_lock import FileLock, FileLockedError
from lanchat.platform.disk.files import make_folders
from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.protocol.log.records import genesis_hash
from lanchat_server.core.directory.directory import EPOCH_SHIFT
from lanchat_server.core.model import LogState, RoomHead, RoomRow
from lanchat_server.core.ports import StoreError
from lanchat_server.store.connection.engine import LONG_WORK, WRITES, DatabaseTimeouts, make_engine
from lanchat_server.store.connection.errors import store_error
from lanchat_server.store.connection.url import DatabaseAddress, parse_url
from lanchat_server.store.searching import reindexing
from lanchat_server.store.sqlstore import SqlStore, claim, this_process
from lanchat_server.store.tables import migrate as migration
from lanchat_server.store.tables import reads, rows, schema
from lanchat_server.store.transactions.claiming import LeaseTiming
from lanchat_server.store.transactions.writing import WriteSession

GENERAL = "general"
# The epoch of a log that is being copied into this database (maintenance/copying.py): no server uses it.
FILLING = 0


def open_store(
    url: str | None,
    data_dir: Path,
    *,
    migrate: bool = True,
    command: bool = False,
    may_create: bool = True,
    filling: bool = False,
    random_octets: Callable[[int], bytes] = SYSTEM_ENTROPY.token_bytes,
    now_ms: int | None = None,
    lost: tuple[LogState, int] | None = None,
    timeouts: DatabaseTimeouts | None = None,
    lease: LeaseTiming | None = None,
) -> SqlStore:
    """Open the database at `url` (None: the SQLite file in `data_dir`), making tables and log on first use.

    `migrate=False` changes nothing and refuses a database that is not at this version's revision. Tables of an older
    revision are changed under the lease, which a server that starts takes, and a `command` gets when no server has it.
    `may_create=False` makes no database file. `filling`: also one that a copy has not filled yet. `random_octets` draws
    the log's id (16) and the first room's (8) of a new database; `now_ms` is when that room begins. `lost`: what an
    empty database gets in place of a new log, and the id of its first room, 0: a new one. Raises StoreError with one
    line for a person: unreachable, refused, locked, missing, too new.
    """
    address = parse_url(url, data_dir)
    lock = _lock(address, may_create=migrate and may_create)
    engine: Engine | None = None
    is_new = address.path is not None and _is_absent(address.path)
    try:
        engine = make_engine(address, timeouts)
        _bring_up_to_date(engine, address, migrate, command and lock is None, lease)
        now_ms = SYSTEM_CLOCK.wall_ms() if now_ms is None else now_ms
        log = _read_or_make_log(engine, random_octets, now_ms, lost, may_make=migrate)
        if log.epoch == FILLING and not filling:
            raise StoreError(_unfinished(address))
    except BaseException as error:
        if engine is not None:
            engine.dispose()
        if is_new:
            _remove_database(address)
        if lock is not None:
            lock.release()
        if isinstance(error, SQLAlchemyError):
            raise store_error(error, address) from error
        raise
    return SqlStore(engine, address, log, lock, lease)


def _unfinished(address: DatabaseAddress) -> str:
    text = _("{database} holds a copy that was broken off: give `lanchat-server copy-database` again to finish it")
    return text.format(database=address)


def _remove_database(address: DatabaseAddress) -> None:
    """What was begun of a new file, as on a full disk."""
    assert address.path is not None
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            address.path.with_name(address.path.name + suffix).unlink(missing_ok=True)


def _is_absent(path: Path) -> bool:
    """Not when the system does not let it be looked at: opening it says so."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


def _lock(address: DatabaseAddress, may_create: bool) -> FileLock | None:
    if address.path is None:
        return None
    if not may_create and _is_absent(address.path):
        raise StoreError(_("There is no database {path}").format(path=address.path))
    try:
        make_folders(address.path.parent)
    except OSError as error:
        message = _("Cannot make the folder {path}: {reason}")
        raise StoreError(message.format(path=address.path.parent, reason=os_error_text(error))) from error
    return lock_file(address.path.with_name(address.path.name + ".lock"))


def lock_file(path: Path) -> FileLock:
    """One process per SQLite file. SQLite's own exclusive mode would do, but then readers in other threads wait for
    the writer; with this lock they read the last committed state meanwhile (WAL). Raises StoreError."""
    try:
        return FileLock(path)
    except FileLockedError as error:
        message = _("Another LAN Chat server uses the data in {folder}: stop it first")
        raise StoreError(message.format(folder=path.parent)) from error
    except OSError as error:
        raise StoreError(
            _("Cannot write to {path}: {reason}").format(path=path, reason=os_error_text(error))
        ) from error


def _bring_up_to_date(
    engine: Engine, address: DatabaseAddress, may_migrate: bool, claims: bool, timing: LeaseTiming | None
) -> None:
    with engine.connect() as connection:
        found = migration.current_revision(connection, address)
        if found == schema.REVISION:
            migration.check_statements(connection, address)
            return
        if not may_migrate:
            migration.check_revision(connection, address)
        if found is not None:
            migration.check_known(found, address)
            migration.check_statements(connection, address)
        has_lease = found is not None and connection.execute(select(schema.lease.c.id)).first() is not None
    writing = WriteSession(engine, address)
    patient = make_engine(address, LONG_WORK)
    try:
        if has_lease and claims:
            claim(writing, address, alone=False, timing=timing)
        elif has_lease:
            writing.take_lease(this_process(), SYSTEM_CLOCK.wall_ms())
        with patient.connect().execution_options(**{WRITES: True}) as connection:
            migration.migrate(connection, address)
    finally:
        patient.dispose()
        writing.give_back()
        writing.close()


def _read_or_make_log(
    engine: Engine,
    random_octets: Callable[[int], bytes],
    now_ms: int,
    lost: tuple[LogState, int] | None,
    may_make: bool,
) -> LogState:
    with engine.connect().execution_options(**{WRITES: may_make}) as connection:
        log = reads.read_log(connection)
        if log is None and may_make:
            connection.rollback()
            with migration.alone(connection):
                log = reads.read_log(connection)
                if log is None:
                    log, general = lost or (LogState(random_octets(16), 1), 0)
                    room = general or (int.from_bytes(random_octets(8)) >> 1) or 1
                    _make_log(connection, log, room, now_ms if lost is None else 0)
        if log is None:
            raise StoreError(_("The database holds no log: start the server on it, or run `lanchat-server init-db`"))
        return log


def _make_log(connection: Connection, log: LogState, room: int, now_ms: int) -> None:
    """The first rows of a new database: the log's identity, the lease, the room that everybody is in."""
    general = RoomRow(
        room,
        GENERAL,
        RoomKind.PUBLIC,
        HistoryPolicy.EVERYTHING,
        0,
        now_ms,
        RoomHead(0, genesis_hash(log.log_id, room), now_ms),
        # Of a log that is lost: whatever clients have of it is newer.
        number=log.epoch << EPOCH_SHIFT if now_ms else 0,
    )
    connection.execute(insert(schema.log).values(id=1, log_id=log.log_id, epoch=log.epoch))
    unheld = {"incarnation": 0, "changes": 0, "holder": "", "taken_ms": now_ms, "renewed_ms": 0}
    unserved = {"identity": b"", "serves_ms": 0, "standby": "", "standby_ms": 0}
    connection.execute(insert(schema.lease).values(id=1, **unheld, **unserved))
    reindexing.set_current(connection)
    connection.execute(insert(schema.rooms).values(rows.room_values(general)))
