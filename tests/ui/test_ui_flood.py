"""More events than the window can take in: answers always arrive, and what was dropped is read again."""

import pytest

from lanchat.app import api
from lanchat.app.api import ConnectionState, StateChanged
from lanchat.ui.model.engine import CommandResult, EventsDropped, Item, can_be_read_again
from lanchat.ui.wakeup import QUEUE_MAX, PostedQueue
from tests.support.problems import said
from tests.support.ui_desk import Workbench

LOST = EventsDropped()


def queue(bound: int = 10) -> PostedQueue[Item]:
    return PostedQueue(can_be_read_again, LOST, bound)


def answer() -> CommandResult:
    return CommandResult(lambda: None)


def everything(items: PostedQueue[Item]) -> list[Item]:
    return items.take(len(items))


def test_within_the_bound_nothing_is_dropped() -> None:
    items = queue()
    put = [api.ReceiptsChanged(number) for number in range(10)]
    for item in put:
        items.put(item)
    assert everything(items) == put


def test_answers_are_never_dropped_and_keep_their_order() -> None:
    items, answers = queue(), []
    for number in range(20 * QUEUE_MAX // 1000):
        items.put(api.ReceiptsChanged(number))
        answers.append(answer())
        items.put(answers[-1])
    assert [item for item in everything(items) if isinstance(item, CommandResult)] == answers


@pytest.mark.parametrize(
    "kept",
    [
        StateChanged(ConnectionState.AWAY),
        api.RoomRemoved(1),
        api.Notice(said("read this")),
        api.LineRefused("1.d.r.1", 1, 101, said("no")),  # type: ignore[arg-type]
    ],
)
def test_what_no_list_says_again_is_never_dropped(kept: Item) -> None:
    items = queue()
    items.put(kept)
    for number in range(100):
        items.put(api.ReceiptsChanged(number))
    assert kept in everything(items)


def test_a_flood_says_once_that_something_was_lost_and_is_bounded() -> None:
    items = queue()
    for number in range(1000):
        items.put(api.ReceiptsChanged(number))
        assert len(items) <= 12
    taken = everything(items)
    assert taken.count(LOST) == 1
    # What came after the loss is behind the order to read again.
    assert [item.room for item in taken[taken.index(LOST) + 1 :] if isinstance(item, api.ReceiptsChanged)] == list(
        range(1000 - len(taken) + 1, 1000)
    )


def test_what_was_taken_makes_room() -> None:
    items = queue()
    for number in range(100):
        items.put(api.ReceiptsChanged(number))
        assert items.take(5) == [api.ReceiptsChanged(number)]


# --- What the window does about it ------------------------------------------------------------------------------------


def world_goes_on(bench: Workbench) -> None:
    """Somebody says, edits and deletes something of which no event reaches the window."""
    bench.engine.say(1, "bob", "unheard")
    bench.engine.say(2, "bob", "unheard, too")
    bench._items.clear()


def test_what_is_shown_is_read_again_at_the_end_of_a_conversation() -> None:
    bench = Workbench(lines=30)
    bench.log_in()
    world_goes_on(bench)
    assert bench.texts()[-1] != "unheard"
    bench._items.append(LOST)
    bench.run()
    assert bench.texts()[-1] == "unheard"
    assert bench.model.rooms[2].unread == 1


def test_what_is_shown_is_read_again_in_the_middle_of_a_conversation() -> None:
    bench = Workbench(lines=900)
    bench.log_in()
    bench.chat.jump_to(1, 200)
    bench.run()
    timeline = bench.model.timeline
    assert timeline
    first = timeline.first
    assert not timeline.at_bottom
    world_goes_on(bench)
    asked = len(bench.engine.called(api.LoadLinesFromCommand))
    bench._items.append(LOST)
    bench.run()
    assert timeline.first == first
    assert len(bench.engine.called(api.LoadLinesFromCommand)) == asked + 1


def test_a_line_whose_tick_was_lost_is_not_shown_twice() -> None:
    bench = Workbench(lines=30)
    bench.log_in()
    bench.chat.submit("mine")
    bench.engine.emit = lambda event: None  # type: ignore[method-assign]
    bench.run()
    bench._items.append(LOST)
    bench.run()
    assert bench.texts().count("mine") == 1
