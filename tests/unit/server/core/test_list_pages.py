"""Lists in pages: bounded in octets, and complete while entries are added and removed."""

import pytest

from lanchat.protocol import wire
from lanchat.protocol.limits import FRAME_MAX, LIST_OCTETS_MAX, RECORDS_MAX
from lanchat.protocol.wire import FrameReader, FrameTooLong, decode_from_server_untrusted, pack_frame
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.relay.outbound import pack_frames, pack_records
from tests.support.rig import GENERAL, Rig


def test_pages_are_complete_and_in_order() -> None:
    entries = [5, 3, 9, 1, 7]
    seen: list[int] = []
    after = b""
    while True:
        page, after = listed(entries, place_of, int, after, octets=2)
        seen += page
        if not after:
            break
    assert seen == [1, 3, 5, 7, 9]


def test_entry_larger_than_a_page_is_alone() -> None:
    assert listed([1, 2], place_of, lambda number: "x" * 1000, b"", octets=10) == (["x" * 1000], place_of(1))


def test_remaining_entries_are_listed_once_during_changes() -> None:
    first, after = listed([1, 2, 5], place_of, int, b"", octets=2)
    second, end = listed([1, 3, 5], place_of, int, after, octets=100)
    assert (first, second, end) == ([1, 2], [3, 5], b"")


def test_page_is_far_below_a_frame() -> None:
    page, after = listed(range(100_000), place_of, lambda number: "x" * 100, b"")
    assert after
    assert (
        len(pack_frame(wire.Response(1, wire.RecoveryCode("", 1)))) + sum(map(len, page)) < LIST_OCTETS_MAX < FRAME_MAX
    )


def test_oversized_frame_is_not_built() -> None:
    too_much = wire.RecoveryCode("x" * FRAME_MAX, 1)
    with pytest.raises(FrameTooLong):
        pack_frame(wire.Response(1, too_much))
    with pytest.raises(FrameTooLong):
        _ = pack_frames([too_much]).stream


def test_large_batch_of_short_records_is_several_frames() -> None:
    rig = Rig()
    batch = [rig.submission(rig.authors[1].message("x")) for _ in range(RECORDS_MAX + 56)]
    rig.sequencer.commit(rig.store, batch, 1_000)
    records = [item.record for item in rig.database.records[GENERAL]]
    packed = pack_records(GENERAL, records, None, 900)
    frames = [decode_from_server_untrusted(frame) for frame in FrameReader().feed_untrusted(packed.stream)]
    assert [record for frame in frames for record in frame.records] == records
