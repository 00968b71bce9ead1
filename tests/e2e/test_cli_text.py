"""Pasted text with invisible characters, through real programs: normalized, or refused with the code point named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_cli_client import PASSWORD, CliUser
from tests.e2e.test_cli_server import run_command as run_server
from tests.support.procs import ServerProcess, json_lines, run_client

JOINED = "می\u200cخواهم 👨\u200d👩\u200d👧"


@pytest.fixture(scope="module")
def run_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    config = folder / "notepad.toml"
    config.write_bytes('name = "\u202dBüro\u202c 🎉"\r\n'.encode("utf-8-sig"))
    with ServerProcess(folder / "data", host="127.0.0.1", extra=["--config", str(config)]) as running:
        assert running.ready["name"] == "Büro 🎉"
        running.add_account("root")
        yield running


@pytest.fixture(scope="module")
def anna(run_command: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> CliUser:
    profile = tmp_path_factory.mktemp("anna")
    password = profile / "password.txt"
    password.write_bytes("\ufeffcorrect horse\r\n".encode())
    account = ["--user", "an\u200bna", "--display-name", "\u2066Анна\u2069", "--email", "\u200ea@b.example"]
    trust = ["--invite", f"<{run_command.invite}>", "--password-file", str(password)]
    done = run_client(["register", *account, *trust, "--json"], profile / "profile")
    assert done.returncode == 0, done.stderr
    (row,) = json_lines(done.stdout)
    assert (row["user"], row["display_name"]) == ("anna", "Анна")
    return CliUser("anna", profile / "profile", run_command.address, PASSWORD)


def test_byte_order_mark_is_no_part_of_the_password(anna: CliUser, tmp_path: Path) -> None:
    done = run_client(
        ["login", "--user", "anna", "--server", anna.address, "--accept-new", "--json"], tmp_path / "p", env=PASSWORD
    )
    assert done.returncode == 0, done.stderr


def test_control_characters_are_removed_from_messages(anna: CliUser) -> None:
    anna.rows("send", "general", "\u202d1,234.50\u202c")
    anna.rows("send", "general", "-", stdin="\ufeffone\x0btwo\r\n")
    texts = [row["text"] for row in anna.rows("history", "general", "--limit", "2")]
    assert texts == ["1,234.50", "one\ntwo"]


def test_joiners_do_not_distinguish_room_names(anna: CliUser) -> None:
    (room,) = anna.rows("create-room", f"\u2066{JOINED}\u2069")
    assert room["room"] == JOINED
    assert "taken" in anna.error_of(4, "create-room", JOINED.replace("\u200c", "").replace("\u200d", ""))
    assert "taken" in anna.error_of(4, "create-room", f"\u200d{JOINED}\u200c\ufe0f")
    anna.rows("send", JOINED.replace("\u200d", ""), "found without joiners too")


def test_errors_name_forbidden_code_points(anna: CliUser) -> None:
    assert "U+E000" in anna.error_of(1, "create-room", "ab\ue000")
    assert "U+DCFF" in anna.error_of(1, "send", "general", "gr\udcff")


def test_server_commands_normalize_names(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_bytes(b"\xef\xbb\xbfcorrect horse\r\n")
    more = ("--password-file", str(password), "--json")
    done = run_server(tmp_path, "users", "add", "\u2066olga\u2069", "--display-name", "O\u200blga", *more)
    assert json_lines(done.stdout)[0]["user"] == "olga", done.stderr
    assert "U+E000" in run_server(tmp_path, "users", "add", "o\ue000", *more).stderr
    assert json_lines(run_server(tmp_path, "users", "list", "--json").stdout)[0]["display_name"] == "Olga"
    done = run_server(tmp_path, "users", "reset-password", "ol\u200bga", "--json")
    assert json_lines(done.stdout)[0]["user"] == "olga"


def test_variation_selector_does_not_split_a_reaction(anna: CliUser) -> None:
    (sent,) = anna.rows("send", "general", "cake")
    for heart in ("\u2764", "\u2764\ufe0f"):
        anna.rows("react", "general", str(sent["seq"]), heart)
    (row,) = [row for row in anna.rows("history", "general") if row["seq"] == sent["seq"]]
    assert list(row["reactions"]) == ["\u2764\ufe0f"]
    anna.rows("react", "general", str(sent["seq"]), "\u2764", "--remove")
    (row,) = [row for row in anna.rows("history", "general") if row["seq"] == sent["seq"]]
    assert not row["reactions"]
