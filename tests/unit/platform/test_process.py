"""Whether another process has ended."""

import os
import subprocess
import sys

import pytest

from lanchat.platform.programs import process
from lanchat.platform.programs.process import has_ended

SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@pytest.mark.parametrize("descriptors", [True, False], ids=["descriptor", "polling"])
def test_end_of_a_process_is_seen(monkeypatch: pytest.MonkeyPatch, descriptors: bool) -> None:
    if not descriptors:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as child:
        assert not has_ended(child.pid, 0.01)
        child.kill()
        child.wait()
        assert has_ended(child.pid, 10)


def test_own_process_has_not_ended() -> None:
    assert not has_ended(os.getpid(), 0.0)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="kernels with process descriptors")
def test_kernel_without_descriptors_is_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(process.os, "pidfd_open", refuse)
    assert not has_ended(os.getpid(), 0.0)
