"""A database that does not answer: no queue grows without bound, and the server stops all the same."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.log.records import Record
from lanchat.protocol.transport import Transport as Way
from lanchat_server.config import load
from lanchat_server.core.accounts.changes import together
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.ports import StoreError
from lanchat_server.core.relay.fetches import PendingFetches
from lanchat_server.core.relay.outbound import RecordFetch
from lanchat_server.service.environment import ENVIRONMENT, Environment
from lanchat_server.service.keys import load_or_create
from lanchat_server.service.service import Service
from lanchat_server.service.upkeep import housekeeping
from lanchat_server.service.work.threads import ThreadPool
from lanchat_server.store import SqlStore, open_store
from tests.support.rig import GENERAL, Rig

# Long enough for any computer; nothing here waits for all of it when all is well.
LONG = 60.0


class HangingStore:
    """A store that answers nothing until `go` is set."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.go = threading.Event()
        self.asked = threading.Event()

    def transaction(self) -> Any:
        self._wait()
        return self._store.transaction()

    def records(self, *arguments: Any) -> Any:
        self._wait()
        return self._store.records(*arguments)

    def _wait(self) -> None:
        self.asked.set()
        assert self.go.wait(LONG)


def with_service(
    folder: Path,
    scenario: Callable[[Service, HangingStore], Awaitable[None]],
    environment: Environment = ENVIRONMENT,
) -> None:
    async def everything() -> None:
        store = open_store(None, folder)
        store.take_lease("test", 0)
        hanging = HangingStore(store)
        directory = Directory(store.snapshot())
        keys = load_or_create(folder)
        config = load({"data_dir": folder})
        service = Service(config, hanging, keys, directory, "", lambda _: None, environment)  # type: ignore[arg-type]
        try:
            await scenario(service, hanging)
        finally:
            hanging.go.set()
            await service.close(LONG)
            store.close()

    asyncio.run(everything())


# --- Repairs ----------------------------------------------------------------------------------------------------------


def _with_records(config: CoreConfig) -> Rig:
    """Records that are in the store only."""
    rig = Rig(config)
    for user in (1, 2):
        rig.core.add_session(user, user, rig.authors[user].device, 0.0)
    for room in (GENERAL, Rig.PRIVATE):
        rig.core.receive(1, wire.Submit([rig.authors[1].message("x", room=room)]), Way.TLS, 1.0)
    rig.run_batches(1.0)
    for room in (GENERAL, Rig.PRIVATE):
        rig.core._recent.forget(room)
    rig.core.take_outputs()
    return rig


def _request_repair(rig: Rig, session: int, room: int, times: int = 1) -> list[RecordFetch]:
    for _ in range(times):
        rig.core.receive(session, wire.Nack(room, [1]), Way.TLS, 2.0)
    return [output for output in rig.core.take_outputs() if isinstance(output, RecordFetch)]


def test_one_repair_of_a_room_is_read_at_a_time() -> None:
    rig = _with_records(CoreConfig())
    (fetch,) = _request_repair(rig, 1, GENERAL, 10)
    assert _request_repair(rig, 1, GENERAL) == []
    assert rig.core.counters["nack_put_off"] == 10
    assert rig.core.queue_lengths()["repairs"] == 1
    rig.core.fetched(fetch, _stored(rig), 3.0)
    assert rig.core.queue_lengths()["repairs"] == 0
    assert len(_request_repair(rig, 1, GENERAL)) == 1


def test_repairs_of_a_session_are_bounded() -> None:
    rig = _with_records(CoreConfig(fetches_per_session=1))
    (fetch,) = _request_repair(rig, 1, GENERAL)
    assert _request_repair(rig, 1, Rig.PRIVATE) == []
    # Others have their own.
    assert len(_request_repair(rig, 2, Rig.PRIVATE)) == 1
    rig.core.fetched(fetch, [], 3.0)
    assert len(_request_repair(rig, 1, Rig.PRIVATE)) == 1


def test_total_repairs_are_bounded() -> None:
    rig = _with_records(CoreConfig(fetches_max=1))
    (fetch,) = _request_repair(rig, 1, GENERAL)
    assert _request_repair(rig, 2, GENERAL) == []
    rig.core.fetched(fetch, [], 3.0)
    assert len(_request_repair(rig, 2, GENERAL)) == 1


def test_failed_or_abandoned_repair_releases_its_slot() -> None:
    rig = _with_records(CoreConfig())
    (failed,) = _request_repair(rig, 1, GENERAL)
    (left,) = _request_repair(rig, 2, GENERAL)
    rig.core.remove_session(2, 2.5)
    rig.core.fetched(failed, [], 3.0)
    rig.core.fetched(left, _stored(rig), 3.0)
    assert rig.core.queue_lengths()["repairs"] == 0


def _stored(rig: Rig) -> list[Record]:
    return [item.record for item in rig.database.records[GENERAL]]


def test_repair_that_fails_in_the_store_is_ended(tmp_path: Path) -> None:
    async def scenario(service: Service, store: HangingStore) -> None:
        fetch = RecordFetch(1, GENERAL, (1,))
        service.core._fetches.begin(fetch)

        def fail(*_: Any) -> Any:
            raise StoreError("away")

        store.records = fail  # type: ignore[method-assign]
        await service.driver._fetch(fetch)
        assert service.core.queue_lengths()["repairs"] == 0

    with_service(tmp_path, scenario)


# --- Readers ----------------------------------------------------------------------------------------------------------


def test_queue_of_a_thread_pool_is_bounded() -> None:
    async def scenario() -> None:
        go = threading.Event()
        threads = ThreadPool(2, "reader", 3)
        waiting = [asyncio.create_task(threads.run(lambda: go.wait(LONG))) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="Too much waits"):
            await threads.run(lambda: True)
        go.set()
        assert await asyncio.gather(*waiting) == [True] * 5
        assert await threads.run(lambda: 7) == 7
        assert await threads.close(LONG)

    asyncio.run(scenario())


def test_thread_pool_passes_on_exceptions_and_continues() -> None:
    async def scenario() -> None:
        threads = ThreadPool(1, "reader", 3)
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        assert await threads.run(lambda: 7) == 7
        assert await threads.close(LONG)

    asyncio.run(scenario())


def test_cancelled_caller_keeps_its_slot_until_the_work_ends() -> None:
    async def scenario() -> None:
        go = threading.Event()
        threads = ThreadPool(1, "reader", 0)
        task = asyncio.create_task(threads.run(lambda: go.wait(LONG)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(StoreError):
            await threads.run(lambda: True)
        go.set()
        assert await threads.close(LONG)

    asyncio.run(scenario())


def test_hanging_threads_are_abandoned_on_close() -> None:
    async def scenario() -> None:
        go = threading.Event()
        threads = ThreadPool(1, "reader", 0)
        task = asyncio.create_task(threads.run(lambda: go.wait(LONG)))
        await asyncio.sleep(0)
        assert not await threads.close(0.01)
        assert all(thread.daemon for thread in threads._threads)
        go.set()
        assert await threads.close(LONG)
        await task

    asyncio.run(scenario())


# --- Housekeeping -----------------------------------------------------------------------------------------------------


def test_dead_sessions_end_while_the_database_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []
    monkeypatch.setattr(housekeeping, "_end_silent", lambda service: looked.append(service.now()))

    async def scenario(service: Service, store: HangingStore) -> None:
        service.connections.seen_users[1] = 5
        assert await asyncio.to_thread(store.asked.wait, LONG)
        count = len(looked)
        async with asyncio.timeout(LONG):
            while len(looked) < count + 3:
                await asyncio.sleep(0.01)
        # One write waits, not one for each round.
        assert service.writer._jobs.qsize() == 0

    with_service(tmp_path, scenario, Environment(housekeeping_interval=0.01))


# --- The end ----------------------------------------------------------------------------------------------------------


def test_stop_does_not_wait_for_a_hanging_database(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(service: Service, store: HangingStore) -> None:
        task = asyncio.create_task(service.writer.transact(lambda tx: together(None)))
        assert await asyncio.to_thread(store.asked.wait, LONG)
        async with asyncio.timeout(LONG):
            assert not await service.close(0.05)
        assert "the database does not answer" in caplog.text
        assert not task.done()
        store.go.set()
        await task

    with_service(tmp_path, scenario)


def test_stop_waits_for_accepted_work(tmp_path: Path) -> None:
    async def scenario(service: Service, store: HangingStore) -> None:
        task = asyncio.create_task(service.writer.transact(lambda tx: together(7)))
        assert await asyncio.to_thread(store.asked.wait, LONG)
        closing = asyncio.create_task(service.close(LONG))
        await asyncio.sleep(0.05)
        assert not closing.done()
        store.go.set()
        assert await closing
        assert await task == 7

    with_service(tmp_path, scenario)


def test_stopping_server_accepts_no_messages() -> None:
    rig = Rig()
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    rig.core.receive(1, wire.Submit([rig.authors[1].message("taken")]), Way.TLS, 1.0)
    assert not rig.core.finished
    rig.core.stop()
    rig.core.receive(1, wire.Submit([rig.authors[1].message("late")]), Way.TLS, 1.0)
    assert rig.core.counters["submit_busy"] == 1
    batch = rig.core.next_batch(1.0)
    assert batch is not None
    assert not rig.core.finished
    rig.core.committed(rig.sequencer.commit(rig.store, batch, 1_000), 1.0)
    assert rig.core.finished
    assert rig.texts() == ["taken"]


def test_abandoned_store_is_not_closed(tmp_path: Path) -> None:
    store = open_store(None, tmp_path)
    store.abandon()
    store.close()
    with pytest.raises(StoreError):
        open_store(None, tmp_path)
    store._abandoned = False
    store.close()
    open_store(None, tmp_path).close()


def test_slots_of_a_session_are_released_in_any_order() -> None:
    fetches = PendingFetches(CoreConfig(fetches_per_session=2))
    one, two, three, four = (RecordFetch(1, room, (1,)) for room in range(1, 5))
    assert fetches.begin(one)
    assert fetches.begin(two)
    assert not fetches.begin(three)
    fetches.end(one)
    assert fetches.begin(three)
    assert not fetches.begin(four)
    fetches.end(two)
    fetches.end(three)
    assert len(fetches) == 0
    assert not fetches._of_session
