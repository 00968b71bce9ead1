"""Every part of the server uses the injected clocks."""

import asyncio
from types import SimpleNamespace
from typing import Any

from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.reporting import figures
from lanchat_server.service.room_keys import RoomKeys
from lanchat_server.service.work.writer import Writer
from tests.support.rig import GENERAL, ImmediateWriter, Rig

# Far from every clock of the computer.
NOW = 5e9
WALL_MS = 4_000_000_000_000


def test_presence_is_due_by_the_clock_of_the_core() -> None:
    rig = Rig()
    EventNotifier(rig.core, rig.directory, rig.sequencer, rig.statements, lambda: NOW).user_changed(2)
    rig.core.handle_timer(NOW - 1)
    assert rig.core._presence_due == NOW + rig.config.presence_interval


def test_room_keys_expire_by_the_injected_wall_clock() -> None:
    rig = Rig()
    keys = RoomKeys(
        rig.directory, ImmediateWriter(rig), SimpleNamespace(room_keys_changed=list), lambda: WALL_MS, SYSTEM_ENTROPY
    )  # type: ignore[arg-type]
    (key,) = asyncio.run(keys.present([GENERAL]))
    assert WALL_MS < key.not_after_ms < WALL_MS + 2 * 86_400_000


def test_records_have_the_time_of_the_injected_wall_clock() -> None:
    rig = Rig()

    async def commit() -> None:
        writer = Writer(
            rig.store,
            rig.directory,
            rig.sequencer,
            lambda _reason: None,
            lambda *_: None,
            lambda: WALL_MS,
        )
        committed = asyncio.Event()
        writer.commit([rig.submission(rig.authors[1].message("hello"))], lambda *_: committed.set())
        await committed.wait()
        assert await writer.close(60.0)

    asyncio.run(commit())
    assert [item.record.time_ms for item in rig.database.records[GENERAL]] == [WALL_MS]


def test_uptime_does_not_jump_with_the_wall_clock() -> None:
    service: Any = SimpleNamespace(started=NOW - 12, now=lambda: NOW)
    assert figures._uptime_ms(service) == 12_000
