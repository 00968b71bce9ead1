"""`lanchat send-file` and `get-file` against a real server, on SQLite and MariaDB: sent, fetched by another, resumed
after kills of both sides, refused without anything half stored."""

import hashlib
import json
import os
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.test_cli_client import CliUser
from tests.support.procs import ClientProcess, ServerProcess
from tests.support.waiting import wait_until

MIB = 1 << 20
QUOTA = 96 * MIB
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals, and names that Windows does not take")


@pytest.fixture(scope="module")
def server(file_database: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    settings = folder / "server.toml"
    settings.write_text(f"[limits]\nuser_file_octets = {QUOTA}\nfiles_reserve_mib = 0\n")
    process = ServerProcess(folder / "data", database=file_database, extra=["--config", str(settings)])
    with process as running:
        yield running


@pytest.fixture(scope="module")
def people(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], CliUser]:
    def new(name: str) -> CliUser:
        return CliUser(name, tmp_path_factory.mktemp(name), f"127.0.0.1:{server.port}").register()

    new("admin")
    return new


def a_file(folder: Path, size: int, name: str = "plan.pdf") -> Path:
    """Contents that no other test has."""
    path = folder / name
    path.write_bytes(os.urandom(min(size, MIB)) * (size // MIB or 1))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_file_is_sent_listed_and_fetched_by_another(people: Callable[[str], CliUser], tmp_path: Path) -> None:
    anna, boris = people("anna"), people("boris")
    path = a_file(tmp_path, 3 * MIB)
    (sent,) = anna.rows("send-file", "general", str(path), "--text", "as promised")
    digest = sha256(path)
    assert sent.keys() == {"id", "room", "seq", "files"}
    assert sent["files"] == [{"name": "plan.pdf", "size": 3 * MIB, "sha256": digest}]
    named = [{"name": "plan.pdf", "size": 3 * MIB, "sha256": digest, "type": "application/pdf"}]

    (row,) = boris.rows("history", "general", "--limit", "1")
    assert (row["seq"], row["text"], row["files"]) == (sent["seq"], "as promised", named)
    listed = boris.rows("listen", "general", "--history", "1", "--count", "1")
    assert [event["files"] for event in listed if event["event"] == "message"] == [named]
    assert "plan.pdf" in boris.run("history", "general", "--limit", "1").stdout

    out = tmp_path / "out"
    out.mkdir()
    (saved,) = boris.rows("get-file", "general", str(sent["seq"]), "--out", str(out))
    assert saved == {
        "path": str(out / "plan.pdf"),
        "size": 3 * MIB,
        "sha256": digest,
        "sources": {"server": 3 * MIB, "peers": 0},
    }
    assert sha256(out / "plan.pdf") == digest
    (again,) = boris.rows("get-file", "general", str(sent["seq"]), "--out", str(out))
    assert (again["path"], again["sources"]["server"]) == (saved["path"], 0)
    boris.error_of(1, "get-file", "general", str(sent["seq"]), "--index", "1", "--out", str(out))
    assert os.listdir(out) == ["plan.pdf"]

    text = tmp_path / "general.jsonl"
    (exported,) = boris.rows("export", "general", str(text))
    assert exported["files"] == 1
    assert sha256(tmp_path / "general.jsonl.files" / str(sent["seq"]) / "plan.pdf") == digest
    assert json.loads(text.read_text().splitlines()[-1])["files"] == named


def test_standard_input_folder_and_hostile_name(people: Callable[[str], CliUser], tmp_path: Path) -> None:
    vera = people("vera")
    (tmp_path / "plans" / "sub").mkdir(parents=True)
    (tmp_path / "plans" / "sub" / "a.txt").write_text("first")
    hostile = a_file(tmp_path, 10, "photo\u202egnp.exe") if sys.platform != "win32" else a_file(tmp_path, 10)
    (sent,) = vera.rows("send-file", "general", "-", str(tmp_path / "plans"), str(hostile), stdin="typed")
    assert [file["name"] for file in sent["files"]][:2] == ["stdin", "plans.zip"]
    assert "\u202e" not in sent["files"][2]["name"]
    number = str(sent["seq"])
    (typed,) = vera.rows("get-file", "general", number, "--out", str(tmp_path / "typed"))
    assert Path(typed["path"]).read_text() == "typed"
    (archive,) = vera.rows("get-file", "general", number, "--index", "1", "--out", str(tmp_path))
    with zipfile.ZipFile(archive["path"]) as unpacked:
        assert unpacked.read("plans/sub/a.txt") == b"first"


@posix_only
def test_link_that_leads_out_of_a_folder(people: Callable[[str], CliUser], tmp_path: Path) -> None:
    gleb = people("gleb")
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "link").symlink_to("/etc/hostname")
    assert f"{tmp_path / 'plans' / 'link'} " in gleb.error_of(1, "send-file", "general", str(tmp_path / "plans"))
    assert [row for row in gleb.rows("history", "general") if row["author"] == "gleb"] == []


def test_quota_is_reached(people: Callable[[str], CliUser], server: ServerProcess, tmp_path: Path) -> None:
    dora = people("dora")
    assert dora.error_of(4, "send-file", "general", str(a_file(tmp_path, QUOTA + 2 * MIB)))
    assert [row for row in dora.rows("history", "general") if row["author"] == "dora"] == []
    dora.rows("send-file", "general", str(a_file(tmp_path, MIB, "small")))


def largest(folder: Path, pattern: str = "*") -> int:
    """Octets of the largest file."""
    sizes = [0]
    for path in folder.rglob(pattern):
        if path.is_file():
            try:
                sizes.append(path.stat().st_size)
            except FileNotFoundError:
                continue
    return max(sizes)


@posix_only
def test_kills_of_both_sides(people: Callable[[str], CliUser], server: ServerProcess, tmp_path: Path) -> None:
    """The client in the middle of sending, the server, the client in the middle of fetching."""
    egor = people("egor")
    path, out = a_file(tmp_path, 64 * MIB), tmp_path / "out"
    out.mkdir()
    digest = sha256(path)
    arrived = lambda: largest(server.data_dir / "files") > 8 * MIB  # noqa: E731 - said once
    args = ["--server", egor.address, "send-file", "general", str(path), "--json"]
    with ClientProcess(args, egor.profile) as sender:
        wait_until(lambda: arrived() or sender.returncode is not None, 60, "octets on the server")
        os.kill(sender.pid, signal.SIGKILL)
        sender.wait(20)
    with ClientProcess(args, egor.profile) as sender:
        (sent,) = [json.loads(line) for line in [sender.wait_for_line(lambda line: "seq" in line, 60, "the end")]]
        assert sender.wait(20) == 0
    assert sent["files"][0]["sha256"] == digest

    args = ["--server", egor.address, "get-file", "general", str(sent["seq"]), "--out", str(out), "--json"]
    with ClientProcess(args, egor.profile) as fetcher:
        wait_until(
            lambda: largest(out, ".*") > 8 * MIB or fetcher.returncode is not None, 60, "octets on this computer"
        )
        os.kill(fetcher.pid, signal.SIGINT)
        assert fetcher.wait(20) in (0, 130)
    (saved,) = egor.rows("get-file", "general", str(sent["seq"]), "--out", str(out))
    assert sha256(Path(saved["path"])) == digest
    assert saved["sources"]["server"] <= 64 * MIB
    assert os.listdir(out) == ["plan.pdf"]
