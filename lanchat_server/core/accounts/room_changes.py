"""Names and policies of rooms, as part of a transaction (as in accounts.py)."""

from msgspec.structs import replace

from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from lanchat_server.core.accounts.accounts import stated
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import RoomRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused


def change_room(
    tx: Transaction, directory: Directory, room: int, user: int, name: str | None, history: HistoryPolicy | None
) -> DirectoryChange[RoomRow]:
    """Another name, which no other room may have that `user` sees (0: who sees what everybody sees), or another policy;
    None leaves what is there."""
    row = directory.rooms[room]
    if row.kind is RoomKind.DIRECT:
        raise Refused(Code.NOT_ALLOWED, "a direct room has neither name nor policy")
    if row.archived:
        raise Refused(Code.ARCHIVED, "the room is archived")
    if name is not None and directory.sees_room_named(user, name, apart=room):
        raise Refused(Code.NAME_TAKEN, "name taken")
    try:
        tx.update_room(room, name=name, history=history)
    except KeyError as error:
        raise Refused(Code.NAME_TAKEN, "name taken") from error
    changed = replace(row, name=name or row.name, history=row.history if history is None else history)
    return DirectoryChange(changed, stated(tx, directory, lambda: directory.put_room(changed), rooms=[room]))
