"""Who may archive and delete a room, the immediate effects, and requests in progress at that time."""

from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from lanchat.protocol.log.messages import Message
from lanchat.protocol.transport import Transport
from lanchat_server.core.refusals import Refused
from lanchat_server.core.relay.outbound import SendFrames
from lanchat_server.service.requests import rooms
from lanchat_server.service.requests.table import administer
from tests.explorer.harness import GENERAL, LOUNGE, MEMBER, OWNER, ROOM, SESSIONS, ServerHarness, Setting, password_of
from tests.explorer.harness import THIRD as OTHER
from tests.explorer.orders import Run
from tests.support.rig import Author, make_author

# Sessions: an administrator, a moderator with two (both users in ROOM), and somebody who is in `general`.
OBSERVER = 3


class DeletionHarness(ServerHarness):
    """A harness whose authors continue after the stored messages."""

    def __init__(self) -> None:
        with patch.dict(SESSIONS, {OBSERVER: (OTHER, make_author(OTHER))}):
            super().__init__(Setting())
        self.authors = {user: make_author(user) for user in (OWNER, MEMBER, OTHER)}
        for user in (OWNER, MEMBER):
            self.authors[user].counters.update({ROOM: 1, LOUNGE: 1})
        for client in self.clients.values():
            client.proven = self.service.now()

    def commit(self, session: int, message: Message, now: float) -> None:
        """A session submits a message, and it is decided."""
        core = self.service.core
        core.receive(session, wire.Submit([message]), Transport.TLS, now)
        batch = core.next_batch(now)
        assert batch is not None
        core.committed(self.service.sequencer.commit(self.store, batch, int(now * 1000)), now)


@pytest.fixture
def harness() -> DeletionHarness:
    return DeletionHarness()


def do(harness: DeletionHarness, user: int, handler: Any, operation: Any) -> Any:
    """The result of one request, or why it was refused."""
    results: dict[str, Any] = {}
    run = requests(harness, results, R=(user, handler, operation))
    while choices := run.choices():
        run.step(*choices[0])
    return results["R"]


def requests(harness: DeletionHarness, results: dict[str, Any], **made: tuple[int, Any, Any]) -> Run:
    """Requests (user, handler, operation) to be performed step by step; `results` gets their results, or the codes
    with which they are refused."""

    async def request(name: str) -> None:
        user, handler, operation = made[name]
        client = harness.clients[OBSERVER if user == OTHER else user]
        try:
            results[name] = await handler(harness.service, client, operation)
        except Refused as refused:
            results[name] = Code(refused.code)

    harness.run = Run({name: partial(request, name) for name in made})
    return harness.run


def sent_events(harness: DeletionHarness) -> dict[int, list[Any]]:
    """Session to the events that were sent to it."""
    found: dict[int, list[Any]] = {}
    for out in harness.service.core.take_outputs():
        if isinstance(out, SendFrames) and out.path is Transport.TLS:
            for session in out.sessions:
                found.setdefault(session, []).append(wire.decode_from_server_untrusted(out.payload[4:]))
    return found


def new_room(harness: DeletionHarness, user: int, kind: RoomKind = RoomKind.PUBLIC, name: str = "kitchen") -> int:
    made = do(harness, user, rooms.create_room, wire.CreateRoom(name, kind, HistoryPolicy.EVERYTHING))
    harness.service.core.take_outputs()
    return int(made.room.id)


def archive(harness: DeletionHarness, user: int, room: int, archived: bool = True) -> Any:
    return do(harness, user, administer, wire.ArchiveRooms([room], archived))


def delete(harness: DeletionHarness, user: int, room: int, password: str = "") -> Any:
    return do(harness, user, administer, wire.DeleteRooms([room], password))


def say(harness: DeletionHarness, user: int, room: int, now: float, author: Author | None = None) -> list[int]:
    """The codes of the decisions about one more message."""
    harness.commit(user, (author or harness.authors[user]).message("hello", room=room), now)
    frames = sent_events(harness).get(user, [])
    return [receipt.code for frame in frames if isinstance(frame, wire.Decided) for receipt in frame.receipts]


@pytest.mark.parametrize("act", [archive, delete])
def test_permission_to_archive_and_delete(harness: DeletionHarness, act: Any) -> None:
    room = new_room(harness, OTHER)
    assert act(harness, MEMBER, room) is Code.NOT_FOUND  # a moderator who is not in it
    do(harness, MEMBER, rooms.join_room, wire.JoinRoom(room))
    assert act(harness, MEMBER, room) == wire.Done()
    room = new_room(harness, OTHER, name="another")
    assert act(harness, OTHER, room) == wire.Done()  # who made it
    room = new_room(harness, OTHER, RoomKind.PRIVATE, "private")
    assert act(harness, OWNER, room) == wire.Done()  # an administrator who is not in it
    room = new_room(harness, MEMBER, name="of a moderator")
    do(harness, OTHER, rooms.join_room, wire.JoinRoom(room))
    assert act(harness, OTHER, room) is Code.NOT_ALLOWED


@pytest.mark.parametrize("act", [archive, delete])
@pytest.mark.parametrize("user", [OWNER, MEMBER])
def test_general_room_cannot_be_archived_or_deleted(harness: DeletionHarness, act: Any, user: int) -> None:
    assert act(harness, user, GENERAL) is Code.NOT_ALLOWED
    assert GENERAL in harness.service.directory.rooms


def test_direct_rooms_are_only_deleted_and_only_by_administrators(harness: DeletionHarness) -> None:
    room = do(harness, MEMBER, rooms.open_direct, wire.OpenDirect(OTHER)).room.id
    assert archive(harness, MEMBER, room) is Code.NOT_ALLOWED
    assert archive(harness, OWNER, room) is Code.NOT_ALLOWED
    assert delete(harness, MEMBER, room) is Code.NOT_ALLOWED
    assert delete(harness, OWNER, room) == wire.Done()
    assert do(harness, MEMBER, rooms.open_direct, wire.OpenDirect(OTHER)).room.id != room


def test_deletion_needs_the_password_or_a_fresh_login(harness: DeletionHarness) -> None:
    harness.service.now = lambda: 1000.0
    assert delete(harness, MEMBER, ROOM) is Code.PASSWORD_NEEDED
    assert delete(harness, MEMBER, ROOM, "wrong") is Code.BAD_CREDENTIALS
    assert ROOM in harness.service.directory.rooms
    assert archive(harness, MEMBER, ROOM) == wire.Done()
    assert delete(harness, MEMBER, ROOM, password_of(MEMBER)) == wire.Done()


def test_unknown_and_invisible_rooms_are_answered_alike(harness: DeletionHarness) -> None:
    for act in (archive, delete):
        assert act(harness, OTHER, ROOM) is Code.NOT_FOUND
        assert act(harness, OTHER, 4711) is Code.NOT_FOUND
        assert act(harness, OWNER, 4711) is Code.NOT_FOUND


def test_deletion_is_sent_to_users_who_saw_the_room_only(harness: DeletionHarness) -> None:
    assert delete(harness, OWNER, ROOM) == wire.Done()
    events = sent_events(harness)
    assert events.keys() == {OWNER, MEMBER, 4}
    assert all(got[0] == wire.RoomsDeleted([ROOM]) for got in events.values())
    assert {type(event) for got in events.values() for event in got[1:]} == {wire.Statements}
    public = new_room(harness, OTHER)
    assert delete(harness, OTHER, public) == wire.Done()
    assert sent_events(harness).keys() == {OWNER, MEMBER, 4, OBSERVER}


def test_core_keeps_nothing_of_a_deleted_room(harness: DeletionHarness) -> None:
    core = harness.service.core
    say(harness, OWNER, ROOM, 1.0)
    core.receive(MEMBER, wire.Cursors([wire.Cursor(ROOM, 1, 1)]), Transport.TLS, 1.0)
    delete(harness, OWNER, ROOM)
    core.take_outputs()
    core.handle_timer(100.0)
    core.receive(MEMBER, wire.Nack(ROOM, [1]), Transport.TLS, 100.0)
    core.receive(MEMBER, wire.Cursors([wire.Cursor(ROOM, 2, 2)]), Transport.TLS, 100.0)
    core.handle_timer(200.0)
    frames = [frame for got in sent_events(harness).values() for frame in got]
    assert all(getattr(frame, "room", GENERAL) == GENERAL for frame in frames)
    assert not any(head.room == ROOM for frame in frames if isinstance(frame, wire.Heads) for head in frame.heads)
    assert ROOM not in core.heads
    assert not core.sessions.subscribers(ROOM)
    assert not any(cursor.room == ROOM for cursors in core.receipts.take_unsaved().values() for cursor in cursors)


def test_messages_for_a_deleted_room_are_decided(harness: DeletionHarness) -> None:
    author = harness.authors[MEMBER]
    first = author.message("stored", room=ROOM)
    harness.commit(MEMBER, first, 1.0)
    delete(harness, OWNER, ROOM)
    harness.service.core.take_outputs()
    assert say(harness, MEMBER, ROOM, 2.0) == [Code.ROOM_DELETED]
    # Again, from a number far ahead, and what was stored: the same, before and after the contents are erased.
    author.counters[ROOM] = 50
    assert say(harness, MEMBER, ROOM, 3.0) == [Code.ROOM_DELETED]
    for now in (4.0, 5.0):
        harness.commit(MEMBER, first, now)
        decided = [frame for frame in sent_events(harness)[MEMBER] if isinstance(frame, wire.Decided)]
        assert [receipt.code for frame in decided for receipt in frame.receipts] == [Code.ROOM_DELETED]
        with harness.store.transaction() as tx:
            tx.erase_more(100)
    # Nothing of it is kept: whoever writes into deleted rooms fills nothing.
    assert not any(key.room == ROOM for key in harness.database.decisions)


def test_deleted_room_is_unknown_to_non_members(harness: DeletionHarness) -> None:
    delete(harness, OWNER, ROOM)
    assert say(harness, OBSERVER, ROOM, 2.0, harness.authors[OTHER]) == [Code.NOT_A_MEMBER]
    assert say(harness, OBSERVER, 4711, 3.0, harness.authors[OTHER]) == [Code.NOT_A_MEMBER]


def test_subscription_lists_deleted_rooms_for_former_members(harness: DeletionHarness) -> None:
    delete(harness, OWNER, ROOM)
    answer = do(harness, MEMBER, rooms.subscribe, wire.Subscribe([ROOM, GENERAL, 4711]))
    assert ([head.room for head in answer.heads], answer.deleted) == ([GENERAL], [ROOM])
    assert do(harness, OTHER, rooms.subscribe, wire.Subscribe([ROOM])).deleted == []


def test_archived_room_is_read_only(harness: DeletionHarness) -> None:
    assert archive(harness, MEMBER, ROOM) == wire.Done()
    assert say(harness, OWNER, ROOM, 1.0) == [Code.ROOM_ARCHIVED]
    assert do(harness, MEMBER, rooms.invite_user, wire.InviteUser(ROOM, OTHER)) is Code.ARCHIVED
    policy = wire.SetHistoryPolicy(ROOM, HistoryPolicy.SINCE_JOINING)
    assert do(harness, MEMBER, rooms.set_history_policy, policy) is Code.ARCHIVED
    page = do(harness, MEMBER, rooms.history, wire.History(ROOM, 1, True, 10))
    assert len(page.records) == 2
    assert do(harness, MEMBER, rooms.leave_room, wire.LeaveRoom(ROOM)) == wire.Done()


def test_archived_room_cannot_be_joined(harness: DeletionHarness) -> None:
    room = new_room(harness, OWNER)
    archive(harness, OWNER, room)
    events = sent_events(harness)
    assert [frame.room.archived for frame in events[OWNER]] == [True]
    assert events[OBSERVER] == [wire.RoomGone(room)]
    listed = do(harness, OTHER, rooms.list_rooms, wire.ListRooms()).rooms
    assert room not in [view.id for view in listed]
    assert do(harness, OTHER, rooms.join_room, wire.JoinRoom(room)) is Code.ARCHIVED
    archive(harness, OWNER, room, archived=False)
    assert [frame.room.archived for frame in sent_events(harness)[OBSERVER]] == [False]
    assert do(harness, OTHER, rooms.join_room, wire.JoinRoom(room)).room.joined


def test_archiving_again_sends_nothing(harness: DeletionHarness) -> None:
    archive(harness, OWNER, ROOM)
    harness.service.core.take_outputs()
    assert archive(harness, OWNER, ROOM) == wire.Done()
    assert sent_events(harness) == {}


def test_refusal_by_an_archived_room_is_final(harness: DeletionHarness) -> None:
    archive(harness, OWNER, ROOM)
    message = harness.authors[MEMBER].message("too late", room=ROOM)
    codes = []
    for now, archived in ((1.0, False), (2.0, False)):
        harness.commit(MEMBER, message, now)
        decided = [frame for frame in sent_events(harness)[MEMBER] if isinstance(frame, wire.Decided)]
        codes += [receipt.code for frame in decided for receipt in frame.receipts]
        archive(harness, OWNER, ROOM, archived)
    assert codes == [Code.ROOM_ARCHIVED] * 2
    assert say(harness, MEMBER, ROOM, 3.0) == [0]


def test_deleted_room_releases_its_name_and_its_share_of_the_limit(harness: DeletionHarness) -> None:
    harness.service.config = replace(harness.service.config, rooms_total=4)
    room = new_room(harness, OWNER)
    assert do(harness, OWNER, rooms.create_room, wire.CreateRoom("x", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING)) is (
        Code.LIMIT_REACHED
    )
    delete(harness, OWNER, room)
    assert new_room(harness, MEMBER) != room


def test_simultaneous_deletions_delete_once(harness: DeletionHarness) -> None:
    operation, results = wire.DeleteRooms([ROOM]), dict[str, Any]()
    run = requests(harness, results, A=(OWNER, administer, operation), B=(MEMBER, administer, operation))
    for name, what in (("A", "start"), ("B", "start"), ("A", "do"), ("B", "do"), ("A", "go on"), ("B", "go on")):
        run.step(name, what)
    assert results == {"A": wire.Done(), "B": Code.NOT_FOUND}
    kinds = [[type(event) for event in events] for events in sent_events(harness).values()]
    assert kinds == [[wire.RoomsDeleted, wire.Statements]] * 3


def test_room_deleted_before_the_creation_answer_is_refused(harness: DeletionHarness) -> None:
    operation, results = wire.CreateRoom("short-lived", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING), dict[str, Any]()
    run = requests(harness, results, R=(MEMBER, rooms.create_room, operation))
    run.step("R", "start")
    run.step("R", "do")
    room = next(row.id for row in harness.service.directory.rooms.values() if row.name == "short-lived")
    assert delete(harness, OWNER, room) == wire.Done()
    run.step("R", "go on")
    assert results["R"] is Code.NOT_FOUND
    assert room not in harness.service.core.heads
