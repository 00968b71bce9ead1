"""A request queries the database equally for a room of others and for a missing one: else response times would reveal
rooms."""

from collections.abc import Collection
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat_server.core.model import Decision
from lanchat_server.service.requests import rooms
from tests.support.memory_store import MemoryStore, MemoryTransaction
from tests.support.rig import Rig
from tests.unit.server.service.test_room_deletion import OTHER, OWNER, ROOM, DeletionHarness, do

MISSING_ROOM = 4711


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[set[tuple[int, int]]]:
    """Rooms and users about which former membership is looked up in the database."""
    found: list[set[tuple[int, int]]] = []
    for kind in (MemoryStore, MemoryTransaction):
        original: Any = kind.were_members

        def spy(self: Any, places: Collection[tuple[int, int]], original: Any = original) -> Any:
            found.append(set(places))
            return original(self, places)

        monkeypatch.setattr(kind, "were_members", spy)
    return found


@pytest.mark.parametrize("room", [ROOM, MISSING_ROOM])
def test_subscription_looks_up_others_and_missing_rooms_equally(lookups: list[set[tuple[int, int]]], room: int) -> None:
    answer = do(DeletionHarness(), OTHER, rooms.subscribe, wire.Subscribe([room]))
    assert answer == wire.Subscribed([], [], [])
    assert {(room, OTHER)} in lookups


def test_subscription_of_a_member_needs_no_lookup(lookups: list[set[tuple[int, int]]]) -> None:
    assert do(DeletionHarness(), OWNER, rooms.subscribe, wire.Subscribe([ROOM])).heads
    assert lookups == []


@pytest.mark.parametrize("room", [Rig.PRIVATE, MISSING_ROOM])
def test_message_looks_up_others_and_missing_rooms_equally(lookups: list[set[tuple[int, int]]], room: int) -> None:
    rig = Rig()
    batch = [rig.submission(rig.authors[3].message("let me in", room=room))]
    outcome = rig.sequencer.commit(rig.store, batch, 5_000)
    assert [decision for _, decision in outcome.decided] == [Decision(0, Code.NOT_A_MEMBER)]
    assert lookups == [{(room, 3)}]


def test_message_of_a_member_needs_no_lookup(lookups: list[set[tuple[int, int]]]) -> None:
    rig = Rig()
    batch = [rig.submission(rig.authors[2].message("here", room=Rig.PRIVATE))]
    assert rig.sequencer.commit(rig.store, batch, 5_000).committed
    assert lookups == []
