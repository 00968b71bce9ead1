"""Operations on accounts, their sessions and devices."""

from collections.abc import Callable

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.names import (
    check_password,
    clean_display_name,
    clean_email,
    clean_user_name,
    tidy_name,
)
from lanchat_server.admin.context import AdminContext
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import DeviceRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.passwords import HasherBusy


async def list_accounts(context: AdminContext, request: wire.ListAccounts) -> wire.AccountList:
    """All accounts, the oldest first."""
    users = [user for user in context.directory.users.values() if not user.deleted]
    views = listed(users, lambda user: place_of(user.id), lambda user: _view(context, user), request.after)
    return wire.AccountList(*views)


def _view(context: AdminContext, user: UserRow) -> wire.AccountDetails:
    devices = sum(not device.revoked_ms for device in context.directory.devices_of(user.id))
    texts = (user.name, user.display_name, user.email)
    return wire.AccountDetails(user.id, *texts, user.role, user.disabled, user.created_ms, user.last_seen_ms, devices)


def _result(context: AdminContext, user: int) -> wire.AccountResult:
    """Of an account that was changed. When the right ended between the commit and this, what everybody may see."""
    known = context.directory.users[user]
    if context.actor.role < context.role:
        return wire.AccountResult(_public_view(known))
    return wire.AccountResult(_view(context, known))


def _public_view(user: UserRow) -> wire.AccountDetails:
    return wire.AccountDetails(user.id, user.name, user.display_name, "", user.role, user.disabled, 0, 0, 0)


async def find_account(context: AdminContext, request: wire.FindAccount) -> wire.AccountResult:
    """The account with a name."""
    user = context.directory.user_named(request.name)
    if user is None or user.deleted:
        raise Refused(Code.NOT_FOUND, "no such user")
    return _result(context, user.id)


def _check_exists(context: AdminContext, user: int) -> None:
    known = context.directory.users.get(user)
    if known is None or known.deleted:
        raise Refused(Code.NOT_FOUND, "no such user")


async def add_account(context: AdminContext, request: wire.AddAccount) -> wire.AccountResult:
    """A new account."""
    host = context.host
    name = _cleaned(clean_user_name, tidy_name(request.name, joiners=False), Code.NAME_INVALID)
    display_name = _cleaned(clean_display_name, tidy_name(request.display_name or name), Code.NAME_INVALID)
    email = tidy_name(request.email, joiners=False)
    email = _cleaned(clean_email, email, Code.EMAIL_INVALID) if email else ""
    try:
        check_password(request.new_password)
    except ProtocolError as error:
        raise Refused(Code.PASSWORD_INVALID, str(error)) from error
    try:
        password_hash = await host.hasher.hash(request.new_password)
    except HasherBusy as busy:
        raise Refused(Code.BUSY, "too many log-ins wait", 2.0) from busy
    new = accounts.NewUser(name, display_name, email, password_hash, request.role)

    def job(tx: Transaction) -> DirectoryChange[UserRow]:
        if request.only_first and context.directory.users:
            raise Refused(Code.SETUP_INVALID, "there is an account")
        return accounts.add_user(tx, context.directory, new, host.wall_ms())

    user = await context.transact(job)
    host.added(user)
    return _result(context, user.id)


def _cleaned(clean: Callable[[str], str], text: str, otherwise: Code) -> str:
    try:
        return clean(text)
    except ProtocolError as error:
        raise Refused(otherwise, str(error)) from error


async def disable_account(context: AdminContext, request: wire.DisableAccount) -> wire.AccountResult:
    """An account that is shut out, or let in again."""

    def check() -> None:
        context.check()
        _check_exists(context, request.user)

    check()
    await context.host.disable(request.user, request.disabled, context.actor, check)
    return _result(context, request.user)


async def set_role(context: AdminContext, request: wire.SetRole) -> wire.AccountResult:
    """An account that may do something else."""
    _check_exists(context, request.user)

    def job(tx: Transaction) -> DirectoryChange[UserRow]:
        _check_exists(context, request.user)
        return accounts.update_user(tx, context.directory, request.user, role=request.role)

    context.host.changed(await context.transact(job))
    return _result(context, request.user)


async def set_display_name(context: AdminContext, request: wire.SetDisplayName) -> wire.AccountResult:
    """An account that others see under another name."""
    _check_exists(context, request.user)
    name = tidy_name(request.display_name) or context.directory.users[request.user].name
    name = _cleaned(clean_display_name, name, Code.NAME_INVALID)

    def job(tx: Transaction) -> DirectoryChange[UserRow]:
        _check_exists(context, request.user)
        return accounts.update_user(tx, context.directory, request.user, display_name=name)

    context.host.changed(await context.transact(job))
    return _result(context, request.user)


async def delete_account(context: AdminContext, request: wire.DeleteAccount) -> wire.Done:
    """An account ends for good."""

    def check() -> None:
        context.check()
        _check_exists(context, request.user)

    check()
    await context.host.delete(request.user, context.actor, check)
    return wire.Done()


async def reset_password(context: AdminContext, request: wire.ResetPassword) -> wire.RecoveryCode:
    """A code with which a new password can be set."""
    _check_exists(context, request.user)
    code = recovery.make_code(context.host.entropy.token_bytes(recovery.CODE_RANDOM_OCTETS))
    row = recovery.new_recovery(context.directory.log.log_id, request.user, code, context.host.wall_ms())

    def job(tx: Transaction) -> DirectoryChange[None]:
        _check_exists(context, request.user)
        tx.set_recovery(row, request.user)
        return together(None)

    await context.transact(job)
    return wire.RecoveryCode(code, row.not_after_ms)


async def end_sessions(context: AdminContext, request: wire.EndSessions) -> wire.SessionsEnded:
    """The sessions of an account end."""
    _check_exists(context, request.user)
    return wire.SessionsEnded(context.host.end_sessions(request.user, context.actor))


# --- Devices ----------------------------------------------------------------------------------------------------------


async def list_devices(context: AdminContext, request: wire.ListDevices) -> wire.DeviceList:
    """The devices of whoever asks, or for an administrator anybody's, the oldest first."""
    wanted = request.user or context.actor.user
    if wanted != context.actor.user:
        context.check_role(Role.ADMINISTRATOR)
    online = context.host.online(wanted)
    devices = context.directory.devices_of(wanted)
    return wire.DeviceList(*listed(devices, _place, lambda device: _device_view(device, online), request.after))


def _place(device: DeviceRow) -> bytes:
    return place_of(device.created_ms) + device.id


def _device_view(device: DeviceRow, online: set[bytes]) -> wire.Device:
    revoked, is_online = bool(device.revoked_ms), device.id in online
    return wire.Device(device.id, device.name, device.created_ms, device.last_seen_ms, revoked, is_online)


async def revoke_device(context: AdminContext, request: wire.RevokeDevice) -> wire.Done:
    """A lost laptop: its key signs and logs in no more, its sessions end now."""
    if request.device != context.actor.device:
        # Asked for first, so that nothing is learnt of devices without it.
        await context.actor.check_owner(request.password)
    device = context.directory.devices.get(request.device)

    def check_right() -> None:
        own = device is not None and device.user == context.actor.user
        if device is None or not (own or context.actor.role is Role.ADMINISTRATOR):
            raise Refused(Code.NOT_FOUND, "no such device")

    def check() -> None:
        context.check()
        check_right()

    check_right()
    assert device is not None
    await context.host.revoke(device, context.actor, check)
    return wire.Done()
