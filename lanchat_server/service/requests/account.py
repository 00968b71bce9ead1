"""This account: log-out, password, profile, fresh keys."""

from functools import partial

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.names import check_password, clean_display_name, clean_email
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.model import DeviceRow, RoomKeyRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.passwords import HasherBusy
from lanchat_server.service.context import RequestContext
from lanchat_server.service.host import ServiceHost
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.requests.acting import SessionActor, check_own_password, check_owner, transact
from lanchat_server.service.requests.login import check_password_unchanged


async def logout(context: RequestContext, connection: ClientConnection, _operation: wire.Logout) -> wire.Done:
    """Revoke the device of this session."""
    actor = SessionActor(context, connection)
    await ServiceHost(context).revoke(context.directory.devices[connection.device], actor, actor.check)
    return wire.Done()


async def change_password(
    context: RequestContext, connection: ClientConnection, operation: wire.ChangePassword
) -> wire.Done:
    """A new password; the account's other sessions end, and their devices when asked for."""
    user = _user(context, connection)
    try:
        check_password(operation.new)
    except ProtocolError as error:
        raise Refused(Code.PASSWORD_INVALID, str(error)) from error
    await check_own_password(context, connection, user, operation.old)
    try:
        password_hash = await context.credentials.hasher.hash(operation.new)
    except HasherBusy as busy:
        raise Refused(Code.BUSY, "too many log-ins wait", 2.0) from busy

    def stay() -> None:
        connection.password_number = context.directory.password_number(user.id)

    def job(tx: Transaction) -> DirectoryChange[list[RoomKeyRow]]:
        check_password_unchanged(context, user)
        changed = accounts.set_password(tx, context.directory, user.id, password_hash)
        stays = DirectoryChange(None, stay)
        if not operation.revoke_others:
            return together([], changed, stays)
        revoked = context.revocation(tx, user.id, keep=connection.device)
        return together(revoked.value, changed, stays, revoked)

    rotated = await transact(context, connection, job)
    context.connections.end_sessions(user.id, None, "password changed", keep=connection)
    context.notices.room_keys_changed(key.room for key in rotated)
    return wire.Done()


async def get_profile(
    context: RequestContext, connection: ClientConnection, _operation: wire.GetProfile
) -> wire.Profile:
    """What only the owner sees."""
    user = _user(context, connection)
    return wire.Profile(context.core.user_view(user.id), user.email, user.pending_email, user.email_from_ms)


async def set_profile(context: RequestContext, connection: ClientConnection, operation: wire.SetProfile) -> wire.Done:
    """Another display name or address; the device's certificate is renewed to carry the name."""
    context.check_disk()
    user = _user(context, connection)
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
        await check_owner(context, connection, operation.password)

    def job(tx: Transaction) -> DirectoryChange[tuple[UserRow, DeviceRow]]:
        if operation.password:
            check_password_unchanged(context, user)
        changed = _change_profile(context, tx, user.id, display_name, email)
        renewed = _renew_certificate(context, connection, tx, changed.value)
        return together((changed.value, renewed.value), changed, renewed)

    changed, device = await transact(context, connection, job)
    context.send_event(connection, wire.NewCertificate(device.certificate))
    context.notices.user_changed(user.id)
    if changed.pending_email and changed.pending_email == email and user.pending_email != email:
        hours = accounts.EMAIL_WAIT_MS // 3_600_000
        await context.credentials.mailer.send_change(changed.email, user.name, email, context.config.name, hours)
    return wire.Done()


def _change_profile(
    context: RequestContext, tx: Transaction, user_id: int, display_name: str | None, email: str | None
) -> DirectoryChange[UserRow]:
    """Where an address can be told of another one, that one waits; the present address drops one that waits."""
    directory, present = context.directory, context.directory.users[user_id]
    waits = bool(email is not None and present.email and email != present.email and context.credentials.mailer.enabled)
    changed = accounts.update_user(tx, directory, user_id, display_name=display_name, email=None if waits else email)
    if email is None or not waits:
        return changed
    from_ms = context.wall_ms() + accounts.EMAIL_WAIT_MS
    asked = accounts.ask_for_email(tx, directory, changed.value, email, from_ms)
    return together(asked.value, changed, asked)


async def renew(context: RequestContext, connection: ClientConnection, _operation: wire.Renew) -> wire.Done:
    """Fresh session keys and a fresh certificate; they come as events before this answer."""
    device = await transact(context, connection, partial(_renew_certificate, context, connection))
    context.send_event(connection, wire.NewCertificate(device.certificate))
    if connection.open:
        context.connections.send_keys(connection)
    return wire.Done()


def _renew_certificate(
    context: RequestContext, connection: ClientConnection, tx: Transaction, user: UserRow | None = None
) -> DirectoryChange[DeviceRow]:
    """A fresh one for this session's device. `user`: its owner as this transaction makes him."""
    directory, device = context.directory, context.directory.devices[connection.device]
    owner = user or directory.users[device.user]
    certificate = accounts.certify(directory, context.keys.log_key, owner, device.public_key, context.wall_ms())
    return accounts.renew_device(tx, directory, device, certificate)


def _user(context: RequestContext, connection: ClientConnection) -> UserRow:
    return context.directory.users[connection.user or 0]
