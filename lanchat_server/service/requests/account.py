"""This account: devices, password, profile, fresh keys."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.names import check_password, clean_display_name, clean_email
from lanchat_server.core import accounts
from lanchat_server.core.accounts import DirectoryChange, together
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import DeviceRow, RoomKeyRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.passwords import HasherBusy
from lanchat_server.service.requests.acting import check_own_password, check_owner, check_session, transact
from lanchat_server.service.requests.login import check_password_unchanged

if TYPE_CHECKING:
    from lanchat_server.service.net.connection import ClientConnection
    from lanchat_server.service.service import Service


async def list_devices(
    service: "Service", connection: "ClientConnection", operation: wire.ListDevices
) -> wire.DeviceList:
    """This account's devices, or for an administrator anybody's, oldest first."""
    user = _user(service, connection)
    wanted = operation.user or user.id
    if wanted != user.id and user.role is not Role.ADMINISTRATOR:
        raise Refused(Code.NOT_ALLOWED, "for administrators")
    online = {session.device for session in service.core.sessions.of_user(wanted)}
    devices = service.directory.devices_of(wanted)
    return wire.DeviceList(*listed(devices, _place, lambda device: _device_view(device, online), operation.after))


def _place(device: DeviceRow) -> bytes:
    return place_of(device.created_ms) + device.id


def _device_view(device: DeviceRow, online: set[bytes]) -> wire.Device:
    revoked, is_online = bool(device.revoked_ms), device.id in online
    return wire.Device(device.id, device.name, device.created_ms, device.last_seen_ms, revoked, is_online)


async def revoke_device(service: "Service", connection: "ClientConnection", operation: wire.RevokeDevice) -> wire.Done:
    """A lost laptop: its key signs and logs in no more, its sessions end now."""
    if operation.device != connection.device:
        # Asked for first, so that nothing is learnt of devices without it.
        await check_owner(service, connection, operation.password)
    device = service.directory.devices.get(operation.device)

    def check() -> None:
        user = _user(service, connection)
        if device is None or (device.user != user.id and user.role is not Role.ADMINISTRATOR):
            raise Refused(Code.NOT_FOUND, "no such device")

    check()
    assert device is not None
    await _revoke(service, connection, device, check)
    return wire.Done()


async def logout(service: "Service", connection: "ClientConnection", _operation: wire.Logout) -> wire.Done:
    """Revoke the device of this session."""
    await _revoke(service, connection, service.directory.devices[connection.device], _nothing)
    return wire.Done()


async def _revoke(
    service: "Service", connection: "ClientConnection", device: DeviceRow, check: Callable[[], object]
) -> None:
    """A session that revokes its own device gets its answer, then it ends like the others."""

    def check_both() -> None:
        check_session(service.directory, connection)
        check()

    own = device.id == connection.device
    await service.revoke([device.id], device.user, keep=connection if own else None, check=check_both)
    if own:
        connection.end_after_answer(Code.DEVICE_REVOKED, "device revoked")


async def change_password(
    service: "Service", connection: "ClientConnection", operation: wire.ChangePassword
) -> wire.Done:
    """A new password; the account's other sessions end, and their devices when asked for."""
    user = _user(service, connection)
    try:
        check_password(operation.new)
    except ProtocolError as error:
        raise Refused(Code.PASSWORD_INVALID, str(error)) from error
    await check_own_password(service, connection, user, operation.old)
    try:
        password_hash = await service.hasher.hash(operation.new)
    except HasherBusy as busy:
        raise Refused(Code.BUSY, "too many log-ins wait", 2.0) from busy

    def stay() -> None:
        connection.password_number = service.directory.password_number(user.id)

    def job(tx: Transaction) -> DirectoryChange[list[RoomKeyRow]]:
        check_password_unchanged(service, user)
        changed = accounts.set_password(tx, service.directory, user.id, password_hash)
        stays = DirectoryChange(None, stay)
        if not operation.revoke_others:
            return together([], changed, stays)
        revoked = service.revocation(tx, user.id, keep=connection.device)
        return together(revoked.value, changed, stays, revoked)

    rotated = await transact(service, connection, job)
    service.end_sessions(user.id, None, "password changed", keep=connection)
    service.notices.room_keys_changed(key.room for key in rotated)
    return wire.Done()


async def get_profile(service: "Service", connection: "ClientConnection", _operation: wire.GetProfile) -> wire.Profile:
    """What only the owner sees."""
    user = _user(service, connection)
    return wire.Profile(service.core.user_view(user.id), user.email, user.pending_email, user.email_from_ms)


async def set_profile(service: "Service", connection: "ClientConnection", operation: wire.SetProfile) -> wire.Done:
    """Another display name or address; the device's certificate is renewed to carry the name."""
    service.check_disk()
    user = _user(service, connection)
    display_name, email = operation.display_name, operation.email
    try:
        if display_name is not None:
            display_name = clean_display_name(display_name or user.name)
    except ProtocolError as error:
        raise Refused(Code.NAME_INVALID, str(error)) from error
    try:
        if email:
            email = clean_email(email)
    except ProtocolError as error:
        raise Refused(Code.EMAIL_INVALID, str(error)) from error

    if email is not None and email != user.email:
        await check_owner(service, connection, operation.password)

    def job(tx: Transaction) -> DirectoryChange[tuple[UserRow, DeviceRow]]:
        if operation.password:
            check_password_unchanged(service, user)
        changed = _change_profile(service, tx, user.id, display_name, email)
        renewed = _renew_certificate(service, connection, tx, changed.value)
        return together((changed.value, renewed.value), changed, renewed)

    changed, device = await transact(service, connection, job)
    service.send_event(connection, wire.NewCertificate(device.certificate))
    service.notices.user_changed(user.id)
    if changed.pending_email and changed.pending_email == email and user.pending_email != email:
        hours = accounts.EMAIL_WAIT_MS // 3_600_000
        await service.mailer.send_change(changed.email, user.name, email, service.config.name, hours)
    return wire.Done()


def _change_profile(
    service: "Service", tx: Transaction, user_id: int, display_name: str | None, email: str | None
) -> DirectoryChange[UserRow]:
    """Where an address can be told of another one, that one waits; the present address drops one that waits."""
    directory, present = service.directory, service.directory.users[user_id]
    waits = bool(email is not None and present.email and email != present.email and service.mailer.enabled)
    changed = accounts.update_user(tx, directory, user_id, display_name=display_name, email=None if waits else email)
    if email is None or not waits:
        return changed
    from_ms = service.wall_ms() + accounts.EMAIL_WAIT_MS
    asked = accounts.ask_for_email(tx, directory, changed.value, email, from_ms)
    return together(asked.value, changed, asked)


async def renew(service: "Service", connection: "ClientConnection", _operation: wire.Renew) -> wire.Done:
    """Fresh session keys and a fresh certificate; they come as events before this answer."""
    device = await transact(service, connection, partial(_renew_certificate, service, connection))
    service.send_event(connection, wire.NewCertificate(device.certificate))
    if connection.open:
        service.send_session_keys(connection)
    return wire.Done()


def _renew_certificate(
    service: "Service", connection: "ClientConnection", tx: Transaction, user: UserRow | None = None
) -> DirectoryChange[DeviceRow]:
    """A fresh one for this session's device. `user`: its owner as this transaction makes him."""
    directory, device = service.directory, service.directory.devices[connection.device]
    owner = user or directory.users[device.user]
    certificate = accounts.certify(directory, service.keys.log_key, owner, device.public_key, service.wall_ms())
    return accounts.renew_device(tx, directory, device, certificate)


def _nothing() -> None:
    """What a person may always do."""


def _user(service: "Service", connection: "ClientConnection") -> UserRow:
    return service.directory.users[connection.user or 0]
