"""Text that was copied from elsewhere, through real programs: cleaned on every way in, named where it cannot be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_cli_client import PASSWORD, Person
from tests.e2e.test_cli_server import server as run_server
from tests.support.procs import ServerProcess, json_lines, run_client

JOINED = "می\u200cخواهم 👨\u200d👩\u200d👧"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    config = folder / "notepad.toml"
    config.write_bytes('name = "\u202dBüro\u202c 🎉"\r\n'.encode("utf-8-sig"))
    with ServerProcess(folder / "data", host="127.0.0.1", extra=["--config", str(config)]) as running:
        assert running.ready["name"] == "Büro 🎉"
        running.add_account("root")
        yield running


@pytest.fixture(scope="module")
def anna(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Person:
    profile = tmp_path_factory.mktemp("anna")
    password = profile / "password.txt"
    password.write_bytes("\ufeffcorrect horse\r\n".encode())
    account = ["--user", "an\u200bna", "--display-name", "\u2066Анна\u2069", "--email", "\u200ea@b.example"]
    trust = ["--invite", f"<{server.invite}>", "--password-file", str(password)]
    done = run_client(["register", *account, *trust, "--json"], profile / "profile")
    assert done.returncode == 0, done.stderr
    (row,) = json_lines(done.stdout)
    assert (row["user"], row["display_name"]) == ("anna", "Анна")
    return Person("anna", profile / "profile", server.address, PASSWORD)


def test_the_password_is_the_one_without_a_byte_order_mark(anna: Person, tmp_path: Path) -> None:
    done = run_client(
        ["login", "--user", "anna", "--server", anna.address, "--accept-new", "--json"], tmp_path / "p", env=PASSWORD
    )
    assert done.returncode == 0, done.stderr


def test_messages_are_cleaned(anna: Person) -> None:
    anna.call("send", "general", "\u202d1,234.50\u202c")
    anna.call("send", "general", "-", stdin="\ufeffone\x0btwo\r\n")
    texts = [row["text"] for row in anna.call("history", "general", "--limit", "2")]
    assert texts == ["1,234.50", "one\ntwo"]


def test_a_name_with_joiners_is_one_name(anna: Person) -> None:
    (room,) = anna.call("create-room", f"\u2066{JOINED}\u2069")
    assert room["room"] == JOINED
    assert "taken" in anna.refused(4, "create-room", JOINED.replace("\u200c", "").replace("\u200d", ""))
    assert "taken" in anna.refused(4, "create-room", f"\u200d{JOINED}\u200c\ufe0f")
    anna.call("send", JOINED.replace("\u200d", ""), "found without joiners too")


def test_what_cannot_be_cleaned_is_named(anna: Person) -> None:
    assert "U+E000" in anna.refused(1, "create-room", "ab\ue000")
    assert "U+DCFF" in anna.refused(1, "send", "general", "gr\udcff")


def test_the_administrators_commands_clean_names(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_bytes(b"\xef\xbb\xbfcorrect horse\r\n")
    more = ("--password-file", str(password), "--json")
    done = run_server(tmp_path, "users", "add", "\u2066olga\u2069", "--display-name", "O\u200blga", *more)
    assert json_lines(done.stdout)[0]["user"] == "olga", done.stderr
    assert "U+E000" in run_server(tmp_path, "users", "add", "o\ue000", *more).stderr
    assert json_lines(run_server(tmp_path, "users", "list", "--json").stdout)[0]["display_name"] == "Olga"
    done = run_server(tmp_path, "users", "reset-password", "ol\u200bga", "--json")
    assert json_lines(done.stdout)[0]["user"] == "olga"


def test_one_heart_is_one_reaction(anna: Person) -> None:
    (sent,) = anna.call("send", "general", "cake")
    for heart in ("\u2764", "\u2764\ufe0f"):
        anna.call("react", "general", str(sent["seq"]), heart)
    (row,) = [row for row in anna.call("history", "general") if row["seq"] == sent["seq"]]
    assert list(row["reactions"]) == ["\u2764\ufe0f"]
    anna.call("react", "general", str(sent["seq"]), "\u2764", "--remove")
    (row,) = [row for row in anna.call("history", "general") if row["seq"] == sent["seq"]]
    assert not row["reactions"]
