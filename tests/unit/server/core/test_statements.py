"""What the log states: a number for each change, and a signature that holds."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    Statement,
    StatementBody,
    devices_hash,
    members_hash,
    open_statement_untrusted,
)
from lanchat_server.core.accounts import accounts
from lanchat_server.core.directory.directory import EPOCH_SHIFT, RoomSubject, UserSubject
from lanchat_server.core.model import LogState
from tests.support.rig import GENERAL, LOG_ID, LOG_PUBLIC, Rig

FIRST = 1 << EPOCH_SHIFT
ROOM = Rig.PRIVATE
Change = Callable[[Any, Rig], accounts.DirectoryChange[Any]]


def change(rig: Rig, job: Change) -> Any:
    """As the writer does it."""
    with rig.store.transaction() as tx:
        made = job(tx, rig)
    made.apply()
    return made.value


def opened(statement: Statement) -> Any:
    return open_statement_untrusted(LOG_PUBLIC, LOG_ID, statement)


def visible(rig: Rig, user: int, above: int = 0, **deleted: dict[int, int]) -> list[StatementBody]:
    found: list[StatementBody] = []
    after = b""
    while True:
        page, after = rig.statements.visible(user, above, after, deleted.get("deleted", {}))
        found += map(opened, page)
        if not after:
            return found


def rooms_in(bodies: list[StatementBody]) -> dict[int, RoomBody]:
    return {body.room: body for body in bodies if isinstance(body, RoomBody)}


CHANGES: dict[str, tuple[Change, list[Any]]] = {
    "display name": (
        lambda tx, rig: accounts.update_user(tx, rig.directory, 2, display_name="Another"),
        [UserSubject(2)],
    ),
    "role": (lambda tx, rig: accounts.update_user(tx, rig.directory, 2, role=Role.MODERATOR), [UserSubject(2)]),
    "disabled": (lambda tx, rig: accounts.update_user(tx, rig.directory, 2, disabled=True), [UserSubject(2)]),
    "address": (lambda tx, rig: accounts.update_user(tx, rig.directory, 2, email="a@example.org"), []),
    "member": (lambda tx, rig: accounts.add_member(tx, rig.directory, ROOM, 3, 0), [RoomSubject(ROOM)]),
    "no member": (lambda tx, rig: accounts.remove_member(tx, rig.directory, ROOM, 2), [RoomSubject(ROOM)]),
    "history": (
        lambda tx, rig: accounts.set_history(tx, rig.directory, ROOM, HistoryPolicy.SINCE_JOINING),
        [RoomSubject(ROOM)],
    ),
    "archived": (lambda tx, rig: accounts.set_archived(tx, rig.directory, ROOM, True), [RoomSubject(ROOM)]),
    "deleted": (lambda tx, rig: accounts.delete_rooms(tx, rig.directory, [ROOM]), [RoomSubject(ROOM)]),
    "revoked": (
        lambda tx, rig: accounts.revoke_devices(tx, rig.directory, [rig.authors[2].device], 9, keep_codes=True),
        [None],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change_gets_the_next_number_in_memory_and_database(name: str) -> None:
    rig = Rig()
    job, subjects = CHANGES[name]
    assert rig.directory.next_number == FIRST
    change(rig, lambda tx, rig: accounts.update_user(tx, rig.directory, 3, disabled=True))
    change(rig, job)
    assert rig.directory.number == FIRST + bool(subjects)
    assert list(rig.directory.stated) == [UserSubject(3), *subjects]
    stored = rig.store.snapshot()
    assert (stored.number, stored.deletions_number) == (rig.directory.number, rig.directory.deletions_number)
    assert {row.id: row.number for row in stored.users} == {u.id: u.number for u in rig.directory.users.values()}
    assert {row.id: row.number for row in stored.rooms} == {r.id: r.number for r in rig.directory.rooms.values()}


def test_numbers_of_a_restored_log_are_higher_than_all_before() -> None:
    rig = Rig()
    change(rig, CHANGES["role"][0])
    rig.database.log = LogState(LOG_ID, 2)
    rig.start()
    change(rig, CHANGES["member"][0])
    assert rig.directory.rooms[ROOM].number == 2 << EPOCH_SHIFT


def test_account_is_stated_as_it_is() -> None:
    rig = Rig()
    change(rig, CHANGES["role"][0])
    body = opened(rig.statements.account(rig.directory.users[2]))
    assert body == AccountBody(LOG_ID, FIRST, 2, "user2", "user2", Role.MODERATOR, False)


def test_room_is_stated_with_its_members() -> None:
    rig = Rig()
    change(rig, CHANGES["member"][0])
    body = opened(rig.statements.room(rig.directory.rooms[ROOM]))
    members = {row.user: row.first_seq for row in rig.directory.members(ROOM).values()}
    assert (body.room, body.number, body.name, body.kind) == (ROOM, FIRST, "secret", RoomKind.PRIVATE)
    assert (body.members, body.members_hash) == (3, members_hash(members.items()))


def test_direct_room_has_no_name() -> None:
    rig = Rig()
    row = replace(rig.directory.rooms[ROOM], kind=RoomKind.DIRECT, name="direct:1:2")
    assert opened(rig.statements.room(row)).name == ""


def test_revoked_devices_are_stated_for_ever() -> None:
    rig = Rig()
    assert opened(rig.statements.revocations()) == RevocationsBody(LOG_ID, 0, 0, devices_hash([]))
    change(rig, CHANGES["revoked"][0])
    device = rig.authors[2].device
    assert opened(rig.statements.revocations()) == RevocationsBody(LOG_ID, FIRST, 1, devices_hash([device]))
    # Once more is no change.
    before = rig.directory.number
    change(rig, CHANGES["revoked"][0])
    assert rig.directory.revocations_number == before


def test_signature_is_made_once_for_each_number() -> None:
    rig = Rig()
    first = rig.statements.room(rig.directory.rooms[ROOM])
    assert rig.statements.room(rig.directory.rooms[ROOM]) is first
    change(rig, CHANGES["member"][0])
    assert rig.statements.room(rig.directory.rooms[ROOM]) != first


def test_list_has_what_is_newer_in_the_order_of_numbers() -> None:
    rig = Rig()
    assert {body.number for body in visible(rig, 1)} == {0}
    change(rig, CHANGES["role"][0])
    change(rig, CHANGES["member"][0])
    change(rig, CHANGES["revoked"][0])
    assert [body.number for body in visible(rig, 1, 1)] == [FIRST, FIRST + 1, FIRST + 2]
    assert [body.number for body in visible(rig, 1, FIRST + 1)] == [FIRST + 2]
    assert visible(rig, 1, FIRST + 2) == []


def test_private_room_is_stated_to_its_members_alone() -> None:
    rig = Rig()
    change(rig, CHANGES["history"][0])
    assert {user: set(rooms_in(visible(rig, user))) for user in (1, 2, 3)} == {
        1: {GENERAL, ROOM},
        2: {GENERAL, ROOM},
        3: {GENERAL},
    }
    change(rig, CHANGES["no member"][0])
    assert set(rooms_in(visible(rig, 2))) == {GENERAL}
    assert b"secret" not in b"".join(rig.statements.visible(3, 0, b"", {})[0][place].octets for place in range(5))


def test_public_room_is_stated_to_everybody_unless_archived() -> None:
    rig = Rig()
    rig.directory.put_room(replace(rig.directory.rooms[ROOM], kind=RoomKind.PUBLIC))
    assert ROOM in rooms_in(visible(rig, 3))
    change(rig, CHANGES["archived"][0])
    assert ROOM not in rooms_in(visible(rig, 3))
    assert rooms_in(visible(rig, 2))[ROOM].archived


def test_deleted_room_is_stated_without_its_name() -> None:
    rig = Rig()
    change(rig, CHANGES["deleted"][0])
    assert rig.directory.deletions_number == FIRST
    assert rig.store.deleted_rooms(2, 0) == {ROOM: FIRST}
    assert rig.store.deleted_rooms(2, FIRST) == {}
    assert rig.store.deleted_rooms(3, 0) == {}
    body = rooms_in(visible(rig, 2, 1, deleted=rig.store.deleted_rooms(2, 0)))[ROOM]
    assert (body.deleted, body.name, body.members, body.number) == (True, "", 0, FIRST)
