"""Which tests run on one worker (tests/support/scheduling.py)."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.scheduling import ROOT, group_of, mixed
from tests.support.waiting import patient

CONFTEST = """
from tests.conftest import pytest_xdist_make_scheduler
from tests.support import scheduling
scheduling.ROOT = __import__("pathlib").Path(__file__).parent
scheduling._text.cache_clear()
"""
SHARING = """
import os, pytest
from pathlib import Path
@pytest.fixture(scope="module")
def made():
    with open("made.txt", "a") as file:
        file.write("once ")
@pytest.mark.parametrize("number", range(12))
def test_shares(made, number):
    pass
"""


def test_tests_sharing_a_fixture_run_on_one_worker(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_sharing.py").write_text(SHARING)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "3", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, str(tmp_path)],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=patient(60),
        check=False,
    )
    assert "12 passed" in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "made.txt").read_text() == "once "


def test_groups_separate_databases_and_join_shared_fixtures() -> None:
    rooms = "tests/e2e/test_server_rooms.py"
    assert group_of(f"{rooms}::test_a[mariadb]") == group_of(f"{rooms}::test_b[mariadb-1]")
    assert group_of(f"{rooms}::test_a[mariadb]") != group_of(f"{rooms}::test_a[sqlite]")
    settings = "tests/e2e/test_server_settings.py"
    assert group_of(f"{settings}::test_a") == group_of(f"{settings}::test_b")
    own = "tests/unit/test_scheduling.py::test_groups_separate_databases_and_join_shared_fixtures"
    assert group_of(own) == "tests/unit/test_scheduling.py"


def test_waiting_and_computing_groups_alternate_in_their_own_order() -> None:
    waiting = [f"tests/{folder}/test_a.py::test_{n}" for n in range(2) for folder in ("attacks", "e2e", "ui")]
    computing = [f"tests/unit/test_a.py::test_{n}" for n in range(18)]
    order = mixed([*waiting, *computing])
    assert sorted(order) == sorted([*waiting, *computing])
    assert [group for group in order if group in waiting] == waiting
    assert [group for group in order if group in computing] == computing
    for start in range(0, 24, 4):
        assert sum(group in waiting for group in order[start : start + 4]) == 1
    assert mixed([]) == []
