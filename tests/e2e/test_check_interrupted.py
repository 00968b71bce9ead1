"""`--check` ends at once when it is interrupted, also while a part of the computer hangs."""

import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.child import Child
from tests.support.procs import ROOT, plain_environment
from tests.support.waiting import wait_until


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is no display that hangs")
@pytest.mark.parametrize("module", ["lanchat", "lanchat_server"])
def test_interrupt_while_display_hangs(module: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        display = f"127.0.0.1:{silent.getsockname()[1] - 6000}"
        environment = plain_environment(tmp_path, {"DISPLAY": display})
        with Child([sys.executable, "-m", module, "--check", "--json"], env=environment, cwd=ROOT) as child:
            child.wait_for_line(lambda line: '"argon2"' in line, 30, "the checks before the window")
            window = wait_until(lambda: psutil.Process(child.pid).children(), 10, "the process of the window")[0]
            child.signal(signal.SIGINT)
            assert child.wait(5) == 130
            assert child.stderr == []
    # Nobody waits for it any more: it ends by itself.
    wait_until(lambda: not window.is_running() or window.status() == psutil.STATUS_ZOMBIE, 20, "its end")
