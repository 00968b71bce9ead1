"""Which functions of the cores each unit test calls, and which the simulator does: a mutant meets only these."""

import hashlib
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

# Tests of the shells around the cores: slow, and they would notice little more.
_SHELLS = frozenset(
    ("app", "cli", "discovery", "platform", "store", "terminal", "transport", "ui", "admin", "maintenance", "window")
)
_SHELLS_TOO = (
    "test_account_",
    "test_checking",
    "test_config",
    "test_mail",
    "test_metrics",
    "test_passwords",
    "test_support",
)
_CORES = ("lanchat/protocol", "lanchat/core", "lanchat_server/core")


class Reach(msgspec.Struct):
    """For each test the seconds that it takes and the functions ("path name") that it calls; the same of the simulator.
    `base` is the digest of all but the tests, `files` those of the tests' files."""

    base: str = ""
    files: dict[str, str] = {}
    seconds: dict[str, float] = {}
    functions: dict[str, set[str]] = {}
    simulated: set[str] = set()
    seed_seconds: float = 0.0

    def tests_of(self, function: str) -> list[str]:
        """Ids of the tests that call this function, the quickest first."""
        found = [test for test, called in self.functions.items() if function in called]
        return sorted(found, key=lambda test: self.seconds[test])

    def tests_of_module(self, path: str) -> list[str]:
        """Ids of the tests that call anything in this module, the quickest first."""
        found = [test for test, called in self.functions.items() if any(name.startswith(f"{path} ") for name in called)]
        return sorted(found, key=lambda test: self.seconds[test])

    def without(self, files: Collection[str]) -> "Reach":
        """What is known of the tests in other files."""
        kept = [test for test in self.functions if test.partition("::")[0] not in files]
        return replace(
            self,
            files={file: digest for file, digest in self.files.items() if file not in files},
            seconds={test: self.seconds[test] for test in kept},
            functions={test: self.functions[test] for test in kept},
        )

    def cost(self, tests: list[str]) -> float:
        """Seconds that these tests took."""
        return sum(self.seconds[test] for test in tests)


def test_files(root: Path) -> list[Path]:
    """Unit tests of the cores."""
    unit = root / "tests/unit"
    found = [file for file in sorted(unit.rglob("test_*.py")) if not _SHELLS & {*file.relative_to(unit).parts}]
    return [file for file in found if not file.name.startswith(_SHELLS_TOO) and _is_of_core(file)]


def _is_of_core(file: Path) -> bool:
    text = file.read_text(encoding="utf-8")
    return any(core.replace("/", ".") in text for core in _CORES)


class Recorder:
    """A plugin of pytest. Only the calls of functions are looked at, so it takes some three times as long."""

    def __init__(self, root: Path, known: Reach) -> None:
        self._prefix = f"{root}/"
        self._called: set[CodeType] = set()
        self.reach = known

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        self._called = set()
        began = time.process_time()
        sys.setprofile(self._note)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            self.reach.seconds[item.nodeid] = time.process_time() - began
            self.reach.functions[item.nodeid] = self._names()

    def simulate(self, seeds: int) -> None:
        """The same for the simulator."""
        from tests.sim.running import run_seeds

        self._called = set()
        sys.setprofile(self._note)
        try:
            self.reach.seed_seconds = run_seeds(range(seeds)).cpu / seeds
        finally:
            sys.setprofile(None)
        self.reach.simulated = self._names()

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            self._called.add(frame.f_code)

    def _names(self) -> set[str]:
        files = ((code, code.co_filename.removeprefix(self._prefix)) for code in self._called)
        return {f"{path} {code.co_qualname}" for code, path in files if path.startswith(_CORES)}


def up_to_date(root: Path, base: str, known: Reach) -> tuple[Reach, list[str]]:
    """What is still right of what is known, and the files whose tests are to be run."""
    present = {str(file.relative_to(root)): _digest(file) for file in test_files(root)}
    if known.base != base:
        return Reach(base), list(present)
    changed = [file for file in {**known.files, **present} if known.files.get(file) != present.get(file)]
    return known.without(changed), [file for file in changed if file in present]


def record(root: Path, known: Reach, files: Sequence[str], seeds: int) -> Reach:
    """Run the tests of these files, and some seeds unless they are known. In a process of its own."""
    sys.path.insert(0, str(root))
    recorder = Recorder(root, known)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(root)]
    if files and pytest.main([*options, *(str(root / file) for file in files)], plugins=[recorder]):
        raise SystemExit("the tests must pass before mutants are tried")
    if seeds and not known.simulated:
        recorder.simulate(seeds)
    recorder.reach.files.update({file: _digest(root / file) for file in files})
    return recorder.reach


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def save(reach: Reach, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.encode(reach))


def load(file: Path) -> Reach:
    """What was recorded before."""
    return msgspec.json.decode(file.read_bytes(), type=Reach) if file.exists() else Reach()
