"""The tests that need a database server, on each server: `python -m tests.databases`, or `make databases`.

    --only NAME      of these servers only; may be given again
    --tree NAME=DIR  another server, whose files lie unpacked in DIR (DIR/usr/sbin/mysqld or mariadbd)
    PATH …           these tests instead of tests/unit and tests/e2e

What was fetched is kept in `.cache/databases`. Ctrl+C ends it with the table of what was done.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.databases.unpacking import FOLDER, RELEASES, unpacked
from tests.support.database_program import TREE_VARIABLE
from tests.support.mariadb import MariaDB

_ROOT = Path(__file__).parents[2]
_TESTS = ("tests/unit", "tests/e2e")
_INSTALLED = "installed"


class Row(NamedTuple):
    """What became of one server."""

    name: str
    version: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    problem: str = ""

    @property
    def is_good(self) -> bool:
        return not self.problem and not self.failed and self.passed > 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.databases", description=__doc__.partition("\n")[0])
    names = [_INSTALLED, *(release.name for release in RELEASES)]
    parser.add_argument("--only", action="append", metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--tree", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("tests", nargs="*", default=_TESTS, metavar="PATH")
    return parser.parse_args()


def _servers(options: argparse.Namespace) -> Iterator[tuple[str, Path | None]]:
    """Names with folders; None: the installed one. Raises RuntimeError."""
    given = dict(tree.split("=", 1) for tree in options.tree)
    wanted = options.only or [_INSTALLED, *(release.name for release in RELEASES), *given]
    releases = {release.name: release for release in RELEASES}
    for name in wanted:
        if name in releases:
            print(f"== {name}: {'there' if (FOLDER / name).exists() else 'fetching'}", flush=True)
            yield name, unpacked(releases[name])
        elif name in given:
            yield name, Path(given[name]).absolute()
        elif name == _INSTALLED:
            yield name, None
        else:
            raise RuntimeError(f"there is no server {name}")


def _test(name: str, tree: Path | None, tests: list[str]) -> Row:
    if tree is None:
        os.environ.pop(TREE_VARIABLE, None)
    else:
        os.environ[TREE_VARIABLE] = str(tree)
    began = time.monotonic()
    try:
        with MariaDB() as server:
            [(version,)] = server.execute("SELECT VERSION()")
    except (OSError, RuntimeError, TimeoutError) as error:
        return Row(name, "", 0, 0, 0, time.monotonic() - began, str(error).splitlines()[0])
    print(f"== {name}: {version}", flush=True)
    report = FOLDER / f"{name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-m", "mariadb", f"--junitxml={report}", *tests]
    code = subprocess.call(command, cwd=_ROOT, env={**os.environ, "LANCHAT_TEST_ALL": "1"})
    return _row(name, str(version), report, time.monotonic() - began, code)


def _row(name: str, version: str, report: Path, seconds: float, code: int) -> Row:
    if not report.exists():
        return Row(name, version, 0, 0, 0, seconds, f"pytest ended with {code}")
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    count = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    problem = "" if code in (0, 1) else f"not all: pytest ended with {code}"
    return Row(name, version, count["tests"] - failed - count["skipped"], failed, count["skipped"], seconds, problem)


def _print(rows: list[Row]) -> None:
    print(f"\n{'server':<12} {'version':<36} {'passed':>6} {'failed':>6} {'skipped':>7} {'seconds':>7}")
    for row in rows:
        figures = f"{row.passed:>6} {row.failed:>6} {row.skipped:>7} {row.seconds:>7.0f}"
        print(f"{row.name:<12} {row.version:<36} {figures} {row.problem}".rstrip())


def main() -> int:
    """Zero when each server passed all tests."""
    options = _arguments()
    rows: list[Row] = []
    try:
        for name, tree in _servers(options):
            rows.append(_test(name, tree, list(options.tests)))
    except RuntimeError as error:
        print(f"tests.databases: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        _print(rows)
    return 0 if rows and all(row.is_good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
