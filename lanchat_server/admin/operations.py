"""What an administrator does with accounts: the same operations on a running server and on a database at rest.

An operation takes named arguments, as JSON has them, and returns what JSON can carry. Refusals are one line for a
person, raised as `AdminError`.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lanchat.i18n import _
from lanchat.i18n.input_rules import bad_character, display_name_rule, email_rule, password_rule, user_name_rule
from lanchat.protocol.codes import Code, Role, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.cleaning import TextError
from lanchat.protocol.text.names import (
    check_password,
    clean_display_name,
    clean_email,
    clean_user_name,
    name_key,
    tidy_name,
)
from lanchat_server.core import accounts, recovery
from lanchat_server.core.accounts import DirectoryChange, together
from lanchat_server.core.directory import Directory
from lanchat_server.core.model import DeletedRoom, DeviceRow, InviteRow, RoomRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.maintenance.backup import BackupSummary, backup
from lanchat_server.maintenance.reserve import DiskReserve
from lanchat_server.passwords import PasswordHasher
from lanchat_server.store import SqlStore

T = TypeVar("T")
BACKUP_FILE = "unclaimed.backup"
INVITE_USES_MAX = 1000
# Of an id, as people type it.
ID_DIGITS_MIN = 8
ROLES = {"member": Role.MEMBER, "moderator": Role.MODERATOR, "administrator": Role.ADMINISTRATOR}


class AdminError(LookupError):
    """The operation was refused; one line for a person."""


class Host(Protocol):
    """Where operations run: a service, or a database at rest."""

    directory: Directory
    hasher: PasswordHasher

    async def transact(self, job: Callable[[Transaction], DirectoryChange[T]]) -> T: ...

    async def disable(self, user: int, disabled: bool) -> None: ...

    async def revoke(self, user: int, device: bytes) -> None: ...

    def archived(self, room: int) -> None:
        """It was archived, or taken back."""

    async def deleted(self, rooms: list[DeletedRoom]) -> None: ...

    def messages(self, room: RoomRow) -> int:
        """The number of its newest record."""

    def added(self, user: UserRow) -> None: ...

    def changed(self, user: UserRow) -> None: ...

    def status(self) -> dict[str, Any]: ...

    async def backup(self) -> dict[str, Any]:
        """What `make_backup` answers."""

    def wall_ms(self) -> int: ...


async def operate(host: Host, operation: str, arguments: dict[str, Any]) -> Any:
    """Run one operation by its name; raises AdminError."""
    if operation not in OPERATIONS:
        raise AdminError(_("There is no operation {operation}").format(operation=operation))
    try:
        return await OPERATIONS[operation](host, arguments)
    except TextError as error:
        raise AdminError(bad_character(error)) from error
    except ProtocolError as error:
        raise AdminError(str(error)) from error
    except Refused as refused:
        raise AdminError(_refusal(refused, arguments)) from refused


def _refusal(refused: Refused, arguments: dict[str, Any]) -> str:
    if refused.code is Code.NAME_TAKEN:
        return _("There is a user {name} already").format(name=arguments.get("user", ""))
    if refused.code is Code.NOT_ALLOWED:
        return _("The general room is never archived or deleted, and a direct conversation never archived")
    if refused.code is Code.SETUP_INVALID:
        return _("The first account was made already, and is the administrator's")
    if refused.code is Code.LAST_ADMINISTRATOR:
        return _("{name} is the last administrator").format(name=arguments.get("user", ""))
    return refused.text


def _time(milliseconds: int) -> str | None:
    if not milliseconds:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _user(host: Host, arguments: dict[str, Any]) -> UserRow:
    name = str(arguments.get("user", ""))
    user = host.directory.user_named(name)
    if user is None:
        raise AdminError(_("There is no user {name}").format(name=name))
    return user


def _role(arguments: dict[str, Any]) -> Role:
    name = str(arguments.get("role") or "member").lower()
    if name not in ROLES:
        raise AdminError(_("A role is one of {roles}").format(roles=", ".join(ROLES)))
    return ROLES[name]


def _row(host: Host, user: UserRow) -> dict[str, Any]:
    devices = [device for device in host.directory.devices_of(user.id) if not device.revoked_ms]
    return {
        "id": user.id,
        "name": user.name,
        "display_name": user.display_name,
        "email": user.email,
        "role": user.role.name.lower(),
        "disabled": user.disabled,
        "created_at": _time(user.created_ms),
        "last_seen_at": _time(user.last_seen_ms),
        "devices": len(devices),
    }


async def _list(host: Host, _arguments: dict[str, Any]) -> list[dict[str, Any]]:
    return [_row(host, user) for user in sorted(host.directory.users.values(), key=lambda user: user.id)]


async def _add(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    name = _chosen(clean_user_name, tidy_name(str(arguments.get("user", "")), joiners=False), user_name_rule)
    display_name = tidy_name(str(arguments.get("display_name") or name))
    display_name = _chosen(clean_display_name, display_name, display_name_rule)
    email = tidy_name(str(arguments.get("email") or ""), joiners=False)
    email = _chosen(clean_email, email, email_rule) if email else ""
    password = _new_password(str(arguments.get("password", "")))
    new = accounts.NewUser(name, display_name, email, await host.hasher.hash(password), _role(arguments))

    def job(tx: Transaction) -> DirectoryChange[UserRow]:
        if arguments.get("only_first") and host.directory.users:
            raise Refused(Code.SETUP_INVALID, "there is an account")
        return accounts.add_user(tx, host.directory, new, host.wall_ms())

    user = await host.transact(job)
    host.added(user)
    return _row(host, user)


def _chosen(clean: Callable[[str], str], name: str, rule: Callable[[], str]) -> str:
    """The name as it is stored. Raises TextError, and AdminError with the rule that the name breaks."""
    try:
        return clean(name)
    except TextError:
        raise
    except ProtocolError as error:
        raise AdminError(rule().removesuffix(".")) from error


def _new_password(password: str) -> str:
    try:
        check_password(password)
    except ProtocolError as error:
        raise AdminError(password_rule(error).removesuffix(".")) from error
    return password


async def _disable(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    user = _user(host, arguments)
    await host.disable(user.id, True)
    return _row(host, host.directory.users[user.id])


async def _enable(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    user = _user(host, arguments)
    await host.disable(user.id, False)
    return _row(host, host.directory.users[user.id])


async def _set_role(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    user, role = _user(host, arguments), _role(arguments)
    changed = await host.transact(lambda tx: accounts.update_user(tx, host.directory, user.id, role=role))
    host.changed(changed)
    return _row(host, changed)


async def _reset_password(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    user = _user(host, arguments)
    code = recovery.make_code(secrets.token_bytes(recovery.CODE_RANDOM_OCTETS))
    row = recovery.new_recovery(host.directory.log.log_id, user.id, code, host.wall_ms())

    def job(tx: Transaction) -> DirectoryChange[None]:
        tx.set_recovery(row, user.id)
        return together(None)

    await host.transact(job)
    return {"user": user.name, "code": code, "expires_at": _time(row.not_after_ms)}


async def _invite(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    uses, days = int(arguments.get("uses") or 1), int(arguments.get("days") or 7)
    if not 1 <= uses <= INVITE_USES_MAX or not 1 <= days <= recovery.INVITE_DAYS_MAX:
        raise AdminError(_("A code is for 1 to 1,000 people and 1 to 90 days"))
    code = recovery.make_invite_code(secrets.token_bytes(recovery.INVITE_RANDOM_OCTETS))
    not_after_ms = host.wall_ms() + days * 86_400_000
    await host.transact(lambda tx: accounts.add_invite(tx, host.directory, code, uses, not_after_ms, 0))
    return {"code": code, "uses": uses, "expires_at": _time(not_after_ms)}


async def _devices(host: Host, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    return [_device_row(device) for device in host.directory.devices_of(_user(host, arguments).id)]


def _device_row(device: DeviceRow) -> dict[str, Any]:
    return {
        "id": device.id.hex(),
        "name": device.name,
        "created_at": _time(device.created_ms),
        "last_seen_at": _time(device.last_seen_ms),
        "revoked": bool(device.revoked_ms),
    }


async def _revoke_device(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    user = _user(host, arguments)
    devices = {device.id.hex(): device for device in host.directory.devices_of(user.id)}
    device = devices[_named(devices, arguments, _("No device, or more than one, has an id that begins so"))]
    await host.revoke(user.id, device.id)
    return _device_row(host.directory.devices[device.id])


def _named(ids: Iterable[str], arguments: dict[str, Any], otherwise: str) -> str:
    """The one id that begins with what was given."""
    begin = str(arguments.get("id", "")).strip().lower()
    found = [name for name in ids if name.startswith(begin)]
    if len(begin) < ID_DIGITS_MIN or len(found) != 1:
        raise AdminError(otherwise)
    return found[0]


async def _invites(host: Host, _arguments: dict[str, Any]) -> list[dict[str, Any]]:
    rows = await host.transact(lambda tx: together(tx.invites(host.wall_ms())))
    return [_invite_row(host, row) for row in rows]


def _invite_row(host: Host, row: InviteRow) -> dict[str, Any]:
    creator = host.directory.users.get(row.creator)
    return {
        "id": accounts.invite_id(row).hex(),
        "creator": creator.name if creator else None,
        "uses_left": row.uses_left,
        "expires_at": _time(row.not_after_ms),
    }


async def _void_invite(host: Host, arguments: dict[str, Any]) -> dict[str, Any]:
    def job(tx: Transaction) -> DirectoryChange[dict[str, Any]]:
        rows = {accounts.invite_id(row).hex(): row for row in tx.invites(host.wall_ms())}
        row = rows[_named(rows, arguments, _("No code, or more than one, has an id that begins so"))]
        tx.void_invites(code_hash=row.code_hash)
        return together(_invite_row(host, row))

    return await host.transact(job)


async def _list_rooms(host: Host, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    rooms: Iterable[RoomRow] = host.directory.rooms.values()
    if makers := _texts(arguments, "made_by"):
        rooms = _made_by(host, makers)
    return [_room_row(host, room) for room in sorted(rooms, key=lambda room: (room.created_ms, room.id))]


def _room_row(host: Host, room: RoomRow) -> dict[str, Any]:
    creator = host.directory.users.get(room.creator)
    return {
        "id": room.id,
        "name": room.name,
        "kind": room.kind.name.lower(),
        "creator": creator.name if creator else None,
        "created_at": _time(room.created_ms),
        "members": len(host.directory.members(room.id)),
        "messages": host.messages(room),
        "archived": room.archived,
    }


def _texts(arguments: dict[str, Any], name: str) -> list[str]:
    given = arguments.get(name) or []
    return [str(text) for text in given] if isinstance(given, list) else [str(given)]


def _made_by(host: Host, makers: list[str]) -> list[RoomRow]:
    """Rooms that these users made, direct ones aside: those have somebody else in them."""
    ids = {_user(host, {"user": name}).id for name in makers}
    return [room for room in host.directory.rooms.values() if room.creator in ids and room.kind is not RoomKind.DIRECT]


def _rooms(host: Host, arguments: dict[str, Any]) -> list[RoomRow]:
    """Those that were named or are somebody's, each once."""
    named = [_room(host, name) for name in _texts(arguments, "rooms")]
    return list({room.id: room for room in [*named, *_made_by(host, _texts(arguments, "made_by"))]}.values())


def _room(host: Host, name: str) -> RoomRow:
    """By its name, or by its id where no room has that name. Raises AdminError."""
    wanted = name_key(name.removeprefix("#").strip())
    others = [room for room in host.directory.rooms.values() if room.kind is not RoomKind.DIRECT]
    found = [room for room in others if name_key(room.name) == wanted]
    if not found and name.isascii() and name.isdecimal():
        found = [room for room in [host.directory.rooms.get(int(name))] if room is not None]
    if len(found) > 1:
        text = _("Several rooms are called {name}: give the id of one of them ({ids})")
        raise AdminError(text.format(name=name, ids=", ".join(str(room.id) for room in found[:5])))
    if not found:
        raise AdminError(_("Room {name} does not exist").format(name=name))
    return found[0]


async def _archive_rooms(host: Host, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    archived = bool(arguments.get("archived", True))

    def job(tx: Transaction) -> DirectoryChange[list[tuple[int, bool]]]:
        rooms = [room.id for room in _rooms(host, arguments)]
        changes = [accounts.set_archived(tx, host.directory, room, archived) for room in rooms]
        return together([(room, change.value) for room, change in zip(rooms, changes, strict=True)], *changes)

    done = await host.transact(job)
    for room, changed in done:
        if changed:
            host.archived(room)
    there = [host.directory.rooms.get(room) for room, _ in done]
    return [_room_row(host, room) for room in there if room is not None]


async def _delete_rooms(host: Host, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []

    def job(tx: Transaction) -> DirectoryChange[list[DeletedRoom]]:
        rooms = _rooms(host, arguments)
        rows.extend(_room_row(host, room) for room in rooms)
        return accounts.delete_rooms(tx, host.directory, [room.id for room in rooms])

    await host.deleted(await host.transact(job))
    return rows


async def _status(host: Host, _arguments: dict[str, Any]) -> dict[str, Any]:
    return host.status()


async def _backup(host: Host, _arguments: dict[str, Any]) -> dict[str, Any]:
    return await host.backup()


def make_backup(store: SqlStore, data_dir: Path, reserve: DiskReserve) -> dict[str, Any]:
    """Write a backup into the data directory, for whoever asked to move it away: a server that runs as another user
    could not write where that one wants it. Raises StoreError."""
    file = data_dir / BACKUP_FILE
    return describe_backup(backup(file, store, data_dir / "keys", reserve))


def describe_backup(summary: BackupSummary) -> dict[str, Any]:
    """The result of the operation `backup`."""
    log = summary.log
    return {
        "log_id": log.log_id.hex(),
        "log_epoch": log.epoch,
        "users": summary.users,
        "messages": summary.messages,
    }


OPERATIONS: dict[str, Callable[[Host, dict[str, Any]], Awaitable[Any]]] = {
    "users.list": _list,
    "users.add": _add,
    "users.disable": _disable,
    "users.enable": _enable,
    "users.set_role": _set_role,
    "users.reset_password": _reset_password,
    "users.invite": _invite,
    "users.devices": _devices,
    "users.revoke_device": _revoke_device,
    "users.invites": _invites,
    "users.void_invite": _void_invite,
    "rooms.list": _list_rooms,
    "rooms.archive": _archive_rooms,
    "rooms.delete": _delete_rooms,
    "status": _status,
    "backup": _backup,
}
