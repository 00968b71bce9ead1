"""`lanchat-server backup` ended by a signal: nothing half written stays, and what was there is untouched."""

import signal
import sys
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.procs import plain_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no program is asked to end there")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_backup_ended_by_a_signal_leaves_no_draft(tmp_path: Path, number: int) -> None:
    target = tmp_path / "copies"
    target.mkdir()
    (target / "old").write_text("what was there")
    # The server takes its time; the draft is open meanwhile.
    program = (
        "import sys, time, lanchat_server.admin.run as admin\n"
        "admin.Administration.ask = lambda *_: (print('waiting', flush=True), time.sleep(600))\n"
        "from lanchat_server.cli.main import run\n"
        "sys.exit(run(['backup', sys.argv[1], '--data-dir', sys.argv[2]]))"
    )
    argv = [sys.executable, "-c", program, str(target / "old"), str(tmp_path / "data")]
    child = Child(argv, env=plain_environment(tmp_path))
    child.wait_for_line(lambda line: line == "waiting", 20, "the backup has begun")
    assert len(list(target.iterdir())) == 2
    child.signal(number)
    child.wait(20)
    assert [path.name for path in target.iterdir()] == ["old"]
    assert (target / "old").read_text() == "what was there"
    if number == signal.SIGTERM:
        assert child.returncode == -number
