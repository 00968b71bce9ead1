"""`lanchat-server service`: the server as a service of Windows, which runs with nobody logged on.

A service and not a task at start-up: it is where administrators look for it, it is stopped in order when the computer
goes down, and started again after a failure. Its account may do little on the computer.
"""

import argparse
import errno
import logging
import os
import re
import subprocess
import sys
import sysconfig
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import lanchat_server
from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.disk import access
from lanchat.platform.disk.access import FULL, SERVICE_ACCOUNT, system_program
from lanchat.platform.disk.files import FileRefused, make_folders
from lanchat.protocol.problems import Problem
from lanchat.terminal.exits import DONE, FAILED, NO_SERVER, USAGE, CliError
from lanchat.terminal.output import OutputWriter
from lanchat_server import logs
from lanchat_server.cli.windows_service import SERVICE_NAME, Serve, run_dispatcher
from lanchat_server.config import ServerConfig, read_file
from lanchat_server.service.errors import StartError

LOG_FILE = "server.log"
_LOG_OCTETS, _LOGS_KEPT = 4 << 20, 4
ACCOUNT = r"NT AUTHORITY\LocalService"
# By their numbers, as names are translated.
_ADMINISTRATORS = "*S-1-5-32-544"
_MAY_READ = ("*S-1-5-18", _ADMINISTRATORS, SERVICE_ACCOUNT)
# After a failure: again after five seconds, half a minute, five minutes.
_RESTARTS = "restart/5000/restart/30000/restart/300000"
# Options of the server that are texts, numbers or paths on the command line of the service.
_VALUES = (
    *("config", "language", "name", "host", "port", "public_host", "discovery_port"),
    *("backup_folder", "backup_keep", "backup_time", "log_level"),
)
# Seconds. A new version may have to change a large database before it runs.
_START_WAIT, _STOP_WAIT = 900.0, 60.0
_LOOK = 0.2
# Windows' numbers: access denied, there is no such service, it is not running, it runs already, it exists; it takes no
# commands, as it is just starting or stopping; it has not spoken to Windows in time.
_DENIED, _MISSING, _NOT_RUNNING, _RUNS, _EXISTS, _CHANGING, _SILENT = 5, 1060, 1062, 1056, 1073, 1061, 1053
_STATE = re.compile(r"\b(STOPPED|START_PENDING|STOP_PENDING|RUNNING|CONTINUE_PENDING|PAUSE_PENDING|PAUSED)\b")
# Windows waits for the very process that it has started, and the Python of a virtual environment starts another one; so
# it is the Python below that one, which is told where the program and its libraries are.
_STARTER = (
    "import site; [site.addsitedir(place) for place in {places!r}];"
    " from lanchat_server.__main__ import main; raise SystemExit(main())"
)


def service(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Install, remove, start, stop; `run` is for the service manager."""
    if sys.platform != "win32":
        raise CliError(FAILED, _("Services of this kind are Windows' own: on Linux use the systemd unit"))
    action = {"install": _install, "remove": _remove, "start": _start, "stop": _stop, "run": _run}[options.action]
    return action(options, settings, output)


def is_managed(options: argparse.Namespace) -> bool:
    """Whether it is the service manager that has started this program."""
    return sys.platform == "win32" and (options.command, options.action) == ("service", "run")


def default_service_folder() -> Path:
    """Where a service keeps keys and database when nothing is said."""
    return Path(os.environ.get("PROGRAMDATA") or r"C:\ProgramData") / "LAN Chat Server"


# --- The command that is installed ------------------------------------------------------------------------------------


def service_folder(options: argparse.Namespace, settings: ServerConfig) -> Path:
    """The data folder: of the command line, else of the configuration file, else the one for services."""
    file = getattr(options, "config", None)
    said = getattr(options, "data_dir", None) is not None or (file is not None and "data_dir" in read_file(file))
    return (settings.data_dir if said else default_service_folder()).absolute()


def service_command(options: argparse.Namespace, data_dir: Path) -> list[str]:
    """What the service manager starts. Raises CliError for a database's URL: everybody can read the command."""
    if getattr(options, "database", None):
        raise CliError(USAGE, _("The database of a service stands in its file: --config FILE"))
    command = [*_program(), "service", "run", "--data-dir", str(data_dir)]
    for name in _VALUES:
        value = getattr(options, name, None)
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value.absolute() if isinstance(value, Path) else value)]
    command += ["--standby"] if getattr(options, "standby", False) else []
    return command + ([] if getattr(options, "discovery", True) else ["--no-discovery"])


def _program() -> list[str]:
    """What starts the server. Raises CliError for one below the folders of people, which the service's account cannot
    read, and whose files a person could exchange."""
    if getattr(sys, "frozen", False):
        places, command = [Path(sys.executable).parent], [sys.executable]
    else:
        places = [Path(sysconfig.get_path("purelib")), Path(lanchat_server.__file__).parents[1]]
        starter = _STARTER.format(places=[str(place) for place in dict.fromkeys(places)])
        command = [str(Path(sys.base_prefix, "python.exe")), "-I", "-c", starter]
    people = Path(os.environ.get("PUBLIC") or r"C:\Users\Public").parent
    for place in places:
        if place.is_relative_to(people):
            text = _("A service cannot use the program in {folder}: install it for all users of the computer")
            raise CliError(FAILED, text.format(folder=place))
    return command


# --- Actions ----------------------------------------------------------------------------------------------------------


def _install(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    folder = service_folder(options, settings)
    command = subprocess.list2cmdline(service_command(options, folder))
    _make_own_folder(folder)
    for rights in rights_commands(folder, getattr(options, "config", None)):
        _set_rights(rights)
    shape = ("binPath=", command, "start=", "auto", "obj=", ACCOUNT, "DisplayName=", "LAN Chat server")
    if _sc("create", *shape, allowed=(_EXISTS,)) == _EXISTS:
        _sc("config", *shape)
    _sc("description", "Stores and relays the messages of LAN Chat.")
    _sc("failure", "reset=", "86400", "actions=", _RESTARTS)
    # Also after an exit code and not after a crash alone. Not every Windows knows it, and it runs without.
    _call(system_program("sc.exe"), "failureflag", SERVICE_NAME, "1")
    output.row(
        {"service": SERVICE_NAME, "data_dir": str(folder)},
        _("The service is installed: {name}").format(name=SERVICE_NAME),
    )
    return DONE


def _make_own_folder(folder: Path) -> None:
    """Any user may make folders beside those of programs, and files in them: what he has given himself rights to, or
    laid there, as keys that he knows, is not taken over. Raises CliError."""
    try:
        make_folders(folder)
        for path in (folder, *folder.iterdir()):
            if _is_of_others(path):
                raise FileRefused(errno.EPERM, Problem.OTHER_OWNER, str(path))
    except OSError as error:
        text = _("The folder {folder} cannot be used: {reason}")
        raise CliError(FAILED, text.format(folder=error.filename or folder, reason=os_error_text(error))) from None


def _is_of_others(path: Path) -> bool:
    """Whether it is neither an administrator's, the service's nor this user's, or leads elsewhere. Raises OSError."""
    if sys.platform != "win32":
        return False
    owner, users = access.owner_of(path), (access.current_user(), SERVICE_ACCOUNT.lstrip("*"))
    leads_elsewhere = bool(getattr(os.lstat(path), "st_reparse_tag", 0))
    return leads_elsewhere or not any(access.is_trusted_owner(owner, user) for user in users)


def rights_commands(folder: Path, config: Path | None) -> list[list[str]]:
    """The commands that let the service's account use its folder, and others not, and read its file. Whoever made the
    folder does not own it any more; what is in it may have been closed to all but its owner."""
    tool, place = system_program("icacls.exe"), str(folder)
    commands = [
        [tool, place, "/setowner", _ADMINISTRATORS, "/q"],
        [tool, place, "/inheritance:r", "/grant:r", *(f"{who}:{FULL}" for who in _MAY_READ), "/q"],
        [tool, place, "/grant", f"{SERVICE_ACCOUNT}:{FULL}", "/t", "/q"],
    ]
    if config is not None:
        commands.append([tool, str(config.absolute()), "/grant", f"{SERVICE_ACCOUNT}:R", "/q"])
    return commands


def _set_rights(command: list[str]) -> None:
    """Raises CliError."""
    done = _call(*command)
    if done.returncode == _DENIED:
        raise CliError(FAILED, _("Give this command as an administrator"))
    if done.returncode:
        text = _("The access list of {file} cannot be set: {reason}")
        raise CliError(FAILED, text.format(file=command[1], reason=_said(done)))


def _remove(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    _end()
    if _state():
        _sc("delete", allowed=(_MISSING,))
    output.row({"service": SERVICE_NAME, "removed": True}, _("The service is removed; its data stays"))
    return DONE


def _start(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    _sc("start", allowed=(_RUNS, _SILENT))  # one that is silent may still come, as its state says
    end = time.monotonic() + _START_WAIT
    while (state := _state()) != "RUNNING":
        if state in ("", "STOPPED") or time.monotonic() > end:
            text = _("The service did not start: {file} in its data folder says why")
            raise CliError(FAILED, text.format(file=LOG_FILE))
        time.sleep(_LOOK)
    output.row({"service": SERVICE_NAME, "running": True}, _("The service runs"))
    return DONE


def _stop(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Exit code 3 when it was not running, as `lanchat-server stop` has it."""
    if not _end():
        raise CliError(NO_SERVER, _("The service is not running"))
    output.row({"service": SERVICE_NAME, "running": False}, _("The service has stopped"))
    return DONE


def _end() -> bool:
    """Stops the service and waits for its end; whether it was running. Raises CliError."""
    end, ran = time.monotonic() + _STOP_WAIT, False
    while (state := _state()) not in ("", "STOPPED"):
        ran = True
        if state == "RUNNING":  # otherwise it takes no commands
            _sc("stop", allowed=(_MISSING, _NOT_RUNNING, _CHANGING))
        if time.monotonic() > end:
            raise CliError(FAILED, _("The service does not stop"))
        time.sleep(_LOOK)
    return ran


# --- Windows' tools ---------------------------------------------------------------------------------------------------


def _state() -> str:
    """Of the service, as Windows calls it in each language; empty: it is not installed."""
    done = _call(system_program("sc.exe"), "query", SERVICE_NAME)
    found = _STATE.search(done.stdout)
    return found[1] if found and not done.returncode else ""


def _sc(verb: str, *arguments: str, allowed: tuple[int, ...] = ()) -> int:
    """The exit code of Windows' tool for services, 0 or one of `allowed`. Raises CliError."""
    done = _call(system_program("sc.exe"), verb, SERVICE_NAME, *arguments)
    if done.returncode and done.returncode not in allowed:
        texts = {_DENIED: _("Give this command as an administrator"), _MISSING: _("The service is not installed")}
        raise CliError(FAILED, texts.get(done.returncode) or f"sc {verb}: {_said(done)}")
    return done.returncode


def _said(done: "subprocess.CompletedProcess[str]") -> str:
    return " ".join((done.stdout + done.stderr).split()) or str(done.returncode)


def _call(*command: str) -> "subprocess.CompletedProcess[str]":
    # The tools write in the character set of consoles.
    encoding = "oem" if sys.platform == "win32" else "utf-8"
    return subprocess.run(  # noqa: S603 - tools of Windows
        command, capture_output=True, encoding=encoding, errors="replace", check=False
    )


# --- For the service manager ------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    def run(ready: Any, stop: Any) -> Any:
        # Here, as Windows waits for half a minute only until the program speaks to it.
        from lanchat_server.service.lifecycle.server import serve

        return serve(settings, on_ready=ready, on_standby=ready, stop=stop)

    return _dispatch(settings.data_dir, settings.json_logs, settings.log_level, run)


def refuse_start(options: argparse.Namespace, reason: str) -> int:
    """For a configuration that cannot be used: the log and the service manager are told. A program that ended before it
    has spoken to the manager would be waited for, and its reason be lost (error 1053)."""
    folder = getattr(options, "data_dir", None) or default_service_folder()
    return _dispatch(folder, False, "info", lambda ready, stop: _refuse(reason))


async def _refuse(reason: str) -> None:
    raise StartError(reason)


def _dispatch(folder: Path, json_logs: bool, level: str, serve: Serve) -> int:
    logs.configure(json_logs, level)
    try:
        _log_into(folder)
    except OSError as error:
        reason = f"{error.filename or folder}: {os_error_text(error)}"
        serve = lambda ready, stop: _refuse(reason)  # noqa: E731
    if not run_dispatcher(serve):
        raise CliError(
            FAILED, _("`service run` is for Windows' service manager; without a service: lanchat-server run")
        )
    return DONE


def _log_into(folder: Path) -> None:
    """There is no console. Raises OSError."""
    make_folders(folder)
    root = logging.getLogger()
    keeper = RotatingFileHandler(folder / LOG_FILE, maxBytes=_LOG_OCTETS, backupCount=_LOGS_KEPT, encoding="utf-8")
    keeper.setFormatter(root.handlers[0].formatter)
    for kept in root.handlers[0].filters:
        keeper.addFilter(kept)
    root.handlers = [keeper]
