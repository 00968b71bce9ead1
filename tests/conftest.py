"""Fixtures for every test folder, and the rules that hold for every test.

* No secret reaches a log (support/leaks.py).
* A test leaves no thread behind that would keep the program from ending, a file's tests none of their own that would
  take time from the tests after them.
* Nobody is on the network but the tests of the same worker (support/own_network.py).
* Temporary folders are in memory where there is enough of it (support/memory_folder.py).
* The same examples in every run: hypothesis draws from fixed seeds and keeps no memory of earlier failures
  (`HYPOTHESIS_PROFILE=explore` searches with new ones).
* A tool that is not installed skips the tests that need it; with `LANCHAT_TEST_ALL` set (as `make test` does)
  they fail instead, so that a complete run is one.
"""

import itertools
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from lanchat.i18n import language, set_language
from tests.support.leaks import Listener, guard, recording
from tests.support.mariadb import MariaDB, mariadb_available
from tests.support.memory_folder import use_memory_folder
from tests.support.own_network import leave_for_own_network
from tests.support.waiting import patient
from tests.support.warm_start import WarmPopen, available
from tests.support.xvfb import Screen, xvfb_available

hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None, print_blob=True)
hypothesis.settings.register_profile("explore", derandomize=False, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

_THREAD_GRACE = patient(2.0)  # seconds that a test's threads may take to end after it
_UNSET = (logging.NOTSET, False, True)  # level, disabled, propagate of a logger that nobody touched
_database_number = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A script's background job is started so, and what it starts would be too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    use_memory_folder()  # workers find it in their environment
    if not config.getoption("numprocesses", None):  # one that only hands out tests to workers runs none itself
        leave_for_own_network()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    unavailable = _unavailable()
    for item in items:
        for name in ("mariadb", "display"):
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)
        for name, reason in unavailable.items():
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three for each processor: tests mostly wait for the processes that they start. Each may start a database and a
    screen."""
    return min(8, 3 * (os.cpu_count() or 1))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.support.scheduling import SharedFixtureScheduling  # needs xdist, which a single process does not

    return SharedFixtureScheduling(config, log)


def _unavailable() -> dict[str, str]:
    """Marker to reason, for what this computer or user cannot do."""
    reasons = {}
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        reasons["lab"] = "network namespaces need root"
    if "LANCHAT_TEST_ALL" not in os.environ:
        if not mariadb_available():
            reasons["mariadb"] = "no MariaDB server is installed"
        if not xvfb_available():
            reasons["display"] = "Xvfb, xdotool, xkbcomp, openbox or ImageMagick is not installed"
    return reasons


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A real server, shared by the tests of one worker: use databases of your own, do not stop it.

    A test that stops, kills or pauses a server makes its own: `with MariaDB() as server:`. Its administrator allows no
    changes of rows that no key leads to, as some do.
    """
    with MariaDB() as server:
        server.execute("SET GLOBAL sql_safe_updates=1")
        yield server


@pytest.fixture
def mariadb_url(mariadb: MariaDB) -> Iterator[str]:
    """The URL of an empty database that only this test uses."""
    name = f"test_{next(_database_number)}"
    yield mariadb.create_database(name)
    mariadb.execute(f"DROP DATABASE IF EXISTS `{name}`")


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The name of a real X display, shared by the tests of one worker: close your windows."""
    with Screen() as screen:
        yield screen.display


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _THREAD_GRACE
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
    leaked = [thread for thread in set(threading.enumerate()) - before if not thread.daemon]
    assert not leaked, f"the test left threads running: {leaked}"


@pytest.fixture(autouse=True)
def language_is_left_as_it_was() -> Iterator[None]:
    """The next test on the same worker may rely on the usual one."""
    before = language()
    yield
    if language() != before:
        set_language(before)


@pytest.fixture(autouse=True)
def logging_is_left_as_it_was() -> Iterator[None]:
    """What one test silences, the next one on the same worker would miss."""
    before = _logging_set_up()
    yield
    after = _logging_set_up()
    changed = sorted(name for name in before | after if before.get(name, _UNSET) != after.get(name, _UNSET))
    for name in changed:
        logger = logging.getLogger(name or None)
        level, logger.disabled, logger.propagate = before.get(name, _UNSET)
        logger.setLevel(level)
    assert not changed, f"the test left other settings at the loggers {changed}"


def _logging_set_up() -> dict[str, tuple[int, bool, bool]]:
    """Level, disabled and propagate of the root ("") and of each logger of the product."""
    loggers = {"": logging.getLogger(), **logging.Logger.manager.loggerDict}
    return {
        name: (logger.level, logger.disabled, logger.propagate)
        for name, logger in loggers.items()
        if isinstance(logger, logging.Logger) and (not name or name.startswith("lanchat"))
    }


@pytest.fixture(scope="module", autouse=True)
def no_threads_of_tests_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    ours = [thread for thread in set(threading.enumerate()) - before if _is_of_tests(thread)]
    deadline = time.monotonic() + _THREAD_GRACE
    for thread in ours:
        thread.join(max(0.0, deadline - time.monotonic()))
    leaked = [thread for thread in ours if thread.is_alive()]
    assert not leaked, f"the file's tests left threads running: {leaked}"


def _is_of_tests(thread: threading.Thread) -> bool:
    module = str(getattr(getattr(thread, "_target", None), "__module__", ""))
    # The readers of child processes end with these, some of which serve all tests of the worker.
    return module.startswith("tests.") and module != "tests.support.child"


@pytest.fixture(scope="session", autouse=True)
def programs_start_warm() -> Iterator[None]:
    """Most of the time of a short command is its imports."""
    with pytest.MonkeyPatch.context() as patch:
        if available():
            patch.setattr(subprocess, "Popen", WarmPopen)
        yield


@pytest.fixture(scope="session", autouse=True)
def all_is_recorded() -> Iterator[None]:
    """What our processes and this one write; what came after the last test is looked through at the end."""
    patch, listener = pytest.MonkeyPatch(), Listener(guard)
    patch.setattr(subprocess, "run", recording(subprocess.run, guard))
    logging.getLogger().addHandler(listener)
    yield
    logging.getLogger().removeHandler(listener)
    patch.undo()
    found = guard.findings()
    assert not found, found


@pytest.fixture(scope="module", autouse=True)
def secrets_of_a_module(all_is_recorded: None) -> Iterator[None]:
    with guard.forgetting():
        yield


@pytest.fixture(autouse=True)
def no_secret_in_a_log(secrets_of_a_module: None) -> Iterator[None]:
    yield
    found = guard.findings()
    assert not found, found
