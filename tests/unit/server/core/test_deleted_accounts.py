"""The end of an account, and other names of rooms: what stays, what is erased, who may have a name."""

import pytest

from lanchat.protocol.codes import Code, HistoryPolicy, Role
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.deleted_accounts import delete_account
from lanchat_server.core.accounts.room_changes import change_room
from lanchat_server.core.model import DELETED_HASH
from lanchat_server.core.refusals import Refused
from tests.support.rig import GENERAL, Rig
from tests.unit.server.core.test_statements import change

ROOM = Rig.PRIVATE


def deleted(rig: Rig, user: int) -> list[int]:
    return sorted(change(rig, lambda tx, rig: delete_account(tx, rig.directory, user)))


def test_deletion_erases_all_but_the_user_name() -> None:
    rig = Rig()
    change(rig, lambda tx, rig: accounts.update_user(tx, rig.directory, 2, display_name="Boris", email="b@example.org"))
    assert deleted(rig, 2) == sorted([GENERAL, ROOM])
    for row in (rig.directory.users[2], rig.store.snapshot().users[1]):
        assert (row.name, row.display_name, row.email, row.password_hash) == ("user2", "user2", "", DELETED_HASH)
        assert (row.role, row.disabled, row.deleted) == (Role.MEMBER, True, True)
    assert rig.directory.rooms_of(2) == frozenset()
    assert {row.user for row in rig.store.snapshot().memberships} == {1, 3}


def test_deleted_user_name_is_not_given_again_and_joins_nothing() -> None:
    rig = Rig()
    deleted(rig, 2)
    new = accounts.NewUser("USER2", "", "", "hash", Role.MEMBER)
    with pytest.raises(Refused) as taken:
        change(rig, lambda tx, rig: accounts.add_user(tx, rig.directory, new, 1))
    assert taken.value.code is Code.NAME_TAKEN
    with pytest.raises(Refused) as gone:
        change(rig, lambda tx, rig: accounts.add_member(tx, rig.directory, ROOM, 2, 0))
    assert gone.value.code is Code.NOT_FOUND


def test_last_administrator_cannot_be_deleted() -> None:
    rig = Rig()
    with pytest.raises(Refused) as refused:
        deleted(rig, 1)
    assert refused.value.code is Code.LAST_ADMINISTRATOR
    assert not rig.directory.users[1].deleted


def test_renamed_room_is_found_by_its_new_name_alone() -> None:
    rig = Rig()
    change(rig, lambda tx, rig: change_room(tx, rig.directory, GENERAL, 1, "lobby", HistoryPolicy.SINCE_JOINING))
    row = rig.directory.rooms[GENERAL]
    assert (row.name, row.history) == ("lobby", HistoryPolicy.SINCE_JOINING)
    assert rig.directory.room_named("Lobby") == row
    assert rig.directory.room_named("general") is None
    assert not rig.directory.sees_room_named(1, "general")
    assert rig.directory.general() == row
    assert {room.id: room.name for room in rig.store.snapshot().rooms}[GENERAL] == "lobby"


@pytest.mark.parametrize(("user", "name", "code"), [(1, "SECRET", Code.NAME_TAKEN), (3, "secret", None)])
def test_name_of_another_room_is_taken_for_those_who_see_it(user: int, name: str, code: Code | None) -> None:
    rig = Rig()
    if code is None:
        change(rig, lambda tx, rig: change_room(tx, rig.directory, GENERAL, user, name, None))
        return
    with pytest.raises(Refused) as refused:
        change(rig, lambda tx, rig: change_room(tx, rig.directory, GENERAL, user, name, None))
    assert refused.value.code is code


def test_room_keeps_its_own_name_in_another_case() -> None:
    rig = Rig()
    change(rig, lambda tx, rig: change_room(tx, rig.directory, GENERAL, 1, "General", None))
    assert rig.directory.rooms[GENERAL].name == "General"


def test_archived_room_is_not_changed() -> None:
    rig = Rig()
    change(rig, lambda tx, rig: accounts.set_archived(tx, rig.directory, ROOM, True))
    with pytest.raises(Refused) as refused:
        change(rig, lambda tx, rig: change_room(tx, rig.directory, ROOM, 1, "another", None))
    assert refused.value.code is Code.ARCHIVED
