"""Accounts and messages of the original program: imported by commands, then used over the network."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.test_cli_server import error_line, run_command
from tests.support.procs import ServerProcess, json_lines, run_client

SHORT = "12345"  # a password that nobody could choose today
DUMP = """-- MySQL dump
/*!40101 SET NAMES cp1251 */;
CREATE TABLE `users` (`id` int, `username` varchar(32), `password` char(32), `email` varchar(64));
INSERT INTO `users` VALUES (1,'anna','{anna}','anna@example.org'),(2,'Борис','{boris}',NULL),(3,'no good','{anna}','');
CREATE TABLE `messages` (`id` int, `sender_id` int, `receiver_id` int, `message` text, `created_at` datetime);
INSERT INTO `messages` VALUES
  (1,1,0,'Всем привет! It\\'s me','2009-02-13 23:31:30'),
  (2,2,1,'личное','2009-02-13 23:32:00'),
  (3,9,0,'whose?','2009-02-13 23:33:00');
"""


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    file = tmp_path / "old.sql"
    passwords = {"anna": hashlib.md5(SHORT.encode()).hexdigest(), "boris": hashlib.md5(b"x").hexdigest().upper()}
    file.write_bytes(DUMP.format(**passwords).encode("cp1251"))
    return file


def stored_hash(data: Path) -> str:
    connection = sqlite3.connect(data / "data" / "lanchat.sqlite3")
    try:
        [(found,)] = connection.execute("SELECT password_hash FROM users WHERE name = 'anna'").fetchall()
    finally:
        connection.close()
    return str(found)


def test_imported_people_log_in_and_read_what_they_said(tmp_path: Path, dump: Path) -> None:
    tried = json_lines(run_command(tmp_path, "import-users", str(dump), "--dry-run", "--json").stdout)[0]
    assert (tried["rows"], tried["added"], tried["skipped"], tried["dry_run"]) == (3, 2, 1, True)
    assert not (tmp_path / "data").exists()
    done = run_command(tmp_path, "import-users", str(dump))
    assert done.returncode == 0, done.stderr
    assert "line 4: no good: no name that a user can have" in done.stderr
    assert "There is no administrator yet" in done.stderr
    assert stored_hash(tmp_path).startswith("$md5$argon2id$")
    tried = json_lines(run_command(tmp_path, "import-messages", str(dump), "--dry-run", "--json").stdout)[0]
    assert (tried["added"], tried["skipped"], tried["dry_run"]) == (2, 1, True)
    assert not (tmp_path / "data" / "keys").exists()
    done = run_command(tmp_path, "import-messages", str(dump), "--utc", "--json")
    [report] = json_lines(done.stdout)
    assert (report["added"], report["skipped"]) == (2, 1)
    assert report["reasons"] == [{"line": 9, "about": "9", "reason": "no account of its author"}]
    again = json_lines(run_command(tmp_path, "import-messages", str(dump), "--utc", "--json").stdout)[0]
    assert (again["added"], again["present"]) == (0, 2)

    with ServerProcess(tmp_path / "data") as server:
        common = ["--server", f"127.0.0.1:{server.port}", "--accept-new", "--user", "anna", "--json"]
        wrong = run_client(["login", *common], tmp_path / "p", env={"LANCHAT_PASSWORD": "123456"})
        assert wrong.returncode == 4
        entered = run_client(["login", *common], tmp_path / "p", env={"LANCHAT_PASSWORD": SHORT})
        assert entered.returncode == 0, entered.stderr
        assert stored_hash(tmp_path).startswith("$argon2id$")
        again_in = run_client(["login", *common], tmp_path / "q", env={"LANCHAT_PASSWORD": SHORT})
        assert again_in.returncode == 0, again_in.stderr
        [row] = json_lines(run_client(["history", "general", *common], tmp_path / "p").stdout)
        assert (row["author"], row["text"], row["imported"]) == ("anna", "Всем привет! It's me", True)
        assert row["sent_at"] == "2009-02-13T23:31:30.000Z"
        [direct] = json_lines(run_client(["history", "@Борис", *common], tmp_path / "p").stdout)
        assert (direct["author"], direct["text"]) == ("Борис", "личное")
        plain = run_client(["history", "general", *common[:-1]], tmp_path / "p").stdout
        assert "anna (imported): Всем привет!" in plain
        busy = run_command(tmp_path, "import-users", str(dump))
        assert "stop it first" in error_line(busy)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.sql", b"INSERT INTO users VALUES ('a", "line 1: a text without an end"),
        ("x.csv", b"a,b\n1,2\n", "name and password is not among the columns"),
        ("x.csv", b"", "the file is empty"),
    ],
)
def test_files_that_cannot_be_read_are_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert said in error_line(run_command(tmp_path, "import-users", str(file)))
    assert "cannot be read" in error_line(run_command(tmp_path, "import-users", str(tmp_path / "absent.csv")))
