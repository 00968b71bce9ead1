"""One window for each profile: who is first, and what further starts hand over."""

import json
import queue
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from lanchat.platform.programs.instance import CALLS_MAX, PLACE_FILE, WISH_MAX, Instance, call_first, wish_in_untrusted
from lanchat.platform.proofs import NONCE, nonce_in_untrusted, prove
from tests.support.waiting import patient

ROOT = Path(__file__).parents[3]
LINK = f"lanchat://192.0.2.7:47400/#{'ab' * 32}"


class Listening(NamedTuple):
    """A window that listens in `folder`, with what its file says; `calls`: what further starts asked for."""

    folder: Path
    port: int
    token: str
    calls: "queue.Queue[str]"


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    calls: queue.Queue[str] = queue.Queue()
    first = Instance.claim(tmp_path)
    assert first is not None
    first.listen(calls.put)
    where = json.loads((tmp_path / PLACE_FILE).read_bytes())
    yield Listening(tmp_path, where["port"], where["token"], calls)
    first.close()


def test_second_start_hands_its_wish_to_the_first(tmp_path: Path) -> None:
    calls: queue.Queue[str] = queue.Queue()
    first = Instance.claim(tmp_path)
    assert first is not None
    try:
        first.listen(calls.put)
        for wish in ("", LINK):
            assert Instance.claim(tmp_path) is None
            assert call_first(tmp_path, wish)
            assert calls.get(timeout=patient(10)) == wish
    finally:
        first.close()
    again = Instance.claim(tmp_path)
    assert again is not None
    again.close()


def test_profiles_do_not_disturb_each_other(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("anna", "boris")]
    for folder in folders:
        folder.mkdir()
    both = [Instance.claim(folder) for folder in folders]
    assert None not in both
    for instance in both:
        assert instance is not None
        instance.close()


def test_first_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    first = Instance.claim(tmp_path)
    assert first is not None
    assert not call_first(tmp_path, "", timeout=0.1)
    first.close()


def test_stranger_without_the_token_is_not_heard(listening: "Listening") -> None:
    nonce = secrets.token_hex(NONCE)
    guess = json.dumps({"proof": prove("guess", "start", nonce, nonce), "wish": LINK}).encode() + b"\n"
    for lines in (b"", b"\n", b"\xff\n", b"[]\n", json.dumps({"nonce": nonce}).encode() + b"\n" + guess):
        with socket.create_connection(("127.0.0.1", listening.port), timeout=patient(10)) as sock:
            sock.sendall(lines)
            sock.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda sock=sock: sock.recv(4096), b""))  # type: ignore[misc]
            assert listening.token.encode() not in said
            assert b"taken" not in said
    assert listening.calls.empty()
    assert call_first(listening.folder, "")


def _echo(line: bytes) -> bytes:
    return line


def _guess(line: bytes) -> bytes:
    nonce = nonce_in_untrusted(line) or "0" * 64
    return json.dumps({"nonce": nonce, "proof": prove("guess", "first", nonce, nonce), "taken": nonce}).encode() + b"\n"


@pytest.mark.parametrize("reply", [_echo, _guess, lambda line: b"ok\n", lambda line: b"[" * 9000 + b"\n"])
def test_whoever_has_the_port_of_a_killed_window_gets_neither_token_nor_link(
    tmp_path: Path, reply: Callable[[bytes], bytes]
) -> None:
    """Another user of the computer, who echoes, guesses or agrees."""
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def pose() -> None:
        with suppress(OSError):
            while True:
                sock, _address = listener.accept()
                with sock, sock.makefile("rb") as lines, suppress(OSError):
                    for line in lines:
                        received.append(line)
                        sock.sendall(reply(line))

    thread = threading.Thread(target=pose, daemon=True)
    thread.start()
    token = "5ec2e7" * 10
    (tmp_path / PLACE_FILE).write_text(json.dumps({"port": listener.getsockname()[1], "token": token}))
    assert not call_first(tmp_path, LINK, timeout=0.1)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(patient(10))
    said = b"".join(received)
    assert received
    assert token.encode() not in said
    assert b"lanchat://" not in said


def test_silent_connections_are_bounded_and_keep_nobody_out(listening: "Listening") -> None:
    silent = [
        socket.create_connection(("127.0.0.1", listening.port), timeout=patient(10)) for _ in range(3 * CALLS_MAX)
    ]
    try:
        # Those beyond the bound end by themselves: at once, long before their time.
        for sock in silent[: 2 * CALLS_MAX]:
            assert sock.recv(1) == b""
        assert call_first(listening.folder, LINK, timeout=patient(10))
        assert listening.calls.get(timeout=patient(10)) == LINK
    finally:
        for sock in silent:
            sock.close()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"5",
        b'{"proof": "t"}',
        b'{"proof": "t", "wish": 5}',
        b'{"proof": ["t"], "wish": ""}',
        b'{"proof": "\\ud800", "wish": ""}',
        json.dumps({"proof": "t", "wish": "x" * (WISH_MAX + 1)}).encode(),
        b"[" * 100_000,
    ],
)
def test_lines_that_are_no_wish_are_passed_over(line: bytes) -> None:
    assert wish_in_untrusted(line, "t") is None


@pytest.mark.parametrize("text", ['{"port": 99999999, "token": 5}', "[" * 4000, '{"port": 1e999, "token": ""}', ""])
def test_damaged_place_is_no_error(tmp_path: Path, text: str) -> None:
    (tmp_path / PLACE_FILE).write_text(text)
    assert not call_first(tmp_path, "", timeout=0.1)


def test_wish_with_the_proof_is_taken() -> None:
    assert wish_in_untrusted(b'{"proof": "t", "wish": "x"}\n', "t") == "x"


def test_longest_wish_fits_a_line(listening: "Listening") -> None:
    wish = "\u044f" * WISH_MAX
    assert call_first(listening.folder, wish, timeout=patient(10))
    assert listening.calls.get(timeout=patient(10)) == wish


def test_no_other_file_takes_a_tcp_port() -> None:
    """Windows lets any program take a port that was not asked for exclusively: ports.py does."""
    sources = [file for package in ("lanchat", "lanchat_server") for file in (ROOT / package).rglob("*.py")]
    assert [file.name for file in sources if "socket.create_server" in file.read_text(encoding="utf-8")] == []
    assert "listen(" in (ROOT / "lanchat/platform/programs/instance.py").read_text(encoding="utf-8")


def test_profile_that_cannot_be_written_opens_its_window_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "window.lock").mkdir()
    instance = Instance.claim(tmp_path)
    assert instance is not None
    instance.listen(lambda wish: None)
    assert not (tmp_path / PLACE_FILE).exists()
    instance.close()
