"""Clients that chat during an attack: real client engines, and the time of each message from send to display.

A time is that until all clients display the line, the author's included.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil

from tests.chaos.crowd import ClientCrowd, CrowdClient
from tests.support.figures import percentile
from tests.support.procs import ServerProcess
from tests.support.waiting import patient

SIZE = 4
# Messages a second of each: below the ten that a session may send.
RATE = 8.0
# Nobody waits longer than this for a line: it counts as this much.
PATIENCE = patient(20.0)


class ChatLoad:
    """Four people in `general`; `measure` as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self._crowd = ClientCrowd(folder, size=SIZE)

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, server: ServerProcess, folder: Path) -> "AsyncIterator[ChatLoad]":
        talk = cls(folder)
        try:
            await talk._crowd.enter(server)
            yield talk
        finally:
            await talk._crowd.close()

    async def measure(self, seconds: float) -> list[float]:
        """Seconds from send to shown to all, of what is written within `seconds`; sorted."""
        sent: dict[str, float] = {}
        end = time.monotonic() + seconds
        await asyncio.gather(*(self._talk(person, end, sent) for person in self._crowd.people))
        with contextlib.suppress(TimeoutError):
            await self._crowd.until(lambda: all(self._shown(id) for id in sent), PATIENCE, "all is shown")
        return sorted((self._shown(id) or began + PATIENCE) - began for id, began in sent.items())

    async def _talk(self, person: CrowdClient, end: float, sent: dict[str, float]) -> None:
        turn = time.monotonic() + self._crowd.people.index(person) / RATE / SIZE
        while turn < end:
            await asyncio.sleep(max(0.0, turn - time.monotonic()))
            began = time.monotonic()
            sent[await person.say()] = began
            turn += 1 / RATE

    def _shown(self, id: str) -> float | None:
        """When the last of them had it."""
        moments = [person.memory.shown_at.get(id) for person in self._crowd.people]
        return None if None in moments else max(moment for moment in moments if moment is not None)


async def alternate_quiet_and_attacked(
    talk: ChatLoad, attack: Callable[[], contextlib.AbstractContextManager[object]], seconds: float, rounds: int
) -> tuple[float, float]:
    """The p99 of quiet and of attacked windows, one after the other `rounds` times. The attack is under way when its
    context has begun. Medians of the rounds: a machine that hiccups once decides neither."""
    quiet, attacked = [], []
    for _ in range(rounds):
        quiet.append(percentile(await talk.measure(seconds), 0.99))
        with attack():
            attacked.append(percentile(await talk.measure(seconds), 0.99))
    return percentile(quiet, 0.5), percentile(attacked, 0.5)


@contextlib.contextmanager
def peak_memory(server: ServerProcess, interval: float = 0.05) -> Iterator[list[int]]:
    """Octets resident at first, and the most so far."""
    process = psutil.Process(server.pid)
    seen = [process.memory_info().rss] * 2
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(interval):
            with contextlib.suppress(psutil.Error):
                seen[1] = max(seen[1], process.memory_info().rss)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
