"""`init-db --dry-run`, as a setup asks before it makes anything: exit codes, and nothing is changed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mariadb import MariaDB
from tests.support.ports import free_port
from tests.support.procs import ROOT, plain_environment
from tests.support.waiting import patient

SECRET = "a secret: of nobody/else"


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    with MariaDB() as server:
        yield server


def init_db(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "lanchat_server", "init-db", "--data-dir", str(folder), "--json", *args],
        env=plain_environment(folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patient(60),
    )
    assert len(done.stderr.splitlines()) == (done.returncode != 0)
    assert SECRET not in done.stderr
    return done


def url(server: MariaDB, name: str = "dry", user: str = "chat") -> str:
    return server.url(name, user, "a%20secret%3A%20of%20nobody%2Felse")


@pytest.mark.mariadb
def test_dry_run_then_the_same_without(server: MariaDB, tmp_path: Path) -> None:
    admin = tmp_path / "admin.txt"
    admin.write_text(f"\ufeff{server.url()}\r\n", encoding="utf-8")
    arguments = ["--database", url(server), "--admin-url-file", str(admin)]
    for expected in (False, True):
        done = init_db(tmp_path, *arguments, "--dry-run")
        assert (done.returncode, json.loads(done.stdout)["exists"]) == (0, expected)
        found = {name for (name,) in server.execute("SHOW DATABASES")}
        assert ("dry" in found) is expected
        assert init_db(tmp_path, *arguments).returncode == 0
    assert init_db(tmp_path, "--database", url(server), "--dry-run").returncode == 0


@pytest.mark.mariadb
def test_wrong_password_and_missing_rights_end_with_4(server: MariaDB, tmp_path: Path) -> None:
    wrong = server.url("", "root", "wrong")
    assert init_db(tmp_path, "--database", url(server), "--admin-url", wrong, "--dry-run").returncode == 4
    assert init_db(tmp_path, "--database", url(server, user="nobody"), "--dry-run").returncode == 4
    server.execute("CREATE USER IF NOT EXISTS 'clerk'@'%%' IDENTIFIED BY 'clerk'")
    clerk = server.url("", "clerk", "clerk")
    done = init_db(tmp_path, "--database", url(server, "other"), "--admin-url", clerk, "--dry-run")
    assert done.returncode == 4
    assert "CREATE" in done.stderr


def test_server_that_does_not_answer_ends_with_3(tmp_path: Path) -> None:
    away = f"mysql://chat:x@127.0.0.1:{free_port()}/chat"
    assert init_db(tmp_path, "--database", away, "--dry-run").returncode == 3
    assert init_db(tmp_path, "--database", away).returncode == 3


def test_embedded_database_needs_nothing(tmp_path: Path) -> None:
    done = init_db(tmp_path, "--dry-run")
    assert (done.returncode, json.loads(done.stdout)["exists"]) == (0, False)
    assert not list(tmp_path.glob("*.sqlite3"))


@pytest.mark.parametrize("content", ["", "no url", b"\xff\xfe", None])
def test_file_without_a_url_is_a_usage_error(tmp_path: Path, content: str | bytes | None) -> None:
    file = tmp_path / "admin.txt"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert init_db(tmp_path, "--database", "mysql://a:b@c/d", "--admin-url-file", str(file)).returncode == 2
