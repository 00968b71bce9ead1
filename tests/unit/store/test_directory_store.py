"""The contract of DirectoryStore, on every implementation."""

from lanchat.core.ports import DirectoryStore
from tests.support.local_log import room_info, user_info


def test_rooms_are_replaced_as_a_list(store: DirectoryStore, other: DirectoryStore) -> None:
    assert store.rooms() == []
    store.save_rooms([room_info(5, "five"), room_info(2, "two"), room_info(9, "nine")])
    assert other.rooms() == [room_info(5, "five"), room_info(2, "two"), room_info(9, "nine")]
    other.save_rooms([room_info(2, "zwei")])
    assert store.rooms() == [room_info(2, "zwei")]
    store.save_rooms([])
    assert store.rooms() == []


def test_users_are_added_and_replaced(store: DirectoryStore) -> None:
    store.save_users([user_info(3, "cy"), user_info(1, "anna")])
    store.save_users([user_info(1, "anne"), user_info(2, "bob")])
    store.save_users([])
    assert store.users() == [user_info(1, "anne"), user_info(2, "bob"), user_info(3, "cy")]
