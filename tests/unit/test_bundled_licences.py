"""What is handed out with a frozen program: licences of all files in it, and what macOS must be told."""

import json
import plistlib
import runpy
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from lanchat.checks.network import CHECK_SERVICE
from lanchat.protocol.datagram.beacon import SERVICE_TYPE
from tests.support.procs import ROOT

DATA = ["Noto Emoji", "emoji-datasource-google", "Unicode CLDR"]
LICENCES = runpy.run_path(str(ROOT / "packaging" / "pyinstaller" / "licences.py"))


@pytest.fixture
def gather(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`gather`, with a distribution in the place of the builder, which tests do not install."""
    monkeypatch.setitem(LICENCES["gather"].__globals__, "_BUILDER", "msgspec")
    return LICENCES["gather"]


def entry(path: Path | str) -> tuple[str, str, str]:
    return ("name", str(path), "PYMODULE")


def file_of(name: str, suffix: str = ".py") -> Path:
    files = distribution(name).files or ()
    return Path(str(next(file.locate() for file in files if file.name.endswith(suffix))))


def test_each_distribution_is_listed_once_with_its_text(gather: Any, tmp_path: Path) -> None:
    made = gather([entry(file_of("ifaddr")), entry(file_of("zeroconf")), entry(file_of("zeroconf"))], (ROOT, tmp_path))
    index = json.loads(made["index.json"])
    assert [each["name"] for each in index] == ["LAN Chat", *DATA, "Python", "ifaddr", "msgspec", "zeroconf"]
    for each in index:
        assert each["files"], each
        assert all(made[file].strip() for file in each["files"])
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in "".join(made[file] for file in index[-1]["files"])


def test_own_and_pythons_files_need_no_further_licence(gather: Any, tmp_path: Path) -> None:
    (tmp_path / "base_library.zip").write_bytes(b"")
    ours = [ROOT / "lanchat" / "__init__.py", json.__file__, tmp_path / "base_library.zip", "", "-"]
    made = gather([entry(path) for path in ours], (ROOT, tmp_path))
    assert [each["name"] for each in json.loads(made["index.json"])] == ["LAN Chat", *DATA, "Python", "msgspec"]


def test_file_of_unknown_origin_ends_the_build(gather: Any, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.so"
    stranger.write_bytes(b"")
    with pytest.raises(SystemExit, match=r"whose (is|are) .*stranger\.so"):
        gather([entry(stranger)], (ROOT, tmp_path / "work"))


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").is_file(), reason="needs Debian")
def test_library_of_debian_has_its_copyright_file(gather: Any, tmp_path: Path) -> None:
    library = next(Path("/usr/lib").glob("*/libz.so.1"))
    made = gather([entry(library)], (ROOT, tmp_path))
    assert "zlib1g" in [each["name"] for each in json.loads(made["index.json"])]
    assert "zlib" in made["zlib1g/copyright"]


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").is_file(), reason="needs Debian")
def test_all_files_of_debian_are_asked_for_at_once(
    gather: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = [path for name in ("libz", "libssl", "libcrypto") for path in Path("/usr/lib").glob(f"*/{name}.so.?")]
    asked: list[list[str]] = []
    run = subprocess.run

    def counted(command: list[str], **options: Any) -> Any:
        asked.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    made = gather([entry(path) for path in libraries], (ROOT, tmp_path))
    assert {"zlib1g", "libssl3"} <= {each["name"].removesuffix("t64") for each in json.loads(made["index.json"])}
    assert len([command for command in asked if "--search" in command]) == 1


def test_macos_is_told_of_the_network_and_the_services() -> None:
    info = plistlib.loads((ROOT / "packaging" / "macos" / "Info.plist").read_bytes())
    assert info["NSLocalNetworkUsageDescription"]
    assert info["NSBonjourServices"] == [name.removesuffix(".local.") for name in (SERVICE_TYPE, CHECK_SERVICE)]
    assert info["CFBundleURLTypes"][0]["CFBundleURLSchemes"] == ["lanchat"]


def test_server_without_console_and_arguments_shows_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("lanchat_server.__main__.main", lambda: started.append(sys.argv[1:]))
    program = (ROOT / "packaging" / "pyinstaller" / "server_main.py").read_text(encoding="utf-8")
    for argv in (["C:/x/lanchat-serverw.exe"], ["C:/x/lanchat-serverw.exe", "run"], ["C:/x/lanchat-server.exe"]):
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit):
            exec(program, {"__name__": "__main__"})
    assert started == [["window"], ["run"], []]
