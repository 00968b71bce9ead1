"""Accounts, devices, rooms: what each change does to the database and to the directory in memory.

Each function is (part of) the body of one transaction: it writes through `tx` and returns a `DirectoryChange`, whose
`apply` is called once that is durable. The running server hands them to its writer, the administrator's commands run
them on a database that no server holds. Refusals are raised as `Refused`; nothing is written then.
"""

from collections.abc import Callable, Collection
from functools import partial

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from lanchat.protocol.codes import Code, HistoryPolicy, Role, RoomKind
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import (
    CERTIFICATE_LIFETIME,
    Certificate,
    CertificateBody,
    certificate_serial,
    issue_certificate,
)
from lanchat.protocol.log.records import genesis_hash
from lanchat.protocol.text.names import inert
from lanchat.protocol.wire import Enrolment
from lanchat_server.core.accounts import recovery
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.directory.directory import Directory, direct_name
from lanchat_server.core.model import (
    DeletedRoom,
    DeviceRow,
    InviteRow,
    MembershipRow,
    RoomHead,
    RoomKeyRow,
    RoomRow,
    UserRow,
)
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused

ROOM_KEY_LIFETIME = 24 * 3600.0
# Rooms that one user made; a member cannot fill the directory.
ROOMS_PER_USER = 200
# Devices that are not revoked. Those that are stay for ever, as they say who signed: hence a bound for a day besides.
DEVICES_PER_USER = 50
DEVICES_PER_DAY = 100
# A new address waits so long while the old one is told: time to notice, and to set a new password, which drops it.
EMAIL_WAIT_MS = 3 * 86_400_000


def _nothing() -> None:
    """The change of something that was so already."""


def stated(
    tx: Transaction,
    directory: Directory,
    apply: Callable[[], None],
    *,
    users: Collection[int] = (),
    rooms: Collection[int] = (),
    devices: Collection[bytes] = (),
) -> Callable[[], None]:
    """`apply` of a change that makes new statements about these (core/directory/statements.py)."""
    number = directory.next_number
    tx.number_statements(number, users=users, rooms=rooms, devices=devices)

    def apply_and_number() -> None:
        apply()
        directory.number_statements(number, users=users, rooms=rooms, devices=devices)

    return apply_and_number


class NewUser(msgspec.Struct, frozen=True):
    """Cleaned names and a password hash."""

    name: str
    display_name: str
    email: str
    password_hash: str
    role: Role


def add_user(
    tx: Transaction,
    directory: Directory,
    new: NewUser,
    now_ms: int,
    *,
    first_is_administrator: bool = True,
    disabled: bool = False,
) -> DirectoryChange[UserRow]:
    """The account, a member of `general`. The first account of all is an administrator, unless it is imported."""
    role = Role.ADMINISTRATOR if first_is_administrator and not directory.users else new.role
    if directory.is_like_a_user(new.name):
        raise Refused(Code.NAME_TAKEN, "name taken")
    try:
        row = UserRow(0, new.name, new.display_name, new.email, new.password_hash, role, disabled, now_ms, 0)
        user = tx.add_user(row)
    except KeyError as error:
        raise Refused(Code.NAME_TAKEN, "name taken") from error
    member = _membership(directory, directory.general().id, user.id, tx, now_ms)
    tx.add_members([member])

    def apply() -> None:
        directory.put_user(user)
        directory.put_members([member])

    return DirectoryChange(user, stated(tx, directory, apply, users=[user.id], rooms=[member.room]))


def update_user(
    tx: Transaction,
    directory: Directory,
    user_id: int,
    *,
    password_hash: str | None = None,
    display_name: str | None = None,
    email: str | None = None,
    role: Role | None = None,
    disabled: bool | None = None,
) -> DirectoryChange[UserRow]:
    """Change an account; the last active administrator stays one. With a role that makes registration codes end those
    that were made with it, with an administrator's the recovery codes of all, as who made them is not kept; with the
    account all codes for it and by it. An address that was to come is dropped."""
    user = directory.users[user_id]
    loses = (role is not None and role is not Role.ADMINISTRATOR) or disabled
    if loses and directory.active_administrators() == [user]:
        raise Refused(Code.LAST_ADMINISTRATOR, "the last administrator")
    if disabled or (role is not None and role < Role.MODERATOR):
        tx.void_invites(creator=user_id)
    if loses and user.role is Role.ADMINISTRATOR:
        tx.void_recoveries()
    elif disabled or email not in (None, user.email):
        # A code that went to the address of before, or that would open the account again.
        tx.set_recovery(None, user_id)
    pending, from_ms = (None, None) if email is None and not disabled else ("", 0)
    tx.update_user(
        user_id,
        password_hash=password_hash,
        display_name=display_name,
        email=email,
        pending_email=pending,
        email_from_ms=from_ms,
        role=role,
        disabled=disabled,
    )
    changed = replace(
        user,
        password_hash=user.password_hash if password_hash is None else password_hash,
        display_name=user.display_name if display_name is None else display_name,
        email=user.email if email is None else email,
        role=user.role if role is None else role,
        disabled=user.disabled if disabled is None else disabled,
        pending_email=user.pending_email if pending is None else pending,
        email_from_ms=user.email_from_ms if from_ms is None else from_ms,
    )
    apply: Callable[[], None] = partial(directory.put_user, changed)
    if (changed.display_name, changed.role, changed.disabled) != (user.display_name, user.role, user.disabled):
        apply = stated(tx, directory, apply, users=[user_id])
    return DirectoryChange(changed, apply)


def set_password(tx: Transaction, directory: Directory, user_id: int, password_hash: str) -> DirectoryChange[UserRow]:
    """A new password. Codes made before, and an address that was to come, are void; what waits in sessions that began
    before is refused (`Directory.password_number`)."""
    tx.set_recovery(None, user_id)
    tx.update_user(user_id, password_hash=password_hash, pending_email="", email_from_ms=0)
    changed = replace(directory.users[user_id], password_hash=password_hash, pending_email="", email_from_ms=0)

    def apply() -> None:
        directory.put_user(changed)
        directory.password_changed(user_id)

    return DirectoryChange(changed, apply)


# --- E-mail addresses -------------------------------------------------------------------------------------------------


def ask_for_email(
    tx: Transaction, directory: Directory, user: UserRow, email: str, from_ms: int
) -> DirectoryChange[UserRow]:
    """`email` takes the place of the present address at `from_ms`."""
    tx.update_user(user.id, pending_email=email, email_from_ms=from_ms)
    changed = replace(user, pending_email=email, email_from_ms=from_ms)
    return DirectoryChange(changed, lambda: directory.put_user(changed))


def settle_email(tx: Transaction, directory: Directory, user_id: int, now_ms: int) -> DirectoryChange[UserRow]:
    """The account with the address that it has now: one that has waited long enough takes its place."""
    user = directory.users[user_id]
    if not user.email_from_ms or user.email_from_ms > now_ms:
        return DirectoryChange(user, _nothing)
    return update_user(tx, directory, user_id, email=user.pending_email)


def move_emails(tx: Transaction, directory: Directory, by_ms: int, now_ms: int) -> DirectoryChange[None]:
    """Addresses that wait come so much later (earlier when negative), none later than EMAIL_WAIT_MS from now."""
    changed = []
    for user in directory.users.values():
        from_ms = max(1, min(user.email_from_ms + by_ms, now_ms + EMAIL_WAIT_MS))
        if user.email_from_ms and from_ms != user.email_from_ms:
            tx.update_user(user.id, email_from_ms=from_ms)
            changed.append(replace(user, email_from_ms=from_ms))

    def apply() -> None:
        for user in changed:
            directory.put_user(user)

    return DirectoryChange(None, apply)


# --- Registration codes -----------------------------------------------------------------------------------------------


def add_invite(
    tx: Transaction, directory: Directory, code: str, uses: int, not_after_ms: int, creator: int
) -> DirectoryChange[None]:
    """A code with which `uses` people may register. `creator` 0: the administrator's command. It ends with the right
    of its creator to make one (`update_user`)."""
    tx.add_invite(recovery.invite_hash(directory.log.log_id, code), uses, not_after_ms, creator)
    return DirectoryChange(None, _nothing)


def invite_id(row: InviteRow) -> bytes:
    """By what people name a code that they cannot read again."""
    return row.code_hash[:16]


# --- Devices ---------------------------------------------------------------------------------------------------------


def certify(
    directory: Directory, log_key: Ed25519PrivateKey, user: UserRow, public_key: bytes, now_ms: int
) -> Certificate:
    """A fresh certificate for a device of `user`. Its serial is higher than that of the one before, although the clock
    may have been set back."""
    not_after = now_ms + int(CERTIFICATE_LIFETIME * 1000)
    known = directory.devices.get(keys.device_id(public_key))
    serial = max(now_ms, certificate_serial(known.certificate) + 1 if known else 0)
    body = CertificateBody(directory.log.log_id, user.id, public_key, user.name, user.display_name, not_after, serial)
    return issue_certificate(log_key, body)


def enrol_device(
    tx: Transaction,
    directory: Directory,
    user: UserRow,
    enrolment: Enrolment,
    certificate: Certificate,
    now_ms: int,
) -> DirectoryChange[DeviceRow]:
    """A new device of `user`. Enrolling again what is enrolled and not revoked only renews its certificate."""
    device_id = keys.device_id(enrolment.public_key)
    known = directory.devices.get(device_id)
    if known is not None:
        if known.user != user.id or known.revoked_ms:
            raise Refused(Code.DEVICE_REVOKED, "this device key cannot be enrolled again")
        return renew_device(tx, directory, known, certificate)
    if len([d for d in directory.devices_of(user.id) if not d.revoked_ms]) >= DEVICES_PER_USER:
        raise Refused(Code.TOO_MANY_SESSIONS, "too many devices")
    device = DeviceRow(device_id, user.id, enrolment.public_key, inert(enrolment.name), now_ms, now_ms, 0, certificate)
    tx.add_device(device)
    return DirectoryChange(device, lambda: directory.put_device(device))


def renew_device(
    tx: Transaction, directory: Directory, device: DeviceRow, certificate: Certificate
) -> DirectoryChange[DeviceRow]:
    """Keep a fresh certificate."""
    tx.set_certificate(device.id, certificate)
    renewed = replace(device, certificate=certificate)
    return DirectoryChange(renewed, lambda: directory.put_device(renewed))


def revoke_devices(
    tx: Transaction, directory: Directory, devices: Collection[bytes], now_ms: int, *, keep_codes: bool = False
) -> DirectoryChange[None]:
    """These log in and sign no more. `keep_codes`: their owner has left them. Else what their owners asked for ends, as
    whoever found a device may have done it: registration codes, an address that is to come, and of administrators the
    recovery codes of all, as who made them is not kept."""
    tx.revoke_devices(devices, now_ms)
    owners = set() if keep_codes else {directory.users[directory.devices[device].user] for device in devices}
    drops = [owner.id for owner in owners if owner.email_from_ms]
    for owner in owners:
        tx.void_invites(creator=owner.id)
        if owner.role is Role.ADMINISTRATOR:
            tx.void_recoveries()
    for user in drops:
        tx.update_user(user, pending_email="", email_from_ms=0)

    def apply() -> None:
        directory.revoke_devices(devices, now_ms)
        for user in drops:  # as other changes of the same transaction have left it
            directory.put_user(replace(directory.users[user], pending_email="", email_from_ms=0))

    fresh = [device for device in devices if not directory.devices[device].revoked_number]
    return DirectoryChange(None, stated(tx, directory, apply, devices=fresh))


# --- Rooms -----------------------------------------------------------------------------------------------------------


def add_room(
    tx: Transaction,
    directory: Directory,
    room_id: int,
    name: str,
    kind: RoomKind,
    history: HistoryPolicy,
    users: Collection[int],
    now_ms: int,
) -> DirectoryChange[RoomRow]:
    """An empty room, made by the first of `users`, all of them members."""
    creator = next(iter(users))
    made = sum(1 for room in directory.rooms.values() if room.creator == creator and room.kind is not RoomKind.DIRECT)
    if kind is not RoomKind.DIRECT and made >= ROOMS_PER_USER:
        raise Refused(Code.NOT_ALLOWED, "too many rooms")
    if kind is not RoomKind.DIRECT and directory.sees_room_named(creator, name):
        raise Refused(Code.NAME_TAKEN, "name taken")
    head = RoomHead(0, genesis_hash(directory.log.log_id, room_id), now_ms)
    room = RoomRow(room_id, name, kind, history, creator, now_ms, head)
    try:
        tx.add_room(room)
    except KeyError as error:
        raise Refused(Code.NAME_TAKEN, "name taken") from error
    members = [MembershipRow(room_id, user, now_ms, 1, 0, 0) for user in dict.fromkeys(users)]
    tx.add_members(members)

    def apply() -> None:
        directory.put_room(room)
        directory.put_members(members)

    return DirectoryChange(room, stated(tx, directory, apply, rooms=[room_id]))


def open_direct(
    tx: Transaction, directory: Directory, room_id: int, user: int, partner: int, now_ms: int
) -> DirectoryChange[RoomRow]:
    """The direct room of two users, made when it is not there."""
    name = direct_name(user, partner)
    known = directory.room_named(name)
    if known is not None:
        return DirectoryChange(known, _nothing)
    return add_room(tx, directory, room_id, name, RoomKind.DIRECT, HistoryPolicy.EVERYTHING, [user, partner], now_ms)


def add_member(
    tx: Transaction, directory: Directory, room: int, user: int, now_ms: int
) -> DirectoryChange[MembershipRow]:
    """A member more; one who is a member stays as he is."""
    known = directory.membership(room, user)
    if known is not None:
        return DirectoryChange(known, _nothing)
    if directory.users[user].deleted:
        raise Refused(Code.NOT_FOUND, "no such user")
    member = _membership(directory, room, user, tx, now_ms)
    tx.add_members([member])
    return DirectoryChange(member, stated(tx, directory, lambda: directory.put_members([member]), rooms=[room]))


def remove_member(tx: Transaction, directory: Directory, room: int, user: int) -> DirectoryChange[None]:
    """A member less."""
    tx.remove_members(room, [user])
    return DirectoryChange(None, stated(tx, directory, lambda: directory.drop_members(room, [user]), rooms=[room]))


def _membership(directory: Directory, room: int, user: int, tx: Transaction, now_ms: int) -> MembershipRow:
    since_joining = directory.rooms[room].history is HistoryPolicy.SINCE_JOINING
    first_seq = tx.heads([room])[room].seq + 1 if since_joining else 1
    # Never before the time from which the log comes back, whatever the clock shows: what was said before it, and comes
    # back later, was said before this membership (core/reseeding/reseeding.py).
    return MembershipRow(room, user, max(now_ms, directory.reopened_ms), first_seq, 0, 0)


def set_history(tx: Transaction, directory: Directory, room: int, history: HistoryPolicy) -> DirectoryChange[RoomRow]:
    """For those who join from now on; what members may read already stays theirs."""
    tx.update_room(room, history=history)
    changed = replace(directory.rooms[room], history=history)
    return DirectoryChange(changed, stated(tx, directory, lambda: directory.put_room(changed), rooms=[room]))


def set_archived(tx: Transaction, directory: Directory, room: int, archived: bool) -> DirectoryChange[bool]:
    """Whether this is another state than before. An archived room can be read by its members, and nothing else."""
    row = directory.rooms[room]
    if room == directory.general().id or row.kind is RoomKind.DIRECT:
        raise Refused(Code.NOT_ALLOWED, "this room cannot be archived")
    if row.archived == archived:
        return DirectoryChange(False, _nothing)
    tx.update_room(room, archived=archived)
    changed = replace(row, archived=archived)
    return DirectoryChange(True, stated(tx, directory, lambda: directory.put_room(changed), rooms=[room]))


def delete_rooms(tx: Transaction, directory: Directory, rooms: Collection[int]) -> DirectoryChange[list[DeletedRoom]]:
    """Rooms that are gone for good. What they held is erased later (`Transaction.erase_more`)."""
    if directory.general().id in rooms:
        raise Refused(Code.NOT_ALLOWED, "this room cannot be deleted")
    tx.delete_rooms(rooms)
    rows = [replace(directory.rooms[room], number=directory.next_number) for room in rooms]
    deleted = [DeletedRoom(row, tuple(directory.members(row.id))) for row in rows]
    return DirectoryChange(deleted, stated(tx, directory, lambda: directory.drop_rooms(rooms), rooms=rooms))


def rotate_room_keys(
    tx: Transaction, directory: Directory, fresh: dict[int, bytes], now_ms: int
) -> DirectoryChange[list[RoomKeyRow]]:
    """A new key for each room of `fresh` (room to 32 random octets)."""
    rows = []
    for room, key in fresh.items():
        old = directory.room_keys.get(room)
        number = old.number + 1 if old else 1
        rows.append(RoomKeyRow(room, number, key, now_ms + int(ROOM_KEY_LIFETIME * 1000)))
        tx.set_room_key(rows[-1])

    def apply() -> None:
        for row in rows:
            directory.put_room_key(row)

    return DirectoryChange(rows, apply)
