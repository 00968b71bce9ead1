"""Commands about the account: devices, password, profile, and what administrators may ask."""

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind
from lanchat.protocol import wire
from lanchat.protocol.problems import Problem

if TYPE_CHECKING:
    from lanchat.app.client_state import ClientState

# Of an id, as people type it.
ID_DIGITS_MIN = 8


async def list_devices(client: "ClientState", command: api.ListDevicesCommand) -> list[api.DeviceInfo]:
    """The server's list of this account's devices, revoked ones included."""
    return [
        api.DeviceInfo(
            device.id.hex(),
            device.name,
            device.created_ms / 1000,
            device.last_seen_ms / 1000,
            device.revoked,
            device.online,
        )
        for device in (await client.logged_in().ask(wire.ListDevices())).devices
    ]


async def revoke_device(client: "ClientState", command: api.RevokeDeviceCommand) -> None:
    """Revokes the one device whose id begins as the command says. Raises CommandError INVALID for none or several."""
    wanted = _digits(command.device, Problem.DEVICE_ID_TOO_SHORT)
    devices = [
        device for device in await list_devices(client, api.ListDevicesCommand()) if device.id.startswith(wanted)
    ]
    if len(devices) != 1:
        raise CommandError(ErrorKind.INVALID, Problem.DEVICE_ID_AMBIGUOUS)
    await client.logged_in().ask(wire.RevokeDevice(bytes.fromhex(devices[0].id), command.password))


def _digits(typed: str, otherwise: Problem) -> str:
    wanted = typed.strip().lower()
    if len(wanted) < ID_DIGITS_MIN or any(char not in "0123456789abcdef" for char in wanted):
        raise CommandError(ErrorKind.INVALID, otherwise)
    return wanted


async def change_password(client: "ClientState", command: api.ChangePasswordCommand) -> None:
    """The server checks the old password and judges the new one; what it refuses is raised as CommandError."""
    await client.logged_in().ask(wire.ChangePassword(command.old, command.new, command.revoke_others))


async def get_profile(client: "ClientState", command: api.GetProfileCommand) -> api.AccountProfile:
    """Asked of the server each time; nothing of it is kept."""
    profile: wire.Profile = await client.logged_in().ask(wire.GetProfile())
    name, pending_at = profile.user.display_name, profile.pending_ms / 1000
    return api.AccountProfile(name, profile.email, profile.pending_email, pending_at)


async def set_profile(client: "ClientState", command: api.SetProfileCommand) -> None:
    """A new display name is kept with the profile's device key too."""
    member = client.logged_in()
    await member.ask(wire.SetProfile(command.display_name, command.email, command.password))
    device = client.profile.device(member.device.log_id)
    name = command.display_name
    if name is not None and device is not None and device.device_id == member.device.device_id:
        client.profile.save_device(replace(device, display_name=name or device.user_name))


async def create_invite(client: "ClientState", command: api.CreateInviteCommand) -> str:
    """The code itself, which nobody can ask for again."""
    answer = await client.logged_in().ask(wire.CreateInvite(command.uses, int(command.lifetime)))
    return str(answer.code)


async def list_invites(client: "ClientState", command: api.ListInvitesCommand) -> list[api.RegistrationCode]:
    """Codes that the server counts as valid, those that are valid for longest first."""
    codes = (await client.logged_in().ask(wire.ListInvites())).invites
    return [
        api.RegistrationCode(code.id.hex(), code.creator, code.uses_left, code.not_after_ms / 1000) for code in codes
    ]


async def void_invite(client: "ClientState", command: api.VoidInviteCommand) -> None:
    """Voids the one valid code whose id begins as the command says. Raises CommandError INVALID for none or several."""
    wanted = _digits(command.id, Problem.INVITE_ID_TOO_SHORT)
    ids = [one.id for one in await list_invites(client, api.ListInvitesCommand()) if one.id.startswith(wanted)]
    if len(ids) != 1:
        raise CommandError(ErrorKind.INVALID, Problem.INVITE_ID_AMBIGUOUS)
    await client.logged_in().ask(wire.VoidInvite(bytes.fromhex(ids[0])))


async def get_status(client: "ClientState", command: api.GetStatusCommand) -> dict[str, Any]:
    """The server's figures, with the rooms that have the newest messages."""
    return wire.status_document(await client.logged_in().ask(wire.Status()))


HANDLERS: dict[type, Any] = {
    api.ListDevicesCommand: list_devices,
    api.RevokeDeviceCommand: revoke_device,
    api.ChangePasswordCommand: change_password,
    api.GetProfileCommand: get_profile,
    api.SetProfileCommand: set_profile,
    api.CreateInviteCommand: create_invite,
    api.ListInvitesCommand: list_invites,
    api.VoidInviteCommand: void_invite,
    api.GetStatusCommand: get_status,
}
