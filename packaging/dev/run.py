"""`make run`: a server on the embedded database, and a client that finds it.

The client is a window where there is a screen, a conversation in the terminal where there is none, and only a
search for the server where there is no terminal either. The server ends with the client. Everything is kept under
`.cache/run`, so that a second run goes on where the first one ended.
"""

import contextlib
import getpass
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Any

from lanchat.protocol.text.identity import DEFAULT_PORT

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".cache" / "run"
SERVER_LOG = PLACE / "server.log"
CLIENT = [sys.executable, "-m", "lanchat", "--profile", str(PLACE / "profile")]
START_LIMIT = 60.0  # seconds: the first start makes keys and tables on a slow disk
STOP_LIMIT = 20.0
REFUSED = 4  # the client's exit code when there is no account yet


class Trouble(Exception):
    """What went wrong, in a line for the person who typed `make run`."""


def main() -> int:
    PLACE.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        with _server() as ready:
            print(f"== server {ready['name']!r} is ready on port {ready['port']}, log in {SERVER_LOG}", flush=True)
            return _client(ready)
    except Trouble as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


@contextlib.contextmanager
def _server() -> Iterator[dict[str, Any]]:
    """Runs the server, yields its ready event, and ends it in an orderly way. Raises Trouble."""
    print("== starting a server", flush=True)
    command = [sys.executable, "-m", "lanchat_server", "run", "--json", "--data-dir", str(PLACE / "server")]
    command += [] if _is_free(DEFAULT_PORT) else ["--port", "0"]
    with SERVER_LOG.open("w") as log:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "LANCHAT_DATABASE"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C ends the client first, then we end the server
        )
    try:
        yield _wait_until_ready(server)
        if server.poll() is not None:
            raise Trouble(f"the server ended while the client was running:\n{_last_lines()}")
    finally:
        _stop(server)


def _is_free(port: int) -> bool:
    """False when another server on this computer has it: then ours takes any, and discovery tells which."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


def _wait_until_ready(server: "subprocess.Popen[str]") -> dict[str, Any]:
    assert server.stdout
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(server.stdout, lines), daemon=True).start()
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise Trouble(f"the server was not ready after {START_LIMIT:g} s:\n{_last_lines()}") from None
        if line is None:
            raise Trouble(f"the server did not start:\n{_last_lines()}")
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event.get("event") == "ready":
                return dict(event)


def _pump(pipe: IO[str], lines: "queue.Queue[str | None]") -> None:
    """Reads to the end, so that the server never waits for a reader."""
    for line in pipe:
        lines.put(line)
    lines.put(None)


def _last_lines() -> str:
    return "\n".join(f"  {line}" for line in SERVER_LOG.read_text(errors="replace").splitlines()[-15:])


def _stop(server: "subprocess.Popen[str]") -> None:
    if server.poll() is None:
        print("== stopping the server", flush=True)
        server.terminate()
    try:
        server.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        print(f"error: the server did not end within {STOP_LIMIT:g} s and was killed", file=sys.stderr)
        server.kill()
        server.wait()


def _client(ready: dict[str, Any]) -> int:
    if _has_screen():
        print("== opening a window; the server ends when you close it", flush=True)
        return _run([])
    if sys.stdin is not None and sys.stdin.isatty():
        print("== no display: talking in this terminal; the server ends when you leave (Ctrl-D)", flush=True)
        return _talk(ready["fingerprint"])
    print("== no display and no terminal: only looking for the server", flush=True)
    return _discover(ready["fingerprint"])


def _has_screen() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _talk(fingerprint: str) -> int:
    chat = ["chat", "general", "--fingerprint", fingerprint]
    result = _run(chat)
    if result != REFUSED:
        return result
    user = getpass.getuser()
    print(f"== making the account {user!r}: choose a password for it", flush=True)
    return _run(["register", "--user", user, "--fingerprint", fingerprint]) or _run(chat)


def _discover(fingerprint: str) -> int:
    search = [*CLIENT, "discover", "--json", "--timeout", "10"]
    try:
        done = subprocess.run(
            search, check=False, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60
        )
    except subprocess.TimeoutExpired:
        raise Trouble("the client's search did not end") from None
    found = done.stdout.decode("utf-8", "replace")
    print(found, end="", flush=True)
    if fingerprint not in found:
        raise Trouble("the client did not find the server")
    print("== the client found the server", flush=True)
    return 0


def _run(arguments: list[str]) -> int:
    """One client command in the foreground, to its end; Ctrl-C is the client's."""
    client = subprocess.Popen([*CLIENT, *arguments], cwd=ROOT)
    try:
        while True:
            try:
                code = client.wait()
                return code if code >= 0 else 128 - code  # ended by a signal: as a shell says it
            except KeyboardInterrupt:
                _give_time_to_leave(client)
    finally:
        if client.poll() is None:
            client.terminate()
            client.wait(STOP_LIMIT)


def _give_time_to_leave(client: "subprocess.Popen[bytes]") -> None:
    """A client that Ctrl-C did not end is asked once more, by signal."""
    try:
        client.wait(5)
    except subprocess.TimeoutExpired:
        client.terminate()


if __name__ == "__main__":
    sys.exit(main())
