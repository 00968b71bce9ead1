"""Copies of chroots in which Debian packages are made and tried."""

import os
import runpy
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="chroots of Linux")
CHROOTS = Path(__file__).parents[2] / "packaging" / "linux" / "chroots.py"


def test_copies_of_processes_that_were_killed_are_removed(tmp_path: Path) -> None:
    free = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1  # no process has it
    for name in (f"trixie-{free}", f"noble-{os.getpid()}", "readme"):
        (tmp_path / name / "etc").mkdir(parents=True)
    runpy.run_path(str(CHROOTS))["remove_abandoned"](tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((f"noble-{os.getpid()}", "readme"))
