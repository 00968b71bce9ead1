"""A client whose disk is full, or may not be written: what is there is read, sending says why not, and it goes on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.procs import ServerProcess, json_lines, run_client

pytestmark = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts a small disk")
PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}
TEXTS = ["first words", "second words", "third words"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no right to mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    with pytest.raises(OSError), (disk / "filling").open("wb", buffering=0) as file:  # noqa: PT012
        while True:
            file.write(bytes(1024))


def read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)


def make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    (disk / "filling").unlink(missing_ok=True)


@pytest.mark.parametrize(("spoil", "reason"), [(fill, "the disk is full"), (read_only, "it may not be written")])
def test_what_is_there_is_read_and_it_goes_on_later(tmp_path: Path, disk: Path, spoil: object, reason: str) -> None:
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
