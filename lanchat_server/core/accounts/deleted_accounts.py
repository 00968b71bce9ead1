"""The end of an account, as part of a transaction (as in accounts.py)."""

from lanchat.protocol.codes import Role, RoomKind
from lanchat_server.core.accounts.accounts import remove_member, update_user
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import DELETED_HASH
from lanchat_server.core.ports import Transaction


def delete_account(tx: Transaction, directory: Directory, user_id: int) -> DirectoryChange[list[int]]:
    """The rooms that it was a member of. Its devices are revoked by `revoke_devices`. The row stays with its user name:
    it says whose messages are, and nobody else may get the name."""
    user = directory.users[user_id]
    rooms = [room for room in directory.rooms_of(user_id) if directory.rooms[room].kind is not RoomKind.DIRECT]
    changed = update_user(
        tx,
        directory,
        user_id,
        password_hash=DELETED_HASH,
        display_name=user.name,
        email="",
        role=Role.MEMBER,
        disabled=True,
    )
    removed = [remove_member(tx, directory, room, user_id) for room in rooms]
    return together(rooms, changed, *removed)
