"""This account: devices, password, profile, fresh keys."""

from typing import TYPE_CHECKING

from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.names import check_password, clean_display_name, clean_email, name_key
from lanchat.protocol.wire import Code
from lanchat_server import accounts
from lanchat_server.accounts import Change
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import DeviceRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.passwords import Busy
from lanchat_server.service.errors import Refused
from lanchat_server.service.handlers.acting import transact
from lanchat_server.service.handlers.login import check_password_unchanged

if TYPE_CHECKING:
    from lanchat_server.service.connection import Connection
    from lanchat_server.service.service import Service


async def list_devices(service: "Service", connection: "Connection", operation: wire.ListDevices) -> wire.DeviceList:
    """This account's devices, oldest first."""
    user = _user(service, connection)
    online = {session.device for session in service.core.sessions.of_user(user.id)}
    devices = service.directory.devices_of(user.id)
    return wire.DeviceList(*listed(devices, _place, lambda device: _device_view(device, online), operation.after))


def _place(device: DeviceRow) -> bytes:
    return place_of(device.created_ms) + device.id


def _device_view(device: DeviceRow, online: set[bytes]) -> wire.Device:
    revoked, is_online = bool(device.revoked_ms), device.id in online
    return wire.Device(device.id, device.name, device.created_ms, device.last_seen_ms, revoked, is_online)


async def revoke_device(service: "Service", connection: "Connection", operation: wire.RevokeDevice) -> wire.Done:
    """A lost laptop: its key signs and logs in no more, its sessions end now."""
    user = _user(service, connection)
    device = service.directory.devices.get(operation.device)
    if device is None or device.user != user.id:
        raise Refused(Code.NOT_FOUND, "no such device")
    await _revoke(service, connection, device.id)
    return wire.Done()


async def logout(service: "Service", connection: "Connection", _operation: wire.Logout) -> wire.Done:
    """Revoke the device of this session."""
    await _revoke(service, connection, connection.device)
    return wire.Done()


async def _revoke(service: "Service", connection: "Connection", device: bytes) -> None:
    """A session that revokes its own device gets its answer, then it ends like the others."""
    own = device == connection.device
    await service.revoke([device], _user(service, connection).id, keep=connection if own else None)
    if own:
        connection.end_after_answer(Code.DEVICE_REVOKED, "device revoked")


async def change_password(service: "Service", connection: "Connection", operation: wire.ChangePassword) -> wire.Done:
    """A new password; the account's other sessions end, and their devices when asked for."""
    user = _user(service, connection)
    try:
        check_password(operation.new)
    except ProtocolError as error:
        raise Refused(Code.PASSWORD_INVALID, str(error)) from error
    wait = service.throttle.delay(name_key(user.name), connection.address, service.now())
    if wait:
        raise Refused(Code.TOO_MANY_TRIES, "too many tries", wait)
    try:
        if not await service.hasher.verify(operation.old, user.password_hash):
            service.throttle.failed(name_key(user.name), connection.address, service.now())
            raise Refused(Code.BAD_CREDENTIALS, "wrong password")
        service.throttle.succeeded(name_key(user.name), connection.address, service.now())
        password_hash = await service.hasher.hash(operation.new)
    except Busy as busy:
        raise Refused(Code.BUSY, "too many log-ins wait", 2.0) from busy

    def job(tx: Transaction) -> Change[UserRow]:
        check_password_unchanged(service, user)
        # A code that somebody else asked for does not undo the change.
        tx.set_recovery(None, user.id)
        return accounts.update_user(tx, service.directory, user.id, password_hash=password_hash)

    await transact(service, connection, job)
    if operation.revoke_others:
        devices = service.directory.devices_of(user.id)
        others = [device.id for device in devices if device.id != connection.device and not device.revoked_ms]
        await service.revoke(others, user.id, keep=connection)
    service.end_sessions(user.id, None, "password changed", keep=connection)
    return wire.Done()


async def get_profile(service: "Service", connection: "Connection", _operation: wire.GetProfile) -> wire.Profile:
    """What only the owner sees."""
    user = _user(service, connection)
    return wire.Profile(service.core.user_view(user.id), user.email)


async def set_profile(service: "Service", connection: "Connection", operation: wire.SetProfile) -> wire.Done:
    """Another display name or address; the device's certificate is renewed to carry the name."""
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

    def job(tx: Transaction) -> Change[UserRow]:
        if email != service.directory.users[user.id].email:
            # A code that went to the address of before.
            tx.set_recovery(None, user.id)
        return accounts.update_user(tx, service.directory, user.id, display_name=display_name, email=email)

    await transact(service, connection, job)
    await _renew_certificate(service, connection)
    service.notices.user_changed(user.id)
    return wire.Done()


async def renew(service: "Service", connection: "Connection", _operation: wire.Renew) -> wire.Done:
    """Fresh session keys and a fresh certificate; they come as events before this answer."""
    await _renew_certificate(service, connection)
    if connection.open:
        service.send_session_keys(connection)
    return wire.Done()


async def _renew_certificate(service: "Service", connection: "Connection") -> None:
    def job(tx: Transaction) -> Change[DeviceRow]:
        device, now_ms = service.directory.devices[connection.device], service.wall_ms()
        user = service.directory.users[device.user]
        certificate = accounts.certify(service.directory, service.keys.log_key, user, device.public_key, now_ms)
        return accounts.renew_device(tx, service.directory, device, certificate)

    device = await transact(service, connection, job)
    service.send_event(connection, wire.NewCertificate(device.certificate))


def _user(service: "Service", connection: "Connection") -> UserRow:
    return service.directory.users[connection.user or 0]
