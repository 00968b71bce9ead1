"""`--version` of both programs: version, Python, system, frozen or not, in one line."""

import platform
import subprocess
import sys

import pytest

from lanchat import __version__
from lanchat.about import version
from tests.support.procs import ROOT
from tests.support.waiting import patient


@pytest.mark.parametrize("module", ["lanchat", "lanchat_server"])
def test_version_line_of_both_programs(module: str) -> None:
    command = [sys.executable, "-m", module, "--language", "en", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=patient(20))
    assert done.returncode == 0
    assert done.stderr == ""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    assert done.stdout == f"LAN Chat {__version__} (Python {platform.python_version()}, {system}, not frozen)\n"


def test_frozen_program_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert version.version_line().endswith(", frozen)")
