"""A client whose local copy is damaged, at rest or in use: one report on stderr, no message lost."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.procs import ClientProcess, ServerProcess, json_lines, run_client

PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server") as process:
        yield process


@pytest.fixture
def profiles(server: ServerProcess, tmp_path: Path) -> list[Path]:
    """Two people, and three messages of the first."""
    made = [tmp_path / name for name in ("anna", "boris")]
    for profile in made:
        args = ["register", "--user", profile.name, "--server", server.address, "--accept-new"]
        assert run_client(args, profile, env=PASSWORD).returncode == 0
    for i in range(3):
        assert run_client(["send", "general", f"m{i}"], made[0]).returncode == 0
    return made


def database_files(profile: Path) -> list[Path]:
    """The files of the local copy."""
    return [path for path in profile.rglob("*") if ".sqlite" in path.name and "corrupt" not in path.name]


def overwrite_with_noise(path: Path) -> None:
    """Overwrite in place, as a failing disk does; an open file stays the same file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(os.urandom(size))


def damage_reports(stderr: str | list[str]) -> int:
    text = stderr if isinstance(stderr, str) else "\n".join(stderr)
    return text.count("damaged")


def test_copy_damaged_at_rest_is_downloaded_again(profiles: list[Path]) -> None:
    _, boris = profiles
    assert run_client(["history", "general"], boris).returncode == 0
    assert database_files(boris)
    for path in database_files(boris):
        overwrite_with_noise(path)
    result = run_client(["history", "general", "--json"], boris)
    assert result.returncode == 0, result.stderr
    assert [row["text"] for row in json_lines(result.stdout)] == ["m0", "m1", "m2"]
    assert damage_reports(result.stderr) == 1
    again = run_client(["history", "general", "--json"], boris)
    assert damage_reports(again.stderr) == 0
    assert list(boris.rglob("*corrupt*"))


def test_copy_damaged_in_use_is_replaced_without_losing_messages(profiles: list[Path]) -> None:
    anna, boris = profiles
    with ClientProcess(["listen", "general", "--json"], boris) as listener:
        listener.wait_for(lambda event: event.get("event") == "live", 20)
        for path in database_files(boris):
            overwrite_with_noise(path)
        for i in range(3, 6):
            assert run_client(["send", "general", f"m{i}"], anna).returncode == 0
        for i in range(6):
            listener.wait_for(lambda event, i=i: event.get("text") == f"m{i}", 30)
        texts = [event["text"] for event in listener.events if event.get("event") == "message"]
        assert [text for text in texts if text in ("m3", "m4", "m5")] == ["m3", "m4", "m5"]
        assert damage_reports(listener.stderr) <= 1
    result = run_client(["history", "general", "--json"], boris)
    assert result.returncode == 0, result.stderr
    assert [row["text"] for row in json_lines(result.stdout)] == [f"m{i}" for i in range(6)]
