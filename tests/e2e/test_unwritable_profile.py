"""A client whose disk is full or read-only: stored messages are shown, sending reports the reason."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.procs import ClientProcess, Event, ServerProcess, json_lines, run_client
from tests.support.small_disk import fill, make_room, needs_root, read_only, small_disk
from tests.support.waiting import wait_until

pytestmark = needs_root
PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}
TEXTS = ["first words", "second words", "third words"]
BIG = "a long text" + " and more" * 400


def is_message(event: Event) -> bool:
    return event.get("event") == "message"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.mark.parametrize(("spoil", "reason"), [(fill, "the disk is full"), (read_only, "it may not be written")])
def test_commands_read_stored_messages_and_recover(tmp_path: Path, disk: Path, spoil: object, reason: str) -> None:
    with ServerProcess(tmp_path / "server", host="127.0.0.1") as server:

        def anna(*args: str) -> "subprocess.CompletedProcess[str]":
            return run_client(["--server", server.address, "--timeout", "5", *args], disk / "anna", env=PASSWORD)

        assert anna("register", "--user", "anna", "--accept-new").returncode == 0
        for text in TEXTS:
            assert anna("send", "general", text).returncode == 0
        assert callable(spoil)
        spoil(disk)

        def reads() -> None:
            for command in (["history", "general"], ["history", "general", "--search", "words"]):
                done = anna(*command, "--json")
                assert done.returncode == 0, done.stderr
                assert [row["text"] for row in json_lines(done.stdout)] == TEXTS
            assert anna("export", "general", str(tmp_path / "export.jsonl")).returncode == 0
            assert (tmp_path / "export.jsonl").read_text().count("\n") == len(TEXTS)
            refused = anna("send", "general", "not stored")
            assert refused.returncode == 1
            assert refused.stderr.count("\n") == 1
            assert reason in refused.stderr

        reads()
        server.stop()
        reads()
        server.restart()
        make_room(disk)
        assert anna("send", "general", "fourth words").returncode == 0
        rows = json_lines(anna("history", "general", "--json").stdout)
        assert [row["text"] for row in rows] == [*TEXTS, "fourth words"]
        assert not list((disk / "anna").rglob("*corrupt*"))


@pytest.mark.parametrize(("spoil", "reason"), [(fill, "the disk is full"), (read_only, "it may not be written")])
def test_listener_shows_stored_messages_and_recovers(tmp_path: Path, disk: Path, spoil: object, reason: str) -> None:
    with ServerProcess(tmp_path / "server", host="127.0.0.1") as server:

        def client(person: str, *args: str) -> None:
            folder = disk if person == "anna" else tmp_path
            done = run_client(["--server", server.address, *args], folder / person, env=PASSWORD)
            assert done.returncode == 0, done.stderr

        for person in ("anna", "boris"):
            client(person, "register", "--user", person, "--accept-new")
        for text in TEXTS:
            client("anna", "send", "general", text)
        assert callable(spoil)
        spoil(disk)
        client("boris", "send", "general", BIG)
        arguments = ["--server", server.address, "listen", "general", "--json"]
        with ClientProcess(arguments, disk / "anna", env=PASSWORD) as listener:
            shown = listener.wait_for_count(is_message, len(TEXTS), 15)
            assert [event["text"] for event in shown] == TEXTS
            wait_until(lambda: any(reason in line for line in listener.stderr), 15, "it says what is wrong")
            make_room(disk)
            assert listener.wait_for_count(is_message, len(TEXTS) + 1, 30)[-1]["text"] == BIG
            assert sum(reason in line for line in listener.stderr) == 1
            client("boris", "send", "general", "after")
            assert listener.wait_for_count(is_message, len(TEXTS) + 2, 15)[-1]["text"] == "after"


@pytest.mark.parametrize(("spoil", "reason"), [(fill, "the disk is full"), (read_only, "it may not be written")])
def test_chat_shows_stored_messages_and_reports_the_failure(
    tmp_path: Path, disk: Path, spoil: object, reason: str
) -> None:
    with ServerProcess(tmp_path / "server", host="127.0.0.1") as server:

        def anna(*args: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
            return run_client(["--server", server.address, *args], disk / "anna", env=PASSWORD, stdin=stdin)

        assert anna("register", "--user", "anna", "--accept-new").returncode == 0
        for text in TEXTS:
            assert anna("send", "general", text).returncode == 0
        assert callable(spoil)
        spoil(disk)
        done = anna("chat", "general", stdin="not stored\n")
        assert [line.rpartition(": ")[2] for line in done.stdout.splitlines()] == TEXTS
        assert "You are in general" in done.stderr
        assert reason in done.stderr
        make_room(disk)
        assert anna("chat", "general", stdin="stored\n").returncode == 0
        rows = json_lines(anna("history", "general", "--json").stdout)
        assert [row["text"] for row in rows] == [*TEXTS, "stored"]
