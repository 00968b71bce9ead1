"""Who may archive and delete a room, what it does at once, and what requests do that meet it."""

from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.wire import Code, HistoryPolicy, RoomKind
from lanchat_server.core.outbound import Send
from lanchat_server.core.sessions import Path
from lanchat_server.service.errors import Refused
from lanchat_server.service.handlers import rooms
from tests.explorer.orders import Run
from tests.explorer.stage import MEMBER, OTHER, OWNER, ROOM, Stage
from tests.support.rig import GENERAL, make_author

# Sessions of the stage: an administrator, a moderator (both in ROOM), and somebody who is in `general` alone.
WATCHER = 3


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    rig = made.rig
    rig.core.add_session(WATCHER, OTHER, make_author(OTHER).device, 0.0)
    for session in (OWNER, MEMBER):
        rig.core.subscribe(session, [ROOM, GENERAL])
    rig.core.take_outputs()
    return made


def connection(stage: Stage, user: int) -> Any:
    found = stage.connection(MEMBER if user == OTHER else user)
    if user == OTHER:
        found.user, found.session, found.device = OTHER, WATCHER, make_author(OTHER).device
    return found


def do(stage: Stage, user: int, handler: Any, operation: Any) -> Any:
    """The result of one request, or why it was refused."""
    run = stage.run = Run({"R": lambda: handler(stage.service, connection(stage, user), operation)})
    while choices := run.choices():
        run.step(*choices[0])
    result = run.results["R"]
    if isinstance(result, Refused):
        return Code(result.code)
    if isinstance(result, Exception):
        raise result
    return result


def told(stage: Stage) -> dict[int, list[Any]]:
    """Session to the events that it got."""
    found: dict[int, list[Any]] = {}
    for out in stage.rig.core.take_outputs():
        if isinstance(out, Send) and out.path is Path.TLS:
            for session in out.sessions:
                found.setdefault(session, []).append(wire.decode_from_server_untrusted(out.payload[4:]))
    return found


def new_room(stage: Stage, user: int, kind: RoomKind = RoomKind.PUBLIC, name: str = "kitchen") -> int:
    made = do(stage, user, rooms.create_room, wire.CreateRoom(name, kind, HistoryPolicy.EVERYTHING))
    stage.rig.core.take_outputs()
    return int(made.room.id)


def archive(stage: Stage, user: int, room: int, archived: bool = True) -> Any:
    return do(stage, user, rooms.archive_room, wire.ArchiveRoom(room, archived))


def delete(stage: Stage, user: int, room: int, password: str = "") -> Any:
    return do(stage, user, rooms.delete_room, wire.DeleteRoom(room, password))


def say(stage: Stage, user: int, room: int, now: float, author: Any = None) -> list[int]:
    """The codes of what becomes of one more message."""
    author = author or stage.rig.authors[user]
    stage.rig.core.receive(user, wire.Submit([author.message("hello", room=room)]), Path.TLS, now)
    stage.rig.run_batches(now)
    frames = told(stage).get(user, [])
    return [receipt.code for frame in frames if isinstance(frame, wire.Decided) for receipt in frame.receipts]


@pytest.mark.parametrize("act", [archive, delete])
def test_who_may(stage: Stage, act: Any) -> None:
    room = new_room(stage, OTHER)
    assert act(stage, MEMBER, room) is Code.NOT_FOUND  # a moderator who is not in it
    do(stage, MEMBER, rooms.join_room, wire.JoinRoom(room))
    assert act(stage, MEMBER, room) == wire.Done()
    room = new_room(stage, OTHER, name="another")
    assert act(stage, OTHER, room) == wire.Done()  # who made it
    room = new_room(stage, OTHER, RoomKind.PRIVATE, "private")
    assert act(stage, OWNER, room) == wire.Done()  # an administrator who is not in it
    room = new_room(stage, MEMBER, name="of a moderator")
    do(stage, OTHER, rooms.join_room, wire.JoinRoom(room))
    assert act(stage, OTHER, room) is Code.NOT_ALLOWED


@pytest.mark.parametrize("act", [archive, delete])
@pytest.mark.parametrize("user", [OWNER, MEMBER])
def test_general_stays(stage: Stage, act: Any, user: int) -> None:
    assert act(stage, user, GENERAL) is Code.NOT_ALLOWED
    assert GENERAL in stage.rig.directory.rooms


def test_direct_rooms_are_never_archived_and_deleted_by_administrators_alone(stage: Stage) -> None:
    room = do(stage, MEMBER, rooms.open_direct, wire.OpenDirect(OTHER)).room.id
    assert archive(stage, MEMBER, room) is Code.NOT_ALLOWED
    assert archive(stage, OWNER, room) is Code.NOT_ALLOWED
    assert delete(stage, MEMBER, room) is Code.NOT_ALLOWED
    assert delete(stage, OWNER, room) == wire.Done()
    assert do(stage, MEMBER, rooms.open_direct, wire.OpenDirect(OTHER)).room.id != room


def test_deletion_needs_the_password_or_a_fresh_login(stage: Stage) -> None:
    stage.service.now = lambda: 1000.0
    assert delete(stage, MEMBER, ROOM) is Code.PASSWORD_NEEDED
    assert delete(stage, MEMBER, ROOM, "wrong") is Code.BAD_CREDENTIALS
    assert ROOM in stage.rig.directory.rooms
    assert archive(stage, MEMBER, ROOM) == wire.Done()
    assert delete(stage, MEMBER, ROOM, "right") == wire.Done()


def test_room_that_one_may_not_know_is_answered_as_one_that_is_not_there(stage: Stage) -> None:
    for act in (archive, delete):
        assert act(stage, OTHER, ROOM) is Code.NOT_FOUND
        assert act(stage, OTHER, 4711) is Code.NOT_FOUND
        assert act(stage, OWNER, 4711) is Code.NOT_FOUND


def test_who_saw_a_deleted_room_is_told_and_nobody_else(stage: Stage) -> None:
    assert delete(stage, OWNER, ROOM) == wire.Done()
    events = told(stage)
    assert events.keys() == {OWNER, MEMBER, 4}
    assert all(got == [wire.RoomsDeleted([ROOM])] for got in events.values())
    public = new_room(stage, OTHER)
    assert delete(stage, OTHER, public) == wire.Done()
    assert told(stage).keys() == {OWNER, MEMBER, 4, WATCHER}


def test_nothing_of_a_deleted_room_is_left_in_the_core(stage: Stage) -> None:
    core = stage.rig.core
    say(stage, OWNER, ROOM, 1.0)
    core.receive(MEMBER, wire.Cursors([wire.Cursor(ROOM, 1, 1)]), Path.TLS, 1.0)
    delete(stage, OWNER, ROOM)
    core.take_outputs()
    core.handle_timer(100.0)
    core.receive(MEMBER, wire.Nack(ROOM, [1]), Path.TLS, 100.0)
    core.receive(MEMBER, wire.Cursors([wire.Cursor(ROOM, 2, 2)]), Path.TLS, 100.0)
    core.handle_timer(200.0)
    frames = [frame for got in told(stage).values() for frame in got]
    assert all(getattr(frame, "room", GENERAL) == GENERAL for frame in frames)
    assert not any(head.room == ROOM for frame in frames if isinstance(frame, wire.Heads) for head in frame.heads)
    assert ROOM not in core.heads
    assert not core.sessions.subscribers(ROOM)
    assert not any(cursor.room == ROOM for cursors in core.receipts.take_unsaved().values() for cursor in cursors)


def test_messages_for_a_deleted_room_are_decided(stage: Stage) -> None:
    author = stage.rig.authors[MEMBER]
    first = author.message("stored", room=ROOM)
    stage.rig.core.receive(MEMBER, wire.Submit([first]), Path.TLS, 1.0)
    stage.rig.run_batches(1.0)
    delete(stage, OWNER, ROOM)
    stage.rig.core.take_outputs()
    assert say(stage, MEMBER, ROOM, 2.0) == [Code.ROOM_DELETED]
    # Again, from a number far ahead, and what was stored: the same, before and after the contents are erased.
    author.counters[ROOM] = 50
    assert say(stage, MEMBER, ROOM, 3.0) == [Code.ROOM_DELETED]
    for now in (4.0, 5.0):
        stage.rig.core.receive(MEMBER, wire.Submit([first]), Path.TLS, now)
        stage.rig.run_batches(now)
        decided = [frame for frame in told(stage)[MEMBER] if isinstance(frame, wire.Decided)]
        assert [receipt.code for frame in decided for receipt in frame.receipts] == [Code.ROOM_DELETED]
        with stage.rig.store.transaction() as tx:
            tx.erase_more(100)
    # Nothing of it is kept: whoever writes into deleted rooms fills nothing.
    assert not any(key.room == ROOM for key in stage.rig.database.decisions)


def test_who_was_not_in_a_deleted_room_hears_no_more_than_of_one_that_never_was(stage: Stage) -> None:
    delete(stage, OWNER, ROOM)
    assert say(stage, WATCHER, ROOM, 2.0, stage.rig.authors[OTHER]) == [Code.NOT_A_MEMBER]
    assert say(stage, WATCHER, 4711, 3.0, stage.rig.authors[OTHER]) == [Code.NOT_A_MEMBER]


def test_subscription_tells_former_members_of_deleted_rooms(stage: Stage) -> None:
    delete(stage, OWNER, ROOM)
    answer = do(stage, MEMBER, rooms.subscribe, wire.Subscribe([ROOM, GENERAL, 4711]))
    assert ([head.room for head in answer.heads], answer.deleted) == ([GENERAL], [ROOM])
    assert do(stage, OTHER, rooms.subscribe, wire.Subscribe([ROOM])).deleted == []


def test_archived_room_is_read_only(stage: Stage) -> None:
    assert archive(stage, MEMBER, ROOM) == wire.Done()
    assert say(stage, OWNER, ROOM, 1.0) == [Code.ROOM_ARCHIVED]
    assert do(stage, MEMBER, rooms.invite_user, wire.InviteUser(ROOM, OTHER)) is Code.ARCHIVED
    policy = wire.SetHistoryPolicy(ROOM, HistoryPolicy.SINCE_JOINING)
    assert do(stage, MEMBER, rooms.set_history_policy, policy) is Code.ARCHIVED
    page = do(stage, MEMBER, rooms.history, wire.History(ROOM, 1, True, 10))
    assert len(page.records) == 1
    assert do(stage, MEMBER, rooms.leave_room, wire.LeaveRoom(ROOM)) == wire.Done()


def test_archived_room_is_none_to_join(stage: Stage) -> None:
    room = new_room(stage, OWNER)
    archive(stage, OWNER, room)
    events = told(stage)
    assert [frame.room.archived for frame in events[OWNER]] == [True]
    assert events[WATCHER] == [wire.RoomGone(room)]
    listed = do(stage, OTHER, rooms.list_rooms, wire.ListRooms()).rooms
    assert room not in [view.id for view in listed]
    assert do(stage, OTHER, rooms.join_room, wire.JoinRoom(room)) is Code.ARCHIVED
    archive(stage, OWNER, room, archived=False)
    assert [frame.room.archived for frame in told(stage)[WATCHER]] == [False]
    assert do(stage, OTHER, rooms.join_room, wire.JoinRoom(room)).room.joined


def test_archiving_again_tells_nobody(stage: Stage) -> None:
    archive(stage, OWNER, ROOM)
    stage.rig.core.take_outputs()
    assert archive(stage, OWNER, ROOM) == wire.Done()
    assert told(stage) == {}


def test_refusal_of_an_archived_room_stays_after_it_was_taken_back(stage: Stage) -> None:
    archive(stage, OWNER, ROOM)
    message = stage.rig.authors[MEMBER].message("too late", room=ROOM)
    codes = []
    for now, archived in ((1.0, False), (2.0, False)):
        stage.rig.core.receive(MEMBER, wire.Submit([message]), Path.TLS, now)
        stage.rig.run_batches(now)
        decided = [frame for frame in told(stage)[MEMBER] if isinstance(frame, wire.Decided)]
        codes += [receipt.code for frame in decided for receipt in frame.receipts]
        archive(stage, OWNER, ROOM, archived)
    assert codes == [Code.ROOM_ARCHIVED] * 2
    assert say(stage, MEMBER, ROOM, 3.0) == [0]


def test_name_of_a_deleted_room_is_free_and_its_place_in_the_bound_too(stage: Stage) -> None:
    stage.service.config.rooms_total = 3
    room = new_room(stage, OWNER)
    assert do(stage, OWNER, rooms.create_room, wire.CreateRoom("x", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING)) is (
        Code.LIMIT_REACHED
    )
    delete(stage, OWNER, room)
    assert new_room(stage, MEMBER) != room


def test_two_who_delete_at_once_delete_once(stage: Stage) -> None:
    operation = wire.DeleteRoom(ROOM)
    stage.run = run = Run(
        {
            name: lambda user=user: rooms.delete_room(stage.service, connection(stage, user), operation)  # type: ignore[misc]
            for name, user in (("A", OWNER), ("B", MEMBER))
        }
    )
    for name, what in (("A", "start"), ("B", "start"), ("A", "do"), ("B", "do"), ("B", "go on"), ("A", "go on")):
        run.step(name, what)
    assert run.results["A"] == wire.Done()
    assert isinstance(run.results["B"], Refused)
    assert run.results["B"].code is Code.NOT_FOUND
    assert [len(events) for events in told(stage).values()] == [1, 1, 1]


def test_room_that_is_deleted_before_its_maker_hears_of_it_is_refused(stage: Stage) -> None:
    operation = wire.CreateRoom("short-lived", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING)
    stage.run = run = Run({"R": lambda: rooms.create_room(stage.service, connection(stage, MEMBER), operation)})
    run.step("R", "start")
    run.step("R", "do")
    room = next(row.id for row in stage.rig.directory.rooms.values() if row.name == "short-lived")
    deleted = delete(stage, OWNER, room)
    run.step("R", "go on")
    assert deleted == wire.Done()
    assert isinstance(run.results["R"], Refused)
    assert room not in stage.rig.core.heads
