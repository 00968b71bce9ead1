"""Case g: reading in a log of a million messages, and opening a room of which the client holds 100,000.

The server is asked over TLS, one question after the other, by a client that measures from the question to the whole
answer. The log is kept between runs (kept.py); its files are in the system's cache but where the disk is named, because
what a disk adds is the disk's. The room is opened in the client's real window, on a screen without
hardware, in turn with a small one: from the choice to the painted page.
"""

import tempfile
import time
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

from lanchat.protocol import wire
from tests.benchmarks.figures import Report
from tests.benchmarks.filling import FREQUENT, RARE, fill
from tests.benchmarks.fleet import Entered, enter
from tests.benchmarks.kept import forget, long_log, read_through
from tests.benchmarks.people import Person, make_profile
from tests.benchmarks.serving import DATABASES, Serving, serving
from tests.benchmarks.windows import Window
from tests.support.figures import percentile

MESSAGES = 1_000_000
LOCAL = 100_000
PAGE = 50
ANYWHERE = "page of 50 anywhere"
PAGE_MOST = {"SQLite": 3.0, "MariaDB": 6.0}
SEARCH_MOST = 50.0


def run(report: Report, *, rounds: int, quick: bool) -> None:
    for database in DATABASES:
        _read(report, database, 20_000 if quick else MESSAGES, rounds)
    _room(report, 5_000 if quick else LOCAL)


def _read(report: Report, database: str, messages: int, rounds: int) -> None:
    with long_log(database, messages) as server:
        read_through(database, messages)
        room = server.world.general
        asking = enter(server.port, server.world, server.world.accounts[0], [room])
        questions = _questions(room, messages)
        try:
            for name, (ask, times, most) in questions.items():
                measured = [_milliseconds(asking, ask, times) for _ in range(rounds)]
                medians = [percentile(one, 0.5) for one in measured]
                note = f"first {measured[0][0]:.1f}, p95 {percentile([*chain(*measured)], 0.95):.1f} ms"
                bound = PAGE_MOST[database] if most is None else most
                report.add("g", name, "ms", database, f"{messages:,} messages", medians, most=bound, note=note)
            forget(database, messages)
            ask, times, _most = questions[ANYWHERE]
            cold = percentile(_milliseconds(asking, ask, times), 0.5)
            at = f"{messages:,} messages, from the disk"
            report.add("g", ANYWHERE, "ms", database, at, [cold], most=PAGE_MOST[database])
        finally:
            asking.close()


def _questions(room: int, messages: int) -> dict[str, tuple[Any, int, float | None]]:
    """Name to what makes the next question, how often it is asked in a round, and the bound of what is no page."""
    random = Random(11)

    def page() -> wire.History:
        return wire.History(room, random.randint(PAGE, messages), False, PAGE)

    def middle() -> wire.History:
        return wire.History(room, messages // 2 + random.randint(-2000, 2000), True, PAGE)

    return {
        "newest page of 50": (lambda: wire.History(room, messages, False, PAGE), 60, None),
        ANYWHERE: (page, 60, None),
        "jump to the middle": (middle, 60, None),
        "search, frequent word": (lambda: wire.Search(room, FREQUENT, 0, PAGE), 10, SEARCH_MOST),
        "search, rare word": (lambda: wire.Search(room, RARE, 0, PAGE), 10, SEARCH_MOST),
    }


def _milliseconds(asking: Entered, ask: Any, times: int) -> list[float]:
    """Of each question. Raises RuntimeError when an answer is not what it should be."""
    spent = []
    for _ in range(times):
        # A server answers 50 requests a second of one user.
        time.sleep(0.02)
        question = ask()
        began = time.perf_counter()
        answer = asking.ask(question)
        spent.append((time.perf_counter() - began) * 1000)
        found = len(answer.records if isinstance(answer, wire.Page) else answer.hits)
        if not found or (isinstance(answer, wire.Page) and found != PAGE):
            raise RuntimeError(f"{found} messages in the answer to {question}")
    return spent


def _room(report: Report, messages: int) -> None:
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder, serving("SQLite", 20, 1) as server:
        profile = make_profile(Path(folder) / "profile", server, server.world.accounts[-1])
        _fill_copy(server, profile, messages)
        with Window(profile, rooms=(f"room {server.world.rooms[0]}", "general")) as window:
            seconds = window.event("opened", 60)["seconds"]
    values = [value * 1000 for value in seconds]
    note = f"first {values[0]:.0f} ms"
    at = f"{messages:,} local messages"
    report.add("g", "client opens a room", "ms", "client", at, values[1:], most=30.0, note=note)


def _fill_copy(server: Serving, profile: Path, messages: int) -> None:
    """The client is there once, then away, and has fetched all messages when it was there again."""
    world = server.world
    for room, count in ((world.rooms[0], 100), (world.general, 100), (world.rooms[0], messages)):
        server.server.stop()
        fill(server.folder, None, world, [room], count, signed=True)
        server.server = server.server.restart()
        with Person(profile) as person:
            person.wait_for("live", 120)
