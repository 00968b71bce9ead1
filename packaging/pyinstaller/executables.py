"""`make executables`: builds the programs for this platform, uses what was built, and ends with a table.

    executables.py             here
    executables.py --chroots   and in bare chroots of Debian 12 and 13, without Python (root)
    executables.py --again     builds also when nothing has changed

Exit code 1 when a row of the table is wrong. It may be interrupted and run again.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

import bare  # noqa: E402 - beside this file
import usage  # noqa: E402
from build import CACHE, BuildError, build, say  # noqa: E402

from tests.support.mariadb import MariaDB, mariadb_available  # noqa: E402
from tests.support.xvfb import Screen, xvfb_available  # noqa: E402

_MARK = {True: "ok", False: "WRONG"}


@contextlib.contextmanager
def _database() -> Iterator[tuple[str | None, str | None]]:
    """URLs of a database that is to be made and of an administrator; None where MariaDB is not installed."""
    if not mariadb_available():
        yield None, None
        return
    with MariaDB() as server:
        yield server.url("frozen_chat", "frozen", "its-secret"), server.url()


@contextlib.contextmanager
def _display() -> Iterator[str]:
    if not xvfb_available():
        yield ""
        return
    with Screen() as screen:
        yield screen.display


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="use-", dir=CACHE))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _used(place: usage.Place) -> Iterator[tuple[str, usage.Row]]:
    with _database() as (database, admin):
        for row in usage.rows(place, database, admin):
            print(f"   {_MARK[row.right]:<6}{row.what}: {row.result}", flush=True)
            yield place.name, row


def _all_rows(dist: Path, with_chroots: bool) -> Iterator[tuple[str, usage.Row]]:
    for row in usage.folder_rows(dist):
        yield "here", row
    with _display() as display:
        if not with_chroots:
            say("using the programs here")
            with _scratch() as scratch:
                yield from _used(usage.Place("here", dist, scratch, display))
            return
        for name, title in bare.SUITES.items():
            root = bare.chroot(name, title)
            say(f"using the programs in a bare chroot of {title}")
            yield title, usage.Row("no Python", *bare.without_python(root))
            with _scratch() as scratch:
                prefix = bare.prefix(root, [dist, scratch])
                yield from _used(usage.Place(title, dist, scratch, display, prefix))


def _table(found: list[tuple[str, usage.Row]]) -> str:
    wide = max(len(place) for place, _row in found), max(len(row.what) for _place, row in found)
    lines = [f"{place:<{wide[0]}}  {row.what:<{wide[1]}}  {_MARK[row.right]:<5}  {row.result}" for place, row in found]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make executables", description="Build the programs and use them.")
    parser.add_argument("--chroots", action="store_true", help="in bare chroots of Debian 12 and 13 (root)")
    parser.add_argument("--again", action="store_true", help="build also when nothing has changed")
    options = parser.parse_args()
    try:
        found = list(_all_rows(build(again=options.again), options.chroots))
    except (BuildError, bare.ChrootFailed) as error:
        sys.exit(f"error: {error}")
    print(f"\n{_table(found)}")
    wrong = sum(not row.right for _place, row in found)
    print(f"\n{len(found)} rows, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
