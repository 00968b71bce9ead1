"""Read marks: growth is sent, at intervals with jitter."""

from itertools import pairwise
from random import Random

from msgspec.structs import replace

from lanchat.core.config import ClientConfig
from lanchat.core.session.receipts import ReceiptTracker
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.protocol.wire import Cursor, Room


def room(number: int, members: int) -> Room:
    return Room(number, f"room {number}", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, 1, True, members)


def receipts(*rooms: Room, random: Random | None = None) -> ReceiptTracker:
    made = ReceiptTracker(ClientConfig(), (random or Random(1)).random)
    for one in rooms:
        made.told(one)
    return made


def intervals(marks: ReceiptTracker, number: int, count: int) -> list[float]:
    """Seconds between read marks sent for a room in which a message arrives every millisecond."""
    when = []
    for tick in range(100_000):
        marks.received(number, tick + 1)
        if marks.take_due(tick / 1000):
            when.append(tick / 1000)
        if len(when) > count:
            break
    return [later - earlier for earlier, later in pairwise(when)]


def test_growth_is_sent_once() -> None:
    marks = receipts(room(1, 2))
    assert marks.timer() is None
    marks.received(1, 5)
    marks.read(1, 9)
    assert marks.timer() == 0.0
    assert marks.take_due(10.0) == [Cursor(1, 5, 5)]
    assert marks.take_due(99.0) == []
    marks.received(1, 4)
    assert marks.timer() is None


def test_each_room_has_its_own_interval() -> None:
    marks = receipts(room(1, 2), room(2, 2))
    marks.received(1, 1)
    assert marks.take_due(10.0) == [Cursor(1, 1, 0)]
    marks.received(1, 2)
    marks.received(2, 1)
    assert marks.take_due(10.1) == [Cursor(2, 1, 0)]
    assert marks.take_due(11.6) == [Cursor(1, 2, 0)]


def test_interval_is_a_second_on_average_with_jitter() -> None:
    found = intervals(receipts(room(1, 100)), 1, 60)
    assert 0.85 < sum(found) / len(found) < 1.15
    assert min(found) < 0.6
    assert max(found) > 1.4


def test_interval_is_longer_in_large_rooms() -> None:
    found = intervals(receipts(room(1, 400)), 1, 20)
    assert 3.0 < sum(found) / len(found) < 5.0


def test_read_marks_of_members_spread_over_time() -> None:
    """A message every 20 ms to a hundred members: after some seconds no 10 ms have more than a tenth of them."""
    members = [receipts(room(1, 100), random=Random(number)) for number in range(100)]
    marks = []
    for tick in range(1000):
        now = tick / 100
        for member in members:
            member.received(1, tick // 2 + 1)
        marks.append(sum(bool(member.take_due(now)) for member in members))
    assert marks[0] == 100
    assert max(marks[500:]) <= 10


def test_mark_sent_by_another_device_is_not_sent_again() -> None:
    marks = receipts(room(1, 2))
    marks.received(1, 5)
    marks.read(1, 3)
    assert marks.timer() == 0.0
    marks.told(replace(room(1, 2), received=5, read=3))
    assert marks.timer() is None
    assert marks.take_due(99.0) == []


def test_mark_above_that_of_the_server_is_sent() -> None:
    marks = receipts(room(1, 2))
    marks.received(1, 5)
    marks.told(replace(room(1, 2), received=5, read=2))
    marks.read(1, 4)
    assert marks.take_due(99.0) == [Cursor(1, 5, 4)]
