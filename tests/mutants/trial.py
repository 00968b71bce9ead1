"""One mutant: what notices it. Each is tried in a forked process, whose limits count work and not the time of day."""

import contextlib
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mutants.importing import import_changed
from tests.mutants.operators import Mutant, mutated

# Seconds of processor time: what the same work takes without a change, and this for what a change may make slower.
WORK_FACTOR = 4
WORK_SPARE = 20
MEMORY_MAX = 3 << 30
# A mutant that waits for what never comes uses no processor.
STANDSTILL = 900.0
SURVIVED = "survived"
_PATIENCE = 0.02


def run(root: Path, mutant: Mutant, tests: list[str], seeds: int, work: float) -> str:
    """What caught it: the id of a test, "simulator: …", "endless"; else SURVIVED. `work`: seconds of processor time
    that the tests and seeds take."""
    return forked(lambda: _attempt(root, mutant, tests, seeds), int(WORK_FACTOR * work) + WORK_SPARE)


def forked(work: Callable[[], str], seconds: int) -> str:
    """The answer of `work`, done in a process of its own with so many seconds of processor time."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _do_and_exit(work, writing, seconds)
    os.close(writing)
    try:
        with open(reading, encoding="utf-8") as answers:
            _wait(child)
            answer = answers.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return answer or "endless"


def _wait(child: int) -> None:
    began = time.monotonic()
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() - began > STANDSTILL:
            os.kill(child, signal.SIGKILL)
        time.sleep(_PATIENCE)


def _do_and_exit(work: Callable[[], str], writing: int, seconds: int) -> None:
    """Never returns. An answer is short enough for the pipe."""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            answer = _answer(work)
        os.write(writing, answer.encode()[:2000])
    finally:
        os._exit(0)


def _answer(work: Callable[[], str]) -> str:
    try:
        return work()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def _attempt(root: Path, mutant: Mutant, tests: list[str], seeds: int) -> str:
    source = (root / mutant.path).read_text(encoding="utf-8")
    import_changed(root, mutant.path, mutated(source, mutant.place))
    sys.path.insert(0, str(root))
    if tests and (failed := run_tests(root, tests)):
        return failed
    if seeds and (failed := _run_seeds(seeds)):
        return failed
    return SURVIVED


def run_tests(root: Path, tests: list[str]) -> str:
    """The first test that fails, in this order; "" when none does."""
    chosen = _Chosen(tests)
    files = sorted({test.split("::")[0] for test in tests})
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(root)]
    code = pytest.main([*options, *(str(root / file) for file in files)], plugins=[chosen])
    return chosen.failed or ("collection" if code else "")


class _Chosen:
    """A plugin of pytest: these tests only, in this order."""

    def __init__(self, tests: list[str]) -> None:
        self._order = {test: number for number, test in enumerate(tests)}
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        wanted = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(wanted, key=lambda item: self._order[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _run_seeds(seeds: int) -> str:
    from tests.sim.running import run_seed

    for seed in range(seeds):
        report = run_seed(seed)
        if report.failure:
            return f"simulator: seed {seed}: {report.failure.splitlines()[0][:200]}"
    return ""
