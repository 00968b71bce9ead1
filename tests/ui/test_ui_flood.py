"""More events than the window's queue holds: results always arrive, dropped events cause a reload."""

import pytest

from lanchat.app import api
from lanchat.app.api import LinkState, StateChanged
from lanchat.ui.kit.wakeup import QUEUE_MAX, PostedQueue
from lanchat.ui.model.engine import CommandResult, EventsDropped, Item, can_be_read_again
from tests.support.problem_details import details_of
from tests.support.ui_desk import Workbench

LOST = EventsDropped()


def queue(bound: int = 10) -> PostedQueue[Item]:
    return PostedQueue(can_be_read_again, LOST, bound)


def command_result() -> CommandResult:
    return CommandResult(lambda: None)


def take_all(items: PostedQueue[Item]) -> list[Item]:
    return items.take(len(items))


def test_nothing_is_dropped_within_the_bound() -> None:
    items = queue()
    put = [api.ReceiptsChanged(number) for number in range(10)]
    for item in put:
        items.put(item)
    assert take_all(items) == put


def test_results_are_never_dropped_and_keep_their_order() -> None:
    items, answers = queue(), []
    for number in range(20 * QUEUE_MAX // 1000):
        items.put(api.ReceiptsChanged(number))
        answers.append(command_result())
        items.put(answers[-1])
    assert [item for item in take_all(items) if isinstance(item, CommandResult)] == answers


@pytest.mark.parametrize(
    "kept",
    [
        StateChanged(LinkState.AWAY),
        api.RoomRemoved(1),
        api.Notice(details_of("read this")),
        api.LineRefused("1.d.r.1", 1, 101, details_of("no")),  # type: ignore[arg-type]
    ],
)
def test_events_that_cannot_be_reloaded_are_never_dropped(kept: Item) -> None:
    items = queue()
    items.put(kept)
    for number in range(100):
        items.put(api.ReceiptsChanged(number))
    assert kept in take_all(items)


def test_queue_is_bounded_and_reports_the_loss_once() -> None:
    items = queue()
    for number in range(1000):
        items.put(api.ReceiptsChanged(number))
        assert len(items) <= 12
    taken = take_all(items)
    assert taken.count(LOST) == 1
    # What came after the loss is behind the order to read again.
    assert [item.room for item in taken[taken.index(LOST) + 1 :] if isinstance(item, api.ReceiptsChanged)] == list(
        range(1000 - len(taken) + 1, 1000)
    )


def test_taken_items_free_space() -> None:
    items = queue()
    for number in range(100):
        items.put(api.ReceiptsChanged(number))
        assert items.take(5) == [api.ReceiptsChanged(number)]


# --- What the window does about it ------------------------------------------------------------------------------------


def change_without_events(bench: Workbench) -> None:
    """New messages of which no event reaches the window."""
    bench.engine.say(1, "bob", "unheard")
    bench.engine.say(2, "bob", "unheard, too")
    bench._items.clear()


def test_loss_reloads_lines_at_the_end() -> None:
    bench = Workbench(lines=30)
    bench.log_in()
    change_without_events(bench)
    assert bench.texts()[-1] != "unheard"
    bench._items.append(LOST)
    bench.run()
    assert bench.texts()[-1] == "unheard"
    assert bench.model.rooms[2].unread == 1


def test_loss_reloads_lines_in_the_middle() -> None:
    bench = Workbench(lines=900)
    bench.log_in()
    bench.chat.jump_to(1, 200)
    bench.run()
    timeline = bench.model.timeline
    assert timeline
    first = timeline.first
    assert not timeline.at_bottom
    change_without_events(bench)
    asked = len(bench.engine.called(api.LoadLinesFromCommand))
    bench._items.append(LOST)
    bench.run()
    assert timeline.first == first
    assert len(bench.engine.called(api.LoadLinesFromCommand)) == asked + 1


def test_line_with_a_lost_stored_event_is_not_shown_twice() -> None:
    bench = Workbench(lines=30)
    bench.log_in()
    bench.chat.submit("mine")
    bench.engine.emit = lambda event: None  # type: ignore[method-assign]
    bench.run()
    bench._items.append(LOST)
    bench.run()
    assert bench.texts().count("mine") == 1
