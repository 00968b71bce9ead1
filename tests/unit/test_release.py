"""What a release is made of: the changelog's part, the bill of materials, the packages' data, the workflow."""

import hashlib
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from lanchat import __version__

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "packaging" / "release"
LINUX = ROOT / "packaging" / "linux"
CHANGELOG = """# Changelog

Words before.

## 1.1.0 (2027-02-03)

Wire: as before.

* Something `new`.

### Details

More.

## 1.1 (unreleased)

## 1.0.0

* First.
"""


def module(name: str) -> dict[str, Any]:
    return runpy.run_path(str(RELEASE / f"{name}.py"))


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout of git")
    return {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}


# --- The changelog's part ---


@pytest.mark.parametrize(
    ("version", "text"),
    [("1.1.0", "Wire: as before.\n\n* Something `new`.\n\n### Details\n\nMore.\n"), ("1.0.0", "* First.\n")],
)
def test_notes_are_the_part_of_the_version(version: str, text: str) -> None:
    assert module("notes")["notes"](CHANGELOG, version) == text


@pytest.mark.parametrize("version", ["1.1", "1", "2.0.0", "", "1.0", "Changelog", "1.0.0 "])
def test_notes_of_a_version_without_a_text_are_refused(version: str) -> None:
    with pytest.raises(ValueError, match="changelog"):
        module("notes")["notes"](CHANGELOG, version)


def test_this_version_has_notes() -> None:
    command = [sys.executable, str(RELEASE / "notes.py"), f"v{__version__}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8")
    assert "Configuration" in done.stdout
    assert "\n## " not in done.stdout


# --- The bill of materials ---


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    lock = (ROOT / "packaging/locks/runtime.txt").read_text(encoding="utf-8")
    document: dict[str, Any] = module("sbom")["document"](lock, 1_800_000_000)
    assert document == module("sbom")["document"](lock, 1_800_000_000)
    return document


def test_bill_lists_every_library_with_all_hashes(bill: dict[str, Any]) -> None:
    lock = (ROOT / "packaging/locks/runtime.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"(?m)^([a-z0-9-]+)==([^\s;\\]+)", lock)
    libraries = [each for each in bill["components"] if each["type"] == "library"]
    assert [(each["name"], each["version"]) for each in libraries] == pinned
    hashes = [each["content"] for library in libraries for each in library["hashes"]]
    assert hashes == re.findall(r"sha256:([0-9a-f]{64})", lock)


def test_bill_names_a_licence_of_each_library(bill: dict[str, Any]) -> None:
    assert [each["name"] for each in bill["components"] if not each.get("licenses")] == []


def test_bill_lists_the_data_of_other_projects(bill: dict[str, Any]) -> None:
    data = [each["name"] for each in bill["components"] if each["type"] == "data"]
    assert data == ["Noto Emoji", "emoji-datasource-google", "Unicode CLDR"]


def test_bill_says_what_needs_what(bill: dict[str, Any]) -> None:
    needs = {each["ref"].partition("@")[0]: each["dependsOn"] for each in bill["dependencies"]}
    names = {name: [ref.partition("@")[0].rpartition("/")[2] for ref in refs] for name, refs in needs.items()}
    assert names["pkg:pypi/zeroconf"] == ["ifaddr"]
    assert {"zeroconf", "cryptography", "prometheus-client"} <= set(names["pkg:pypi/lanchat"])
    known = {each["bom-ref"] for each in bill["components"]}
    assert {ref for refs in needs.values() for ref in refs} == known
    assert len(known) == len(bill["components"])


def test_bill_is_valid(bill: dict[str, Any]) -> None:
    pytest.importorskip("cyclonedx.validation.json")
    assert module("sbom")["check"](json.dumps(bill)) == "valid CycloneDX 1.6"
    with pytest.raises(ValueError, match="schema"):
        module("sbom")["check"](json.dumps(bill | {"components": [{"name": "untyped"}]}))


# --- Wheel and source package ---


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Wheel and source package of two builds."""
    made: list[Path] = []
    for name in ("first", "second"):
        folder = tmp_path_factory.mktemp(name)
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
        environment = os.environ | {"SOURCE_DATE_EPOCH": "1800000000"}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)
        made += sorted(folder.iterdir())
    return made


@pytest.mark.parametrize("builder", [SdistBuilder, WheelBuilder])
def test_build_does_not_look_into_what_builds_keep(builder: type[SdistBuilder | WheelBuilder]) -> None:
    config = builder(str(ROOT)).config
    assert [config.directory_is_excluded(name, "") for name in (".cache", "dist", "build")] == [True] * 3


def test_two_builds_give_the_same_packages(built: list[Path]) -> None:
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in built]
    assert hashes[:2] == hashes[2:]


def test_wheel_holds_code_data_and_pages(built: list[Path]) -> None:
    wheel = next(path for path in built if path.suffix == ".whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        points = archive.read(f"lanchat-{__version__}.dist-info/entry_points.txt").decode()
    wanted = {re.sub(r"^db/", "lanchat_server/_db/", name) for name in tracked("lanchat", "lanchat_server", "db")}
    assert wanted - names == set()
    data = f"lanchat-{__version__}.data/data/share"
    assert {f"{data}/man/man1/lanchat.1", f"{data}/man/man8/lanchat-server.8"} <= names
    assert "lanchat-server = lanchat_server.__main__:main" in points
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests/", "packaging/"))]


def test_source_package_holds_what_the_wheel_is_made_of(built: list[Path]) -> None:
    with tarfile.open(next(path for path in built if path.name.endswith(".tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    wanted = tracked("lanchat", "lanchat_server", "db") | set(shared) | {"pyproject.toml", "README.md", "LICENSE"}
    assert wanted - names == set()


# --- What the Debian packages install ---


def test_desktop_files_fit_together() -> None:
    component = ElementTree.parse(LINUX / "desktop/io.github.lanchat.lanchat.metainfo.xml").getroot()
    assert component.findtext("launchable") == "lanchat.desktop"
    release = component.find("releases/release")
    assert release is not None
    assert release.get("version") == __version__
    assert (LINUX / "desktop/lanchat.desktop").read_text(encoding="utf-8").count("x-scheme-handler/lanchat;") == 1


@pytest.mark.parametrize("name", ["lanchat", "lanchat-server"])
def test_packages_name_files_that_exist(name: str) -> None:
    for kind in ("install", "manpages", "docs"):
        file = LINUX / "debian" / f"{name}.{kind}"
        for line in file.read_text(encoding="utf-8").splitlines():
            assert (ROOT / line.split()[0]).is_file(), f"{file.name}: {line}"


@pytest.mark.skipif(sys.platform == "win32", reason="commands for Linux")
def test_menu_entry_of_the_archive_works_from_a_folder_with_blanks(tmp_path: Path) -> None:
    folder = tmp_path / "Мои программы" / "lanchat"
    folder.mkdir(parents=True)
    shutil.copy(LINUX / "desktop" / "lanchat.desktop", folder)
    indented = [
        line for line in (LINUX / "tarball.txt").read_text(encoding="utf-8").splitlines() if line[:4] == " " * 4
    ]
    script = "\n".join(indented[next(n for n, line in enumerate(indented) if "mkdir" in line) :])
    script = script.partition("    xdg-mime")[0]
    environment = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    subprocess.run(["sh", "-euc", script], cwd=folder, env=environment, check=True)
    entry = (tmp_path / "home/.local/share/applications/lanchat.desktop").read_text(encoding="utf-8")
    (command,) = re.findall(r"^Exec=(.*)$", entry, re.MULTILINE)
    assert shlex.split(command) == [str(folder / "lanchat" / "lanchat"), "window", "%u"]
    assert f"\nIcon={folder}/lanchat.svg\n" in entry


def test_release_removes_only_what_it_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(RELEASE))
    (tmp_path / "windows").mkdir()
    (tmp_path / "windows" / "setup.exe").touch()
    (tmp_path / "lanchat-0.0.9.tar.gz").touch()
    clear = module("dist")["clear"]
    clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["windows"]
    assert (tmp_path / "windows" / "setup.exe").exists()
    clear(tmp_path / "fresh")
    assert (tmp_path / "fresh").is_dir()


def test_packages_support_the_pythons_of_the_locks() -> None:
    locks = runpy.run_path(str(ROOT / "packaging/dev/locks.py"))
    control = (LINUX / "debian/control").read_text(encoding="utf-8")
    low, high = locks["PYTHONS"][0], locks["PYTHONS"][-1]
    after = f"{high.partition('.')[0]}.{int(high.partition('.')[2]) + 1}"
    assert control.count(f"python3 (>= {low}), python3 (<< {after})") == 2


# --- The workflow ---


@pytest.mark.parametrize("file", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda file: file.name)
def test_workflow_calls_what_exists(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    assert set(re.findall(r"run: make ([a-z-]+)", text)) <= targets
    paths = re.findall(r"packaging/[a-z_]+/[a-z_]+\.(?:py|sh|txt)", text)
    assert [path for path in paths if not (ROOT / path).is_file()] == []
    groups = re.findall(r"for lock in ([a-z ]+);", text)
    assert [
        name for line in groups for name in line.split() if not (ROOT / f"packaging/locks/{name}.txt").exists()
    ] == []
