"""A disk that does not answer while the server reads its free space."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat_server.service.upkeep import housekeeping
from lanchat_server.service.work.threads import ThreadPool
from tests.support.waiting import patient


def test_process_ends_while_the_disk_check_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, released = threading.Event(), threading.Event()

    def hang(_folders: object) -> None:
        entered.set()
        released.wait()

    monkeypatch.setattr(housekeeping, "free_octets", hang)

    async def look() -> None:
        storage = SimpleNamespace(folders=[], look_at=list)
        threads = ThreadPool(1, "disk", 1)
        service: Any = SimpleNamespace(disk_looks=threads, storage=storage)
        looking = asyncio.create_task(housekeeping._look_at_disk(service))
        while not entered.is_set():
            assert not looking.done()
            await asyncio.sleep(0.001)
        looking.cancel()
        await threads.close(0.0)

    running = threading.Thread(target=lambda: asyncio.run(look()), daemon=True)
    running.start()
    running.join(patient(5))
    ended = not running.is_alive()
    released.set()
    running.join(patient(5))
    assert ended
