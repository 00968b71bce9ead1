"""The server's clock is set by ten years and back: deadlines of that time neither end at once nor last for years."""

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from lanchat.platform.clock import Clock, wall_ms
from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat.protocol.log.certificates import CERTIFICATE_LIFETIME, open_certificate_untrusted
from lanchat.protocol.log.keys import public_octets
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.accounts.changes import transact
from lanchat_server.service.context import RequestContext
from lanchat_server.service.room_keys import RoomKeys
from lanchat_server.service.upkeep import housekeeping
from lanchat_server.service.wall_clock import TOLERANCE_MS, ClockWatch
from lanchat_server.store import SqlStore
from lanchat_server.store.tables import schema
from tests.support.fake_log import key_of
from tests.support.rig import GENERAL, ImmediateWriter, Rig
from tests.support.stores import added

NOW_MS = 1_800_000_000_000
DECADE_MS = 315_360_000_000
MINUTE_MS = 60_000


class SetClock:
    """A wall clock that is set, and a steady one."""

    def __init__(self) -> None:
        self.steady = 1000
        self.wall = NOW_MS

    def go(self, ms: int, set_by: int = 0) -> None:
        self.steady += ms
        self.wall += ms + set_by

    def watch(self) -> ClockWatch:
        return ClockWatch(Clock(lambda: self.wall, lambda: self.steady))


def test_small_adjustment_is_no_jump() -> None:
    clock = SetClock()
    watch = clock.watch()
    for adjustment in (0, TOLERANCE_MS, -TOLERANCE_MS, 3):
        clock.go(2000, adjustment)
        assert watch.look() == 0
    assert watch.report.jumps == 0


@pytest.mark.parametrize("jump", [DECADE_MS, -DECADE_MS, 6_000, -6_000])
def test_jump_is_reported_once(jump: int) -> None:
    clock = SetClock()
    watch = clock.watch()
    clock.go(2000, jump)
    assert watch.look() == jump
    clock.go(2000)
    assert watch.look() == 0
    assert (watch.report.jumps, watch.report.last_jump_ms) == (1, jump)


class FakeService:
    """A service as housekeeping uses it: moved deadlines, and a database that fails at first."""

    def __init__(self, clock: SetClock, failures: int = 0) -> None:
        self.clock = clock.watch()
        self.moved: list[int] = []
        self.wall_ms = lambda: clock.wall
        self.writer = self
        self.directory = SimpleNamespace(users={})
        self._failures = failures

    async def transact(self, job: Any) -> None:
        if self._failures:
            self._failures -= 1
            raise housekeeping.StoreError("away")
        job(SimpleNamespace(move_deadlines=lambda by_ms, now_ms: self.moved.append(by_ms)))


async def check_clock(service: Any) -> None:
    housekeeping.watch_clock(service)
    await housekeeping.settle_clock(service)


def test_jump_is_logged_and_deadlines_move(caplog: pytest.LogCaptureFixture) -> None:
    clock = SetClock()
    service: Any = FakeService(clock)
    with caplog.at_level(logging.WARNING):
        asyncio.run(check_clock(service))
        clock.go(2000)
        asyncio.run(check_clock(service))
        assert (service.moved, caplog.messages) == ([0], [])
        clock.go(2000, -DECADE_MS)
        asyncio.run(check_clock(service))
    assert service.moved == [0, -DECADE_MS]
    assert len(caplog.messages) == 1
    assert "clock was set by -315360000.0 s" in caplog.messages[0]


def test_deadlines_move_later_after_a_database_outage() -> None:
    clock = SetClock()
    service: Any = FakeService(clock, failures=2)
    for jump in (DECADE_MS, -5 * TOLERANCE_MS, 0):
        clock.go(2000, jump)
        try:
            asyncio.run(check_clock(service))
        except housekeeping.StoreError:
            assert service.moved == []
    assert service.moved == [DECADE_MS - 5 * TOLERANCE_MS]


def test_clock_behind_the_newest_message_is_logged_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    heads = {1: SimpleNamespace(time_ms=NOW_MS + DECADE_MS), 2: SimpleNamespace(time_ms=NOW_MS)}
    service: Any = SimpleNamespace(core=SimpleNamespace(heads=heads), wall_ms=lambda: NOW_MS)
    with caplog.at_level(logging.WARNING):
        housekeeping.compare_with_log(service)
        del heads[1]
        housekeeping.compare_with_log(service)
    assert caplog.messages == [
        "the clock is 315360000.0 s behind the newest message: it was ahead before, or is wrong now"
    ]


@pytest.mark.parametrize("seconds", [-86_400, -1, 0])
def test_wall_clock_before_1970_gives_positive_times(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    monkeypatch.setattr("time.time_ns", lambda: seconds * 1_000_000_000)
    assert wall_ms() == 1


def test_last_seen_time_of_a_clock_ahead_is_corrected() -> None:
    rig = Rig()
    user = next(iter(rig.directory.users))
    rig.directory.touch({user: NOW_MS + DECADE_MS}, {})
    rig.core.last_seen[user] = NOW_MS
    assert rig.core.user_view(user).last_seen_ms == NOW_MS


# --- What is stored with an end --------------------------------------------------------------------------------------


def expiry_times(store: SqlStore) -> tuple[int, int]:
    """The expiry times of the recovery code and the invitation in a store."""
    with store.reading() as connection:
        tables = (schema.recovery_codes, schema.invites)
        code, invite = (connection.execute(select(table.c.not_after_ms)).scalar_one() for table in tables)
    return code, invite


@pytest.mark.parametrize("jump", [DECADE_MS, -DECADE_MS, 3_600_000, -3_600_000])
def test_codes_keep_their_lifetime_over_a_jump(store: SqlStore, jump: int) -> None:
    (user,) = added(store, "anna")
    with store.transaction() as tx:
        tx.set_recovery(recovery.new_recovery(store.log.log_id, user.id, "12345678", NOW_MS), user.id)
        tx.add_invite(b"i" * 32, 5, NOW_MS + 7 * 86_400_000, user.id)
    with store.transaction() as tx:
        tx.move_deadlines(jump, NOW_MS + jump + MINUTE_MS)
    assert expiry_times(store) == (NOW_MS + jump + recovery.LIFETIME_MS, NOW_MS + jump + 7 * 86_400_000)
    with store.transaction() as tx:
        assert tx.use_invite(b"i" * 32, NOW_MS + jump + MINUTE_MS)
        row = tx.recovery(user.id)
    assert recovery.is_right(row, store.log.log_id, "12345678", NOW_MS + jump + MINUTE_MS)


def test_expiry_of_codes_made_while_ahead_is_bounded_at_the_start(store: SqlStore) -> None:
    (user,) = added(store, "anna")
    with store.transaction() as tx:
        ahead = recovery.new_recovery(store.log.log_id, user.id, "12345678", NOW_MS + DECADE_MS)
        tx.set_recovery(ahead, user.id)
        tx.add_invite(b"i" * 32, 5, NOW_MS + DECADE_MS, user.id)
    assert not recovery.is_right(ahead, store.log.log_id, "12345678", NOW_MS)
    for _ in range(2):
        with store.transaction() as tx:
            tx.move_deadlines(0, NOW_MS)
    assert expiry_times(store) == (NOW_MS + recovery.LIFETIME_MS, NOW_MS + recovery.INVITE_LIFETIME_MAX * 1000)


def test_code_is_valid_after_the_clock_is_set_back_slightly(store: SqlStore) -> None:
    code = recovery.new_recovery(b"l" * 16, 1, "12345678", NOW_MS)
    assert recovery.is_right(code, b"l" * 16, "12345678", NOW_MS - TOLERANCE_MS)


def test_room_keys_made_while_ahead_are_replaced() -> None:
    rig = Rig()
    clock = SetClock()
    keys = RoomKeys(
        rig.directory, ImmediateWriter(rig), SimpleNamespace(room_keys_changed=list), lambda: clock.wall, SYSTEM_ENTROPY
    )  # type: ignore[arg-type]

    def present() -> tuple[int, int]:
        (key,) = asyncio.run(keys.present([GENERAL]))
        return key.number, key.not_after_ms

    clock.go(0, DECADE_MS)
    number, _ = present()
    clock.go(2000, -TOLERANCE_MS)
    assert present()[0] == number
    clock.go(0, -DECADE_MS)
    replaced, not_after_ms = present()
    assert replaced == number + 1
    assert not_after_ms == clock.wall + accounts.ROOM_KEY_LIFETIME * 1000
    assert present() == (replaced, not_after_ms)


def test_certificates_made_while_ahead_are_replaced_by_newer_ones(tmp_path: Path) -> None:
    rig = Rig()
    clock = SetClock()
    log_key = key_of(1)
    service: Any = SimpleNamespace(
        log_public_key=public_octets(log_key), directory=rig.directory, wall_ms=lambda: clock.wall
    )
    device = next(iter(rig.directory.devices.values()))
    user = rig.directory.users[device.user]

    def renew() -> Any:
        certificate = accounts.certify(rig.directory, log_key, user, device.public_key, clock.wall)
        transact(rig.store, lambda tx: accounts.renew_device(tx, rig.directory, device, certificate))
        return open_certificate_untrusted(public_octets(log_key), rig.directory.log.log_id, certificate)

    def is_fresh() -> bool:
        return RequestContext.certificate_is_fresh(service, rig.directory.devices[device.id])

    clock.go(0, DECADE_MS)
    ahead = renew()
    assert is_fresh()
    clock.go(0, -DECADE_MS)
    assert not is_fresh()
    again = renew()
    assert is_fresh()
    assert again.serial > ahead.serial
    assert again.not_after_ms == clock.wall + CERTIFICATE_LIFETIME * 1000
    clock.go(0, DECADE_MS)
    assert not is_fresh()
