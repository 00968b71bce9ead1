"""`lanchat-server service`: the server as a service of Windows, which runs with nobody logged on.

A service and not a task at start-up: it is where administrators look for it, it is stopped in order when the computer
goes down, and started again after a failure. Its account may do little on the computer.
"""

import argparse
import logging
import os
import subprocess
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from lanchat.i18n import _
from lanchat.platform.files import make_folders
from lanchat.terminal.exits import DONE, FAILED, USAGE, CliError
from lanchat.terminal.output import OutputWriter
from lanchat_server import logs
from lanchat_server.cli.windows_service import SERVICE_NAME, run_dispatcher
from lanchat_server.config import ServerConfig

LOG_FILE = "server.log"
_LOG_OCTETS, _LOGS_KEPT = 4 << 20, 4
ACCOUNT = r"NT AUTHORITY\LocalService"
# Who may read the data: the system, administrators, the account; each by its number, as names are translated.
_MAY_READ = ("*S-1-5-18", "*S-1-5-32-544", "*S-1-5-19")
# After a failure: again after five seconds, half a minute, five minutes.
_RESTARTS = "restart/5000/restart/30000/restart/300000"
_WAIT_S = 60.0
# Windows' numbers: access denied, there is no such service, it is not running, it runs already, it exists.
_DENIED, _MISSING, _NOT_RUNNING, _RUNS, _EXISTS = 5, 1060, 1062, 1056, 1073


def service(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Install, remove, start, stop; `run` is for the service manager."""
    if sys.platform != "win32":
        raise CliError(FAILED, _("Services of this kind are Windows' own: on Linux use the systemd unit"))
    action = {"install": _install, "remove": _remove, "start": _start, "stop": _stop, "run": _run}[options.action]
    return action(options, settings, output)


def default_service_folder() -> Path:
    """Where a service keeps keys and database when nothing is said."""
    return Path(os.environ.get("PROGRAMDATA") or r"C:\ProgramData") / "LAN Chat Server"


def service_command(options: argparse.Namespace, data_dir: Path) -> list[str]:
    """What the service manager starts. Raises CliError for a database's URL: everybody can read the command."""
    if getattr(options, "database", None):
        raise CliError(USAGE, _("The database of a service stands in its file: --config FILE"))
    frozen = getattr(sys, "frozen", False)
    command = [sys.executable, *(() if frozen else ("-m", "lanchat_server")), "service", "run"]
    command += ["--data-dir", str(data_dir)]
    for name in ("config", "name", "host", "port", "public_host", "discovery_port", "language"):
        value = getattr(options, name, None)
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value.absolute() if isinstance(value, Path) else value)]
    return command + ([] if getattr(options, "discovery", True) else ["--no-discovery"])


def _install(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    folder = Path(getattr(options, "data_dir", None) or default_service_folder()).absolute()
    command = subprocess.list2cmdline(service_command(options, folder))
    make_folders(folder)
    grants = [argument for who in _MAY_READ for argument in ("/grant:r", f"{who}:(OI)(CI)F")]
    _call("icacls", str(folder), "/inheritance:r", *grants)
    shape = ("binPath=", command, "start=", "auto", "obj=", ACCOUNT, "DisplayName=", "LAN Chat server")
    if _sc("create", *shape, allowed=(_EXISTS,)) == _EXISTS:
        _sc("config", *shape)
    _sc("description", "Stores and relays the messages of LAN Chat.")
    _sc("failure", "reset=", "86400", "actions=", _RESTARTS)
    output.row(
        {"service": SERVICE_NAME, "data_dir": str(folder)},
        _("The service is installed: {name}").format(name=SERVICE_NAME),
    )
    return DONE


def _remove(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    _end()
    _sc("delete", allowed=(_MISSING,))
    output.row({"service": SERVICE_NAME, "removed": True}, _("The service is removed; its data stays"))
    return DONE


def _start(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    _sc("start", allowed=(_RUNS,))
    if not _becomes("RUNNING"):
        raise CliError(FAILED, _("The service did not start: {file} in its data folder says why").format(file=LOG_FILE))
    output.row({"service": SERVICE_NAME, "running": True}, _("The service runs"))
    return DONE


def _stop(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    _end()
    output.row({"service": SERVICE_NAME, "running": False}, _("The service has stopped"))
    return DONE


def _end() -> None:
    if _sc("stop", allowed=(_MISSING, _NOT_RUNNING)) == 0 and not _becomes("STOPPED"):
        raise CliError(FAILED, _("The service does not stop"))


def _becomes(state: str) -> bool:
    """Whether the service gets into this state within a minute; a start that failed is stopped at once."""
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end:
        said = _call("sc", "query", SERVICE_NAME).stdout
        if state in said:
            return True
        if state == "RUNNING" and "STOPPED" in said:
            return False
        time.sleep(0.2)
    return False


def _sc(verb: str, *arguments: str, allowed: tuple[int, ...] = ()) -> int:
    """The exit code of Windows' tool for services, 0 or one of `allowed`. Raises CliError."""
    done = _call("sc", verb, SERVICE_NAME, *arguments)
    if done.returncode and done.returncode not in allowed:
        texts = {_DENIED: _("Give this command as an administrator"), _MISSING: _("The service is not installed")}
        said = " ".join((done.stdout + done.stderr).split())
        raise CliError(FAILED, texts.get(done.returncode) or f"sc {verb}: {said or done.returncode}")
    return done.returncode


def _call(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - tools of Windows
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )


def _run(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    from lanchat_server.service.server import serve

    make_folders(settings.data_dir)
    logs.configure(settings.json_logs, settings.log_level)
    root = logging.getLogger()
    keeper = RotatingFileHandler(
        settings.data_dir / LOG_FILE, maxBytes=_LOG_OCTETS, backupCount=_LOGS_KEPT, encoding="utf-8"
    )
    keeper.setFormatter(root.handlers[0].formatter)
    for kept in root.handlers[0].filters:
        keeper.addFilter(kept)
    root.handlers = [keeper]  # there is no console
    if not run_dispatcher(lambda ready, stop: serve(settings, on_ready=ready, stop=stop)):
        raise CliError(
            FAILED, _("`service run` is for Windows' service manager; without a service: lanchat-server run")
        )
    return DONE
