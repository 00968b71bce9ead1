"""The clients of these tests: what they write is bounded while they do not see it, on a computer of any speed."""

import asyncio
from pathlib import Path

from tests.chaos.crowd import ClientCrowd, EventRecord
from tests.support.waiting import patient

UNSEEN_MAX = 20


class Writer:
    """A client that has seen its messages when the test says so."""

    def __init__(self) -> None:
        self.memory = EventRecord()
        self.written = asyncio.Event()

    async def say(self) -> None:
        self.memory.made[str(len(self.memory.made))] = 0.0
        if len(self.memory.made) % UNSEEN_MAX == 0:
            self.written.set()

    async def come_to_the_bound(self) -> None:
        async with asyncio.timeout(patient(10)):
            await self.written.wait()
        self.written.clear()


def test_writing_pauses_until_messages_are_seen(tmp_path: Path) -> None:
    async def write() -> None:
        crowd, writer = ClientCrowd(tmp_path, size=0), Writer()
        crowd.people = [writer]  # type: ignore[list-item]
        task = asyncio.create_task(crowd._write(writer, 100_000.0, UNSEEN_MAX))  # type: ignore[arg-type]
        try:
            await writer.come_to_the_bound()
            for _ in range(1000):  # turns of the event loop; without a bound there is a message in each of the first
                await asyncio.sleep(0)
            assert len(writer.memory.made) == UNSEEN_MAX
            writer.memory.shown_at = dict(writer.memory.made)
            await writer.come_to_the_bound()
            assert len(writer.memory.made) == 2 * UNSEEN_MAX
        finally:
            task.cancel()

    asyncio.run(write())
