"""The detector of secrets in logs, which runs after each test, finds planted secrets."""

import base64
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.leaks import Listener, Watch, recording
from tests.support.procs import ServerProcess

TESTS = Path(__file__).parents[1]
KEY = bytes(range(200, 232))
# They start processes that nobody watches: other people's servers, and a search that is no test.
UNWATCHED = {
    "benchmarks/peers.py",
    "e2e/test_peers.py",
    "fuzz/__main__.py",
    "support/xvfb.py",
    "unit/test_support.py",
    "unit/platform/test_file_lock.py",
    "unit/platform/test_files.py",
    "unit/platform/test_process.py",
}


@pytest.mark.parametrize(
    "written",
    [
        KEY.hex(),
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode(),
        repr(KEY),
        json.dumps({"message": repr(KEY)}),
    ],
)
def test_keys_are_found_in_any_encoding(written: str) -> None:
    watch = Watch()
    watch.key(KEY, "session key")
    watch.text("a log", f"keys are {written} today")
    (found,) = {finding.split(":")[0] for finding in watch.findings()}
    assert found == "session key in what a log wrote"
    assert watch.findings() == []


def test_passwords_are_found_in_output_and_logs() -> None:
    watch = Watch()
    watch.environment({"LANCHAT_PASSWORD": "planted password", "LANCHAT_DATABASE": "mysql://me:planted too@h/d"})
    program = "import sys; print('the planted password'); print('mysql://me:planted too@h/d', file=sys.stderr)"
    with Child([sys.executable, "-c", program]) as child:
        watch.follow("child", lambda: child.stdout)
        watch.follow("child", lambda: child.stderr)
        child.wait(10)
        assert len(watch.findings()) == 2
    recording(subprocess.run, watch)([sys.executable, "-c", program], capture_output=True)
    assert len(watch.findings()) == 2
    logger = logging.getLogger("planted")
    listener = Listener(watch)
    logger.addHandler(listener)
    logger.propagate = False
    logger.warning("this is %s", "the planted password")
    assert len(watch.findings()) == 1


def test_private_keys_of_a_server_are_found(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data"):
        watch = Watch()
        watch.key_files(tmp_path / "data" / "keys")
    pem = (tmp_path / "data" / "keys" / "log.key").read_text()
    watch.text("a log", pem)
    watch.text("a log", base64.b64decode(pem.splitlines()[1])[-32:].hex())
    assert len(watch.findings()) >= 2


def test_output_of_started_processes_is_checked_for_secrets() -> None:
    """`subprocess.run` is watched by itself (tests/conftest.py)."""
    starting = {path: path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py")}
    by_hand = {path.relative_to(TESTS).as_posix(): text for path, text in starting.items() if ".Popen(" in text}
    assert "support/child.py" in by_hand
    assert {name for name, text in by_hand.items() if "guard.text(" not in text and "guard.follow(" not in text} == (
        UNWATCHED
    )
