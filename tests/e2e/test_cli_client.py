"""The contract of the command line `lanchat`, end to end against a real server process."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaks import guard
from tests.support.ports import free_port
from tests.support.procs import (
    ROOT,
    ClientProcess,
    ServerProcess,
    json_lines,
    plain_environment,
    run_client,
)

PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}
RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
_number = count(1)


@dataclass
class CliUser:
    """A user profile at a server; its methods run commands of `lanchat`."""

    name: str
    profile: Path
    address: str
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, *args: str, stdin: str = "", timeout: float = 40.0) -> "subprocess.CompletedProcess[str]":
        return run_client(["--server", self.address, *args], self.profile, env=self.env, stdin=stdin, timeout=timeout)

    def rows(self, *args: str, code: int = 0, stdin: str = "") -> list[dict[str, Any]]:
        """The rows of a command that ends with this code."""
        done = self.run(*args, "--json", stdin=stdin)
        assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json_lines(done.stdout)

    def error_of(self, code: int, *args: str) -> str:
        """The one line on stderr of a command that ends with this code."""
        done = self.run(*args, "--json")
        assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def listen(self, *args: str) -> ClientProcess:
        return ClientProcess(["--server", self.address, "listen", *args, "--json"], self.profile, env=self.env)

    def register(self) -> "CliUser":
        done = run_client(
            ["register", "--user", self.name, "--server", self.address, "--accept-new", "--json"],
            self.profile,
            env={**PASSWORD, **self.env},
        )
        assert done.returncode == 0, done.stderr
        (row,) = json_lines(done.stdout)
        assert row["user"] == self.name
        return self


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), name="Office", host="127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def anna(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> CliUser:
    return CliUser("anna", tmp_path_factory.mktemp("anna"), server.address).register()


@pytest.fixture(scope="module")
def boris(server: ServerProcess, anna: CliUser, tmp_path_factory: pytest.TempPathFactory) -> CliUser:
    return CliUser("boris", tmp_path_factory.mktemp("boris"), server.address).register()


@pytest.fixture
def room(anna: CliUser, boris: CliUser) -> str:
    """A room of its own with both."""
    name = f"room{next(_number)}"
    anna.rows("create-room", name)
    boris.rows("join", name)
    return name


def is_message(text: str) -> Any:
    return lambda event: event["event"] == "message" and event["text"] == text


# --- Identity and accounts --------------------------------------------------------------------------------------------


def test_unknown_server_is_refused_without_explicit_trust(server: ServerProcess, tmp_path: Path) -> None:
    stranger = CliUser("vera", tmp_path, server.address, PASSWORD)
    said = stranger.error_of(5, "register", "--user", "vera")
    assert server.fingerprint in said
    stranger.error_of(5, "register", "--user", "vera", "--fingerprint", "ab" * 32)
    stranger.error_of(5, "register", "--user", "vera", "--accept-new", "--fingerprint", "ab" * 32)


@pytest.mark.parametrize("way", ["--fingerprint", "--invite"])
def test_fingerprint_and_invite_link_trust_only_the_named_server(
    server: ServerProcess, tmp_path: Path, way: str
) -> None:
    link = f"lanchat://{server.address}/#{server.fingerprint}"
    trust = [way, server.fingerprint, "--server", server.address] if way == "--fingerprint" else [way, link]
    name = f"user{next(_number)}"
    done = run_client(["register", "--user", name, "--json", *trust], tmp_path, env=PASSWORD)
    assert done.returncode == 0, done.stderr
    (row,) = json_lines(done.stdout)
    assert row["fingerprint"] == server.fingerprint
    # The server is known from now on: neither trust nor address has to be said again.
    done = run_client(["rooms", "--json"], tmp_path)
    assert [room["room"] for room in json_lines(done.stdout) if room["joined"]] == ["general"], done.stderr


def test_taken_names_and_wrong_passwords_are_refused(server: ServerProcess, anna: CliUser, tmp_path: Path) -> None:
    other = CliUser("anna", tmp_path, server.address, PASSWORD)
    other.error_of(4, "register", "--user", "Anna", "--accept-new")
    wrong = CliUser("anna", tmp_path, server.address, {"LANCHAT_PASSWORD": "wrong horse"})
    wrong.error_of(4, "login", "--user", "anna")
    wrong.error_of(4, "online", "--user", "anna")
    other.error_of(4, "online")
    assert [row["user"] for row in other.rows("online", "--user", "anna") if row["user"] == "anna"] == ["anna"]
    other.error_of(4, "online")


def test_login_persists_until_logout(server: ServerProcess, anna: CliUser, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    second = CliUser("anna", tmp_path / "second", server.address)
    (row,) = second.rows("login", "--user", "anna", "--password-file", str(file), "--accept-new")
    assert (row["user"], row["server"]) == ("anna", "Office")
    assert len([device for device in second.rows("devices") if not device["revoked"]]) >= 2
    second.rows("logout")
    second.error_of(4, "devices")


def test_revoked_device_is_logged_out(server: ServerProcess, anna: CliUser, tmp_path: Path) -> None:
    before = {device["id"] for device in anna.rows("devices")}
    second = CliUser("anna", tmp_path, server.address, PASSWORD)
    second.rows("login", "--user", "anna", "--accept-new")
    (new,) = {device["id"] for device in anna.rows("devices")} - before
    assert "password" in anna.error_of(2, "devices", "revoke", new[:8])
    CliUser("anna", anna.profile, server.address, PASSWORD).rows("devices", "revoke", new[:8])
    CliUser("anna", tmp_path, server.address).error_of(4, "devices")
    second.rows("login", "--user", "anna")
    second.rows("devices")


def test_password_command_replaces_the_password(server: ServerProcess, tmp_path: Path) -> None:
    name = f"user{next(_number)}"
    person = CliUser(name, tmp_path / "one", server.address, PASSWORD).register()
    new = tmp_path / "new"
    new.write_text("better horse")
    person.rows("password", "--new-password-file", str(new))
    again = CliUser(name, tmp_path / "two", server.address, PASSWORD)
    again.error_of(4, "login", "--user", name, "--accept-new")
    again.rows("login", "--user", name, "--password-file", str(new))


def test_recover_sets_a_password_with_an_administrators_code(
    server: ServerProcess, anna: CliUser, tmp_path: Path
) -> None:
    name = f"user{next(_number)}"
    CliUser(name, tmp_path / "one", server.address).register()
    argv = [sys.executable, "-m", "lanchat_server", "--data-dir", str(server.data_dir), "users", "reset-password", name]
    made = subprocess.run(argv, cwd=ROOT, env=plain_environment(tmp_path), capture_output=True, text=True)
    person = CliUser(name, tmp_path / "two", server.address, {"LANCHAT_PASSWORD": "brand new horse"})
    person.error_of(4, "recover", "--user", name, "--code", "0", "--accept-new")
    person.rows("recover", "--user", name, "--code", made.stdout.strip())
    person.rows("login", "--user", name)


def test_unreachable_server_exits_with_3(tmp_path: Path) -> None:
    nobody = CliUser("anna", tmp_path, f"127.0.0.1:{free_port()}", PASSWORD)
    for args in (["login", "--user", "anna"], ["send", "general", "hi"], ["history", "general"], ["rooms"]):
        nobody.error_of(3, *args, "--timeout", "3")


# --- Rooms and messages -----------------------------------------------------------------------------------------------


def test_create_join_and_leave_rooms(anna: CliUser, boris: CliUser) -> None:
    name = f"Küche {next(_number)}"
    (made,) = anna.rows("create-room", name)
    assert (made["room"], made["kind"], made["joined"]) == (name, "public", True)
    assert {room["room"]: room["joined"] for room in boris.rows("rooms")}[name] is False
    boris.error_of(4, "send", name, "not yet")
    boris.rows("join", name)
    boris.rows("send", name, "now")
    boris.rows("leave", name)
    boris.error_of(4, "send", name, "no more")
    boris.error_of(1, "join", "no such room")


def test_private_room_admits_invited_users_only(anna: CliUser, boris: CliUser) -> None:
    name = f"secret{next(_number)}"
    anna.rows("create-room", name, "--private")
    assert name not in [room["room"] for room in boris.rows("rooms")]
    anna.rows("invite", name, "boris")
    boris.rows("send", name, "thanks")
    anna.rows("remove", name, "boris")
    assert boris.run("send", name, "still here?").returncode in (1, 4)


def test_send_listen_and_history_agree(anna: CliUser, boris: CliUser, room: str) -> None:
    (sent,) = anna.rows("send", room, "before")
    assert set(sent) == {"id", "room", "seq"}
    assert sent["room"] == room
    with boris.listen(room, "--history", "10") as listener:
        live = listener.wait_for(lambda event: event["event"] == "live", 20)
        assert set(live) == {"event", "room", "head"}
        assert live["head"] == sent["seq"]
        (after,) = anna.rows("send", room, "-", stdin="two\nlines 👋\n")
        assert after["seq"] == sent["seq"] + 1
        event = listener.wait_for(is_message("two\nlines 👋"))
        assert event == {
            "event": "message",
            "room": room,
            "seq": after["seq"],
            "id": after["id"],
            "author": "anna",
            "text": "two\nlines 👋",
            "sent_at": event["sent_at"],
            "stored_at": event["stored_at"],
            "stored": True,
        }
        assert RFC3339.match(event["sent_at"])
        assert RFC3339.match(event["stored_at"])
        kinds = [said["event"] for said in listener.events if said["event"] in ("message", "live")]
        assert kinds == ["message", "live", "message"]
        states = [said["state"] for said in listener.events if said["event"] == "state"]
        assert states[-1] == "live"
        assert set(states) <= {"connecting", "syncing", "live"}
        assert all(set(said) == {"event", "state", "peers"} for said in listener.events if said["event"] == "state")
    rows = boris.rows("history", room)
    assert [(row["seq"], row["text"]) for row in rows] == [
        (sent["seq"], "before"),
        (after["seq"], "two\nlines 👋"),
    ]
    assert set(rows[0]) >= {"seq", "id", "author", "text", "sent_at", "stored", "edited", "deleted", "reactions"}


def test_replies_edits_reactions_and_deletions(anna: CliUser, boris: CliUser, room: str) -> None:
    (first,) = anna.rows("send", room, "frist")
    with boris.listen(room) as listener:
        listener.wait_for(lambda event: event["event"] == "live", 20)
        (answer,) = boris.rows("send", room, "pardon?", "--reply-to", str(first["seq"]))
        target = str(first["seq"])
        (edit,) = anna.rows("edit", room, target, "first")
        assert edit["target"] == first["seq"]
        boris.rows("react", room, target, "👍")
        boris.rows("react", room, target, "🎉")
        boris.rows("react", room, target, "🎉", "--remove")
        anna.rows("react", room, target, "👍")
        (deletion,) = boris.rows("delete", room, str(answer["seq"]))
        gone = listener.wait_for(lambda event: event["event"] == "delete")
        assert (gone["target"], gone["author"], gone["seq"]) == (answer["seq"], "boris", deletion["seq"])
        changed = listener.wait_for(lambda event: event["event"] == "edit")
        assert (changed["target"], changed["text"], changed["seq"]) == (first["seq"], "first", edit["seq"])
        reactions = [event for event in listener.events if event["event"] == "reaction"]
        assert [(event["author"], event["emoji"], event["removed"]) for event in reactions] == [
            ("boris", "👍", False),
            ("boris", "🎉", False),
            ("boris", "🎉", True),
            ("anna", "👍", False),
        ]
        assert listener.wait_for(is_message("pardon?"))["reply_to"] == first["seq"]
    rows = {row["seq"]: row for row in anna.rows("history", room)}
    assert set(rows) == {first["seq"], answer["seq"]}
    one, two = rows[first["seq"]], rows[answer["seq"]]
    assert (one["text"], one["edited"], one["deleted"]) == ("first", True, False)
    assert {emoji: sorted(users) for emoji, users in one["reactions"].items()} == {"👍": ["anna", "boris"]}
    assert (two["text"], two["deleted"], two["reply_to"]) == ("", True, first["seq"])
    assert boris.run("edit", room, target, "mine now").returncode in (1, 4)


def test_direct_messages_reach_the_partner(anna: CliUser, boris: CliUser) -> None:
    text = f"between us {next(_number)}"
    (sent,) = anna.rows("send", "@boris", text)
    assert sent["room"] == "@boris"
    rows = boris.rows("history", "@anna")
    assert (rows[-1]["text"], rows[-1]["room"]) == (text, "@anna")
    assert "@anna" in [room["room"] for room in boris.rows("rooms")]
    assert anna.run("send", "@nobody", "hi").returncode == 1


def test_history_limit_before_and_search(anna: CliUser, boris: CliUser, room: str) -> None:
    done = anna.run("chat", room, stdin="".join(f"word{n} apple\n" for n in range(1, 13)))
    assert done.returncode == 0, done.stderr
    assert [row["text"] for row in boris.rows("history", room, "--limit", "2")] == ["word11 apple", "word12 apple"]
    rows = boris.rows("history", room, "--limit", "3", "--before", "5")
    assert [row["seq"] for row in rows] == [2, 3, 4]
    assert [row["text"] for row in boris.rows("history", room, "--search", "app WORD3")] == ["word3 apple"]
    assert [row["seq"] for row in boris.rows("history", room, "--search", "apple", "--limit", "3")] == [10, 11, 12]
    assert boris.rows("history", room, "--search", "pear") == []


def test_count_and_for_end_a_listener(anna: CliUser, boris: CliUser, room: str) -> None:
    for text in ("one", "two", "three"):
        anna.rows("send", room, text)
    events = boris.rows("listen", room, "--count", "2", "--history", "2")
    assert [event["text"] for event in events if event["event"] == "message"] == ["two", "three"]
    events = boris.rows("listen", room, "--for", "3", "--history", "0")
    assert [event["event"] for event in events if event["event"] != "state"] == ["live"]


def test_receipts_list_members_that_received_a_message(anna: CliUser, boris: CliUser, room: str) -> None:
    (sent,) = anna.rows("send", room, "for boris")
    with boris.listen(room) as listener:
        listener.wait_for(is_message("for boris"), 20)
        rows: list[dict[str, Any]] = []
        for _try in range(20):  # receipts go out once a second at most
            rows = anna.rows("receipts", room, str(sent["seq"]))
            if rows and rows[0]["received"]:
                break
    assert [(row["user"], row["received"], row["read"]) for row in rows] == [("boris", True, False)]


def test_online_lists_connected_users(anna: CliUser, boris: CliUser, room: str) -> None:
    with boris.listen(room) as listener:
        listener.wait_for(lambda event: event["event"] == "live", 20)
        online = {row["user"]: row for row in anna.rows("online")}
        assert online["boris"]["state"] == "online"
        assert {"anna", "boris"} <= set(online)
    assert {row["user"] for row in anna.rows("online", "--all")} >= {"anna", "boris"}


@pytest.mark.parametrize("suffix", [".jsonl", ".txt"])
def test_export_contains_all_messages_of_a_room(anna: CliUser, room: str, tmp_path: Path, suffix: str) -> None:
    anna.run("chat", room, stdin="".join(f"line {n}\n" for n in range(25)))
    file = tmp_path / f"room{suffix}"
    (row,) = anna.rows("export", room, str(file))
    assert row["messages"] == 25
    lines = file.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] if suffix == ".jsonl" else line.partition(": ")[2] for line in lines]
    assert texts == [f"line {n}" for n in range(25)]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(f".{file.name}")] == []


def test_chat_reads_commands_from_a_pipe(anna: CliUser, boris: CliUser, room: str) -> None:
    anna.rows("send", room, "earlier")
    done = boris.run("chat", room, stdin="hello\n/reply 1 to you\n/who\n/quit\nnever\n")
    assert done.returncode == 0, done.stderr
    lines = [line.partition("#")[2] for line in done.stdout.splitlines()]
    assert lines == ["1 anna: earlier", "2 boris: hello", "3 boris (reply to #1): to you"]
    assert "anna" in done.stderr
    assert [row["text"] for row in anna.rows("history", room)] == ["earlier", "hello", "to you"]


@pytest.mark.parametrize("text", ["", " \n", "x" * 4001, "\u202e", "\x07\ufeff", "gr\udcfcn"])
def test_invalid_texts_are_refused(anna: CliUser, room: str, text: str) -> None:
    done = anna.run("send", room, text)
    assert done.returncode in (1, 4)
    assert done.stderr.count("\n") == 1
    assert anna.rows("history", room) == []


def test_the_longest_text_is_sent(anna: CliUser, boris: CliUser, room: str) -> None:
    text = "ü👋" * 2000
    anna.rows("send", room, "-", stdin=text)
    assert boris.rows("history", room)[0]["text"] == text


# --- Server away, server changed --------------------------------------------------------------------------------------


def test_message_stays_queued_until_the_server_returns(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server", host="127.0.0.1") as first:
        person = CliUser("anna", tmp_path / "anna", first.address).register()
        person.rows("send", "general", "one")
        assert [row["text"] for row in person.rows("history", "general")] == ["one"]
        first.stop()
        person.error_of(6, "send", "general", "two", "--timeout", "2")
        (pending,) = person.rows("send", "general", "three", "--allow-pending", "--timeout", "2")
        assert (set(pending), pending["stored"]) == ({"id", "room", "stored"}, False)
        rows = person.rows("history", "general", "--timeout", "2")
        assert [(row["text"], row["stored"]) for row in rows] == [("one", True), ("two", False), ("three", False)]
        assert rows[-1]["seq"] is None
        with first.restart():
            person.rows("send", "general", "four")
            rows = person.rows("history", "general")
            assert [row["seq"] for row in rows] == [1, 2, 3, 4]
            assert sorted(row["text"] for row in rows) == ["four", "one", "three", "two"]
            assert {row["text"]: row["id"] for row in rows}["three"] == pending["id"]


def test_listener_survives_restart_without_gap_or_duplicate(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server", host="127.0.0.1") as first:
        anna = CliUser("anna", tmp_path / "anna", first.address).register()
        boris = CliUser("boris", tmp_path / "boris", first.address).register()
        with boris.listen("general") as listener:
            listener.wait_for(lambda event: event["event"] == "live", 20)
            anna.rows("send", "general", "before")
            listener.wait_for(is_message("before"))
            first.kill()
            listener.wait_for(lambda event: event.get("state") == "away", 20)
            with first.restart():
                anna.rows("send", "general", "after")
                listener.wait_for(is_message("after"), 40)
                messages = [event["seq"] for event in listener.events if event["event"] == "message"]
                assert messages == [1, 2]
                assert len([event for event in listener.events if event["event"] == "live"]) == 1


def test_changed_server_identity_exits_with_5(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server", host="127.0.0.1") as first:
        person = CliUser("anna", tmp_path / "anna", first.address, PASSWORD).register()
        first.stop()
        shutil.rmtree(first.data_dir)
        with first.restart() as impostor:
            assert impostor.fingerprint != first.fingerprint
            for args in (["send", "general", "hi", "--allow-pending"], ["login", "--user", "anna"], ["rooms"]):
                person.error_of(5, *args)
                person.error_of(5, *args, "--accept-new")


# --- As a program among programs -------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
def test_ctrl_c_ends_a_listener_with_130(anna: CliUser, room: str) -> None:
    with anna.listen(room) as listener:
        listener.wait_for(lambda event: event["event"] == "live", 20)
        listener.signal(signal.SIGINT)
        assert listener.wait(10) == 130
        assert listener.stderr == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
@pytest.mark.parametrize("delay", [0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
def test_ctrl_c_at_any_moment_leaves_no_traceback(anna: CliUser, room: str, delay: float) -> None:
    with ClientProcess(["--server", anna.address, "listen", room], anna.profile) as listener:
        try:
            listener.wait(delay)
        except TimeoutError:
            listener.signal(signal.SIGINT)
            listener.wait(15)
    err = "\n".join(listener.stderr)
    if "lanchat" in err or not err:  # else it was not our turn yet: the interpreter was still starting
        assert (listener.returncode in (130, -signal.SIGINT), err) == (True, "")


def test_closed_output_pipe_is_no_error(anna: CliUser, room: str) -> None:
    for text in ("one", "two", "three"):
        anna.rows("send", room, text)
    command = [sys.executable, "-m", "lanchat", "--profile", str(anna.profile), "--server", anna.address]
    process = subprocess.Popen(
        [*command, "history", room],
        cwd=ROOT,
        env=plain_environment(anna.profile),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(20) == 0
    errors = process.stderr.read()
    guard.text("lanchat history", errors)
    assert errors == b""
    process.stderr.close()


@pytest.mark.parametrize(
    ("language", "words"), [("en_US.UTF-8", "Not logged in"), ("ru_RU.UTF-8", "Вход не выполнен"), ("C", "Not logged")]
)
def test_errors_are_in_the_users_language(server: ServerProcess, tmp_path: Path, language: str, words: str) -> None:
    person = CliUser("x", tmp_path, server.address, {"LANG": language})
    assert words in person.error_of(4, "send", "general", "hi", "--accept-new")


def test_output_is_utf8_in_any_locale(anna: CliUser, room: str) -> None:
    text = "Привет 👋"
    foreign = CliUser("anna", anna.profile, anna.address, {"LANG": "C", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    foreign.rows("send", room, "-", stdin=text)
    assert text in foreign.run("history", room).stdout
    assert foreign.rows("history", room)[0]["text"] == text


def test_concurrent_commands_of_one_profile_succeed(anna: CliUser, boris: CliUser, room: str) -> None:
    with boris.listen(room) as listener:
        listener.wait_for(lambda event: event["event"] == "live", 20)
        argv = ["--server", anna.address, "send", room]
        senders = [ClientProcess([*argv, f"text {n}"], anna.profile) for n in range(4)]
        assert [sender.wait(60) for sender in senders] == [0] * 4
        listener.wait_for_count(lambda event: event["event"] == "message", 4)
    assert sorted(row["text"] for row in boris.rows("history", room)) == [f"text {n}" for n in range(4)]


def column(rows: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    return [row[key] for row in rows]


def test_discover_and_register_find_the_server(tmp_path: Path) -> None:
    port = free_port()
    with ServerProcess(tmp_path / "server", name="Findable", discovery_port=port) as running:
        search = ["--discovery-port", str(port), "--json"]
        done = run_client(["discover", "--timeout", "3", *search], tmp_path / "anna")
        assert done.returncode == 0, done.stderr
        mine = [row for row in json_lines(done.stdout) if row["fingerprint"] == running.fingerprint]
        assert mine
        assert set(mine[0]) == {"name", "host", "port", "fingerprint", "via"}
        assert (mine[0]["name"], mine[0]["port"]) == ("Findable", running.port)
        assert set(column(mine, "via")) <= {"zeroconf", "probe", "peer"}
        argv = ["register", "--user", "anna", "--fingerprint", running.fingerprint, *search]
        done = run_client(argv, tmp_path / "anna", env=PASSWORD)
        assert done.returncode == 0, done.stderr


def test_a_search_without_an_answer_ends_with_3(tmp_path: Path) -> None:
    done = run_client(["discover", "--timeout", "1", "--discovery-port", str(free_port()), "--json"], tmp_path)
    if json_lines(done.stdout):  # somebody else's server announces itself by DNS-SD on this computer
        assert done.returncode == 0
    else:
        assert (done.returncode, done.stderr.count("\n")) == (3, 1)


def test_session_over_the_limit_is_refused_at_once(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server") as server:
        person = CliUser("anna", tmp_path / "anna", server.address, PASSWORD)
        person.rows("register", "--user", "anna", "--accept-new")
        listeners = [person.listen("general") for _ in range(5)]
        try:
            for listener in listeners:
                listener.wait_for(lambda event: event.get("event") == "live", 20)
            assert "too many times" in person.error_of(4, "send", "general", "hello")
            listeners[0].stop()
            assert person.rows("send", "general", "hello")[0]["seq"] == 1
        finally:
            for listener in listeners:
                listener.kill()
