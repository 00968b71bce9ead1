"""Long logs that are made once and kept under `.cache/bench`: a million messages take minutes to write.

A kept log is used where it lies: benchmarks read it, and change nothing but its lease. It is made anew when the code
that decides what is in it has changed.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import accounts, filling
from tests.benchmarks.accounts import Account, World, make_world
from tests.benchmarks.filling import fill
from tests.benchmarks.serving import MARIADB_OPTIONS, Serving, start
from tests.support.mariadb import MariaDB

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench"
PEOPLE = 40
_MAKERS = (
    Path(accounts.__file__),
    Path(filling.__file__),
    *(
        ROOT / "lanchat_server" / "store" / name
        for name in ("tables/schema.py", "tables/rows.py", "searching/indexing.py")
    ),
    ROOT / "lanchat" / "protocol" / "text" / "search_words.py",
    *(ROOT / "lanchat" / "protocol" / "log" / name for name in ("records.py", "messages.py", "certificates.py")),
)


@contextlib.contextmanager
def long_log(database: str, messages: int) -> Iterator[Serving]:
    """A server with so many unsigned messages in `general`."""
    home = _kept(f"{database.lower()}-{messages}", lambda draft: _make(draft, database, messages))
    with contextlib.ExitStack() as stack:
        url: str | None = None
        others: tuple[int, ...] = ()
        if database == "MariaDB":
            mariadb = stack.enter_context(_mariadb_in(home / "mariadb"))
            url, others = mariadb.url("bench"), (mariadb.pid,)
        yield stack.enter_context(start(home / "server", url, others, _load_world(home), database))


def read_through(database: str, messages: int) -> None:
    """Have the log's files in the system's cache, as those of a server are that has run for a while."""
    for file in _files(database, messages):
        with file.open("rb", buffering=0) as octets:
            while octets.read(1 << 20):
                pass


def forget(database: str, messages: int) -> None:
    """Have what lies on the disk read from there again."""
    for file in _files(database, messages):
        with file.open("rb") as octets:
            os.posix_fadvise(octets.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _files(database: str, messages: int) -> list[Path]:
    home = _kept(f"{database.lower()}-{messages}", lambda draft: _make(draft, database, messages))
    return [path for path in home.rglob("*") if path.is_file()]


def _make(draft: Path, database: str, messages: int) -> None:
    print(f"   {messages:,} messages for {database} are written, once", flush=True)
    (draft / "server").mkdir()
    if database == "MariaDB":
        with MariaDB(MARIADB_OPTIONS) as mariadb:
            _write(draft, mariadb.create_database("bench"), messages)
            mariadb.stop(120.0)
            shutil.move(mariadb.folder / "data", draft / "mariadb")
    else:
        _write(draft, None, messages)


def _write(draft: Path, url: str | None, messages: int) -> None:
    world = make_world(draft / "server", url, PEOPLE)
    fill(draft / "server", url, world, [world.general], messages, signed=False)
    (draft / "world.json").write_text(json.dumps({"log_id": world.log_id.hex(), "general": world.general}))


def _load_world(home: Path) -> World:
    told = json.loads((home / "world.json").read_text())
    people = tuple(Account(number) for number in range(1, PEOPLE + 1))
    return World(bytes.fromhex(told["log_id"]), told["general"], (), people)


@contextlib.contextmanager
def _mariadb_in(data: Path) -> Iterator[MariaDB]:
    """A database server on a folder that stays."""
    mariadb = MariaDB(MARIADB_OPTIONS)
    try:
        shutil.rmtree(mariadb.folder / "data")
        (mariadb.folder / "data").symlink_to(data)
        mariadb.start()
        yield mariadb
        mariadb.stop()
    finally:
        mariadb.remove()


def _kept(kind: str, make: Callable[[Path], None]) -> Path:
    """The folder of this kind, made when it is not there as the present code makes it; older ones are removed."""
    code = hashlib.sha256(b"".join(file.read_bytes() for file in _MAKERS)).hexdigest()[:16]
    home = CACHE / f"{kind}-{code}"
    if not home.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob(f"{kind}-*"):
            shutil.rmtree(old)
        draft = Path(tempfile.mkdtemp(prefix=f"{kind}-draft-", dir=CACHE))
        try:
            make(draft)
            draft.rename(home)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return home
