"""Case k: a real client comes back after 100,000 messages in ten rooms: until it is live with all of them in its copy.

It was there before, so it has every room's earlier records and needs everything since. The messages are signed and
chained; the client checks the chain of every one and writes them all.
"""

import tempfile
from pathlib import Path

from tests.benchmarks.accounts import World
from tests.benchmarks.figures import Report
from tests.benchmarks.filling import fill
from tests.benchmarks.people import Person, make_profile
from tests.benchmarks.serving import serving

ROOMS = 10
MESSAGES = 100_000
BEFORE = 1_000


def run(report: Report, *, rounds: int, quick: bool) -> None:
    messages = 10_000 if quick else MESSAGES
    seconds, cpu, memory = measure(messages)
    at = f"{messages:,} messages in {ROOMS} rooms"
    report.add("k", "away client live and complete", "s", "client", at, [seconds], most=3.0)
    report.add("k", "its processor time", "s", "client", at, [cpu])
    report.add("k", "its memory afterwards, without window", "MiB", "client", at, [memory])


def measure(messages: int) -> tuple[float, float, float]:
    """Seconds until live, processor seconds, MiB."""
    with (
        tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder,
        serving("SQLite", 20, ROOMS, filled=lambda data, url, world: _fill(data, url, world, BEFORE)) as server,
    ):
        profile = make_profile(Path(folder) / "profile", server, server.world.accounts[-1])
        with Person(profile) as person:
            person.wait_for("live")
        server.server.stop()
        _fill(server.folder, None, server.world, messages)
        server.server = server.server.restart()
        with Person(profile) as person:
            told = person.wait_for("live", 180)
        return told["seconds"], told["cpu"], told["memory"]


def _fill(data_dir: Path, url: str | None, world: World, count: int) -> None:
    fill(data_dir, url, world, list(world.rooms), count, signed=True)
