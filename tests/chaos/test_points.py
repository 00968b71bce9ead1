"""Each named point matches a function of the product: renaming the function must not disable the point."""

import subprocess
import sys
from pathlib import Path

from tests.chaos.points import POINTS
from tests.support.procs import ROOT, plain_environment

INSTALL = "from tests.chaos.points import POINTS, arm\nfor name in POINTS: arm(name, 10**9)"


def test_every_point_can_be_installed(tmp_path: Path) -> None:
    env = plain_environment(tmp_path)
    done = subprocess.run([sys.executable, "-c", INSTALL], cwd=ROOT, env=env, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    assert len(POINTS) == 16
