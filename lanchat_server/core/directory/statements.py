"""Statements that the log makes: derived from the directory, and signed when somebody wants one for the first time.

What is kept in the database is the number of each subject's present statement alone (`number` of users and rooms,
`revoked_number` of devices); a signature is always the same for the same octets, so it can be made again. The number
of the list of revoked devices is that of the device that was revoked last.

A statement that is made while the writer changes the directory may have the new members under the old number. Both are
true, and the one with the next number follows.
"""

from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    Statement,
    StatementBody,
    StatementKind,
    devices_hash,
    issue_statement,
    members_hash,
)
from lanchat_server.core.directory.directory import Directory, is_open_to_all
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import RoomRow, UserRow

_Subject = tuple[StatementKind, int]


class StatementIssuer:
    """The present statement about each subject, for any thread. Signing takes 50 µs, once for each number."""

    def __init__(self, log_key: Ed25519PrivateKey, directory: Directory) -> None:
        """Nothing is signed yet."""
        self._key = log_key
        self._directory = directory
        self._made: dict[_Subject, tuple[int, Statement]] = {}

    def account(self, user: UserRow) -> Statement:
        """Of an account."""
        log_id = self._directory.log.log_id

        def body() -> AccountBody:
            return AccountBody(log_id, user.number, user.id, user.name, user.display_name, user.role, user.disabled)

        return self._present((StatementKind.ACCOUNT, user.id), user.number, body)

    def room(self, room: RoomRow) -> Statement:
        """Of a room that is not deleted. For its members, and of a public one for everybody."""

        def body() -> RoomBody:
            members = self._directory.members(room.id)
            return RoomBody(
                log_id=self._directory.log.log_id,
                number=room.number,
                room=room.id,
                name="" if room.kind is RoomKind.DIRECT else room.name,
                kind=room.kind,
                history=room.history,
                creator=room.creator,
                archived=room.archived,
                deleted=False,
                members=len(members),
                members_hash=members_hash((row.user, row.first_seq) for row in members.values()),
            )

        return self._present((StatementKind.ROOM, room.id), room.number, body)

    def deleted_room(self, room: int, number: int) -> Statement:
        """Of a room that was deleted; for those who were members."""
        body = RoomBody(
            log_id=self._directory.log.log_id,
            number=number,
            room=room,
            name="",
            kind=RoomKind.PRIVATE,
            history=HistoryPolicy.EVERYTHING,
            creator=0,
            archived=False,
            deleted=True,
            members=0,
            members_hash=members_hash(()),
        )
        self._made.pop((StatementKind.ROOM, room), None)
        return issue_statement(self._key, body)

    def revocations(self) -> Statement:
        """Of all revoked devices."""
        number = self._directory.revocations_number

        def body() -> RevocationsBody:
            devices = self._directory.revoked()
            return RevocationsBody(self._directory.log.log_id, number, len(devices), devices_hash(devices))

        return self._present((StatementKind.REVOCATIONS, 0), number, body)

    def visible(self, user: int, above: int, after: bytes, deleted: Mapping[int, int]) -> tuple[list[Statement], bytes]:
        """A page of those with a number above `above` (0: of all) that this user may see, and where the next begins.
        `deleted`: rooms that were deleted while the user was a member, with the number of that statement."""
        directory = self._directory
        if above and above >= directory.number:
            return [], b""
        accounts = [(row.number, StatementKind.ACCOUNT, row.id) for row in directory.users.values()]
        mine = directory.rooms_of(user)
        rooms = [
            (row.number, StatementKind.ROOM, row.id)
            for row in directory.rooms.values()
            if row.id in mine or is_open_to_all(row)
        ]
        revocations = [(directory.revocations_number, StatementKind.REVOCATIONS, 0)]
        gone = [(number, StatementKind.ROOM, room) for room, number in deleted.items() if room not in directory.rooms]
        newer = [entry for entry in (*accounts, *rooms, *gone, *revocations) if entry[0] > above or not above]
        return listed(newer, _place, self._of, after)

    def _of(self, entry: tuple[int, StatementKind, int]) -> Statement:
        number, kind, subject = entry
        if kind is StatementKind.ACCOUNT:
            return self.account(self._directory.users[subject])
        if kind is StatementKind.ROOM:
            room = self._directory.rooms.get(subject)
            return self.room(room) if room is not None else self.deleted_room(subject, number)
        return self.revocations()

    def _present(self, subject: _Subject, number: int, body: Callable[[], StatementBody]) -> Statement:
        known = self._made.get(subject)
        if known is None or known[0] != number:
            known = self._made[subject] = number, issue_statement(self._key, body())
        return known[1]


def _place(entry: tuple[int, StatementKind, int]) -> bytes:
    number, kind, subject = entry
    return place_of(number) + bytes([kind]) + place_of(subject)
