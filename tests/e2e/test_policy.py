"""A policy beside the installed program: real processes."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installed import InstalledClient
from tests.support.ports import free_port
from tests.support.procs import ServerProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="an environment of POSIX")
PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}


@pytest.fixture
def installed(tmp_path: Path) -> InstalledClient:
    return InstalledClient(tmp_path / "program")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server", name="Office") as server:
        yield server


def lay(installed: InstalledClient, text: str, mode: int = 0o644) -> Path:
    file = installed.folder / "policy.toml"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_client_connects_to_the_set_server_and_no_other(
    installed: InstalledClient, server: ServerProcess, tmp_path: Path
) -> None:
    profile = tmp_path / "anna"
    profile.mkdir(mode=0o700)
    file = lay(installed, f'server = "{server.invite}"\ndiscovery = false\n')
    done = installed.run("register", "--user", "anna", "--setup-code", server.setup_code, profile=profile, env=PASSWORD)
    assert done.returncode == 0, done.stderr
    done = installed.run("rooms", profile=profile)
    assert done.returncode == 0, done.stderr
    other = f"lanchat://127.0.0.1:9/#{'cd' * 32}"
    done = installed.run("rooms", "--invite", other, profile=profile)
    assert done.returncode == 4
    assert str(file) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with ServerProcess(tmp_path / "other", name="Other") as stranger:
        done = installed.run("rooms", "--server", stranger.address, "--accept-new", profile=profile)
        assert done.returncode == 5, done.stderr


def test_search_that_is_off_finds_nothing(installed: InstalledClient, tmp_path: Path) -> None:
    file = lay(installed, "discovery = false\n")
    with ServerProcess(tmp_path / "server", discovery_port=(port := free_port())):
        done = installed.run("discover", "--discovery-port", str(port), profile=tmp_path / "anna")
    assert (done.returncode, done.stdout) == (3, "")
    assert str(file) in done.stderr


def test_verbose_says_what_is_fixed_in_the_fixed_language(installed: InstalledClient, tmp_path: Path) -> None:
    file = lay(installed, 'discovery = false\n[settings]\nlanguage = "ru"\n')
    done = installed.run("discover", "--language", "en", "--verbose", profile=tmp_path / "anna")
    assert str(file) in done.stderr
    assert "Русский" in done.stderr
    assert "lanchat: Администратор" in done.stderr


def test_broken_policy_ends_the_program_in_one_line(installed: InstalledClient, tmp_path: Path) -> None:
    file = lay(installed, "discover = false\n")
    done = installed.run("discover", profile=tmp_path / "anna")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert str(file) in done.stderr
    assert "discover" in done.stderr
    assert not (tmp_path / "anna" / "settings.toml").exists()
    for option in ("--help", "--version"):
        assert installed.run(option, profile=tmp_path / "anna").returncode == 0


def test_policy_that_others_can_write_is_ignored_with_a_warning(installed: InstalledClient, tmp_path: Path) -> None:
    file = lay(installed, "discovery = false\n", 0o666)
    port = free_port()
    with ServerProcess(tmp_path / "server", name="Office", discovery_port=port):
        done = installed.run("discover", "--json", "--discovery-port", str(port), profile=tmp_path / "anna")
    assert done.returncode == 0, done.stderr
    assert "Office" in done.stdout
    assert str(file) in done.stderr
