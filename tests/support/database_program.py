"""The programs of database servers that tests start: MariaDB as it is installed, or any MariaDB or MySQL whose files
lie unpacked in a folder (`python -m tests.databases` puts them there).

The files of another distribution are run by their own dynamic loader with their own libraries, so nothing has to be
installed and no root is needed.
"""

import getpass
import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

# A folder with such files; without it the installed MariaDB is used.
TREE_VARIABLE = "LANCHAT_TEST_DATABASE"

_MARIADB_TABLES = ("--innodb-log-file-size=8M",)
_SYSTEM_TABLES = (
    "mariadb_system_tables.sql",
    "mariadb_performance_tables.sql",
    "mariadb_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
)


class DatabaseProgram(Protocol):
    """A server program: how it is started, and how its data folder is made."""

    @property
    def command(self) -> tuple[str, ...]:
        """What begins every command line, with the options that the data folder was made with."""

    def version(self) -> str:
        """What it says about itself, one line."""

    def install(self, folder: Path) -> None:
        """Make the system tables in an empty folder. Raises RuntimeError."""


def database_program() -> DatabaseProgram:
    """The one that tests are to use. Raises FileNotFoundError."""
    tree = os.environ.get(TREE_VARIABLE)
    return _program_in(Path(tree)) if tree else InstalledMariaDB()


def _program_in(tree: Path) -> DatabaseProgram:
    if (tree / "usr/sbin/mariadbd").exists():
        return UnpackedMariaDB(tree)
    if (tree / "usr/sbin/mysqld").exists():
        return UnpackedMySQL(tree)
    raise FileNotFoundError(f"no database server in {tree}")


def _as_user() -> tuple[str, ...]:
    # The server refuses to run as root unless root is named; without root it cannot change its user at all.
    return (f"--user={getpass.getuser()}",) if os.getuid() == 0 else ()


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def _version(command: tuple[str, ...]) -> str:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def _run(command: list[str], standard_input: bytes | None = None) -> None:
    done = subprocess.run(command, input=standard_input, capture_output=True, timeout=300)
    if done.returncode:
        said = (done.stdout[-2000:] + done.stderr[-2000:]).decode(errors="replace")
        raise RuntimeError(f"{command[0]} failed\n{said}")


class InstalledMariaDB:
    """Of this computer."""

    def __init__(self) -> None:
        self._server, self._installer = _installed("mariadbd"), _installed("mariadb-install-db")

    @property
    def command(self) -> tuple[str, ...]:
        return (self._server, "--no-defaults", *_as_user(), *_MARIADB_TABLES)

    def version(self) -> str:
        return _version((self._server, "--no-defaults"))

    def install(self, folder: Path) -> None:
        # The only use of --force: the name of this computer need not be known to any resolver.
        options = ("--auth-root-authentication-method=normal", "--skip-test-db", "--force")
        _run(
            [self._installer, "--no-defaults", *_as_user(), f"--datadir={folder}", *options, *_MARIADB_TABLES],
        )


def _installed(name: str) -> str:
    found = shutil.which(name, path=_search_path())
    if not found:
        raise FileNotFoundError(f"{name} is not installed (Debian: mariadb-server-core, mariadb-client-core)")
    return found


def _loader(tree: Path) -> tuple[str, ...]:
    """What starts a program of the tree with the libraries of the tree."""
    [loader] = (
        (tree / "usr/lib64").glob("ld-linux*.so*")
        if (tree / "usr/lib64").is_dir()
        else (tree / "usr/lib").glob("ld-linux*.so*")
    )
    libraries = sorted(str(folder) for folder in (tree / "usr/lib").glob("*-linux-gnu"))
    return (str(loader), "--library-path", ":".join([*libraries, str(tree / "usr/lib")]))


class UnpackedMariaDB:
    """In a folder."""

    def __init__(self, tree: Path) -> None:
        self._share = tree / "usr/share/mariadb"
        self._start = (*_loader(tree), str(tree / "usr/sbin/mariadbd"), "--no-defaults")
        self._places = (
            f"--basedir={tree / 'usr'}",
            f"--lc-messages-dir={self._share}",
            f"--character-sets-dir={self._share / 'charsets'}",
        )

    @property
    def command(self) -> tuple[str, ...]:
        return (*self._start, *_as_user(), *self._places, *_MARIADB_TABLES)

    def version(self) -> str:
        return _version(self._start)

    def install(self, folder: Path) -> None:
        """As mariadb-install-db does, which cannot be told to use another loader."""
        script = b"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"
        script += b"\n".join((self._share / name).read_bytes() for name in _SYSTEM_TABLES)
        _run([*self.command, "--bootstrap", f"--datadir={folder}", "--log-warnings=0"], script)


class UnpackedMySQL:
    """In a folder."""

    def __init__(self, tree: Path) -> None:
        share = tree / "usr/share/mysql"
        self._start = (*_loader(tree), str(tree / "usr/sbin/mysqld"), "--no-defaults")
        self._places = (
            f"--basedir={tree / 'usr'}",
            f"--lc-messages-dir={share}",
            f"--character-sets-dir={share / 'charsets'}",
            f"--plugin-dir={tree / 'usr/lib/mysql/plugin'}",
            "--secure-file-priv=NULL",
        )

    @property
    def command(self) -> tuple[str, ...]:
        return (*self._start, *_as_user(), *self._places, "--innodb-redo-log-capacity=16M", "--mysqlx=OFF")

    def version(self) -> str:
        return _version(self._start)

    def install(self, folder: Path) -> None:
        _run([*self.command, "--initialize-insecure", f"--datadir={folder}"])
