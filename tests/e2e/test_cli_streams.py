"""Both programs with standard streams that are closed, full, broken or no text: at most one line, never a traceback."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.procs import ROOT, ServerProcess, plain_environment, run_client

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="streams of POSIX")
CLIENT = ("lanchat", "--timeout", "20", "--language", "en")
SERVER = ("lanchat_server", "--language", "en")
# How a shell writes it, and whether what is printed gets lost.
STREAMS = {
    "closed output": ">&-",
    "full output": "> /dev/full",
    "broken pipe": "| true",
    "closed error": "2>&-",
    "full error": "2> /dev/full",
    "closed output and error": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
    "closed input": "<&-",
}
# For a second command that writes with the same functions as the first, which is tried with all of them.
FEW = ("full output", "broken pipe", "all closed")


def tried(first: Iterable[Any], second: Iterable[Any]) -> list[tuple[Any, str]]:
    """Each of `first` with all streams, each of `second` with some."""
    return [(one, streams) for one in first for streams in STREAMS] + [(one, few) for one in second for few in FEW]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as process:
        yield process


@pytest.fixture(scope="module")
def anna(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options of a profile that is logged in, in a room with one message."""
    profile = tmp_path_factory.mktemp("anna")
    options = ("--server", f"127.0.0.1:{server.port}", "--profile", str(profile))
    for command in (["register", "--user", "anna", "--accept-new"], ["send", "general", "first"]):
        done = run_client([*options[:2], *command], profile, env={"LANCHAT_PASSWORD": "correct horse"})
        assert done.returncode == 0, done.stderr
    return options


def shell(argv: tuple[str, ...], streams: str, home: Path, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """The command as a shell runs it with these streams; the exit code is that of our program."""
    environment = plain_environment(home)
    del environment["PYTHONUNBUFFERED"]  # with it nothing is left to the last flush
    script = 'set -o pipefail; "$@" ' + streams
    return subprocess.run(
        ["bash", "-c", script, "bash", sys.executable, "-m", *argv],
        input=stdin,
        capture_output=True,
        env=environment,
        cwd=ROOT,
        timeout=120,
        check=False,
    )


def stderr_text(done: "subprocess.CompletedProcess[bytes]") -> str:
    text = done.stderr.decode()
    assert "Traceback" not in text, text
    assert "Exception ignored" not in text, text
    return text


@pytest.mark.parametrize(("program", "streams"), tried([CLIENT], [SERVER]))
def test_help_with_broken_streams(program: tuple[str, ...], streams: str, tmp_path: Path) -> None:
    done = shell((*program, "--help"), STREAMS[streams], tmp_path)
    assert stderr_text(done).count("\n") <= 1 or "closed output" in streams  # help goes to stderr then
    assert done.returncode == (1 if streams == "full output" else 0)


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("program", [CLIENT, SERVER])
def test_version_with_broken_streams(program: tuple[str, ...], streams: str, tmp_path: Path) -> None:
    done = shell((*program, "--version"), STREAMS[streams], tmp_path)
    lost = streams in ("full output", "closed output", "closed output and error", "all closed")
    assert stderr_text(done).count("\n") == (lost and "error" not in streams and streams != "all closed")
    assert done.returncode == lost


@pytest.mark.parametrize(("argv", "streams"), tried([(*CLIENT, "send", "general")], [(*SERVER, "--nonsense")]))
def test_usage_errors_with_broken_streams(argv: tuple[str, ...], streams: str, tmp_path: Path) -> None:
    done = shell(argv, STREAMS[streams], tmp_path)
    assert stderr_text(done).count("\n") == (0 if "error" in streams or streams == "all closed" else 1)
    assert done.stdout == b""
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("command", "streams"), tried(["rooms", "listen general --history 1 --count 1 --json"], ["history general"])
)
def test_client_commands_with_broken_streams(anna: tuple[str, ...], command: str, streams: str, tmp_path: Path) -> None:
    done = shell((*CLIENT, *anna, *command.split()), STREAMS[streams], tmp_path)
    text = stderr_text(done)
    lost = "output" in streams or streams == "all closed"
    assert done.returncode == int(lost), text
    assert not lost or "error" in streams or streams == "all closed" or text.splitlines()[-1].startswith("lanchat: ")


@pytest.mark.usefixtures("anna")  # there is an account to list
@pytest.mark.parametrize(("command", "streams"), tried(["users list"], ["status"]))
def test_server_commands_with_broken_streams(server: ServerProcess, command: str, streams: str, tmp_path: Path) -> None:
    done = shell((*SERVER, "--data-dir", str(server.data_dir), *command.split()), STREAMS[streams], tmp_path)
    text = stderr_text(done)
    assert done.returncode == int("output" in streams or streams == "all closed"), text
    assert text.count("\n") <= 1


@pytest.mark.parametrize("file", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("program", ["client", "server"])
def test_closed_output_named_as_file_is_an_error(
    server: ServerProcess, anna: tuple[str, ...], program: str, file: str, tmp_path: Path
) -> None:
    argv: tuple[str, ...] = (*CLIENT, *anna, "export", "general", file)
    if program == "server":
        argv = (*SERVER, "--data-dir", str(server.data_dir), "backup", file)
    done = shell(argv, ">&-", tmp_path)
    assert stderr_text(done).endswith(": standard output is closed\n")
    assert stderr_text(done).count("\n") == 1
    assert done.returncode == 1


def test_restore_from_closed_input_is_an_error(tmp_path: Path) -> None:
    done = shell((*SERVER, "--data-dir", str(tmp_path / "data"), "restore", "-"), "<&-", tmp_path)
    assert stderr_text(done) == "lanchat-server: -: standard input is closed\n"
    assert done.returncode == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("streams", [">&-", "> /dev/full"])
def test_server_exits_when_the_ready_line_cannot_be_written(streams: str, tmp_path: Path) -> None:
    argv = (*SERVER, "run", "--no-discovery", "--port", "0", "--data-dir", str(tmp_path / "data"))
    done = shell(argv, streams + " 2> /dev/null", tmp_path)
    assert done.returncode == 1


@pytest.mark.parametrize("command", ["send general -", "edit general 1 -", "chat general"])
def test_closed_input_exits_with_2(anna: tuple[str, ...], command: str, tmp_path: Path) -> None:
    done = shell((*CLIENT, *anna, *command.split()), "<&-", tmp_path)
    assert stderr_text(done) == "lanchat: Standard input is closed\n"
    assert done.returncode == 2


@pytest.mark.parametrize("command", ["login --user anna", "password", "recover --user anna --code 1"])
def test_password_prompt_on_closed_input_is_an_error(command: str, tmp_path: Path) -> None:
    done = shell((*CLIENT, "--server", "127.0.0.1:9", *command.split()), "<&-", tmp_path)
    assert stderr_text(done).count("\n") == 1
    assert done.returncode in (2, 3)


@pytest.mark.parametrize("octets", [b"\xff\xfe\xfa", b"caf\xe9", b"\xed\xa0\x80", b"\0", bytes(range(256))])
@pytest.mark.parametrize("command", ["send general -", "edit general 1 -"])
def test_undecodable_input_is_one_error_line(
    anna: tuple[str, ...], command: str, octets: bytes, tmp_path: Path
) -> None:
    done = shell((*CLIENT, *anna, *command.split()), "", tmp_path, octets)
    assert stderr_text(done).count("\n") == 1
    assert done.returncode in (1, 2)


@pytest.mark.parametrize("octets", [b"secret\xe9word", b"a\0b", b""])
@pytest.mark.parametrize("program", ["client", "server"])
def test_undecodable_password_file_is_one_error_line(
    server: ServerProcess, program: str, octets: bytes, tmp_path: Path
) -> None:
    (tmp_path / "password").write_bytes(octets)
    more = ("--password-file", str(tmp_path / "password"))
    argv: tuple[str, ...] = (
        *CLIENT,
        "--server",
        f"127.0.0.1:{server.port}",
        "login",
        "--accept-new",
        "--user",
        "anna",
        *more,
    )
    if program == "server":
        argv = (*SERVER, "--data-dir", str(tmp_path / "data"), "users", "add", "anna", *more)
    done = shell(argv, "", tmp_path)
    text = stderr_text(done)
    assert text.count("\n") == 1
    assert "0x" not in text
    assert "secret" not in text
    assert done.returncode in (1, 2, 4)
