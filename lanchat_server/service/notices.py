"""What sessions are told when rooms, members or people change, and how a room looks to one user."""

from collections.abc import Callable, Collection, Iterable, Sequence

from lanchat.protocol import wire
from lanchat.protocol.codes import RoomKind
from lanchat.protocol.limits import ROOMS_DELETED_MAX, STATEMENTS_MAX
from lanchat.protocol.log.statements import Statement
from lanchat_server.core.directory.differences import Differences
from lanchat_server.core.directory.directory import Directory, RoomSubject, UserSubject, is_open_to_all
from lanchat_server.core.directory.statements import StatementIssuer
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import DeletedRoom, MembershipRow, RoomRow
from lanchat_server.core.sequencing.sequencer import Sequencer


class EventNotifier:
    """Events to those whom they concern. A member of a room learns of it, a stranger does not. `now`: the core's
    clock."""

    def __init__(
        self,
        core: ServerCore,
        directory: Directory,
        sequencer: Sequencer,
        statements: StatementIssuer,
        now: Callable[[], float],
    ) -> None:
        """`sequencer` signs the heads of new rooms. Methods are called on the core's thread."""
        self._statements = statements
        self._core = core
        self._directory = directory
        self._sequencer = sequencer
        self._now = now

    def room_view(self, room: RoomRow, user: int) -> wire.Room:
        """A room as this user sees it."""
        members = self._directory.members(room.id)
        member = members.get(user)
        partner = 0
        if room.kind is RoomKind.DIRECT:
            partner = next((other for other in members if other != user), user)
        received, read = self._core.receipts.cursor(room.id, user) if member else (0, 0)
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
            room.creator if member else 0,
            room.archived,
            member.joined_ms if member else 0,
        )

    def rooms_for(self, user: int, after: bytes = b"") -> tuple[list[wire.Room], bytes]:
        """A page: the user's rooms, then public ones, oldest first; and where the next page begins."""
        mine = self._directory.rooms_of(user)
        shown = [room for room in self._directory.rooms.values() if room.id in mine or is_open_to_all(room)]

        def place(room: RoomRow) -> bytes:
            return bytes([room.id not in mine]) + place_of(room.created_ms) + place_of(room.id)

        return listed(shown, place, lambda room: self.room_view(room, user), after)

    def room_created(self, room: RoomRow, members: Iterable[int]) -> None:
        """A new room: its head begins, its members (of a public one: everybody) see it."""
        if room.id not in self._directory.rooms:
            return
        self._core.add_room(self._sequencer.sign(room.id, room.head))
        everybody = self._core.sessions.online_users() if room.kind is RoomKind.PUBLIC else members
        self._send_room(room.id, everybody)

    def room_changed(self, room: int) -> None:
        """Policy or name: members see it."""
        self._send_room(room, self._directory.members(room))

    def room_renamed(self, room: int) -> None:
        """Members see it, and whoever may join it."""
        self.room_archived(room)

    def room_archived(self, room: int) -> None:
        """Archived or taken back: members see it, for others it is no longer a room to join, or is one again."""
        row = self._directory.rooms.get(room)
        if row is None:
            return
        members = self._directory.members(room)
        others = [user for user in self._core.sessions.online_users() if user not in members]
        self._send_room(room, members)
        if is_open_to_all(row):
            self._send_room(room, others)
        elif row.kind is RoomKind.PUBLIC:
            self._core.announce(wire.RoomGone(room), others)

    def rooms_deleted(self, deleted: Collection[DeletedRoom]) -> None:
        """Nothing of these rooms goes to anybody any more; who saw them hears why."""
        self._core.drop_rooms({gone.room.id for gone in deleted})
        self._send_deleted([gone.room for gone in deleted if is_open_to_all(gone.room)], None)
        concerned: dict[tuple[int, ...], list[RoomRow]] = {}
        for gone in deleted:
            if not is_open_to_all(gone.room):
                concerned.setdefault(gone.members, []).append(gone.room)
        for members, rooms in concerned.items():
            self._send_deleted(rooms, members)

    def _send_deleted(self, rooms: Sequence[RoomRow], users: Iterable[int] | None) -> None:
        """`users` None: everybody. `number` of a room: of the statement that it was deleted."""
        for start in range(0, len(rooms), ROOMS_DELETED_MAX):
            part = rooms[start : start + ROOMS_DELETED_MAX]
            self._core.announce(wire.RoomsDeleted([room.id for room in part]), users)
            self._send_statements([self._statements.deleted_room(room.id, room.number) for room in part], users)

    def _send_statements(self, statements: Sequence[Statement], users: Iterable[int] | None) -> None:
        """`users` None: everybody."""
        for start in range(0, len(statements), STATEMENTS_MAX):
            self._core.announce(wire.Statements(list(statements[start : start + STATEMENTS_MAX])), users)

    def member_joined(self, room: int, user: int) -> None:
        """The newcomer sees the room, the members see the newcomer."""
        self._send_room(room, [user])
        members = self._directory.members(room)
        if user in members:
            joined = wire.Member(user, members[user].first_seq)
            self._core.announce(wire.MembersChanged(room, [joined], []), members)

    def member_left(self, room: int, user: int) -> None:
        """No record of the room goes to this user any more."""
        self._core.drop_member(room, user)
        self._core.announce(wire.RoomGone(room), [user])
        row = self._directory.rooms.get(room)
        if row is not None and is_open_to_all(row):
            self._send_room(room, [user])
        self._core.announce(wire.MembersChanged(room, [], [user]), self._directory.members(room))

    def moved(self, members: Iterable[MembershipRow]) -> None:
        """Their memberships begin elsewhere: their clients begin the room anew."""
        for member in members:
            self.member_left(member.room, member.user)
            self.member_joined(member.room, member.user)

    def reloaded(self, changes: Differences) -> None:
        """The database has changes that nobody was told of: their commit had looked lost."""
        for room, user in changes.left:
            self.member_left(room, user)
        if changes.deleted:
            self.rooms_deleted(changes.deleted)
        for new, members in changes.rooms:
            self.room_created(new, members)
        for room in changes.archived:
            self.room_archived(room)
        for room, user in changes.joined:
            self.member_joined(room, user)
        for room in changes.changed:
            self.room_renamed(room)
        for user in changes.people:
            self.user_changed(user)
        self.room_keys_changed(changes.keys)
        self._directory.stated += _stated(changes)

    def statements_changed(self) -> None:
        """What is new of accounts and devices to everybody, of a room to its members; others ask for it."""
        subjects: dict[UserSubject | RoomSubject | None, None] = {}
        while self._directory.stated:
            subjects[self._directory.stated.popleft()] = None
        everybody: list[Statement] = []
        for subject in subjects:
            match subject:
                case RoomSubject():
                    room = self._directory.rooms.get(subject.room)
                    if room is not None:
                        self._send_statements([self._statements.room(room)], self._directory.members(room.id))
                case UserSubject():
                    everybody.append(self._statements.account(self._directory.users[subject.user]))
                case None:
                    everybody.append(self._statements.revocations())
        self._send_statements(everybody, None)

    def room_keys_changed(self, rooms: Iterable[int]) -> None:
        """New keys to the members."""
        for room in rooms:
            key = self._directory.room_keys.get(room)
            if key is None:
                continue
            event = wire.RoomKey(room, key.number, key.key, key.not_after_ms)
            self._core.announce(event, self._directory.members(room))

    def user_changed(self, user: int) -> None:
        """Name or role: with the next presence."""
        self._core.touch_user(user, self._now())

    def _send_room(self, room: int, users: Iterable[int]) -> None:
        """Nobody, when it was deleted meanwhile; nor who may not see it any more."""
        row = self._directory.rooms.get(room)
        if row is None:
            return
        shown_to_all, members = is_open_to_all(row), self._directory.members(room)
        for user in users:
            if (shown_to_all or user in members) and self._core.sessions.of_user(user):
                self._core.announce(wire.RoomChanged(self.room_view(row, user)), [user])


def _stated(changes: Differences) -> list[UserSubject | RoomSubject | None]:
    """What new statements are about after these changes, deleted rooms aside."""
    of_members = {room for room, _ in (*changes.joined, *changes.left)}
    rooms = {room.id for room, _ in changes.rooms} | of_members | {*changes.changed, *changes.archived}
    users = {*changes.people, *changes.disabled}
    revoked = [None] if changes.revoked else []
    return [*map(UserSubject, sorted(users)), *map(RoomSubject, sorted(rooms)), *revoked]
