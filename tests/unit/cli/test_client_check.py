"""`lanchat --check`: SQLite and Argon2 of the client, and all checks together."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from nacl import bindings

from lanchat.checks.runner import CheckFailed, Finding
from lanchat.cli.commands import check
from lanchat.cli.main import run
from lanchat.core.ports import LocalStoreError
from lanchat.protocol.problems import Problem
from lanchat.store.database import Database


def test_sqlite_writes_and_reads() -> None:
    assert check.check_sqlite().values["version"].startswith("3.")


def test_missing_scratch_folder_fails_sqlite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(OSError):
        check.check_sqlite()


def test_full_disk_fails_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **named: Any) -> Any:
        raise LocalStoreError(Problem.DISK_FULL)

    monkeypatch.setattr(Database, "write", full)
    with pytest.raises(CheckFailed, match="full"):
        check.check_sqlite()


def test_lost_row_fails_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "read", lambda self, work: [])
    with pytest.raises(CheckFailed, match="not there any more"):
        check.check_sqlite()


def test_argon2_recognizes_a_password() -> None:
    assert check.check_argon2().values["version"]


def test_hash_that_fits_every_password_fails_argon2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "crypto_pwhash_str_verify", lambda stored, password: True)
    with pytest.raises(CheckFailed, match="wrong password"):
        check.check_argon2()


def test_hash_that_fits_no_password_fails_argon2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_PASSWORD", b"one")
    make = bindings.crypto_pwhash_str_alg
    monkeypatch.setattr(bindings, "crypto_pwhash_str_alg", lambda password, *rest: make(b"other", *rest))
    with pytest.raises(CheckFailed, match="right password"):
        check.check_argon2()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr("lanchat.checks.network.check_mdns", lambda: Finding("found"))


@pytest.mark.usefixtures("quick")
def test_all_checks_are_made(capsys: Any) -> None:
    assert run(["--check", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["check"] for line in lines] == ["tls", "udp", "mdns", "sqlite", "argon2", "tk"]
    assert all(line["ok"] for line in lines)


@pytest.mark.usefixtures("quick")
def test_one_failure_makes_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(Database, "read", lambda self, work: [])
    assert run(["--check", "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["check"] for line in lines if not line["ok"]] == ["sqlite"]
