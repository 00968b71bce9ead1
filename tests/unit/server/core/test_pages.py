"""Search: which rooms, how many hits, and which changes and certificates are returned."""

from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.limits import SEARCH_HITS_MAX
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.transport import Transport
from lanchat_server.core.model import MembershipRow
from lanchat_server.core.relay.pages import search_rooms
from tests.support.rig import GENERAL, Rig


class FoundStore:
    """Finds the first records of `general`; keeps the queries."""

    def __init__(self, rig: Rig, count: int) -> None:
        self._records = [item.record for item in rig.database.records[GENERAL]]
        self._count = count
        self.asked: list[tuple[dict[int, int], str, int, int]] = []

    def search(self, rooms: dict[int, int], words: str, *, before: int, limit: int, before_room: int = 0) -> Any:
        self.asked.append((rooms, words, before, limit))
        self.behind = before_room
        return [(GENERAL, record) for record in self._records[: self._count]]

    def changes(self, _room: int, seqs: list[int]) -> Any:
        return [record for record in self._records[self._count :] if seqs]


def filled(rig: Rig) -> Rig:
    author = rig.authors[2]
    rig.core.add_session(2, 2, author.device, 0.0)
    texts = [author.message("one"), author.message("two")]
    changes = [author.message("👍", kind=Kind.REACTION, ref=1), author.message("first", kind=Kind.EDIT, ref=1)]
    rig.core.receive(2, wire.Submit([*texts, *changes]), Transport.TLS, 1.0)
    rig.run_batches(1.0)
    return rig


@pytest.mark.parametrize(("wanted", "given"), [(3, 3), (SEARCH_HITS_MAX, SEARCH_HITS_MAX), (200, SEARCH_HITS_MAX)])
def test_hits_are_bounded(wanted: int, given: int) -> None:
    rig = filled(Rig())
    store = FoundStore(rig, 1)
    search_rooms(store, rig.directory, 2, wire.Search(0, "one", 0, wanted))  # type: ignore[arg-type]
    assert store.asked[0][3] == given


def test_rooms_are_those_of_the_user_from_his_first_record() -> None:
    rig = filled(Rig())
    rig.directory.put_members([MembershipRow(Rig.PRIVATE, 2, 0, 7, 0, 0)])
    store = FoundStore(rig, 0)
    for room, before in ((0, 9), (GENERAL, 9), (Rig.PRIVATE, 0), (99, 9)):
        search_rooms(store, rig.directory, 2, wire.Search(room, "one", before, 5))  # type: ignore[arg-type]
    assert store.asked == [
        ({GENERAL: 1, Rig.PRIVATE: 7}, "one", 0, 5),
        ({GENERAL: 1}, "one", 9, 5),
        ({Rig.PRIVATE: 7}, "one", 0, 5),
    ]


def test_search_continues_only_behind_a_readable_hit() -> None:
    rig = filled(Rig())
    rig.directory.put_members([MembershipRow(Rig.PRIVATE, 2, 0, 7, 0, 0)])

    def behind(room: int, seq: int, user: int = 2) -> tuple[int, int] | None:
        store = FoundStore(rig, 2)
        search_rooms(store, rig.directory, user, wire.Search(0, "one", seq, 5, room))  # type: ignore[arg-type]
        return (store.behind, store.asked[0][2]) if store.asked else None

    assert behind(Rig.PRIVATE, 7) == (Rig.PRIVATE, 7)
    # Where it stands would tell when it was stored.
    assert [behind(Rig.PRIVATE, 6), behind(99, 1), behind(Rig.PRIVATE, 9, user=3)] == [None] * 3


def test_hit_includes_its_changes_and_certificates() -> None:
    rig = filled(Rig())
    found = search_rooms(FoundStore(rig, 2), rig.directory, 2, wire.Search(0, "x", 0, 5))  # type: ignore[arg-type]
    assert [(hit.room, hit.record.seq, [change.seq for change in hit.changes]) for hit in found.hits] == [
        (GENERAL, 1, [3, 4]),
        (GENERAL, 2, []),
    ]
    assert found.certificates == [rig.directory.devices[rig.authors[2].device].certificate]
