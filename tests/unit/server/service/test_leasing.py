"""A server with a standby renews its lease often, and stops serving before it may have run out."""

import asyncio
from collections.abc import Callable
from typing import Any

from lanchat_server.core.ports import CommitUnknown, StoreError
from lanchat_server.service.upkeep import leasing
from lanchat_server.service.upkeep.leasing import RENEWAL, LeasePromise, keep_lease
from lanchat_server.store.transactions.claiming import SERVES

PROMISED = round(SERVES * 1000)


class Tx:
    """A transaction that notes what is promised in it."""

    def __init__(self, standby: str) -> None:
        self.standby = standby
        self.promised: list[int] = []

    def renew_lease(self, serves_ms: int = 0) -> str:
        self.promised.append(serves_ms)
        return self.standby

    def log_octets(self) -> int:
        return 42


def test_server_without_a_standby_promises_nothing() -> None:
    promise, tx = LeasePromise(False), Tx("")
    assert promise.renew(tx).value == 42  # type: ignore[arg-type]
    assert (promise.given, promise.standby, tx.promised) == (False, "", [0])


def test_server_promises_as_soon_as_it_sees_a_standby() -> None:
    promise, tx = LeasePromise(False), Tx("other:1")
    promise.renew(tx)  # type: ignore[arg-type]
    assert (promise.given, promise.standby, tx.promised[-1]) == (True, "other:1", PROMISED)


def test_promise_outlives_the_standby() -> None:
    promise, tx = LeasePromise(True), Tx("")
    promise.renew(tx)  # type: ignore[arg-type]
    assert (promise.given, tx.promised) == (True, [PROMISED])


class Scene:
    """`keep_lease` in virtual time: the loop's clock goes on by as much as it sleeps."""

    def __init__(self, promise: LeasePromise, outcome: Callable[[float], BaseException | None]) -> None:
        self.promise = promise
        self.now = 100.0
        self.proven = 100.0
        self.outcome = outcome
        self.renewals: list[float] = []
        self.expired: list[float] = []

    async def transact(self, _job: Any) -> int:
        self.renewals.append(self.now)
        error = self.outcome(self.now)
        if error is not None:
            raise error
        self.proven = self.now
        return 0

    def run(self, work: Any) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(work)

    def play(self, monkeypatch: Any, seconds: float) -> None:
        end = self.now + seconds
        sleep = asyncio.sleep

        async def virtual(delay: float) -> None:
            self.now += delay
            await sleep(0)
            await sleep(0)
            if self.now > end:
                raise asyncio.CancelledError

        monkeypatch.setattr(leasing.asyncio, "sleep", virtual)
        work = keep_lease(
            self.promise,
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            lambda: self.now,
            lambda: self.expired.append(self.now),
        )
        try:
            asyncio.run(work)
        except asyncio.CancelledError:
            pass
        finally:
            monkeypatch.undo()


def test_lease_is_renewed_when_nothing_else_is_written(monkeypatch: Any) -> None:
    scene = Scene(LeasePromise(True), lambda _now: None)
    scene.play(monkeypatch, 60.0)
    assert scene.expired == []
    gaps = [later - earlier for earlier, later in zip(scene.renewals, scene.renewals[1:], strict=False)]
    assert len(gaps) > 30
    assert max(gaps) < 2 * RENEWAL


def test_server_without_a_promise_goes_on(monkeypatch: Any) -> None:
    scene = Scene(LeasePromise(False), lambda _now: StoreError("away"))
    scene.play(monkeypatch, 60.0)
    assert (scene.expired, scene.renewals) == ([], [])


def test_server_stops_at_the_time_that_it_promised(monkeypatch: Any) -> None:
    for failure in (StoreError("away"), CommitUnknown("lost")):
        scene = Scene(LeasePromise(True), lambda now, failure=failure: failure if now > 110 else None)
        scene.play(monkeypatch, 60.0)
        (expired,) = scene.expired
        assert 0 <= expired - scene.proven - SERVES < 0.01


def test_short_outage_is_survived(monkeypatch: Any) -> None:
    scene = Scene(LeasePromise(True), lambda now: StoreError("away") if 110 < now < 110 + SERVES - RENEWAL else None)
    scene.play(monkeypatch, 60.0)
    assert scene.expired == []
