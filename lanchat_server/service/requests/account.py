"""This account: log-out, password, profile, fresh keys."""

from functools import partial
from typing import TYPE_CHECKING

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.names import check_password, clean_display_name, clean_email
from lanchat_server.core import accounts
from lanchat_server.core.accounts import DirectoryChange, together
from lanchat_server.core.model import DeviceRow, RoomKeyRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.passwords import HasherBusy
from lanchat_server.service.requests.acting import SessionActor, check_own_password, check_owner, transact
from lanchat_server.service.requests.login import check_password_unchanged

if TYPE_CHECKING:
    from lanchat_server.service.net.connection import ClientConnection
    from lanchat_server.service.service import Service


async def logout(service: "Service", connection: "ClientConnection", _operation: wire.Logout) -> wire.Done:
    """Revoke the device of this session."""
    actor = SessionActor(service, connection)
    await service.host.revoke(service.directory.devices[connection.device], actor, actor.check)
    return wire.Done()


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


def _user(service: "Service", connection: "ClientConnection") -> UserRow:
    return service.directory.users[connection.user or 0]
