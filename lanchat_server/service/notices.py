"""What sessions are told when rooms, members or people change, and how a room looks to one user."""

from collections.abc import Callable, Iterable

from lanchat.protocol import wire
from lanchat.protocol.wire import RoomKind
from lanchat_server.core.differences import Differences
from lanchat_server.core.directory import Directory
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import RoomRow
from lanchat_server.core.sequencer import Sequencer


class Notices:
    """Events to those whom they concern. A member of a room learns of it, a stranger does not. `now`: the core's
    clock."""

    def __init__(self, core: ServerCore, directory: Directory, sequencer: Sequencer, now: Callable[[], float]) -> None:
        self._core = core
        self._directory = directory
        self._sequencer = sequencer
        self._now = now

    def room_view(self, room_id: int, user: int) -> wire.Room:
        """A room as this user sees it."""
        room = self._directory.rooms[room_id]
        members = self._directory.members(room_id)
        member = members.get(user)
        partner = 0
        if room.kind is RoomKind.DIRECT:
            partner = next((other for other in members if other != user), user)
        received, read = self._core.receipts.cursor(room_id, user) if member else (0, 0)
        return wire.Room(
            room.id,
            "" if room.kind is RoomKind.DIRECT else room.name,
            room.kind,
            room.history,
            member.first_seq if member else 1,
            member is not None,
            len(members),
            partner,
            received,
            read,
        )

    def rooms_for(self, user: int, after: bytes = b"") -> tuple[list[wire.Room], bytes]:
        """A page: the user's rooms, then public ones, oldest first; and where the next page begins."""
        mine = self._directory.rooms_of(user)
        shown = [room for room in self._directory.rooms.values() if room.id in mine or room.kind is RoomKind.PUBLIC]

        def place(room: RoomRow) -> bytes:
            return bytes([room.id not in mine]) + place_of(room.created_ms) + place_of(room.id)

        return listed(shown, place, lambda room: self.room_view(room.id, user), after)

    def room_created(self, room: RoomRow, members: Iterable[int]) -> None:
        """A new room: its head begins, its members (of a public one: everybody) see it."""
        self._core.add_room(self._sequencer.sign(room.id, room.head))
        everybody = self._core.sessions.online_users() if room.kind is RoomKind.PUBLIC else members
        self._tell_room(room.id, everybody)

    def room_changed(self, room: int) -> None:
        """Policy or name: members see it."""
        self._tell_room(room, self._directory.members(room))

    def member_joined(self, room: int, user: int) -> None:
        """The newcomer sees the room, the members see the newcomer."""
        self._tell_room(room, [user])
        self._core.announce(wire.MembersChanged(room, [user], []), self._directory.members(room))

    def member_left(self, room: int, user: int) -> None:
        """No record of the room goes to this user any more."""
        self._core.drop_member(room, user)
        self._core.announce(wire.RoomGone(room), [user])
        if self._directory.rooms[room].kind is RoomKind.PUBLIC:
            self._tell_room(room, [user])
        self._core.announce(wire.MembersChanged(room, [], [user]), self._directory.members(room))

    def reloaded(self, changes: Differences) -> None:
        """The database has changes that nobody was told of: their commit had looked lost."""
        for room, user in changes.left:
            self.member_left(room, user)
        for new, members in changes.rooms:
            self.room_created(new, members)
        for room, user in changes.joined:
            self.member_joined(room, user)
        for room in changes.changed:
            self.room_changed(room)
        self.room_keys_changed(changes.keys)

    def room_keys_changed(self, rooms: Iterable[int]) -> None:
        """New keys to the members."""
        for room in rooms:
            key = self._directory.room_keys[room]
            event = wire.RoomKey(room, key.number, key.key, key.not_after_ms)
            self._core.announce(event, self._directory.members(room))

    def user_changed(self, user: int) -> None:
        """Name or role: with the next presence."""
        self._core.touch_user(user, self._now())

    def _tell_room(self, room: int, users: Iterable[int]) -> None:
        for user in users:
            if self._core.sessions.of_user(user):
                self._core.announce(wire.RoomChanged(self.room_view(room, user)), [user])
