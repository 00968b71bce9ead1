"""Linked records: a record that can never be linked is refused on arrival."""

import pytest

from lanchat.core.config import ClientConfig
from lanchat.core.ports import StoredSpan
from lanchat.core.rooms.chain import Chain
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.records import Record
from tests.support.local_log import LOG_ID, Log

LOG = Log().fill(8)
RECORDS = [link.record for link in LOG.links]
OTHER_ROOM = Log(room=2).fill(8).links[3].record
HEADLESS = Record(4, 1, b"\xc1", bytes(64), b"x")
HASHLESS = Record(4, 1, RECORDS[3].header, bytes(64), None, b"short")


def chain(**config: int) -> Chain:
    return Chain(LOG_ID, 1, StoredSpan(0, LOG.hash_at(0), 0, LOG.hash_at(0)), ClientConfig(**config))


@pytest.mark.parametrize("bad", [OTHER_ROOM, HEADLESS, HASHLESS])
def test_bad_record_above_a_gap_does_not_block_later_records(bad: Record) -> None:
    receiver = chain()
    with pytest.raises(ProtocolError):
        receiver.add_untrusted(bad)
    for record in (RECORDS[1], RECORDS[2], RECORDS[0], RECORDS[3]):
        receiver.add_untrusted(record)
    assert receiver.end == 4


@pytest.mark.parametrize("bad", [OTHER_ROOM, HEADLESS, HASHLESS])
def test_bad_record_beyond_the_bound_does_not_block_proven_ones(bad: Record) -> None:
    receiver = chain(reorder_max=3)
    for record in RECORDS[:3]:
        receiver.add_untrusted(record)
    with pytest.raises(ProtocolError):
        receiver.add_untrusted(bad)
    receiver.advance(3)
    assert (receiver.cursor, receiver.end) == (3, 3)


def test_page_is_joined_by_records_that_waited_above_it() -> None:
    receiver = chain()
    for record in (RECORDS[2], RECORDS[3], RECORDS[6]):
        receiver.add_untrusted(record)
    receiver.add_page_untrusted(RECORDS[:2])
    assert receiver.end == 4
    assert receiver.missing(7, 10) == [5, 6]


def test_records_within_a_page_stop_waiting() -> None:
    receiver = chain()
    receiver.add_untrusted(RECORDS[2])
    receiver.add_page_untrusted(RECORDS[:4])
    assert (receiver.end, receiver.waiting) == (4, {})
