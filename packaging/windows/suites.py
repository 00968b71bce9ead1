"""Runs the test suites with the Python for Windows under Wine, and says what fails (`make windows-test`).

    suites.py [unit] [e2e] [-- PYTEST ARGUMENTS]     all of them without a name

A test that fails is a fault unless wine_failures.txt lists it, with the reason why Wine alone makes it fail; so is an
entry of that list that is no test any more. A listed test that passes is reported, so that its line can go. What was
found is kept in .cache/windows/suites, a table of it is printed at the end.
"""

import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("WINDOWS_CACHE", ROOT / ".cache" / "windows"))
LIST = HERE / "wine_failures.txt"
SUITES = {"unit": "tests/unit", "e2e": "tests/e2e"}
# A test of an idle computer takes seconds; one that hangs must not take the run with it.
TEST_TIMEOUT = 240
NO_TESTS = 5  # pytest's exit code: it chose none of a file


class Suite(NamedTuple):
    """What became of each test of a suite: node id to "passed", "failed" or "skipped"."""

    name: str
    seconds: float
    outcomes: dict[str, str]


class Verdict(NamedTuple):
    """Node ids, and patterns of the list."""

    new: list[str]
    listed: list[str]
    passing: list[str]
    unknown: list[str]


def read_list(text: str) -> dict[str, str]:
    """The tests that Wine makes fail: node id (or pattern with `*`) to the reason. Raises ValueError for a line without
    one."""
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            node, _space, reason = line.partition("  ")
            if not reason.strip():
                raise ValueError(f"{LIST.name}: no reason in: {line}")
            found[node] = reason.strip()
    return found


def read_outcomes(report: str) -> dict[str, str]:
    """From a JUnit report: node id to outcome. A test that failed in its setup or its clean-up failed."""
    found: dict[str, str] = {}
    for case in ET.fromstring(report).iter("testcase"):  # noqa: S314 - written by our own pytest
        bad = case.find("failure") is not None or case.find("error") is not None
        outcome = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
        node = node_id(case.get("classname", ""), case.get("name", ""), case.get("file"))
        if found.get(node) != "failed":
            found[node] = outcome
    return found


def node_id(classname: str, name: str, file: str | None) -> str:
    """As pytest takes it on a command line."""
    if file is None:
        return name
    path = file.replace("\\", "/")
    classes = classname.removeprefix(path.removesuffix(".py").replace("/", ".")).strip(".")
    return "::".join(part for part in (path, *classes.split("."), name) if part)


def judge(outcomes: dict[str, str], known: dict[str, str]) -> Verdict:
    """Compares what failed with the list. `*` in the list stands for anything, brackets for themselves."""

    def listed(node: str) -> str | None:
        return next((pattern for pattern in known if matches(node, pattern)), None)

    failed = [node for node, outcome in outcomes.items() if outcome == "failed"]
    hit = {pattern for node in outcomes if (pattern := listed(node)) is not None}
    failing = {pattern for node in failed if (pattern := listed(node)) is not None}
    ran = {node.partition("::")[0].split("/")[1] for node in outcomes if node.startswith("tests/")}
    return Verdict(
        sorted(node for node in failed if listed(node) is None),
        sorted(node for node in failed if listed(node) is not None),
        sorted(hit - failing),
        sorted(pattern for pattern in known if pattern not in hit and pattern.split("/")[1] in ran),
    )


def matches(node: str, pattern: str) -> bool:
    """Whether an entry of the list means this test."""
    return fnmatch.fnmatchcase(node, pattern.replace("[", "[[]"))


def run(name: str, arguments: list[str]) -> Suite:
    """Runs a suite: its files one by one, each in a session of its own, some at the same time. A test that hangs ends
    its file, as does a file that cannot be loaded: that is a failure of the file."""
    folder = CACHE / "suites" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    files = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / SUITES[name]).rglob("test_*.py"))
    outcomes: dict[str, str] = {}
    with ThreadPoolExecutor(max(2, (os.cpu_count() or 2) - 1)) as pool:
        for file, found in zip(files, pool.map(lambda file: run_file(name, file, arguments), files), strict=True):
            outcomes |= found
            count = list(found.values()).count
            print(f"{file}: {count('passed')} passed, {count('skipped')} skipped, {count('failed')} failed", flush=True)
    return Suite(name, time.monotonic() - began, outcomes)


def run_file(name: str, file: str, arguments: list[str]) -> dict[str, str]:
    """What became of the tests of a file; what pytest says is kept beside its report."""
    stem = file.removesuffix(".py").replace("/", ".")
    place = CACHE / "suites" / name
    command = [str(HERE / "box.sh"), "python", "test", "-m", "pytest", file, "-q", "-p", "no:cacheprovider"]
    command += [f"--timeout={TEST_TIMEOUT}", "-o", "junit_family=xunit1", "--tb=short"]
    command += [f"--junitxml=Z:\\kept\\suites\\{name}\\{stem}.xml", *arguments]
    with (place / f"{stem}.txt").open("wb") as said:
        done = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            env=os.environ | {"BOX_SCREEN": "1280x900"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    report = place / f"{stem}.xml"
    if report.exists():
        return read_outcomes(report.read_text(encoding="utf-8"))
    return {} if done.returncode == NO_TESTS else {file: "failed"}


def table(suites: list[Suite], known: dict[str, str], verdict: Verdict) -> str:
    """What was checked, for a person."""
    lines = [f"{'suite':8}{'passed':>8}{'skipped':>9}{'failed':>8}{'of these Wine':>15}{'minutes':>9}"]
    for suite in suites:
        count = list(suite.outcomes.values()).count
        wine = sum(suite.outcomes.get(node) == "failed" for node in verdict.listed)
        minutes = f"{suite.seconds / 60:.1f}"
        lines.append(f"{suite.name:8}{count('passed'):8}{count('skipped'):9}{count('failed'):8}{wine:15}{minutes:>9}")
    for node in verdict.listed:
        reason = next(reason for pattern, reason in known.items() if matches(node, pattern))
        lines.append(f"Wine fails: {node}  ({reason})")
    lines += [f"passes now, take it off {LIST.name}: {pattern}" for pattern in verdict.passing]
    lines += [f"no such test, take it off {LIST.name}: {pattern}" for pattern in verdict.unknown]
    lines += [f"NEW FAILURE: {node}" for node in verdict.new]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="packaging/windows/suites.py", description="Test suites under Wine.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; all without one")
    own, more = sys.argv[1:], []
    if "--" in own:
        own, more = own[: own.index("--")], own[own.index("--") + 1 :]
    names = parser.parse_args(own).suites or list(SUITES)
    if unknown := [name for name in names if name not in SUITES]:
        parser.error(f"no suite {unknown[0]}: {', '.join(SUITES)}")
    known = read_list(LIST.read_text(encoding="utf-8"))
    suites = []
    for name in names:
        print(f"== {name} tests under Wine; what pytest says is in {CACHE / 'suites' / name}", flush=True)
        suites.append(run(name, more))
    verdict = judge({node: outcome for suite in suites for node, outcome in suite.outcomes.items()}, known)
    if more:  # some of the tests
        verdict = verdict._replace(unknown=[])
    print(f"\n{table(suites, known, verdict)}")
    return 1 if verdict.new or verdict.unknown else 0


if __name__ == "__main__":
    sys.exit(main())
