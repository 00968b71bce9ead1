"""Our own programs started from a process that has imported them already, which takes a tenth of a cold start.

`WarmPopen` stands in for `subprocess.Popen` in the processes that run the tests (tests/conftest.py). What it starts is
a process like any other: own process id, child of the caller, its own environment, directory and streams. Only
`python -m MODULE` of the modules below starts this way, in a network namespace too (`ip netns exec NAME`), and only
where nothing that Python reads before the first import differs from the caller's: interpreter options, `PYTHON…`
variables, character set, a terminal. All else is started by the original, and so is everything on other systems than
Linux and with `LANCHAT_TEST_COLD` set. `/proc/ID/cmdline` and `/proc/ID/environ` of a process so started are the
starter's.

The starter (`python -m tests.support.warm_start FD`) has one thread and opens nothing. For each request it forks
twice: when the first fork has ended, the kernel hands the second one to the process that asked, which is a subreaper
meanwhile (prctl(2)), so that `wait` and exit codes are the kernel's own. A program that has come to its end leaves what
was imported as it is (`_end`).
"""

import atexit
import contextlib
import ctypes
import dataclasses
import gc
import importlib
import inspect
import json
import locale
import os
import pkgutil
import runpy
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
_PACKAGES = ("lanchat", "lanchat_server")
_OTHER_PROGRAMS = (
    "tests.chaos.client_launcher",
    "tests.chaos.launcher",
    "tests.lab.discovery_peer",
    "tests.lab.talker",
    "tests.support.fake_window",
    "tests.support.local_writer",
    "tests.support.real_window",
    "tests.ui.server_window_program",
)
# What is imported at first use alone.
_LATE = (
    "alembic.command",
    "alembic.config",
    "encodings.idna",
    "mysql.connector",
    "sqlalchemy.dialects.mysql.mysqlconnector",
    "sqlalchemy.dialects.sqlite.pysqlite",
)
_CHARACTER_SET = "C.UTF-8"
_LENGTH = struct.Struct("!Q")
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_CLONE_NEWNET = 0x40000000  # linux/sched.h; os.setns is there from Python 3.12 on


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """What a started process differs in. `group`: a process group of its own; `session`: a session of its own;
    `namespace`: another network than the caller's."""

    module: str
    arguments: Sequence[str]
    directory: str
    environment: Mapping[str, str]
    group: bool
    session: bool
    namespace: str | None


class Starter:
    """The process that has imported everything, started at its first use and ended with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, request: Start, streams: Sequence[int]) -> int:
        """The id of the new process, a child of this one. `streams`: its descriptors 0, 1 and 2."""
        octets = json.dumps(dataclasses.asdict(request)).encode()
        with self._lock:
            channel = self._channel = self._channel or self._open()
            _set_subreaper(True)
            try:
                socket.send_fds(channel, [_LENGTH.pack(len(octets))], list(streams))
                channel.sendall(octets)
                return int(_LENGTH.unpack(_receive(channel, _LENGTH.size))[0])
            finally:
                _set_subreaper(False)

    def _open(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = cold_popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=ROOT,
                env=os.environ | {"LANG": _CHARACTER_SET, "LC_ALL": _CHARACTER_SET, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        return ours


def _receive(channel: socket.socket, length: int) -> bytes:
    octets = b""
    while len(octets) < length:
        part = channel.recv(length - len(octets))
        if not part:
            raise EOFError("the other process has ended")
        octets += part
    return octets


def _set_subreaper(on: bool) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0)


cold_popen = subprocess.Popen
_ENDS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_EXECUTE = inspect.signature(cold_popen._execute_child)  # type: ignore[attr-defined]
_starter = Starter()


def available() -> bool:
    """Whether programs can start this way here."""
    return sys.platform == "linux" and "LANCHAT_TEST_COLD" not in os.environ


class WarmPopen(subprocess.Popen[Any]):
    """`subprocess.Popen` that starts our programs from the starter."""

    def _execute_child(self, *arguments: Any) -> None:
        asked = _EXECUTE.bind(self, *arguments).arguments
        request = _as_start(asked)
        ends = [asked[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        streams = [number if end == -1 else end for number, end in enumerate(ends)]
        if request is None or any(os.isatty(stream) for stream in streams):
            return super()._execute_child(*arguments)  # type: ignore[misc, no-any-return]
        self.pid = _starter.start(request, streams)
        self._child_created = True
        self._close_pipe_fds(*(asked[name] for name in _ENDS))  # type: ignore[attr-defined]
        return None


def _as_start(asked: Mapping[str, Any]) -> Start | None:
    """None when the process has to be started cold."""
    argv, environment = asked["args"], asked["env"]
    environment = os.environ if environment is None else environment
    plain = not (asked["preexec_fn"] or asked["pass_fds"] or asked["shell"] or asked["executable"])
    if not plain or isinstance(argv, str | bytes | os.PathLike):
        return None
    argv = [os.fspath(word) for word in argv]
    namespace = None
    if argv[:3] == ["ip", "netns", "exec"]:
        namespace, argv = argv[3], argv[4:]
    if len(argv) < 3 or argv[:2] != [sys.executable, "-m"] or argv[2] not in (*_PACKAGES, *_OTHER_PROGRAMS):
        return None
    if not _is_alike(environment):
        return None
    return Start(
        module=argv[2],
        arguments=argv[3:],
        directory=os.path.abspath(os.fspath(asked["cwd"] or ".")),
        environment=dict(environment),
        group=asked["process_group"] == 0,
        session=asked["start_new_session"],
        namespace=namespace,
    )


def _is_alike(environment: Mapping[str, str]) -> bool:
    """Whether Python would set itself up as it did in the starter."""
    own = os.environ | {"PYTHONUNBUFFERED": "1"}
    names = {name for name in environment.keys() | own.keys() if name.startswith("PYTHON")}
    locales = [environment.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    characters = next(filter(None, locales), "")
    return characters == _CHARACTER_SET and all(environment.get(name) == own.get(name) for name in names)


# --- The starter's own side ------------------------------------------------------------------------------------------


def serve(channel: socket.socket) -> Start | None:
    """Starts what is asked for until the asker is gone, then returns None. Returns the request in the new process."""
    while True:
        try:
            head, streams, _flags, _address = socket.recv_fds(channel, _LENGTH.size, 3)
            if not head:
                return None
            head += _receive(channel, _LENGTH.size - len(head))
            request = Start(**json.loads(_receive(channel, _LENGTH.unpack(head)[0])))
        except (EOFError, ConnectionError):
            return None
        pid = _fork_twice(request)
        if pid == 0:
            channel.close()
            _set_up(request, streams)
            return request
        for stream in streams:
            os.close(stream)
        channel.sendall(_LENGTH.pack(pid))


def _fork_twice(request: Start) -> int:
    """The id of the new process, which has lost its parent and is in the group and session asked for; 0 in that
    process."""
    read, write = os.pipe()
    middle = os.fork()
    if middle == 0:
        if os.fork():
            os._exit(0)
        if request.session:
            os.setsid()
        elif request.group:
            os.setpgid(0, 0)
        os.write(write, _LENGTH.pack(os.getpid()))
        os.close(read)
        os.close(write)
        return 0
    os.close(write)
    octets = os.read(read, _LENGTH.size)
    os.close(read)
    os.waitpid(middle, 0)
    return int(_LENGTH.unpack(octets)[0])


def _set_up(request: Start, streams: Sequence[int]) -> None:
    """Makes this process what a cold start would have made it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, max(streams) + 1)
    if request.namespace is not None:
        _enter_network(request.namespace)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    locale.setlocale(locale.LC_CTYPE, "")
    os.chdir(request.directory)
    sys.path[0] = request.directory
    sys.argv = [request.module, *request.arguments]


def _enter_network(namespace: str) -> None:
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns", namespace)
    os.close(descriptor)


def _import_everything() -> None:
    for package in _PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                _import(module.name)
    for name in (*_LATE, *_OTHER_PROGRAMS):
        _import(name)
    for name in (*_OTHER_PROGRAMS, *(f"{package}.__main__" for package in _PACKAGES)):
        sys.modules.pop(name, None)  # what it imports stays; the program itself runs anew


def _import(name: str) -> None:
    # A module of another system, or a library that is not installed: the program that needs it says so.
    with contextlib.suppress(ImportError):
        importlib.import_module(name)


def main() -> None:
    """The starter, and in each process that it starts the program asked for."""
    _import_everything()
    gc.collect()
    gc.freeze()
    assert len(os.listdir("/proc/self/task")) == 1, "an import has started a thread: no fork is safe any more"
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    if request is not None:
        _end(_run(request.module))


def _run(module: str) -> int:
    """The exit code of a program; an error, and an interruption, go on as they are."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, int | None):
            return ended.code or 0
        raise
    return 0


def _end(code: int) -> NoReturn:
    """Ends this process as Python does, but for taking apart the modules that the starter has imported: copying them
    for that takes several times as long as most commands."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()  # what complains when it is thrown away
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):
        sys.exit(code)  # Python tells of it, and has another exit code then
    os._exit(code)


if __name__ == "__main__":
    main()
