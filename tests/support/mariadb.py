"""A private, real MariaDB server in a temporary folder; several may run, none touches the system's own. With
`LANCHAT_TEST_DATABASE` it is another version, or MySQL (database_program.py).

Creating the system tables takes longer than starting the server, so it is done once per server version and
user, kept under `.cache/mariadb`, and copied. The redo log is small for the same reason. Durability settings
are the server's defaults: a commit that was acknowledged survives `kill`.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import mysql.connector

from tests.support.child import Child
from tests.support.database_program import DatabaseProgram, database_program
from tests.support.ports import free_port
from tests.support.waiting import wait_until

PASSWORD = "root-of-a-test"
_TEMPLATES = Path(__file__).parents[2] / ".cache" / "mariadb"
_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_ci",
    "--innodb-buffer-pool-size=32M",
)
_ACCOUNTS = (
    f"CREATE USER IF NOT EXISTS root@'127.0.0.1';\n"
    f"ALTER USER root@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
    f"GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"
)


def mariadb_available() -> bool:
    try:
        database_program()
    except FileNotFoundError:
        return False
    return True


class MariaDB:
    """One server; `start` it, or use it as a context manager. It keeps port and data over `stop` and `kill`.

    Options for mariadbd go into `options`, for instance `("--max-connections=5",)`. Its folder is made inside
    `parent`, which may be a file system of its own.
    """

    def __init__(self, options: tuple[str, ...] = (), parent: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lanchat-mariadb-", dir=parent))
        self.port = free_port()
        self._options = options
        self._program = database_program()
        self._server: Child | None = None
        shutil.copytree(_template(self._program), self.folder / "data")
        (self.folder / "accounts.sql").write_text(_ACCOUNTS)
        # Not the common one: a server that starts removes the temporary tables that it finds there, whosoever they are.
        (self.folder / "tmp").mkdir()

    @property
    def pid(self) -> int:
        assert self._server, "the server is not started"
        return self._server.pid

    def start(self, timeout: float = 30.0) -> None:
        """Returns when it answers. Raises RuntimeError with the end of its log when it does not start."""
        assert self._server is None, "the server is started already"
        # In a process group of its own: the kernel continues the stopped members of a group that becomes orphaned, as
        # that of a test run does when the shell that started it ends.
        self._server = server = Child(self._command(), own_group=True)
        try:
            wait_until(lambda: self._is_up(server), timeout, "MariaDB answers", interval=0.01)
        except BaseException:
            self.kill()
            raise

    def _command(self) -> list[str]:
        return [
            *self._program.command,
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'socket'}",
            f"--tmpdir={self.folder / 'tmp'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--init-file={self.folder / 'accounts.sql'}",
            f"--port={self.port}",
            *_OPTIONS,
            *self._options,
        ]

    def _is_up(self, server: Child) -> bool:
        if server.returncode is not None:
            raise RuntimeError(f"mariadbd ended at once\n{server.transcript()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
            return len(probe.recv(5)) == 5  # the greeting: it listens only after the init file was executed
        return False

    def stop(self, grace: float = 30.0) -> None:
        """An orderly shutdown. Raises TimeoutError when it takes longer than `grace` seconds."""
        if self._server is not None:
            self._server.stop(grace)
            self._server = None

    def revive(self, timeout: float = 30.0) -> None:
        """Returns when it answers; if it breaks down, or has, it is started again, as the system does with a service.
        Raises TimeoutError."""

        def answers() -> bool:
            if self._server is not None and self._server.returncode is not None:
                self._server = None
                self.start()
            return self._server is not None and self._is_up(self._server)

        wait_until(answers, timeout, "MariaDB answers again")

    def kill(self) -> None:
        """SIGKILL, as a power cut: what was not committed is gone. `start` recovers."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as a server on a hung disk. Returns when each of its
        threads has stopped: until then one may still answer."""
        os.kill(self.pid, signal.SIGSTOP)
        wait_until(lambda: self.is_paused, 30.0, "all threads of MariaDB are stopped", interval=0.001)

    @property
    def is_paused(self) -> bool:
        """Whether every thread of the process is stopped by a signal."""
        states = set()
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                # The state comes after the name, which stands in parentheses.
                states.add((thread / "stat").read_text().rpartition(")")[2].split()[0])
        return states == {"T"}

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def url(self, database: str = "", user: str = "root", password: str = PASSWORD) -> str:
        """`mysql://user:password@127.0.0.1:port/database`. The database need not exist."""
        return f"mysql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Makes an empty database, dropping one of this name; returns its URL."""
        self.execute(f"DROP DATABASE IF EXISTS `{name}`")
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        return self.url(name)

    def execute(self, sql: str, *parameters: Any, database: str | None = None) -> list[tuple[Any, ...]]:
        """Runs one statement (`%s` for parameters) as root in a connection of its own; returns its rows."""
        with mysql.connector.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            password=PASSWORD,
            database=database,
            use_pure=True,
            autocommit=True,
            init_command="SET SESSION sql_safe_updates=0",  # statements of tests may change all rows
            connection_timeout=10,
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(sql, parameters)
            return cast("list[tuple[Any, ...]]", cursor.fetchall()) if cursor.description else []

    def remove(self) -> None:
        """Kills it and deletes its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def _template(program: DatabaseProgram) -> Path:
    """A data folder with system tables, made on first use. Two that make it at the same time do not meet."""
    key = hashlib.sha256(repr((program.version(), program.command)).encode()).hexdigest()[:16]
    template = _TEMPLATES / key
    if not template.exists():
        _TEMPLATES.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=_TEMPLATES))
        program.install(draft)
        try:
            draft.rename(template)
        except OSError:  # the other one was first
            shutil.rmtree(draft)
    return template
