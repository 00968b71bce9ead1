"""Engines for both kinds of database, set up so that a commit is durable and nothing waits for ever.

SQLite: WAL, so that readers see the last committed state while the writer works; synchronous=FULL, so that COMMIT
returns after the log is on the disk. MySQL and MariaDB: the pure Python connector (its C extension does not load
everywhere), InnoDB's own durability defaults, REPEATABLE READ, so that a read of several statements sees one state.
"""

import errno
import os
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from lanchat.platform.disk.files import FileRefused, make_folders, open_private, refuse_no_file
from lanchat.protocol.problems import Problem
from lanchat_server.core.ports import StoreError
from lanchat_server.store.connection.driver import begin
from lanchat_server.store.connection.errors import file_problem
from lanchat_server.store.connection.nodes import NodeChoice
from lanchat_server.store.connection.url import DatabaseAddress


class DatabaseTimeouts(msgspec.Struct, frozen=True):
    """How long a database is waited for, in seconds."""

    # An answer later than this counts as none: the server may be stopped, or its disk hangs.
    connect: int = 5
    answer: int = 15
    # The same for a node of a cluster, where another one may answer: as long as the others need to agree that one is
    # gone (evs.suspect_timeout), as no commit ends meanwhile.
    node_connect: int = 2
    node_answer: int = 5
    # For a lock of another transaction: only an older server, about to be fenced, or an administrator holds one.
    lock: int = 5
    # MariaDB ends a transaction that has written and says nothing for so long, and frees its locks: the server that
    # began it hears nothing any more, and its standby waits for the lease. 0: it does not.
    idle_write: int = 5


TIMEOUTS = DatabaseTimeouts()
# A migration of a large table, or a restore's last step, may work long without a word.
LONG_WORK = DatabaseTimeouts(answer=3600, node_answer=3600, idle_write=0)
# MySQL knows no such limit: it gives the connection up that writes, which a server uses every few seconds.
WRITER_IDLE_TIMEOUT = 60
# MySQL closes a connection that was idle for 8 hours (wait_timeout); firewalls forget it sooner.
RECYCLE = 1800
# Readers: worker threads of the service. More of them wait.
POOL_SIZE = 5
POOL_OVERFLOW = 5

# Pages of a SQLite database that a connection keeps. The one that writes reads indexes at random places; what the other
# ones read a second time lies in the kernel's cache, and each of them would keep a copy of its own.
READER_CACHE_KIB = 1024
WRITER_CACHE_KIB = 4096

# An execution option: this transaction writes. SQLite must know at BEGIN, else an upgrade in the middle can fail.
WRITES = "lanchat_writes"
# An isolation level: each statement sees a state of its own, and nothing is begun.
SINGLE = "AUTOCOMMIT"

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA cache_size={-READER_CACHE_KIB}",
    "PRAGMA wal_autocheckpoint=2000",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA secure_delete=FAST",  # a blanked body leaves the page, where that costs no extra write
)


def make_engine(address: DatabaseAddress, timeouts: DatabaseTimeouts | None = None) -> Engine:
    """An engine for `address`; nothing is opened yet but the file of a SQLite database, which is made with mode 0600.

    Raises StoreError when that file cannot be made.
    """
    timeouts = timeouts or TIMEOUTS
    if address.nodes is None:
        return _sqlite_engine(address, timeouts)
    return _mysql_engine(address, address.nodes, timeouts)


def _sqlite_engine(address: DatabaseAddress, timeouts: DatabaseTimeouts) -> Engine:
    _make_file(address)
    engine = create_engine(
        address.url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        # The one that was used last: each keeps pages and statements of its own.
        pool_use_lifo=True,
        connect_args={"timeout": timeouts.lock, "check_same_thread": False, "isolation_level": None},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_file(address: DatabaseAddress) -> None:
    assert address.path is not None
    try:
        make_folders(address.path.parent)
        for suffix in ("-journal", "-wal", "-shm"):  # SQLite would wait for a pipe
            refuse_no_file(address.path.with_name(address.path.name + suffix))
        if address.path.exists() and not address.path.is_file():
            raise FileRefused(errno.EINVAL, Problem.NOT_A_FILE, str(address.path))
        if address.path.exists():
            # Never opened here: where this process has the database open, closing another descriptor of the file frees
            # SQLite's locks on it, and any program that looks into the database takes its log away.
            if not os.access(address.path, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(address.path))
        else:
            os.close(open_private(address.path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    except OSError as error:
        raise StoreError(file_problem(address.path, error)) from error


def _set_up_sqlite(connection: Any, _record: object) -> None:
    for statement in _SQLITE_PRAGMAS:
        connection.execute(statement)


def prepare_writer(connection: Connection) -> None:
    """It is the one that writes. Raises SQLAlchemyError."""
    made = connection.connection.driver_connection
    assert made is not None
    if connection.dialect.name == "sqlite":
        made.execute(f"PRAGMA cache_size={-WRITER_CACHE_KIB}")
        return
    statement = f"SET SESSION wait_timeout={WRITER_IDLE_TIMEOUT}"
    try:
        made.cmd_query(statement)
    except connection.dialect.loaded_dbapi.Error as error:
        raise OperationalError(statement, None, error) from error


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") != SINGLE:
        begin(connection, "BEGIN IMMEDIATE" if options.get(WRITES, False) else "BEGIN")


def _mysql_engine(address: DatabaseAddress, nodes: NodeChoice, timeouts: DatabaseTimeouts) -> Engine:
    # A server with SQLite starts a tenth of a second sooner without the connector.
    from lanchat_server.store.connection.connector import HexConverter, connect

    seconds = timeouts.node_answer if nodes.is_cluster else timeouts.answer
    arguments: dict[str, Any] = {
        "charset": "utf8mb4",
        "collation": "utf8mb4_unicode_ci",
        "connection_timeout": timeouts.node_connect if nodes.is_cluster else timeouts.connect,
        "read_timeout": seconds,
        "write_timeout": seconds,
        "converter_class": HexConverter,
        "sql_mode": "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO",
        "time_zone": "+00:00",
        "init_command": _first_command(timeouts),
        **address.options,
    }
    engine = create_engine(
        address.url,
        isolation_level="REPEATABLE READ",
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_pre_ping=True,
        pool_recycle=RECYCLE,
        connect_args=arguments,
        hide_parameters=True,
    )
    event.listen(engine, "do_connect", lambda _dialect, _record, _unnamed, named: connect(nodes, named))
    return engine


def _first_command(timeouts: DatabaseTimeouts) -> str:
    """What each connection begins with."""
    # With `sql_safe_updates`, which an administrator may have set for all sessions, a change of some rows by their keys
    # is refused as well where the table is so small that the server reads all of it.
    locks = f"innodb_lock_wait_timeout={timeouts.lock}, lock_wait_timeout={4 * timeouts.lock}"
    command = f"SET SESSION sql_safe_updates=0, {locks}"
    if not timeouts.idle_write:
        return command
    # MariaDB alone reads such a comment.
    return f"{command} /*M!100300 , idle_write_transaction_timeout={timeouts.idle_write} */"


def is_present(connection: Connection) -> bool:
    """Whether it leads to the node of a cluster that is in use; of other databases it always does."""
    return getattr(connection.connection.driver_connection, "is_present", True)


def note_lost(connection: Connection) -> None:
    """It broke: the next one is tried at another node of the cluster first."""
    with suppress(SQLAlchemyError):
        raw = connection.connection.driver_connection
        if raw is not None and hasattr(raw, "note_lost"):
            raw.note_lost()
