"""The lock files match pyproject.toml: complete, within its ranges, with hashes, without addresses."""

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "packaging" / "locks"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# What each lock file is for: the program with all its extras, and each group of the name.
EXTRAS = [line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]
WANTED: dict[str, list[str]] = {"runtime": PROJECT["project"]["dependencies"] + EXTRAS} | PROJECT["dependency-groups"]
PLATFORMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "aarch64"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
)
ENVIRONMENTS = [
    {"python_version": python, "python_full_version": f"{python}.0", "implementation_name": "cpython", **platform}
    for python in ("3.11", "3.12", "3.13", "3.14")
    for platform in PLATFORMS
]
# A line that pins, its hashes, its comments: `name==version ; marker \` and indented lines. Nothing else.
PIN = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)==([A-Za-z0-9.+!]+)(?: ; ([^\\#]+))?(?: \\)?")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
REASON = re.compile(r"    # (?:via)?\s*(?:via )?([A-Za-z0-9._-]+)?(?: \(pyproject\.toml(?::[a-z]+)?\))?")


class Pin(NamedTuple):
    """One entry: a version for the environments of a marker ("" is all), its hashes, and what needs it."""

    name: str
    version: str
    marker: str
    hashes: list[str]
    needed_by: list[str]

    def concerns(self, environment: dict[str, str]) -> bool:
        return not self.marker or Marker(self.marker).evaluate(environment)


def entries(text: str) -> list[Pin]:
    """The entries of a lock file. Raises ValueError for an invalid line."""
    found: list[Pin] = []
    for line in text.splitlines():
        if pin := PIN.fullmatch(line):
            found.append(Pin(pin[1], pin[2], (pin[3] or "").strip(), [], []))
        elif found and HASH.fullmatch(line):
            found[-1].hashes.append(line)
        elif found and (reason := REASON.fullmatch(line)):
            found[-1].needed_by.extend(name for name in reason.groups() if name)
        elif line and not line.startswith("# "):
            raise ValueError(f"neither a version, a hash nor a reason: {line}")
    return found


def faults(wanted: list[str], pins: list[Pin]) -> list[str]:
    """The errors of the entries of a lock file for these requirements; [] when there are none."""
    found = [f"{pin.name}: no hash" for pin in pins if not pin.hashes]
    for environment in ENVIRONMENTS:
        asked = [Requirement(line) for line in wanted]
        asked = [one for one in asked if one.marker is None or one.marker.evaluate(environment)]
        present = {pin.name: pin for pin in pins if pin.concerns(environment)}
        for one in asked:
            pin = present.get(canonicalize_name(one.name))
            if pin is None:
                found.append(f"{one.name}: missing on {_described(environment)}")
            elif not one.specifier.contains(pin.version, prereleases=True):
                found.append(f"{one.name}: {pin.version} is not {one.specifier}")
        direct = {canonicalize_name(Requirement(line).name) for line in wanted}
        found += [f"{name}: nothing needs it" for name, pin in present.items() if _is_unneeded(pin, direct, present)]
    return sorted(set(found))


def _is_unneeded(pin: Pin, direct: set[str], present: dict[str, Pin]) -> bool:
    return pin.name not in direct and not any(canonicalize_name(name) in present for name in pin.needed_by)


def _described(environment: dict[str, str]) -> str:
    return f"Python {environment['python_version']}, {environment['sys_platform']} {environment['platform_machine']}"


def lock(name: str) -> str:
    return (LOCKS / f"{name}.txt").read_text(encoding="utf-8")


def test_program_and_each_group_have_a_lock() -> None:
    assert {path.stem for path in LOCKS.iterdir()} == set(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_lock_satisfies_the_project_requirements(name: str) -> None:
    assert faults(WANTED[name], entries(lock(name))) == []


@pytest.mark.parametrize("name", WANTED)
def test_lock_contains_no_address(name: str) -> None:
    assert not re.search(r"://|^-|\s--(?!hash)|@", lock(name), re.MULTILINE)


def test_package_has_one_version_in_all_locks() -> None:
    for environment in ENVIRONMENTS:
        versions: dict[str, set[str]] = {}
        for name in WANTED:
            for pin in entries(lock(name)):
                if pin.concerns(environment):
                    versions.setdefault(pin.name, set()).add(pin.version)
        assert [name for name, several in versions.items() if len(several) > 1] == []


def test_build_group_contains_the_build_requirements() -> None:
    assert set(PROJECT["build-system"]["requires"]) <= set(WANTED["build"])
    assert "pip" in {pin.name for pin in entries(lock("build"))}


@pytest.mark.parametrize("file", sorted((ROOT / ".github" / "workflows").iterdir()), ids=lambda file: file.name)
def test_workflow_actions_have_exact_versions(file: Path) -> None:
    used = re.findall(r"uses: *(\S+)", file.read_text(encoding="utf-8"))
    assert [action for action in used if not re.search(r"@(v\d+\.\d+\.\d+|[0-9a-f]{40})$", action)] == []


def test_changes_are_listed() -> None:
    locks = runpy.run_path(str(ROOT / "packaging" / "dev" / "locks.py"))
    before = locks["versions"](["one==1 \\\n", "two==2.0 ; x \\\ntwo==2.1 ; y \\\nsame==1\n", "gone==3\n"])
    after = locks["versions"](["one==1.1 \\\n", "two==2.1 \\\nsame==1\n", "fresh==4\n"])
    assert list(locks["changes"](before, after)) == [
        "fresh: new, 4",
        "gone: dropped",
        "one: 1 -> 1.1",
        "two: 2.0, 2.1 -> 2.1",
    ]


HASHES = ["    --hash=sha256:" + "0" * 64]
VALID_LINES = [
    "left==1.2 \\",
    *HASHES,
    "    # via",
    "    #   lanchat (pyproject.toml)",
    "below==3 \\",
    *HASHES,
    "    # via left",
]


@pytest.mark.parametrize(
    ("wanted", "lines", "complaint"),
    [
        (["left>=1,<2"], VALID_LINES, ""),
        (["left>=1,<2", "right"], VALID_LINES, "right: missing"),
        (["left>=1.3,<2"], VALID_LINES, "left: 1.2 is not"),
        (["left"], [VALID_LINES[0][:-2], *VALID_LINES[2:]], "left: no hash"),
        (["left"], [*VALID_LINES, "idle==1 \\", *HASHES, "    # via gone"], "idle: nothing needs it"),
        (["left"], ["left==1.2 ; sys_platform == 'win32' \\", *VALID_LINES[1:]], "left: missing on Python 3.11, linux"),
        (["left; sys_platform == 'win32'"], ["left==1.2 ; sys_platform == 'win32' \\", *HASHES], ""),
    ],
)
def test_errors_of_a_lock_are_found(wanted: list[str], lines: list[str], complaint: str) -> None:
    found = faults(wanted, entries("\n".join(lines)))
    assert any(line.startswith(complaint) for line in found) if complaint else found == []


@pytest.mark.parametrize(
    "line",
    ["--index-url there", "left>=1", "left @ there", "--find-links .", "    --hash=md5:00", "-e .", "left==1 # x"],
)
def test_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        entries("\n".join([*VALID_LINES, line]))
