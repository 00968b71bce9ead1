"""Requests that the server has no time for: the client makes them again after the pause that it is told."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.limits import CLIENT_LIMITS, ClientLimits
from lanchat.protocol import wire
from tests.support.fake_log import FakeLog
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person


async def leave_room(tmp_path: Path, *failures: wire.Failure, limits: ClientLimits = CLIENT_LIMITS) -> int:
    """How often the server is asked; the first times it fails so, the last of `failures` again and again when its
    `id` is not 0."""
    async with FakeServer(FakeLog()) as server:
        anna = Person(tmp_path / "anna", limits=limits)
        await anna.register(server)
        asked: list[Any] = []

        def answer(operation: Any) -> Any:
            asked.append(operation)
            if failures[-1].id:
                return failures[-1]
            return failures[len(asked) - 1] if len(asked) <= len(failures) else wire.Done()

        server.answers[wire.LeaveRoom] = answer
        try:
            await anna.call(api.LeaveRoomCommand(1))
        except api.CommandError:
            return -len(asked)
        finally:
            await anna.client.close()
        return len(asked)


def busy(retry_ms: int, *, always: bool = False) -> wire.Failure:
    return wire.Failure(int(always), wire.Code.BUSY, "too many requests", retry_ms)


def test_request_is_repeated_after_short_pauses(tmp_path: Path) -> None:
    assert asyncio.run(leave_room(tmp_path, busy(20), busy(1), busy(30))) == 4


@pytest.mark.parametrize(
    "failure",
    [
        busy(5000),
        busy(0),
        wire.Failure(0, wire.Code.TOO_MANY_TRIES, "", 20),
        wire.Failure(0, wire.Code.UNAVAILABLE, "", 20),
    ],
    ids=["long", "without end", "tries", "unavailable"],
)
def test_other_failures_are_reported_at_once(tmp_path: Path, failure: wire.Failure) -> None:
    assert asyncio.run(leave_room(tmp_path, failure)) == -1


def test_permanently_busy_server_ends_the_request(tmp_path: Path) -> None:
    asked = -asyncio.run(leave_room(tmp_path, busy(1, always=True), limits=ClientLimits(busy_patience=0.3)))
    assert 1 <= asked <= 7
