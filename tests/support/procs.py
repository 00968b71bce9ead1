"""Our own programs as people and scripts start them: real processes, spoken to over the command line.

`ServerProcess` is `python -m lanchat_server run --json`, `run_client` one `python -m lanchat` command,
`ClientProcess` one that keeps running (`listen`). Each takes `namespace`: the name of a network namespace to
run in (needs root). Nothing of the caller's own profile, settings or language reaches them.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.codes import Role
from lanchat_server.admin.local import running_server
from tests.support.child import Child
from tests.support.leaks import guard
from tests.support.waiting import patient

ROOT = Path(__file__).parents[2]
Event = dict[str, Any]


def plain_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without what could change our programs' behaviour; `extra` wins."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LANCHAT_", "XDG_", "LC_")) and name not in ("LANGUAGE", "DISPLAY")
    }
    return kept | {"HOME": str(home), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"} | dict(extra or {})


def in_namespace(namespace: str | None, argv: Sequence[str]) -> list[str]:
    """The command as it runs inside a network namespace; `ip` replaces itself, so the process id is ours."""
    return ["ip", "netns", "exec", namespace, *argv] if namespace else list(argv)


class ServerProcess(Child):
    """A server that is ready when the constructor returns; stopped at the end of its `with` block.

    `discovery_port` None turns discovery off. `port` 0 takes any; `restart` keeps the one it got. `module` is what
    Python runs; `ready_at` when it was ready, in seconds of `time.monotonic`. Raises
    RuntimeError when it ended instead of getting ready, TimeoutError after `timeout` seconds.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        database: str | None = None,
        port: int = 0,
        host: str | None = None,
        discovery_port: int | None = None,
        name: str | None = None,
        extra: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        namespace: str | None = None,
        module: str = "lanchat_server",
        timeout: float = 20.0,
    ) -> None:
        self.data_dir = data_dir
        self._settings: dict[str, Any] = {
            "database": database,
            "host": host,
            "discovery_port": discovery_port,
            "name": name,
            "extra": extra,
            "env": env,
            "namespace": namespace,
            "module": module,
            "timeout": timeout,
        }
        data_dir.mkdir(parents=True, exist_ok=True)
        options = {"--database": database, "--host": host, "--name": name, "--discovery-port": discovery_port}
        argv = [sys.executable, "-m", module, "run", "--json"]
        argv += ["--data-dir", str(data_dir), "--port", str(port)]
        argv += [text for key, value in options.items() if value is not None for text in (key, str(value))]
        argv += ["--no-discovery"] if discovery_port is None else []
        super().__init__(in_namespace(namespace, [*argv, *extra]), env=plain_environment(data_dir, env), cwd=ROOT)
        self.ready = self._wait_until_ready(timeout)
        self.ready_at = time.monotonic()
        guard.url(database or "")
        guard.key_files(data_dir / "keys")

    def _wait_until_ready(self, timeout: float) -> Event:
        try:
            line = self.wait_for_line(_is_ready_event, timeout, "the server is ready")
        except BaseException:
            self.kill()
            raise
        return json.loads(line)  # type: ignore[no-any-return]

    @property
    def port(self) -> int:
        return int(self.ready["port"])

    @property
    def database(self) -> str | None:
        """Its URL; None: SQLite in the data directory."""
        url: str | None = self._settings["database"]
        return url

    @property
    def address(self) -> str:
        """`127.0.0.1:port`, as `--server` takes it."""
        return f"127.0.0.1:{self.port}"

    @property
    def fingerprint(self) -> str:
        return str(self.ready["fingerprint"])

    @property
    def invite(self) -> str:
        return str(self.ready["invite"])

    @property
    def setup_code(self) -> str:
        """Of a server that had no account when it started."""
        return str(self.ready["setup_code"])

    def add_account(self, user: str, password: str = "correct horse") -> None:
        """On the server's computer; the first one is the administrator's. Raises CalledProcessError, or AdminError: a
        running server is asked from here, which saves a process."""
        running = running_server(self.data_dir) if self._settings["namespace"] is None else None
        if running is not None:
            try:
                running.ask(wire.AddAccount(user, password, Role.MEMBER))
            finally:
                running.close()
            return
        argv = [sys.executable, "-m", "lanchat_server", "users", "add", user, "--data-dir", str(self.data_dir)]
        subprocess.run(
            in_namespace(self._settings["namespace"], argv),
            env=plain_environment(self.data_dir, {"LANCHAT_PASSWORD": password}),
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def stop(self, grace: float = 10.0) -> int:
        """In order, as the base method; Windows has no signal for it, so the command asks."""
        if sys.platform == "win32" and self.returncode is None:
            argv = [sys.executable, "-m", "lanchat_server", "stop", "--data-dir", str(self.data_dir)]
            subprocess.run(argv, env=plain_environment(self.data_dir), cwd=ROOT, check=False, timeout=patient(grace))
            return self.wait(grace)
        return super().stop(grace)

    def restart(self, **changes: Any) -> "ServerProcess":
        """A new process with the same data, port and options but for `changes`. This one must have ended."""
        assert self.returncode is not None, "stop or kill it first"
        return ServerProcess(self.data_dir, **(self._settings | {"port": self.port} | changes))


def _is_ready_event(line: str) -> bool:
    event = _parse(line)
    return event is not None and event.get("event") == "ready"


def _client_command(args: Sequence[str], profile: Path, namespace: str | None) -> list[str]:
    argv = [sys.executable, "-m", "lanchat", "--profile", str(profile), *args]
    return in_namespace(namespace, argv)


def run_client(
    args: Sequence[str],
    profile: Path,
    *,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    timeout: float = 30.0,
    namespace: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """One client command, to its end. Raises subprocess.TimeoutExpired; the exit code is the caller's to judge."""
    profile.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        _client_command(args, profile, namespace),
        env=plain_environment(profile, env),
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=patient(timeout),
    )


def json_lines(text: str) -> list[Event]:
    """The objects of a command's `--json` output. Raises ValueError on a line that is none."""
    return [json.loads(line) for line in text.splitlines() if line.strip()]


class ClientProcess(Child):
    """A client command that goes on, as `["listen", "general", "--json"]`; its JSON lines are `events`."""

    def __init__(
        self,
        args: Sequence[str],
        profile: Path,
        *,
        env: Mapping[str, str] | None = None,
        namespace: str | None = None,
    ) -> None:
        profile.mkdir(parents=True, exist_ok=True)
        super().__init__(_client_command(args, profile, namespace), env=plain_environment(profile, env), cwd=ROOT)

    @property
    def events(self) -> list[Event]:
        """All that it said so far, in order."""
        return [event for line in list(self.stdout) if (event := _parse(line)) is not None]

    def wait_for(self, accept: Callable[[Event], bool], timeout: float = 10.0, what: str = "event") -> Event:
        """The first event, of those so far or to come, that `accept` says yes to.

        Raises TimeoutError after `timeout` seconds, RuntimeError when the client ended without it.
        """

        def fits(line: str) -> bool:
            event = _parse(line)
            return event is not None and accept(event)

        return json.loads(self.wait_for_line(fits, timeout, what))  # type: ignore[no-any-return]

    def wait_for_count(self, accept: Callable[[Event], bool], count: int, timeout: float = 10.0) -> list[Event]:
        """The first `count` events that `accept` says yes to. Raises as `wait_for`."""
        fitting: list[Event] = []

        def enough(event: Event) -> bool:
            if accept(event):
                fitting.append(event)
            return len(fitting) >= count

        self.wait_for(enough, timeout, f"{count} events")
        return fitting


def _parse(line: str) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
