"""Ctrl-C, from the first import on, ends a program with one exit code and no traceback."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lanchat.platform.programs import interrupts

ROOT = Path(__file__).parents[3]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_leave_at_once_exits_with_the_interruption_code() -> None:
    code = "import os; from lanchat.platform.programs.interrupts import *; handle_interrupts(leave_at_once)"
    ended = run(f"{code}; os.kill(os.getpid(), 2); print('still there')")
    assert (ended.returncode, ended.stdout, ended.stderr) == (interrupts.INTERRUPTED, "", "")


def test_public_signal_module_is_not_imported() -> None:
    """It is slow to import; the private module that is used instead exists."""
    ended = run(
        "import sys, lanchat.platform.programs.interrupts; print('_signal' in sys.modules, 'signal' in sys.modules)"
    )
    assert ended.stdout.split() == ["True", "False"], ended.stderr


def test_private_signal_module_shares_state_with_the_public_one() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        interrupts.handle_interrupts(interrupts.leave_at_once)
        assert signal.getsignal(signal.SIGINT) is interrupts.leave_at_once
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(KeyboardInterrupt):
        interrupts.raise_interrupt(2, None)
