"""Which tests run on the same worker: those of a file that shares a fixture, in the order of the file.

Another worker would start the file's server, or fill its database, once more. Tests of all other files go to whichever
worker is free. The groups follow from the files, as workers tell the scheduler nothing but the names of tests.
"""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[2]
# A fixture of the file's own, and one of the folder's for each kind of database (tests/e2e/conftest.py).
SHARED = 'scope="module"'
SHARED_BY_DATABASE = "file_database:"


def group_of(nodeid: str) -> str:
    """What tests with this result have in common; the test's own name when it shares nothing."""
    file, _, test = nodeid.partition("::")
    text = _text(file)
    if SHARED_BY_DATABASE in text:
        return f"{file} {'mariadb' if '[mariadb' in test else 'sqlite'}"
    return file if SHARED in text else nodeid


@cache
def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


class SharedFixtureScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """The groups with most tests first, each on one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
