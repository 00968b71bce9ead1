"""The clients of these tests: what they write is bounded while no server answers, on a computer of any speed."""

import asyncio
from pathlib import Path

from tests.chaos.crowd import ClientCrowd, EventRecord
from tests.support.waiting import patient

UNDECIDED_MAX = 20


class Writer:
    """A client whose messages are acknowledged when the test says so."""

    def __init__(self) -> None:
        self.memory = EventRecord()
        self.written = asyncio.Event()

    async def say(self) -> None:
        self.memory.made[str(len(self.memory.made))] = 0.0
        if len(self.memory.made) % UNDECIDED_MAX == 0:
            self.written.set()

    async def come_to_the_bound(self) -> None:
        async with asyncio.timeout(patient(10)):
            await self.written.wait()
        self.written.clear()


def test_writing_pauses_until_messages_are_acknowledged(tmp_path: Path) -> None:
    async def write() -> None:
        crowd, writer = ClientCrowd(tmp_path, size=0), Writer()
        task = asyncio.create_task(crowd._write(writer, 100_000.0, UNDECIDED_MAX))  # type: ignore[arg-type]
        try:
            await writer.come_to_the_bound()
            for _ in range(1000):  # turns of the event loop; without a bound there is a message in each of the first
                await asyncio.sleep(0)
            assert len(writer.memory.made) == UNDECIDED_MAX
            writer.memory.acknowledged = dict.fromkeys(writer.memory.made, 1)
            await writer.come_to_the_bound()
            assert len(writer.memory.made) == 2 * UNDECIDED_MAX
        finally:
            task.cancel()

    asyncio.run(write())
