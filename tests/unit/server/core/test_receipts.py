"""Read marks on the server: what is sent, when, and what must still be saved."""

import pytest

from lanchat.protocol.wire import Cursor, MemberCursor
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.model import MembershipRow
from lanchat_server.core.relay.receipts import ReceiptCollector
from tests.support.rig import GENERAL, Rig

HEAD = 10


@pytest.fixture
def receipts() -> ReceiptCollector:
    return ReceiptCollector(CoreConfig(), Rig().directory)


def test_read_mark_is_the_stored_one_until_it_moves() -> None:
    rig = Rig()
    rig.directory.put_members([MembershipRow(GENERAL, 2, 0, 1, 5, 3)])
    receipts = ReceiptCollector(CoreConfig(), rig.directory)
    assert receipts.cursor(GENERAL, 2) == (5, 3)
    receipts.advance(2, Cursor(GENERAL, 4, 4), HEAD, 1.0)
    assert receipts.cursor(GENERAL, 2) == (5, 4)
    receipts.advance(2, Cursor(GENERAL, 6, 2), HEAD, 1.0)
    assert receipts.cursor(GENERAL, 2) == (6, 4)


def test_non_member_has_read_nothing(receipts: ReceiptCollector) -> None:
    assert receipts.cursor(GENERAL, 99) == (0, 0)
    assert receipts.cursor(99, 2) == (0, 0)


def test_read_mark_stops_at_the_head_and_implies_receipt(receipts: ReceiptCollector) -> None:
    receipts.advance(2, Cursor(GENERAL, 3, 99), HEAD, 1.0)
    assert receipts.cursor(GENERAL, 2) == (HEAD, HEAD)


def test_all_members_of_a_room_are_listed(receipts: ReceiptCollector) -> None:
    receipts.advance(3, Cursor(GENERAL, 4, 2), HEAD, 1.0)
    listed = [receipts.member_cursor(GENERAL, user) for user in (1, 2, 3)]
    assert [(cursor.user, cursor.received, cursor.read) for cursor in listed] == [(1, 0, 0), (2, 0, 0), (3, 4, 2)]


def test_list_tells_since_when_somebody_is_a_member(receipts: ReceiptCollector) -> None:
    row = receipts._directory.membership(GENERAL, 2)
    assert row is not None
    assert receipts.member_cursor(GENERAL, 2).joined_ms == row.joined_ms
    receipts.advance(2, Cursor(GENERAL, 1, 1), HEAD, 1.0)
    assert receipts.due(9.0) == {GENERAL: [MemberCursor(2, 1, 1)]}  # live ones are small


def test_unchanged_read_mark_is_not_sent(receipts: ReceiptCollector) -> None:
    receipts.advance(2, Cursor(GENERAL, 0, 0), HEAD, 1.0)
    assert receipts.timer() is None
    assert receipts.take_unsaved() == {}


def test_read_marks_are_sent_an_interval_after_the_first_change(receipts: ReceiptCollector) -> None:
    receipts.advance(2, Cursor(GENERAL, 1, 1), HEAD, 1.0)
    receipts.advance(3, Cursor(GENERAL, 2, 1), HEAD, 1.5)
    receipts.advance(2, Cursor(Rig.PRIVATE, 1, 1), HEAD, 1.7)
    assert receipts.timer() == 2.0
    assert receipts.due(1.9) == {}
    assert receipts.due(2.0) == {GENERAL: [MemberCursor(2, 1, 1), MemberCursor(3, 2, 1)]}
    assert receipts.timer() == 2.7
    assert receipts.due(2.7) == {Rig.PRIVATE: [MemberCursor(2, 1, 1)]}
    assert receipts.timer() is None


def test_only_changes_since_the_last_send_are_sent(receipts: ReceiptCollector) -> None:
    receipts.advance(2, Cursor(GENERAL, 1, 1), HEAD, 1.0)
    receipts.due(2.0)
    receipts.advance(3, Cursor(GENERAL, 1, 0), HEAD, 5.0)
    assert receipts.due(6.0) == {GENERAL: [MemberCursor(3, 1, 0)]}


@pytest.mark.parametrize(("members", "interval"), [(3, 1.0), (100, 1.0), (250, 2.5)])
def test_large_rooms_have_longer_intervals(members: int, interval: float) -> None:
    rig = Rig()
    rig.directory.put_members(MembershipRow(GENERAL, user, 0, 1, 0, 0) for user in range(1, members + 1))
    receipts = ReceiptCollector(CoreConfig(), rig.directory)
    receipts.advance(2, Cursor(GENERAL, 1, 1), HEAD, 10.0)
    assert receipts.timer() == 10.0 + interval


def test_read_marks_of_former_members_are_removed(receipts: ReceiptCollector) -> None:
    for user in (2, 3):
        receipts.advance(user, Cursor(GENERAL, 4, 2), HEAD, 1.0)
    receipts.forget(GENERAL, 2)
    assert receipts.due(2.0) == {GENERAL: [MemberCursor(3, 4, 2)]}
    assert receipts.take_unsaved() == {3: [Cursor(GENERAL, 4, 2)]}
    assert receipts.cursor(GENERAL, 2) == (0, 0)
    receipts.forget(99, 2)


def test_store_gets_each_read_mark_once(receipts: ReceiptCollector) -> None:
    receipts.advance(2, Cursor(GENERAL, 1, 1), HEAD, 1.0)
    receipts.advance(2, Cursor(GENERAL, 4, 2), HEAD, 1.0)
    receipts.advance(2, Cursor(Rig.PRIVATE, 1, 1), HEAD, 1.0)
    assert receipts.take_unsaved() == {2: [Cursor(GENERAL, 4, 2), Cursor(Rig.PRIVATE, 1, 1)]}
    assert receipts.take_unsaved() == {}


def test_unsaved_read_marks_are_restored_unless_newer_exist(receipts: ReceiptCollector) -> None:
    receipts.advance(2, Cursor(GENERAL, 1, 1), HEAD, 1.0)
    receipts.advance(3, Cursor(GENERAL, 1, 0), HEAD, 1.0)
    taken = receipts.take_unsaved()
    receipts.advance(2, Cursor(GENERAL, 4, 2), HEAD, 2.0)
    receipts.restore_unsaved(taken)
    assert receipts.take_unsaved() == {2: [Cursor(GENERAL, 4, 2)], 3: [Cursor(GENERAL, 1, 0)]}
