"""Case h: memory of the server at its start, with 1,000 clients, and after many messages; of the client's window.

Whether memory stays flat is seen between two equal floods of messages: what a record leaves behind for ever would show.
"""

import tempfile
from pathlib import Path

from tests.benchmarks import commits
from tests.benchmarks.figures import Report
from tests.benchmarks.fleet import log_in_all
from tests.benchmarks.measure import memory_mib
from tests.benchmarks.people import make_profile
from tests.benchmarks.serving import serving
from tests.benchmarks.windows import Window

CLIENTS = 1000


def run(report: Report, *, rounds: int, quick: bool) -> None:
    clients = 200 if quick else CLIENTS
    with serving("SQLite", clients) as server:
        report.add("h", "server at start", "MiB", "SQLite", "", [memory_mib(server.pids[0])], most=80.0)
        sessions = log_in_all(server.port, server.world, server.world.accounts, [server.world.general])
        full = memory_mib(server.pids[0])
        for session in sessions:
            session.close()
        report.add("h", "server with logged-in clients", "MiB", "SQLite", f"{clients} clients", [full], most=200.0)
    _floods(report, 4.0 if quick else 20.0)
    _window(report)


def _floods(report: Report, seconds: float) -> None:
    sizes = []
    with serving("SQLite", commits.CLIENTS) as server:
        world = server.world
        sessions = log_in_all(server.port, world, world.accounts, [world.general])
        stored = 0
        for _ in range(2):
            floods = [commits.make_flood(server, session, [world.general], seconds) for session in sessions]
            commits.drive(server, floods, seconds)
            stored += sum(flood.stored for flood in floods)
            sizes.append(memory_mib(server.pids[0]))
        for session in sessions:
            session.close()
    at = f"{stored // 2:,}, then {stored:,} messages"
    report.add("h", "server after messages", "MiB", "SQLite", at, sizes)
    report.add("h", "growth from half of them to all", "MiB", "SQLite", at, [sizes[1] - sizes[0]], most=4.0)


def _window(report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder, serving("SQLite", 20) as server:
        profile = make_profile(Path(folder) / "profile", server, server.world.accounts[-1])
        with Window(profile) as window:
            window.reached("live")
            report.add("h", "client's window", "MiB", "client", "logged in, idle", [window.memory()], most=90.0)
