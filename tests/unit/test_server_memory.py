"""What a server keeps and bounds at the point of growth: filled far beyond its bound, and measured."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lanchat.protocol.codes import Code
from lanchat_server.config import load
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.limits.allowance import AllowanceKind, by_user
from lanchat_server.core.limits.closed import _USERS_MAX, Closed
from lanchat_server.core.limits.meter import QuotaShortage
from lanchat_server.core.model import MembershipRow
from lanchat_server.core.ports import StoreError
from lanchat_server.service.keys import load_or_create
from lanchat_server.service.net.local_port import ADMITTED_MAX, LocalConnection, LocalPort
from lanchat_server.service.service import PAGES_MAX, READS_MAX, Service
from lanchat_server.service.work.writer import JOBS_MAX
from lanchat_server.store import open_store
from lanchat_server.store.tables import bulk
from lanchat_server.store.transactions import transaction
from tests.support.allocated import taken
from tests.support.rig import Rig

KIB = 1 << 10


def test_users_over_quota_are_bounded() -> None:
    def fill() -> Closed:
        closed = Closed(30.0)
        for user in range(5 * _USERS_MAX):
            closed.note((1 << 40) + user, QuotaShortage(Code.USER_QUOTA, 60.0 + user), 0.0)
        assert closed.reason((1 << 40) + 5 * _USERS_MAX - 1, 1.0) is not None
        return closed

    assert taken(fill) < _USERS_MAX * 256


def with_service(folder: Path, scenario: Callable[[Service], Awaitable[None]]) -> None:
    """Runs a scenario with a service without sockets."""

    async def play() -> None:
        store = open_store(None, folder)
        store.take_lease("test", 0)
        keys, directory = load_or_create(folder), Directory(store.snapshot())
        service = Service(load({"data_dir": folder}), store, keys, directory, "", lambda: None)  # type: ignore[arg-type]
        try:
            await scenario(service)
        finally:
            await service.close()
            store.close()

    asyncio.run(asyncio.wait_for(play(), 60))


def test_large_answers_and_their_queue_are_bounded(tmp_path: Path) -> None:
    async def scenario(service: Service) -> None:
        within, go_on = 0, asyncio.Event()

        async def page() -> None:
            nonlocal within
            async with service.pages:
                within += 1
                await go_on.wait()

        tasks = [asyncio.create_task(page()) for _ in range(READS_MAX + 100)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert within == PAGES_MAX == 8
        refused = [task for task in tasks if task.done() and isinstance(task.exception(), StoreError)]
        assert len(tasks) - len(refused) == PAGES_MAX + READS_MAX
        go_on.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    with_service(tmp_path, scenario)


def test_changes_waiting_for_the_writer_are_bounded(tmp_path: Path) -> None:
    async def scenario(service: Service) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def hang(_: object) -> DirectoryChange[None]:
            begun.set()
            go_on.wait(60)
            return DirectoryChange(None, lambda: None)

        first = asyncio.create_task(service.writer.transact(hang))
        await asyncio.to_thread(begun.wait, 60)
        done: list[BaseException | None] = []
        refused = 0

        def fill() -> None:
            nonlocal refused
            for _ in range(3 * JOBS_MAX):
                try:
                    service.writer._submit(lambda: None, lambda _result, error: done.append(error))
                except StoreError:
                    refused += 1

        held = taken(fill)
        go_on.set()
        await first
        while len(done) + refused < 2 * 3 * JOBS_MAX:
            await asyncio.sleep(0.01)
        # The service itself may have handed in something.
        assert JOBS_MAX - 10 <= len(done) <= JOBS_MAX
        assert set(done) == {None}
        assert held < JOBS_MAX * KIB

    with_service(tmp_path, scenario)


def test_cached_statements_are_bounded() -> None:
    """More kinds of queries than any program has, each for every length."""

    def fill() -> None:
        bulk._sqlite_statement.cache_clear()
        for number in range(400):
            for count in bulk._LENGTHS:
                bulk._sqlite_statement(f"t.column_{number}", "CROSS JOIN t ON t.a = k.a", 4, count)

    assert taken(fill) < 256 * 2 * KIB
    bulk._sqlite_statement.cache_clear()


def test_remembered_allowances_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "_SPENDERS_MAX", 1_000)
    store = open_store(None, tmp_path)
    store.take_lease("test", 0)
    try:

        def ask(first: int, count: int) -> None:
            for start in range(first, first + count, 100):
                with store.transaction() as tx:
                    asked = [by_user(AllowanceKind.OCTETS, user) for user in range(start, start + 100)]
                    assert set(tx.allowances(asked).values()) == {0}
                    tx.set_allowances(dict.fromkeys(asked, 0))

        # What the statements and the library keep is there before.
        ask(0, 2_000)
        assert taken(lambda: ask(10_000, 4_000)) < (1_000 + 200) * 256
    finally:
        store.close()


def test_concurrent_commands_are_bounded() -> None:
    async def play() -> None:
        admitted: list[bool] = []
        go_on = asyncio.Event()

        async def serve(connection: LocalConnection) -> None:
            admitted.append(port.admit(connection))
            await go_on.wait()

        port = LocalPort("commands", serve, KIB)
        await port.start()
        try:
            # No more at once than have places before they are let in.
            for number in range(3 * ADMITTED_MAX):
                _reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
                while len(admitted) <= number:
                    await asyncio.sleep(0.001)
                writers.append(writer)
            assert admitted.count(True) == ADMITTED_MAX
        finally:
            go_on.set()
            for writer in writers:
                writer.close()
            port.close()

    writers: list[asyncio.StreamWriter] = []
    asyncio.run(asyncio.wait_for(play(), 60))


def test_memberships_added_in_a_day_are_bounded() -> None:
    """What one user can add within a day, in rooms of a hundred."""
    directory = Rig().directory

    def fill() -> Directory:
        for number in range(CoreConfig().members_per_day):
            room, user = (1 << 62) + number // 100, (1 << 40) + number % 100
            directory.put_members([MembershipRow(room, user, 1 << 40, 1, 1 << 20, 1 << 20)])
        return directory

    assert taken(fill) < CoreConfig().members_per_day * 500
