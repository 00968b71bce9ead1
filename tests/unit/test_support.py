"""The shared helpers: time limits, nothing left running, reproducible examples."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import hypothesis
import psutil
import pytest

from lanchat.platform.network.interfaces import list_interfaces
from tests.support.child import Child
from tests.support.mariadb import MariaDB
from tests.support.ports import free_port
from tests.support.procs import ROOT, ClientProcess, ServerProcess, plain_environment, run_client
from tests.support.waiting import patient, wait_until

signals_of_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")


def python(code: str) -> Child:
    return Child([sys.executable, "-u", "-c", code])


def test_wait_returns_what_the_probe_found() -> None:
    answers = iter([0, 0, 7])
    assert wait_until(lambda: next(answers), 5, "seven") == 7


def test_failed_wait_names_its_condition() -> None:
    with pytest.raises(TimeoutError, match="the moon"):
        wait_until(lambda: False, 0.05, "the moon")


def test_free_ports_differ_and_can_be_bound_both_ways() -> None:
    first, second = free_port(), free_port()
    assert first != second
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        stream.bind(("", first))
        datagram.bind(("", first))


@pytest.mark.lab
def test_worker_is_alone_on_its_network() -> None:
    # Were it the computer's own, a test's client would find the servers of tests that run beside it.
    assert {interface.name for interface in list_interfaces()} - {"far0"} == {"lan0", "lo"}


def test_child_output_is_read_line_by_line() -> None:
    with python("import time; print('one'); print('two'); time.sleep(60)") as child:
        assert child.wait_for_line(lambda line: line == "two", 10, "two") == "two"
        assert child.stdout == ["one", "two"]


def test_child_that_ends_early_is_reported_with_its_output() -> None:
    child = python("import sys; print('half', file=sys.stderr); sys.exit(3)")
    with pytest.raises(RuntimeError, match=r"ended with 3(.|\n)*err: half"):
        child.wait_for_line(lambda line: True, 10, "a line")


def test_waiting_for_a_silent_child_is_bounded() -> None:
    child = python("import time; time.sleep(60)")
    try:
        with pytest.raises(TimeoutError, match="a word"):
            child.wait_for_line(lambda line: True, 0.2, "a word")
    finally:
        child.kill()
    assert child.returncode == (1 if sys.platform == "win32" else -signal.SIGKILL)


@signals_of_posix
def test_child_that_ignores_sigterm_is_killed_and_reported() -> None:
    child = python("import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)")
    child.wait_for_line(lambda line: line == "up", 10, "up")
    with pytest.raises(TimeoutError):
        child.stop(grace=0.2)
    assert child.returncode == -signal.SIGKILL


def test_child_ends_with_the_test_process_that_left_it() -> None:
    forgetful = (
        "import sys; from tests.support.child import Child;"
        "print(Child([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    )
    done = subprocess.run([sys.executable, "-c", forgetful], capture_output=True, text=True, timeout=30, check=True)
    wait_until(lambda: not is_running(int(done.stdout)), 5, "the forgotten child is gone")


def is_running(pid: int) -> bool:
    """A zombie that its new parent has not collected yet does not run."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_server_that_does_not_start_is_reported_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the server is ready"):
        ServerProcess(tmp_path, extra=["--no-such-option"])


def test_client_command_returns_its_exit_code(tmp_path: Path) -> None:
    assert run_client(["--no-such-option"], tmp_path).returncode != 0


def test_waiting_for_an_ended_client_fails_at_once(tmp_path: Path) -> None:
    started = time.monotonic()
    client = ClientProcess(["--no-such-option"], tmp_path)
    with pytest.raises(RuntimeError):
        client.wait_for(lambda event: True, timeout=100)
    assert time.monotonic() - started < patient(20)


def test_programs_do_not_inherit_settings_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANCHAT_PASSWORD", "of the developer")
    monkeypatch.setenv("LC_ALL", "ru_RU.UTF-8")
    environment = plain_environment(tmp_path, {"LANCHAT_DATABASE": "of the test"})
    assert "LANCHAT_PASSWORD" not in environment
    assert "LC_ALL" not in environment
    assert environment["LANCHAT_DATABASE"] == "of the test"


def test_database_returns_unicode(mariadb: MariaDB, mariadb_url: str) -> None:
    name = mariadb_url.rsplit("/", 1)[1]
    mariadb.execute("CREATE TABLE words (word VARCHAR(20))", database=name)
    mariadb.execute("INSERT INTO words VALUES (%s)", "Привет 👍", database=name)
    assert mariadb.execute("SELECT word FROM words", database=name) == [("Привет 👍",)]


@pytest.mark.mariadb
def test_killed_database_restarts_with_committed_data() -> None:
    with MariaDB() as server:
        server.create_database("kept")
        server.execute("CREATE TABLE kept.numbers (n INT)")
        server.execute("INSERT INTO kept.numbers VALUES (1)")
        server.kill()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), 1)
        server.start()
        assert server.execute("SELECT n FROM kept.numbers") == [(1,)]
    assert not server.folder.exists()


@pytest.mark.mariadb
def test_paused_database_is_silent_until_it_is_resumed() -> None:
    with MariaDB() as server:
        server.pause()
        with socket.create_connection(("127.0.0.1", server.port), 1) as connection:
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            server.resume()
            connection.settimeout(10)
            assert connection.recv(1)


@signals_of_posix
def test_stopped_child_stays_stopped_in_an_orphaned_group(tmp_path: Path) -> None:
    worker = """
import os, signal, sys, time
import psutil
from tests.support.child import Child
from tests.support.waiting import wait_until
with Child(["sleep", "60"], own_group=True) as child:
    leader = os.getppid()
    child.signal(signal.SIGSTOP)
    status = psutil.Process(child.pid).status
    wait_until(lambda: status() == psutil.STATUS_STOPPED, 30, "stopped")
    print("stopped", flush=True)
    wait_until(lambda: os.getppid() != leader, 30, "the leader of the group has ended")
    open(sys.argv[1], "w").write(status())
    child.kill()
"""
    leader = """
import os, subprocess, sys
with subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.PIPE) as worker:
    worker.stdout.readline()
    os._exit(0)
"""
    # A session of its own, in which the group of leader and worker is another one than that of the session's leader.
    session = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]], process_group=0)"
    found = tmp_path / "status"
    subprocess.run(
        [sys.executable, "-c", session, leader, worker, str(found)],
        cwd=ROOT,
        start_new_session=True,
        check=True,
        timeout=patient(60),
    )
    wait_until(lambda: found.exists() and found.read_text(), 30, "the status is written")
    assert found.read_text() == psutil.STATUS_STOPPED


@pytest.mark.mariadb
def test_database_that_cannot_start_reports_the_reason() -> None:
    server = MariaDB(options=("--no-such-option",))
    try:
        with pytest.raises(RuntimeError, match="no-such-option"):
            server.start()
    finally:
        server.remove()


def test_same_examples_are_drawn_in_every_run() -> None:
    seen: list[int] = []

    @hypothesis.given(hypothesis.strategies.integers())
    def draw(number: int) -> None:
        seen.append(number)

    draw()
    first = seen.copy()
    seen.clear()
    draw()
    assert first == seen


LEAK = """
import threading, time
def test_leak():
    threading.Thread(target=time.sleep, args=(9,)).start()
def test_tidy():
    thread = threading.Thread(target=time.sleep, args=(0.2,))
    thread.start()
"""


def test_leaked_thread_fails_its_test(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    grace = "import tests.conftest\ntests.conftest._THREAD_GRACE = 2.0\n"
    (tmp_path / "conftest.py").write_text(f"from tests.conftest import no_leaked_threads\n{grace}")
    (tmp_path / "test_leak.py").write_text(LEAK)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run([*command, str(tmp_path)], cwd=root, capture_output=True, text=True, timeout=60)
    assert "the test left threads running" in done.stdout
    assert "2 passed, 1 error" in done.stdout
