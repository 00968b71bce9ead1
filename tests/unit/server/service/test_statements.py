"""Statements on their way to clients: in lists, by event, and never to somebody who may not see them."""

from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import RoomKind
from lanchat.protocol.limits import STATEMENTS_MAX
from lanchat.protocol.log.statements import AccountBody, RevocationsBody, RoomBody, open_statement_untrusted
from lanchat_server.core.directory.directory import RoomSubject, UserSubject
from lanchat_server.service.requests import people, rooms
from lanchat_server.service.requests.table import administer
from tests.explorer.harness import GENERAL, LOUNGE, MEMBER, OWNER, ROOM, password_of
from tests.explorer.harness import THIRD as OTHER
from tests.support.rig import LOG_ID, LOG_PUBLIC
from tests.unit.server.service.test_room_deletion import OBSERVER, DeletionHarness, do, new_room, sent_events

NAME = b"secret"


@pytest.fixture
def stage() -> DeletionHarness:
    return DeletionHarness()


def bodies(statements: Any) -> list[Any]:
    return [open_statement_untrusted(LOG_PUBLIC, LOG_ID, statement) for statement in statements]


def pushed(stage: DeletionHarness) -> dict[int, list[Any]]:
    """What each session is told by event."""
    stage.service.notices.statements_changed()
    return {
        session: [body for frame in frames if isinstance(frame, wire.Statements) for body in bodies(frame.statements)]
        for session, frames in sent_events(stage).items()
    }


def told_of(found: dict[int, list[Any]], room: int) -> set[int]:
    """Sessions that are told of a room."""
    return {
        session
        for session, said in found.items()
        if any(isinstance(body, RoomBody) and body.room == room for body in said)
    }


def listed(stage: DeletionHarness, user: int, above: int = 0) -> list[Any]:
    answer = do(stage, user, people.list_statements, wire.ListStatements(above))
    assert answer.number == stage.service.directory.number
    return bodies(answer.statements)


def test_statement_of_a_private_room_goes_to_its_members_alone(stage: DeletionHarness) -> None:
    do(stage, OWNER, rooms.set_history_policy, wire.SetHistoryPolicy(ROOM, wire.HistoryPolicy.SINCE_JOINING))
    assert told_of(pushed(stage), ROOM) == {1, 2, 4}
    assert {body.room for body in listed(stage, OTHER) if isinstance(body, RoomBody)} == {GENERAL, LOUNGE}


def test_removed_member_is_not_told_who_is_left(stage: DeletionHarness) -> None:
    do(stage, OWNER, rooms.remove_user, wire.RemoveUser(ROOM, MEMBER))
    assert told_of(pushed(stage), ROOM) == {1}
    assert ROOM not in {body.room for body in listed(stage, MEMBER) if isinstance(body, RoomBody)}


def test_new_member_is_told_by_event(stage: DeletionHarness) -> None:
    do(stage, OWNER, rooms.invite_user, wire.InviteUser(ROOM, OTHER))
    assert told_of(pushed(stage), ROOM) == {1, 2, 4, OBSERVER}


def test_name_of_a_private_room_is_in_no_octet_for_a_stranger(stage: DeletionHarness) -> None:
    directory = stage.service.directory
    assert directory.rooms[ROOM].name.encode() == NAME
    do(stage, OWNER, rooms.invite_user, wire.InviteUser(ROOM, MEMBER))
    do(stage, OWNER, rooms.set_history_policy, wire.SetHistoryPolicy(ROOM, wire.HistoryPolicy.SINCE_JOINING))
    do(stage, OWNER, administer, wire.DeleteRooms([ROOM], password_of(OWNER)))
    stage.service.notices.statements_changed()
    answer = do(stage, OTHER, people.list_statements, wire.ListStatements(1))
    heard = [*sent_events(stage).get(OBSERVER, []), wire.Response(1, answer)]
    assert not any(NAME in wire.pack_frame(frame) for frame in heard)
    assert all(body.room != ROOM for body in bodies(answer.statements) if isinstance(body, RoomBody))


def test_deletion_is_stated_to_former_members_now_and_later(stage: DeletionHarness) -> None:
    do(stage, OWNER, administer, wire.DeleteRooms([ROOM], password_of(OWNER)))
    events = pushed(stage)
    assert told_of(events, ROOM) == {1, 2, 4}
    (body,) = [body for body in events[2] if isinstance(body, RoomBody)]
    assert (body.deleted, body.name, body.number) == (True, "", stage.service.directory.deletions_number)
    assert [body] == [said for said in listed(stage, MEMBER, 1) if isinstance(said, RoomBody)]
    assert not [said for said in listed(stage, OTHER, 1) if isinstance(said, RoomBody)]


def test_deletion_of_a_public_room_is_stated_to_everybody(stage: DeletionHarness) -> None:
    room = new_room(stage, OWNER, RoomKind.PUBLIC)
    pushed(stage)
    do(stage, OWNER, administer, wire.DeleteRooms([room], password_of(OWNER)))
    assert told_of(pushed(stage), room) == {1, 2, 4, OBSERVER}


def test_accounts_and_revocations_are_stated_to_everybody(stage: DeletionHarness) -> None:
    stage.service.directory.stated += [UserSubject(MEMBER), None, UserSubject(MEMBER)]
    for session, said in pushed(stage).items():
        assert [type(body) for body in said] == [AccountBody, RevocationsBody], session


def test_many_statements_are_several_frames(stage: DeletionHarness) -> None:
    directory = stage.service.directory
    for number in range(100, 100 + STATEMENTS_MAX):
        directory.put_user(type(directory.users[1])(number, f"u{number}", "", "", "", wire.Role.MEMBER, False, 0, 0))
    directory.stated += [UserSubject(user) for user in directory.users] + [RoomSubject(ROOM)]
    stage.service.notices.statements_changed()
    frames = [frame for frame in sent_events(stage)[OBSERVER] if isinstance(frame, wire.Statements)]
    assert [len(frame.statements) for frame in frames] == [STATEMENTS_MAX, 4]


def test_list_of_members_says_from_where_each_may_read(stage: DeletionHarness) -> None:
    do(stage, OWNER, rooms.set_history_policy, wire.SetHistoryPolicy(ROOM, wire.HistoryPolicy.SINCE_JOINING))
    do(stage, OWNER, rooms.invite_user, wire.InviteUser(ROOM, OTHER))
    head = stage.service.core.heads[ROOM].seq
    answer = do(stage, OTHER, people.list_members, wire.ListMembers(ROOM))
    assert answer.members == [wire.Member(OWNER, 1), wire.Member(MEMBER, 1), wire.Member(OTHER, head + 1)]
