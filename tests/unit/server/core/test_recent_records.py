"""Records kept in memory for repair, compared with a plain dictionary of everything."""

from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol.codec import encode
from lanchat.protocol.log.messages import Header, Kind
from lanchat.protocol.log.records import Record, blanked
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.outbound import record_size
from lanchat_server.core.relay.recent import RECORD_OCTETS, RecentRecords

PER_ROOM = 4


def record(seq: int, size: int = 10, *, kind: Kind = Kind.TEXT, ref: int = 0) -> Record:
    header = encode(Header(1, bytes(16), 1, seq, kind, ref, 0, 0))
    return Record(seq, 2**40, header, bytes(64), b"x" * size)


def memory(kept: Record) -> int:
    return RECORD_OCTETS + record_size(kept)


SIZE = memory(record(1))


def recent(rooms: int = 100) -> RecentRecords:
    """Room for so many full rooms of small records."""
    return RecentRecords(CoreConfig(recent_per_room=PER_ROOM, recent_octets=rooms * PER_ROOM * SIZE))


def test_newest_records_are_found_and_missing_ones_listed() -> None:
    kept = recent()
    kept.add(1, [record(seq) for seq in range(1, 8)])
    found, missing = kept.find(1, [8, 7, 4, 3, 4])
    assert [one.seq for one in found] == [4, 7]
    assert missing == [3, 8]
    assert kept.find(2, [2, 1]) == ([], [1, 2])


def test_gap_drops_the_records_before_it() -> None:
    kept = recent()
    kept.add(1, [record(1), record(2)])
    kept.add(1, [record(5)])
    assert [one.seq for one in kept.find(1, range(1, 6))[0]] == [5]


def test_longest_quiet_room_is_evicted_record_by_record() -> None:
    kept = recent(rooms=2)
    for room in (1, 2):
        kept.add(room, [record(seq) for seq in range(1, PER_ROOM + 1)])
    kept.add(1, [record(PER_ROOM + 1)])
    kept.add(3, [record(1)])
    assert len(kept.find(2, range(1, PER_ROOM + 1))[0]) == PER_ROOM - 1
    kept.add(3, [record(seq) for seq in range(2, PER_ROOM + 1)])
    assert kept.find(2, [PER_ROOM]) == ([], [PER_ROOM])
    assert len(kept.find(1, range(2, PER_ROOM + 2))[0]) == PER_ROOM
    # A room that gave way wholly takes no place, and begins anew.
    assert 2 not in kept._rooms
    kept.add(2, [record(9)])
    assert len(kept.find(2, [9])[0]) == 1


def test_deletion_blanks_only_the_text_and_its_edits() -> None:
    kept = recent()
    kept.add(1, [record(1), record(2), record(3, kind=Kind.EDIT, ref=1), record(4, kind=Kind.REACTION, ref=1)])
    kept.erase(1, [1])
    found, _ = kept.find(1, range(1, 5))
    assert [one.body is None for one in found] == [True, False, True, False]
    assert found[0] == blanked(record(1))
    kept.erase(1, [])
    kept.erase(7, [1])


def test_edit_of_another_text_is_kept() -> None:
    kept = recent()
    kept.add(1, [record(1), record(2), record(3, kind=Kind.EDIT, ref=2)])
    kept.erase(1, [1])
    assert [one.body is None for one in kept.find(1, [1, 2, 3])[0]] == [True, False, False]


def test_forgotten_room_is_not_found() -> None:
    kept = recent()
    kept.add(1, [record(1)])
    kept.add(2, [record(1)])
    kept.forget(1)
    kept.forget(7)
    assert kept.find(1, [1]) == ([], [1])
    assert len(kept.find(2, [1])[0]) == 1


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 3), st.integers(1, 6), st.integers(0, 60)),
        st.tuples(st.just("hole"), st.integers(1, 3), st.integers(1, 2), st.integers(0, 60)),
        st.tuples(st.just("erase"), st.integers(1, 3), st.integers(1, 20), st.just(0)),
        st.tuples(st.just("forget"), st.integers(1, 3), st.just(0), st.just(0)),
    ),
    max_size=30,
)


@given(_STEPS)
def test_octets_are_counted_and_bounded(steps: list[tuple[str, int, int, int]]) -> None:
    kept = recent(rooms=2)
    last = {1: 0, 2: 0, 3: 0}
    for what, room, number, size in steps:
        if what in ("add", "hole"):
            last[room] += what == "hole"
            kept.add(room, [record(last[room] + place, size) for place in range(1, number + 1)])
            last[room] += number
        elif what == "erase":
            kept.erase(room, [number])
        else:
            kept.forget(room)
        held = [one for records in kept._rooms.values() for one in records]
        assert kept._octets == sum(map(memory, held))
        assert kept._octets <= 2 * PER_ROOM * SIZE
        assert all(0 < len(records) <= PER_ROOM for records in kept._rooms.values())
        for name, records in kept._rooms.items():
            assert [one.seq for one in records] == list(range(records[0].seq, last[name] + 1))
