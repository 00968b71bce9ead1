"""An export that a signal ends."""

import signal
from pathlib import Path

import pytest

from tests.support.procs import ClientProcess, ServerProcess, run_client
from tests.support.waiting import wait_until


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_export_ended_by_a_signal_leaves_no_draft(tmp_path: Path, number: signal.Signals) -> None:
    with ServerProcess(tmp_path / "server", host="127.0.0.1") as server:
        profile, folder = tmp_path / "anna", tmp_path / "exported"
        folder.mkdir()
        args = ["--server", server.address]
        password = {"LANCHAT_PASSWORD": "correct horse"}
        done = run_client([*args, "register", "--user", "anna", "--accept-new"], profile, env=password)
        assert done.returncode == 0, done.stderr
        server.signal(signal.SIGSTOP)
        try:
            with ClientProcess([*args, "export", "general", str(folder / "room.jsonl")], profile) as export:
                wait_until(lambda: list(folder.iterdir()), 10, "the draft is there")
                export.signal(number)
                assert export.wait(10) in (-signal.SIGTERM, 130)
                assert list(folder.iterdir()) == []
        finally:
            server.signal(signal.SIGCONT)
