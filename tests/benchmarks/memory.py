"""Case h: memory of the server at its start, with 1,000 clients, and after many messages; of the client's window.

Whether memory stays flat is seen from the half of the messages to all of them: what a record leaves behind for ever
would show.
"""

import tempfile
import time
from pathlib import Path

from tests.benchmarks import commits
from tests.benchmarks.figures import Report
from tests.benchmarks.fleet import log_in_all
from tests.benchmarks.kept import long_log
from tests.benchmarks.measure import memory_mib
from tests.benchmarks.people import make_profile
from tests.benchmarks.serving import serving
from tests.benchmarks.windows import Window

CLIENTS = 1000
MESSAGES = 1_000_000
FLOOD = 4.0  # seconds between two looks at the memory


def run(report: Report, *, rounds: int, quick: bool) -> None:
    clients = 200 if quick else CLIENTS
    with serving("SQLite", clients) as server:
        report.add("h", "server at start", "MiB", "SQLite", "", [memory_mib(server.pids[0])], most=80.0)
        sessions = log_in_all(server.port, server.world, server.world.accounts, [server.world.general])
        full = memory_mib(server.pids[0])
        for session in sessions:
            session.close()
        report.add("h", "server with logged-in clients", "MiB", "SQLite", f"{clients} clients", [full], most=200.0)
    _long(report, 20_000 if quick else MESSAGES)
    _floods(report, 10.0 if quick else 100.0)
    _window(report)


def _long(report: Report, messages: int) -> None:
    """A server that begins with so many in its log."""
    with long_log("SQLite", messages) as server:
        at = f"{messages:,} messages in the log"
        report.add("h", "server at start", "MiB", "SQLite", at, [memory_mib(server.pids[0])], most=80.0)


def _floods(report: Report, seconds: float) -> None:
    """Through the real server, by 20 clients, until there are MESSAGES or the time is over."""
    stored, sizes = [0], list[float]()
    with serving("SQLite", commits.CLIENTS) as server:
        world = server.world
        sessions = log_in_all(server.port, world, world.accounts, [world.general])
        rate, end = float(commits.SIGNED_RATE), time.monotonic() + seconds
        while stored[-1] < MESSAGES and time.monotonic() < end:
            report.step(f"{stored[-1]:,} messages are in")
            floods = [commits.make_flood(server, session, [world.general], FLOOD, rate) for session in sessions]
            commits.drive(server, floods, FLOOD)
            stored.append(stored[-1] + sum(flood.stored for flood in floods))
            sizes.append(memory_mib(server.pids[0]))
            rate = 1.5 * (stored[-1] - stored[-2]) / FLOOD
        for session in sessions:
            session.close()
    half = len(sizes) // 2
    note = "" if stored[-1] >= MESSAGES else f"as many as fit into {seconds:.0f} s"
    for number in sorted({1, half, len(sizes)}):
        at = f"{stored[number]:,} messages"
        report.add("h", "server after messages", "MiB", "SQLite", at, [sizes[number - 1]], note=note)
    at = f"{stored[half]:,} to {stored[-1]:,} messages"
    report.add("h", "growth", "MiB", "SQLite", at, [max(0.0, sizes[-1] - sizes[half - 1])], most=4.0)


def _window(report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder, serving("SQLite", 20) as server:
        profile = make_profile(Path(folder) / "profile", server, server.world.accounts[-1])
        with Window(profile) as window:
            window.reached("live")
            report.add("h", "client's window", "MiB", "client", "logged in, idle", [window.memory()], most=90.0)
