"""The server as a service of Windows: what it tells the service manager, and the command that is installed."""

import argparse
import asyncio
import contextlib
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lanchat_server
from lanchat import __version__
from lanchat.platform.disk.access import system_program
from lanchat.terminal.exits import NO_SERVER, USAGE, CliError
from lanchat.terminal.output import OutputWriter
from lanchat_server import config
from lanchat_server.cli import service as cli
from lanchat_server.cli.main import run, server_parser
from lanchat_server.cli.service import rights_commands, service, service_command, service_folder
from lanchat_server.cli.windows_service import FAILED, RunState, ServiceRun, run_dispatcher
from lanchat_server.config import ServerConfig
from lanchat_server.service.errors import StartError
from lanchat_server.service.lifecycle import server
from tests.support.waiting import patient

STARTING, RUNNING, STOPPING, STOPPED = RunState.STARTING, RunState.RUNNING, RunState.STOPPING, RunState.STOPPED


@pytest.mark.parametrize("code", [1, 5, 15], ids=["stop", "shutdown", "preshutdown"])
def test_service_ends_in_order_when_the_manager_asks(code: int) -> None:
    told: list[tuple[RunState, int]] = []
    running = threading.Event()

    async def serve(ready: Callable[[Any], None], stop: asyncio.Event) -> None:
        ready(None)
        await stop.wait()

    def report(state: RunState, exit_code: int) -> None:
        told.append((state, exit_code))
        if state is RUNNING:
            running.set()

    run = ServiceRun(serve, report)
    thread = threading.Thread(target=run.main)
    thread.start()
    assert running.wait(patient(10))
    assert run.control(4) == 0
    assert run.control(128) == 120
    assert run.control(code) == 0
    thread.join(patient(10))
    assert told == [(STARTING, 0), (RUNNING, 0), (STOPPING, 0), (STOPPED, 0)]


@pytest.mark.parametrize("error", [StartError("a port is taken"), RuntimeError("a fault")], ids=["start", "fault"])
def test_failure_is_told_so_that_the_manager_starts_it_again(error: Exception) -> None:
    told: list[tuple[RunState, int]] = []

    async def serve(ready: Callable[[Any], None], stop: asyncio.Event) -> None:
        raise error

    ServiceRun(serve, lambda state, code: told.append((state, code))).main()
    assert told == [(STARTING, 0), (STOPPED, FAILED)]


def test_standby_counts_as_running_and_a_service_that_stops_does_not() -> None:
    told: list[RunState] = []
    stopping = threading.Event()

    async def serve(ready: Callable[[Any], None], stop: asyncio.Event) -> None:
        ready("stands by")
        ready("serves")
        assert run.control(1) == 0
        await stop.wait()
        ready("serves again")

    def report(state: RunState, exit_code: int) -> None:
        told.append(state)
        if state is STOPPING:
            stopping.set()

    run = ServiceRun(serve, report)
    run.main()
    assert stopping.is_set()
    assert told == [STARTING, RUNNING, RUNNING, STOPPING, STOPPED]


def options(**given: Any) -> argparse.Namespace:
    return argparse.Namespace(**given)


# --- The command that is installed ------------------------------------------------------------------------------------

INSTALL = [
    *("--name", "The office", "--host", "192.0.2.1", "--port", "0", "--public-host", "chat.example", "--no-discovery"),
    *("--discovery-port", "47475", "--standby", "--backup-folder", "copies", "--backup-keep", "3"),
    *("--backup-time", "02:30", "--log-level", "debug", "--language", "ru", "--config", "server.toml"),
]


def test_all_options_of_the_server_reach_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parser = server_parser()
    given = vars(parser.parse_args(["service", "install", *INSTALL]))
    command = service_command(argparse.Namespace(**given), tmp_path)
    started = vars(parser.parse_args(command[command.index("service") :]))
    assert started == given | {
        "action": "run",
        "data_dir": tmp_path,
        "config": tmp_path / "server.toml",
        "backup_folder": tmp_path / "copies",
    }
    offered = {action.dest for action in parser._actions if action.option_strings}
    # A log is taken back by one start, not by every start of the service.
    assert (offered & set(ServerConfig.__struct_fields__)) - started.keys() == {"database", "json_output", "reseed"}


def test_service_of_a_virtual_environment_is_started_by_the_python_below_it(tmp_path: Path) -> None:
    """Windows waits for the process that it has started; the environment's own program starts another one."""
    command = service_command(options(), tmp_path)
    assert command[:3] == [str(Path(sys.base_prefix, "python.exe")), "-I", "-c"]
    python = Path(sys.base_prefix) / ("python.exe" if sys.platform == "win32" else "bin/python3")
    done = subprocess.run([python, *command[1:4], "--version"], capture_output=True, text=True, timeout=patient(60))
    assert done.stdout.startswith(f"LAN Chat {__version__}"), done.stderr


def test_program_that_a_person_could_exchange_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = Path(lanchat_server.__file__).parents[2]
    monkeypatch.setenv("PUBLIC", str(people / "Public"))
    with pytest.raises(CliError) as caught:
        service_command(options(), tmp_path)
    assert str(people) in caught.value.text


def test_folder_of_the_configuration_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROGRAMDATA", str(tmp_path / "program data"))
    file = tmp_path / "server.toml"
    for text, data, expected in (
        ("name = 'Office'", None, tmp_path / "program data" / "LAN Chat Server"),
        ("data_dir = '.'", None, tmp_path),
        ("data_dir = 'chat'", None, tmp_path / "chat"),
        ("data_dir = 'chat'", tmp_path / "typed", tmp_path / "typed"),
    ):
        file.write_text(text)
        given = {"config": file} | ({"data_dir": data} if data else {})
        settings = config.load({"data_dir": data} if data else {}, file)
        assert service_folder(options(**given), settings) == expected


def test_rights_are_the_services_and_the_administrators(tmp_path: Path) -> None:
    commands = rights_commands(tmp_path, tmp_path / "server.toml")
    assert [command[0] for command in commands] == [system_program("icacls.exe")] * 4
    assert [command[2] for command in commands] == ["/setowner", "/inheritance:r", "/grant", "/grant"]
    assert {part[:9] for part in commands[1] if part.startswith("*")} == {"*S-1-5-18", "*S-1-5-32", "*S-1-5-19"}
    # What is in the folder may be closed to all but its owner.
    assert "*S-1-5-19:(OI)(CI)F" in commands[2]
    assert "/t" in commands[2]
    assert commands[3][1:4] == [str(tmp_path / "server.toml"), "/grant", "*S-1-5-19:R"]


MALLORY = "S-1-5-21-1-1-1-1002"


class Owners:
    """In place of Windows: who has a path; all others are of the user who gives the command."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_path: dict[Path, str] = {}
        me = "S-1-5-21-1-1-1-1001"
        monkeypatch.setattr(cli.access, "owner_of", lambda path: self.by_path.get(path, me), raising=False)
        monkeypatch.setattr(cli.access, "current_user", lambda: me, raising=False)
        monkeypatch.setattr(cli.sys, "platform", "win32")


@pytest.mark.parametrize("name", [".", "keys", "server.toml"])
@pytest.mark.parametrize("owner", [MALLORY, ""])
def test_folder_that_another_user_made_or_filled_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, owner: str
) -> None:
    """He would keep the rights that he gave himself, or know the keys."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "server.toml").touch()
    owners = Owners(monkeypatch)
    owners.by_path[tmp_path / name] = owner
    with pytest.raises(CliError, match="belongs to another user"):
        cli._make_own_folder(tmp_path)


@pytest.mark.parametrize("owner", ["S-1-5-18", "S-1-5-32-544", "S-1-5-19"])
def test_folder_of_administrators_and_of_the_service_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    (tmp_path / "keys").mkdir()
    owners = Owners(monkeypatch)
    owners.by_path |= {tmp_path: owner, tmp_path / "keys": owner}
    cli._make_own_folder(tmp_path)


def test_database_with_its_password_does_not_go_into_the_command(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        service_command(options(database="mysql://chat:secret@db/chat"), tmp_path)
    assert caught.value.code == USAGE
    assert "secret" not in caught.value.text


@pytest.mark.skipif(sys.platform == "win32", reason="for those who try it elsewhere")
def test_other_systems_are_told_so_in_one_line(tmp_path: Path) -> None:
    settings = config.load({"data_dir": tmp_path})
    with pytest.raises(CliError) as caught:
        service(options(action="install"), settings, OutputWriter(False))
    assert len(caught.value.text.splitlines()) == 1
    assert not run_dispatcher(lambda ready, stop: asyncio.sleep(0))


# --- Windows' tools ---------------------------------------------------------------------------------------------------


class Manager:
    """In place of Windows' tool: the state of the service moves on with each question."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *states: str) -> None:
        self._states = list(states)
        self.verbs: list[str] = []
        self.denied = False
        self.silent = False
        monkeypatch.setattr(cli, "_call", self._call)
        monkeypatch.setattr(cli, "_LOOK", 0.0)

    def _call(self, tool: str, verb: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        assert tool == system_program("sc.exe")
        state = self._states[0]
        if verb == "query":
            state = self._states.pop(0) if len(self._states) > 1 else state
            said = f"        Состояние          : 4  {state}\n                 (STOPPABLE)" if state else ""
            return subprocess.CompletedProcess([], 0 if state else 1060, said, "")
        self.verbs.append(verb)
        code = 5 if self.denied else 1061 if verb == "stop" and state.endswith("PENDING") else 0
        code = 1053 if self.silent else code
        return subprocess.CompletedProcess([], code, "Отказано в доступе" if code else "", "")


def do(action: Callable[..., int], tmp_path: Path) -> int:
    return action(options(), config.load({"data_dir": tmp_path}), OutputWriter(False))


def test_stop_waits_for_a_service_that_is_just_starting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    manager = Manager(monkeypatch, "START_PENDING", "START_PENDING", "RUNNING", "RUNNING", "STOP_PENDING", "STOPPED")
    assert do(cli._stop, tmp_path) == 0
    assert manager.verbs == ["stop", "stop"]  # while it runs


@pytest.mark.parametrize("state", ["STOPPED", ""], ids=["stopped", "missing"])
def test_stop_of_what_does_not_run_has_exit_code_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str) -> None:
    manager = Manager(monkeypatch, state)
    with pytest.raises(CliError) as caught:
        do(cli._stop, tmp_path)
    assert caught.value.code == NO_SERVER
    assert manager.verbs == []


def test_remove_of_what_is_not_there_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    manager = Manager(monkeypatch, "")
    assert do(cli._remove, tmp_path) == 0
    assert manager.verbs == []


def test_start_waits_until_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Manager(monkeypatch, "START_PENDING", "START_PENDING", "RUNNING")
    assert do(cli._start, tmp_path) == 0


@pytest.mark.parametrize(("state", "runs"), [("RUNNING", True), ("STOPPED", False)])
def test_service_that_is_slow_is_judged_by_its_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str, runs: bool
) -> None:
    Manager(monkeypatch, "START_PENDING", state).silent = True
    with contextlib.nullcontext() if runs else pytest.raises(CliError):
        assert do(cli._start, tmp_path) == 0


def test_start_that_failed_names_the_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Manager(monkeypatch, "START_PENDING", "STOPPED")
    with pytest.raises(CliError, match=r"server\.log"):
        do(cli._start, tmp_path)


def test_who_is_no_administrator_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Manager(monkeypatch, "STOPPED").denied = True
    with pytest.raises(CliError, match="administrator"):
        do(cli._start, tmp_path)


# --- For the service manager ------------------------------------------------------------------------------------------


@pytest.fixture
def dispatched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[RunState, int]]]:
    """What the manager is told by the service that is run."""
    told: list[tuple[RunState, int]] = []

    def dispatch(serve: Any) -> bool:
        ServiceRun(serve, lambda state, code: told.append((state, code))).main()
        return True

    monkeypatch.setattr(cli, "run_dispatcher", dispatch)
    monkeypatch.setattr(cli, "is_managed", lambda given: (given.command, given.action) == ("service", "run"))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield told
    for handler in set(root.handlers) - set(before):
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)


def test_wrong_configuration_is_told_to_the_manager_and_logged(
    dispatched: list[tuple[RunState, int]], tmp_path: Path
) -> None:
    file = tmp_path / "server.toml"
    file.write_text("prot = 1")
    code = run(["service", "run", "--data-dir", str(tmp_path / "data"), "--config", str(file)])
    assert code == 0
    assert dispatched == [(STARTING, 0), (STOPPED, FAILED)]
    assert "prot" in (tmp_path / "data" / "server.log").read_text(encoding="utf-8")


def test_log_that_cannot_be_written_is_told_to_the_manager(
    dispatched: list[tuple[RunState, int]], tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("no folder")
    assert do_run(tmp_path / "data") == 0
    assert dispatched == [(STARTING, 0), (STOPPED, FAILED)]


def test_service_that_stands_by_runs(
    dispatched: list[tuple[RunState, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(settings: object, *, on_ready: Any, on_standby: Any, stop: asyncio.Event) -> None:
        on_standby("waits")

    monkeypatch.setattr(server, "serve", serve)
    assert do_run(tmp_path) == 0
    assert dispatched == [(STARTING, 0), (RUNNING, 0), (STOPPED, 0)]


def test_manager_is_spoken_to_before_the_server_is_loaded(tmp_path: Path) -> None:
    """Windows waits for half a minute, which a slow disk needs for the server's libraries."""
    script = (
        "import sys; from lanchat_server.cli import service\n"
        "def dispatch(serve): print([name for name in ('sqlalchemy', 'asyncio', 'zeroconf') if name in sys.modules])\n"
        "service.run_dispatcher = dispatch; service.is_managed = lambda options: True\n"
        "service.service = service._run\n"
        "from lanchat_server.cli.main import run; run(sys.argv[1:])"
    )
    command = [sys.executable, "-c", script, "service", "run", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patient(60))
    assert done.stdout.strip() == "['asyncio']", done.stderr


def do_run(data: Path) -> int:
    return cli._run(options(), config.load({"data_dir": data}), OutputWriter(False))
