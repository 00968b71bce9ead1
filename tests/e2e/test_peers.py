"""Clients that reach each other: real processes, with and without their server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_cli_client import CliUser
from tests.support.procs import ROOT, ClientProcess, ServerProcess, json_lines, plain_environment


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[ServerProcess, list[CliUser]]]:
    with ServerProcess(tmp_path / "server", name="Office", host="127.0.0.1") as server:
        anna, boris, carla = (CliUser(name, tmp_path / name, server.address) for name in ("anna", "boris", "carla"))
        yield server, [user.register() for user in (anna, boris, carla)]


def reaches(count: int, *states: str) -> Any:
    def accept(event: dict[str, Any]) -> bool:
        return event["event"] == "state" and event["peers"] == count and (not states or event["state"] in states)

    return accept


def test_clients_reach_each_other_and_go_on_without_the_server(office: tuple[ServerProcess, list[CliUser]]) -> None:
    server, (anna, boris, carla) = office
    listeners: list[ClientProcess] = []
    try:
        listeners = [user.listen("general") for user in (anna, boris)]
        for listener in listeners:
            listener.wait_for(reaches(1), 30)
        paths = {(row["user"], row["path"]) for row in carla.rows("peers")}
        assert paths == {("anna", "direct"), ("boris", "direct")}
        server.kill()
        for listener in listeners:
            away = listener.wait_for(lambda event: event["event"] == "state" and event["state"] == "away", 30)
            assert away["peers"] >= 1
        paths = {(row["user"], row["path"]) for row in carla.rows("peers")}
        assert paths == {("anna", "direct"), ("boris", "direct")}
    finally:
        for listener in listeners:
            listener.kill()


def test_client_without_udp_reaches_nobody(office: tuple[ServerProcess, list[CliUser]]) -> None:
    _server, (anna, boris, _carla) = office
    with boris.listen("general") as listener:
        listener.wait_for(lambda event: event["event"] == "live", 20)
        assert anna.rows("peers", "--no-udp") == []


def test_talk_goes_on_without_the_server_and_is_handed_in(office: tuple[ServerProcess, list[CliUser]]) -> None:
    """The author is killed before the server is back: somebody else hands in what was said."""
    server, (anna, boris, carla) = office
    author = conversation(anna)
    try:
        with boris.listen("general") as listener:
            listener.wait_for(reaches(1), 30)
            server.kill()
            listener.wait_for(lambda event: event["event"] == "state" and event["state"] == "away", 30)
            assert author.stdin is not None
            author.stdin.write("said without the server\n")
            author.stdin.flush()
            said = listener.wait_for(lambda event: event["event"] == "message", 30)
            assert (said["author"], said["text"]) == ("anna", "said without the server")
            assert (said["seq"], said["stored"]) == (None, False)
            author.kill()
            author.wait()
            with server.restart():
                stored = listener.wait_for(lambda event: event["event"] == "stored", 60)
                assert stored["id"] == said["id"]
                assert [row["text"] for row in carla.rows("history", "general")] == ["said without the server"]
    finally:
        author.kill()
        author.communicate()


def test_late_comer_gets_what_was_said_without_the_server(office: tuple[ServerProcess, list[CliUser]]) -> None:
    """Somebody who was there before starts while the server is away, and finds the others by their last addresses."""
    server, (anna, boris, carla) = office
    author = conversation(anna)
    try:
        with boris.listen("general") as listener:
            listener.wait_for(reaches(1), 30)
            with carla.listen("general") as earlier:
                earlier.wait_for(reaches(2), 30)
            assert author.stdin is not None
            author.stdin.write("stored\n")
            author.stdin.flush()
            listener.wait_for(lambda event: event["event"] == "message" and event["stored"], 30)
            server.kill()
            listener.wait_for(lambda event: event["event"] == "state" and event["state"] == "away", 30)
            author.stdin.write("said before\n")
            author.stdin.flush()
            listener.wait_for(lambda event: event["event"] == "message" and not event["stored"], 30)
            with carla.listen("general") as late:
                seen: set[tuple[str, str, bool]] = set()

                def has_both(event: dict[str, Any]) -> bool:
                    if event["event"] == "message":
                        seen.add((event["author"], event["text"], event["stored"]))
                    return len(seen) == 2

                late.wait_for(has_both, 60)
                assert seen == {("anna", "stored", True), ("anna", "said before", False)}
    finally:
        author.kill()
        author.communicate()


def administer(server: ServerProcess, *args: str) -> list[dict[str, Any]]:
    """The rows of a command on the server's computer, whether it runs or not."""
    command = [sys.executable, "-m", "lanchat_server", *args, "--data-dir", str(server.data_dir), "--json"]
    environment = plain_environment(server.data_dir)
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json_lines(done.stdout)


def conversation(user: CliUser) -> "subprocess.Popen[str]":
    """`lanchat chat` with a pipe to write to."""
    command = [sys.executable, "-m", "lanchat", "--profile", str(user.profile), "--server", user.address]
    return subprocess.Popen(
        [*command, "chat", "general", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=plain_environment(user.profile),
        cwd=ROOT,
        text=True,
    )


def test_changes_are_shown_without_the_server_and_stored_once(office: tuple[ServerProcess, list[CliUser]]) -> None:
    """The state comes before what was changed, that before the number that it gets."""
    server, (anna, boris, carla) = office
    seq = anna.rows("send", "general", "first")[0]["seq"]
    author = conversation(anna)
    try:
        with boris.listen("general") as listener:
            listener.wait_for(reaches(1), 30)
            server.kill()
            away = listener.wait_for(lambda event: event["event"] == "state" and event["state"] == "away", 30)
            assert away["peers"] >= 1
            assert author.stdin is not None
            author.stdin.write(f"/edit {seq} better\n/react {seq} 👍\n")
            author.stdin.flush()
            edit = listener.wait_for(lambda event: event["event"] == "edit", 30)
            reaction = listener.wait_for(lambda event: event["event"] == "reaction", 30)
            assert (edit["target"], edit["text"], edit["seq"], edit["stored"]) == (seq, "better", None, False)
            author.kill()
            author.wait()
            with server.restart():
                stored = listener.wait_for_count(lambda event: event["event"] == "stored", 2, 60)
                assert {event["id"] for event in stored} == {edit["id"], reaction["id"]}
                (row,) = carla.rows("history", "general")
                assert (row["text"], row["edited"], row["reactions"]) == ("better", True, {"👍": ["anna"]})
    finally:
        author.kill()
        author.communicate()


def test_messages_of_a_revoked_author_wait_for_an_administrator(office: tuple[ServerProcess, list[CliUser]]) -> None:
    server, (anna, boris, carla) = office
    author = conversation(anna)
    try:
        with boris.listen("general") as listener:
            listener.wait_for(reaches(1), 30)
            server.kill()
            listener.wait_for(lambda event: event["event"] == "state" and event["state"] == "away", 30)
            assert author.stdin is not None
            author.stdin.write("one\ntwo\n")
            author.stdin.flush()
            said = listener.wait_for_count(lambda event: event["event"] == "message", 2, 30)
            author.kill()
            author.wait()
            (device,) = administer(server, "users", "devices", "anna")
            administer(server, "users", "revoke-device", "anna", device["id"])
            with server.restart():
                refused = listener.wait_for_count(lambda event: event["event"] == "refused", 2, 60)
                assert {event["id"] for event in refused} == {event["id"] for event in said}
                kept = administer(server, "quarantine", "list")
                assert [(row["text"], row["author"], row["handed_in_by"]) for row in kept] == [
                    ("one", "anna", "boris"),
                    ("two", "anna", "boris"),
                ]
                (status,) = administer(server, "status")
                assert (status["quarantined"], status["handed_in"][0]["quarantined"]) == (2, 2)
                assert administer(server, "quarantine", "take", kept[1]["id"])[0]["seq"] == 1
                taken = listener.wait_for(lambda event: event["event"] == "message" and event["stored"], 30)
                assert (taken["text"], taken["id"]) == ("two", kept[1]["id"])
                administer(server, "quarantine", "drop", "--author", "anna")
                assert administer(server, "quarantine", "list") == []
                assert [row["text"] for row in carla.rows("history", "general")] == ["two"]
    finally:
        author.kill()
        author.communicate()
