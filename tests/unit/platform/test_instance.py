"""One window for each profile: who is first, and what further starts hand over."""

import json
import queue
import socket
from pathlib import Path

import pytest

from lanchat.platform.instance import PLACE_FILE, WISH_MAX, Instance, call_first, wish_in_untrusted
from tests.support.waiting import patient

LINK = f"lanchat://192.0.2.7:47400/#{'ab' * 32}"


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
    (tmp_path / PLACE_FILE).write_text('{"port": 99999999, "token": 5}')
    assert not call_first(tmp_path, "", timeout=0.1)
    first.close()


def test_stranger_without_the_token_is_not_heard(tmp_path: Path) -> None:
    calls: queue.Queue[str] = queue.Queue()
    first = Instance.claim(tmp_path)
    assert first is not None
    try:
        first.listen(calls.put)
        port = json.loads((tmp_path / PLACE_FILE).read_bytes())["port"]
        for line in (b"", b"\n", b"\xff\n", b"[]\n", json.dumps({"token": "0" * 64, "wish": LINK}).encode() + b"\n"):
            with socket.create_connection(("127.0.0.1", port), timeout=patient(10)) as sock:
                sock.sendall(line)
                sock.shutdown(socket.SHUT_WR)
                assert sock.recv(16) == b""
        assert calls.empty()
        assert call_first(tmp_path, "")
    finally:
        first.close()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"5",
        b'{"token": "t"}',
        b'{"token": "t", "wish": 5}',
        b'{"token": ["t"], "wish": ""}',
        b'{"token": "\\ud800", "wish": ""}',
        json.dumps({"token": "t", "wish": "x" * (WISH_MAX + 1)}).encode(),
        b"[" * 100_000,
    ],
)
def test_lines_that_are_no_wish_are_passed_over(line: bytes) -> None:
    assert wish_in_untrusted(line, "t") is None


def test_wish_with_the_token_is_taken() -> None:
    assert wish_in_untrusted(b'{"token": "t", "wish": "x"}\n', "t") == "x"


def test_profile_that_cannot_be_written_opens_its_window_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "window.lock").mkdir()
    instance = Instance.claim(tmp_path)
    assert instance is not None
    instance.listen(lambda wish: None)
    assert not (tmp_path / PLACE_FILE).exists()
    instance.close()
