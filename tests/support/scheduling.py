"""Which tests run on the same worker, those of a file that shares a fixture, in the order of the file; and in which
order all of them begin.

Another worker would start the file's server, or fill its database, once more. Tests of all other files go to whichever
worker is free. The groups follow from the files, as workers tell the scheduler nothing but the names of tests.
"""

from collections import OrderedDict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[2]
# A fixture of the file's own, and one of the folder's for each kind of database (tests/e2e/conftest.py).
SHARED = 'scope="module"'
SHARED_BY_DATABASE = "file_database:"
# Folders whose tests start processes and mostly wait for them; those of the others compute.
WAITING = ("attacks", "chaos", "e2e", "lab", "ui")


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


def mixed(groups: Iterable[str]) -> list[str]:
    """Groups that wait and groups that compute in turn, each kind in its order and spread over the whole run: when
    only one kind runs, processors have nothing to do, or too much."""
    kinds: tuple[list[str], list[str]] = [], []
    for group in groups:
        kinds[group.startswith(tuple(f"tests/{folder}/" for folder in WAITING))].append(group)
    places = [((n + 0.5) / len(kind), group) for kind in kinds for n, group in enumerate(kind)]
    return [group for _place, group in sorted(places, key=lambda place: place[0])]


class SharedFixtureScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """The groups with most tests first, as `mixed`, each on one worker."""

    workqueue: "OrderedDict[str, dict[str, bool]]"

    def schedule(self) -> None:
        """Called at the start, and for each further worker."""
        is_start = self.collection is None
        super().schedule()
        if is_start:
            self.workqueue = OrderedDict((group, self.workqueue[group]) for group in mixed(self.workqueue))

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Forgets a group that is done: the library looks through all that a worker has got after each test."""
        super().mark_test_complete(node, item_index, duration)
        groups = self.assigned_work[node]
        group = self._split_scope(self.registered_collections[node][item_index])
        if all(groups[group].values()):
            del groups[group]

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
