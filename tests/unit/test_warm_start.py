"""A program started from the starter is a process like any other; what would differ is started cold."""

import concurrent.futures
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.procs import ROOT, plain_environment
from tests.support.waiting import patient, wait_until
from tests.support.warm_start import WarmPopen, available, cold_popen

pytestmark = pytest.mark.skipif(not available(), reason="programs start cold here")
VERSION = [sys.executable, "-m", "lanchat", "--version"]


def started(argv: list[str], home: Path, popen: type[subprocess.Popen[Any]] = WarmPopen, **more: Any) -> Any:
    more = {"env": plain_environment(home), "cwd": ROOT, "stdin": subprocess.DEVNULL} | more
    return popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **more)


def outcome(process: Any, text: str | None = None) -> tuple[int, str, str]:
    """Exit code and both outputs."""
    with process:
        out, err = process.communicate(text, timeout=patient(20))
    return process.returncode, out, err


def is_warm(process: Any) -> bool:
    """Its command line, as the kernel knows it, is the starter's."""
    return b"warm_start" in Path(f"/proc/{process.pid}/cmdline").read_bytes()


@pytest.mark.parametrize(
    "argv",
    [
        ["lanchat", "--version"],
        ["lanchat", "no-such-command"],
        ["lanchat", "send", "--help"],
        ["lanchat_server", "users", "list", "--data-dir", "nowhere"],
    ],
    ids=" ".join,
)
def test_outputs_and_exit_code_are_those_of_a_cold_start(argv: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", *argv]
    warm = outcome(started(command, tmp_path))
    assert warm == outcome(started(command, tmp_path, cold_popen))
    assert any(warm[1:])


def test_closed_output_ends_it_as_a_cold_start(tmp_path: Path) -> None:
    def ended(popen: type[subprocess.Popen[Any]]) -> tuple[int, str]:
        ours, theirs = os.pipe()
        os.close(ours)
        with popen(
            VERSION, env=plain_environment(tmp_path), stdout=theirs, stderr=subprocess.PIPE, text=True
        ) as process:
            os.close(theirs)
            assert process.stderr
            return process.wait(patient(20)), process.stderr.read()

    assert ended(WarmPopen) == ended(cold_popen)


def test_end_waits_for_threads_runs_exit_functions_and_writes_what_is_left(tmp_path: Path) -> None:
    program = (
        "import atexit, sys, threading, time\n"
        "from tests.support import warm_start as w\n"
        "atexit.register(lambda: print('exit function'))\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n"
        "class Cycle:\n"
        "    def __init__(self): self.own = self\n"
        "    def __del__(self): print('cycle')\n"
        "Cycle()\n"
        "w._end(3)\n"
    )
    code, out, err = outcome(started([sys.executable, "-c", program], tmp_path))
    assert (code, out.split("\n"), err) == (3, ["thread", "exit function", "cycle", ""], "")


def test_process_is_a_child_with_its_own_environment_and_directory(tmp_path: Path) -> None:
    language = {"LANCHAT_LANGUAGE": "ru"}
    with started(
        [*VERSION[:3], "--help"], tmp_path, env=plain_environment(tmp_path, language), cwd=tmp_path
    ) as process:
        assert is_warm(process)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert f"PPid:\t{os.getpid()}\n" in status
        _code, out, _err = outcome(process)
    assert "Чат" in out


def test_stdin_is_the_callers(tmp_path: Path) -> None:
    server = [sys.executable, "-m", "lanchat_server", "--data-dir", "data"]
    assert outcome(started([*server, "init-db"], tmp_path, cwd=tmp_path))[0] == 0
    add = [*server, "users", "add", "anna", "--password-file", "/dev/stdin"]
    code, _out, err = outcome(started(add, tmp_path, cwd=tmp_path, stdin=subprocess.PIPE), "correct horse\n")
    assert (code, err) == (0, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 0), (signal.SIGINT, 0)])
def test_signals_reach_it_and_end_it(number: signal.Signals, code: int, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "lanchat_server", "run", "--port", "0", "--no-discovery", "--data-dir", "data"]
    with started(argv, tmp_path, cwd=tmp_path) as process:
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(patient(20)) == code


def test_own_group_and_session(tmp_path: Path) -> None:
    for option, of_process in (({"process_group": 0}, os.getpgid), ({"start_new_session": True}, os.getsid)):
        with started(VERSION, tmp_path, **option) as process:
            assert of_process(process.pid) == process.pid
            assert outcome(process)[0] == 0


@pytest.mark.parametrize(
    ("argv", "more"),
    [
        ([sys.executable, "-c", "input()"], {}),
        ([sys.executable, "-X", "utf8", "-m", "lanchat", "chat", "x"], {}),
        ([sys.executable, "-m", "pytest", "--version"], {}),
        (VERSION, {"env": {"PYTHONUNBUFFERED": "1", "LANG": "C"}}),
        (VERSION, {"env": {"LANG": "C.UTF-8"}}),
        (VERSION, {"env": {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "error", "LANG": "C.UTF-8"}}),
        (VERSION, {"preexec_fn": os.getpid}),
    ],
)
def test_what_python_would_read_before_the_first_import_is_started_cold(
    argv: list[str], more: dict[str, Any], tmp_path: Path
) -> None:
    with started(argv, tmp_path, **more) as process:
        assert not is_warm(process)
        process.kill()


def test_threads_may_start_programs_at_the_same_time(tmp_path: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: outcome(started(VERSION, tmp_path)), range(12)))
    assert {code for code, _out, _err in results} == {0}


def test_starter_ends_with_the_process_that_asks(tmp_path: Path) -> None:
    program = (
        "import subprocess\n"
        "from tests.support import warm_start as w\n"
        f"w.WarmPopen({VERSION!r}, stdout=subprocess.DEVNULL).wait()\n"
        "print(w._starter._process.pid)"
    )
    code, out, err = outcome(started([sys.executable, "-c", program], tmp_path))
    assert (code, err) == (0, "")
    wait_until(lambda: not Path(f"/proc/{int(out)}").exists(), 10, "the starter has ended")
