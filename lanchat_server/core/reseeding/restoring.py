"""Accounts, rooms, devices and revocations that come back from clients: the body of a transaction, as in accounts.py.

Whatever the log signed is proof by itself; of statements about the same subject the one with the higher number holds.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import Certificate, CertificateBody, open_certificate_untrusted
from lanchat.protocol.log.records import genesis_hash
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    devices_hash,
    members_hash,
    open_statement_untrusted,
)
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.directory.directory import Directory, direct_name
from lanchat_server.core.model import DeviceRow, MembershipRow, RoomHead, RoomRow, UserRow
from lanchat_server.core.ports import Transaction

# No password's hash: passwords do not come back. (An account without any was deleted.)
LOST_PASSWORD = "lost"  # noqa: S105 - nobody can log in with it
# Since when somebody is a member who was one before the log was lost: no statement says it.
_BEFORE_THE_LOSS = 0
T = TypeVar("T")
U = TypeVar("U")


class Given(msgspec.Struct, frozen=True):
    """What a client gave and the log has signed. `members`: lists that fit one of the rooms; `revoked`: None: no list
    that fits."""

    accounts: list[AccountBody]
    rooms: list[RoomBody]
    members: dict[int, dict[int, int]]
    revoked: frozenset[bytes] | None
    revocations: RevocationsBody | None
    devices: list[tuple[CertificateBody, Certificate]]


def open_given_untrusted(log_key: bytes, log_id: bytes, frame: wire.GiveStatements) -> Given:
    """What of it the log signed. Any thread: checking a statement takes 50 µs."""
    bodies = list(_opened(frame.statements, lambda item: open_statement_untrusted(log_key, log_id, item)))
    lists = {given.room: {member.user: member.first_seq for member in given.members} for given in frame.members}
    rooms = [body for body in bodies if isinstance(body, RoomBody)]
    fitting = {body.room: lists[body.room] for body in rooms if body.room in lists and _fits(body, lists[body.room])}
    said = next((body for body in bodies if isinstance(body, RevocationsBody)), None)
    fits = said is not None and devices_hash(frame.revoked) == said.devices_hash
    return Given(
        [body for body in bodies if isinstance(body, AccountBody)],
        rooms,
        fitting,
        frozenset(frame.revoked) if fits else None,
        said if fits else None,
        open_certificates_untrusted(log_key, log_id, frame.certificates),
    )


def open_certificates_untrusted(
    log_key: bytes, log_id: bytes, certificates: Iterable[Certificate]
) -> list[tuple[CertificateBody, Certificate]]:
    """Those that the log signed, however old they are."""
    return list(
        _opened(certificates, lambda item: (open_certificate_untrusted(log_key, log_id, item), item)),
    )


def _opened(items: Iterable[T], open_untrusted: Callable[[T], U]) -> Iterator[U]:
    for item in items:
        try:
            yield open_untrusted(item)
        except ProtocolError:
            continue


def _fits(body: RoomBody, members: Mapping[int, int]) -> bool:
    return len(members) == body.members and members_hash(members.items()) == body.members_hash


class Restored(msgspec.Struct, frozen=True):
    """What a transaction brought back. `revoked`: devices whose sessions end; `joined` and `left`: (room, user), of
    rooms that were here."""

    users: list[int]
    rooms: list[int]
    revoked: list[bytes]
    joined: list[tuple[int, int]]
    left: list[tuple[int, int]]


class Restoring:
    """The body of one transaction. `lost`: revoked devices of which nothing else is known here."""

    def __init__(self, tx: Transaction, directory: Directory, now_ms: int) -> None:
        """Nothing is changed yet."""
        self._tx = tx
        self._directory = directory
        self._now_ms = now_ms
        self._users = dict(directory.users)
        self._devices = dict(directory.devices)
        self._apply: list[Callable[[], None]] = []
        self._restored = Restored([], [], [], [], [])
        self.lost: frozenset[bytes] = frozenset()

    def restore(self, given: Given) -> DirectoryChange[Restored]:
        """Bring back what is missing or older here."""
        for account in given.accounts:
            self._account(account)
        for body, certificate in given.devices:
            self._device(body, certificate)
        general = {body.room: body for body in given.rooms}
        for room in sorted(general.values(), key=lambda body: (body.creator != 0, body.number)):
            self._room(room, given.members.get(room.room))
        if given.revoked is not None and given.revocations is not None:
            self._revocations(given.revocations.number, given.revoked)
        return self.change(self._restored)

    def change(self, value: T) -> DirectoryChange[T]:
        """What was done so far."""
        steps = list(self._apply)

        def apply() -> None:
            for step in steps:
                step()

        return DirectoryChange(value, apply)

    def _number(self, number: int, **subjects: Collection[int] | Collection[bytes]) -> None:
        self._tx.number_statements(number, **subjects)  # type: ignore[arg-type]
        self._apply.append(lambda: self._directory.number_statements(number, **subjects))  # type: ignore[arg-type]

    def _account(self, body: AccountBody) -> None:
        known = self._users.get(body.user)
        if known is None:
            self._add_account(body.user, body.name, body)
        elif known.name == body.name and known.number < body.number:
            values = {"display_name": body.display_name, "role": body.role, "disabled": body.disabled}
            self._tx.update_user(body.user, **values)  # type: ignore[arg-type]
            self._put_user(replace(known, **values, number=body.number))
            self._number(body.number, users=[body.user])

    def _add_account(self, user: int, name: str, body: AccountBody | CertificateBody) -> bool:
        """Without a password. False when somebody else has the name by now."""
        said = body if isinstance(body, AccountBody) else None
        role = said.role if said is not None else wire.Role.MEMBER
        disabled, number = (said.disabled, said.number) if said is not None else (False, 0)
        row = UserRow(user, name, body.display_name, "", LOST_PASSWORD, role, disabled, self._now_ms, 0, number=number)
        if self._directory.user_named(name) is not None or not self._tx.restore_user(row):
            return False
        self._put_user(row)
        general = self._directory.general().id
        member = MembershipRow(general, user, _BEFORE_THE_LOSS, 1, 0, 0)
        self._tx.add_members([member])
        self._apply.append(lambda: self._directory.put_members([member]))
        if number:
            self._number(number, users=[user])
        return True

    def _put_user(self, row: UserRow) -> None:
        self._users[row.id] = row
        self._restored.users.append(row.id)
        self._apply.append(lambda: self._directory.put_user(row))

    def device(self, body: CertificateBody, certificate: Certificate) -> DeviceRow | None:
        """A device that the log certified before, with its account; None when it may not come back."""
        known = self._devices.get(body.device)
        if known is not None:
            return None if known.revoked_ms or known.user != body.user else known
        self._device(body, certificate)
        return self._devices.get(body.device)

    def _device(self, body: CertificateBody, certificate: Certificate) -> None:
        if body.device in self._devices or body.device in self._directory.revoked_unknown:
            return
        known = self._users.get(body.user)
        if known is None and not self._add_account(body.user, body.user_name, body):
            return
        if known is not None and known.name != body.user_name:
            return
        # Nobody has the key of imported messages.
        revoked_ms = self._now_ms if body.imported else 0
        row = DeviceRow(body.device, body.user, body.public_key, "", self._now_ms, 0, revoked_ms, certificate)
        self._tx.add_device(row)
        self._devices[row.id] = row
        self._apply.append(lambda: self._directory.put_device(row))

    def _room(self, body: RoomBody, members: dict[int, int] | None) -> None:
        known = self._directory.rooms.get(body.room)
        if body.deleted:
            self._delete(body, known)
        elif known is None:
            self._add_room(body, members)
        elif known.number < body.number and members is not None:
            self._change_room(body, known, members)

    def _delete(self, body: RoomBody, known: RoomRow | None) -> None:
        """A room that was deleted stays so."""
        if known is not None and known.number >= body.number:
            return
        if known is None:
            if self._tx.has_room(body.room):
                return
            self._tx.add_room(self._row(body, ""))
        self._tx.delete_rooms([body.room])
        self._apply.append(lambda: self._directory.drop_rooms([body.room]))
        self._number(body.number, rooms=[body.room])
        self._restored.rooms.append(body.room)

    def _row(self, body: RoomBody, name: str) -> RoomRow:
        head = RoomHead(0, genesis_hash(body.log_id, body.room), 0)
        kind = RoomKind.PRIVATE if body.deleted else body.kind
        history = HistoryPolicy(body.history)
        return RoomRow(body.room, name, kind, history, body.creator, self._now_ms, head, body.archived, body.number)

    def _add_room(self, body: RoomBody, members: dict[int, int] | None) -> None:
        if members is None or self._tx.has_room(body.room):
            return  # without its members nobody could read it, and another client brings them
        name = body.name
        if body.kind is RoomKind.DIRECT:
            name = direct_name(min(members), max(members))
        row = self._row(body, name)
        try:
            self._tx.add_room(row)
        except KeyError:
            row = replace(row, name=f"{name[:50]} {body.room % 10000:04}")
            self._tx.add_room(row)
        self._apply.append(lambda: self._directory.put_room(row))
        self._set_members(row.id, members, {})
        self._number(body.number, rooms=[row.id])
        self._restored.rooms.append(row.id)

    def _change_room(self, body: RoomBody, known: RoomRow, members: dict[int, int]) -> None:
        self._tx.update_room(body.room, history=body.history, archived=body.archived)
        changed = replace(known, history=body.history, archived=body.archived)
        self._apply.append(lambda: self._directory.put_room(changed))
        present = {user: row.first_seq for user, row in self._directory.members(body.room).items()}
        # Everybody is in `general`, also who has come since.
        gone = [] if body.creator == 0 else [user for user in present if user not in members]
        if gone:
            self._tx.remove_members(body.room, gone)
            self._apply.append(lambda: self._directory.drop_members(body.room, gone))
        # Who left and came back may read less, and begins anew.
        anew = [user for user, first in members.items() if user in present and present[user] != first]
        fresh = [user for user in members if user not in present and user in self._users]
        self._restored.left.extend((body.room, user) for user in (*gone, *anew))
        self._restored.joined.extend((body.room, user) for user in (*fresh, *anew))
        self._set_members(body.room, members, present)
        self._number(body.number, rooms=[body.room])
        self._restored.rooms.append(body.room)

    def _set_members(self, room: int, members: dict[int, int], present: dict[int, int]) -> None:
        rows = [
            MembershipRow(room, user, _BEFORE_THE_LOSS, first, 0, 0)
            for user, first in members.items()
            if user in self._users and present.get(user) != first
        ]
        self._tx.add_members(rows)
        self._apply.append(lambda: self._directory.put_members(rows))

    def _revocations(self, number: int, revoked: frozenset[bytes]) -> None:
        fresh = [device for device in sorted(revoked) if device in self._devices]
        fresh = [device for device in fresh if not self._devices[device].revoked_ms]
        self.lost = revoked - self._devices.keys()
        if fresh:
            self._tx.revoke_devices(fresh, self._now_ms)
            self._apply.append(lambda: self._directory.revoke_devices(fresh, self._now_ms))
            self._number(number, devices=fresh)
            self._restored.revoked.extend(fresh)
        lost = self.lost
        self._apply.append(lambda: self._directory.know_revoked(lost, number))
