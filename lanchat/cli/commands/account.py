"""Commands about the account: register, login, logout, recover, devices, password."""

from lanchat.app import api
from lanchat.cli.session import CliSession
from lanchat.i18n import _, ngettext
from lanchat.protocol.codes import Code, Role, Setup
from lanchat.protocol.text.names import name_key
from lanchat.terminal.exits import FAILED, REFUSED, USAGE, CliError
from lanchat.terminal.output import clock, rfc3339, shown
from lanchat.terminal.prompts import NEW_PASSWORD_VARIABLE, PasswordSource
from lanchat.wording.problems import code_text

ROLES = {Role.MEMBER: "member", Role.MODERATOR: "moderator", Role.ADMINISTRATOR: "administrator"}


def _needed_user(session: CliSession) -> str:
    user: str = session.options.user
    if not user:
        raise CliError(USAGE, _("Say who: --user NAME"))
    return user


def _show_account(session: CliSession, account: api.Account, text: str) -> None:
    values = {"user": account.name, "display_name": account.display_name, "role": ROLES[account.role]}
    if session.server:
        values |= {"server": session.server.name, "fingerprint": session.server.fingerprint}
    session.output.row(values, text.format(user=shown(account.name)))


async def register(session: CliSession) -> None:
    """Create the account; the profile is enrolled afterwards."""
    user = _needed_user(session)
    source = PasswordSource(session.options.password_file)
    offer = await session.connect()
    if offer.remembered:
        text = _("This profile belongs to {user}: log out first, or use another --profile")
        raise CliError(REFUSED, text.format(user=shown(offer.remembered)))
    options = session.options
    if offer.setup is Setup.CODE and not options.setup_code.strip():
        raise CliError(REFUSED, _("{problem}: --setup-code CODE").format(problem=code_text(Code.SETUP_NEEDED)))
    password = await source.new_password()
    command = api.RegisterCommand(
        user,
        password,
        options.email,
        options.display_name,
        options.invite_code,
        setup_code=options.setup_code,
    )
    account = await session.call(command)
    _show_account(session, account, _("The account {user} was created and this profile is logged in"))


async def login(session: CliSession) -> None:
    """Enrol this profile's device key. One that is enrolled for this account already only proves that it still is."""
    user = _needed_user(session)
    offer = await session.connect()
    account = await _known_account(session, offer.remembered, user) if offer.remembered else None
    if account is None:
        password = await PasswordSource(session.options.password_file).password()
        account = await session.call(api.LoginCommand(user, password, remember=True))
    _show_account(session, account, _("Logged in as {user}: later commands need no password"))


async def _known_account(session: CliSession, remembered: str, user: str) -> api.Account | None:
    """The account that the device key belongs to; None when the server no longer takes the key."""
    if name_key(remembered) != name_key(user):
        text = _("This profile belongs to {user}: log out first, or use another --profile")
        raise CliError(REFUSED, text.format(user=shown(remembered)))
    try:
        return await session.wait_live()
    except api.CommandError as error:
        if error.kind is not api.ErrorKind.REFUSED:
            raise
        return None


async def logout(session: CliSession) -> None:
    """Revoke the device key and forget it."""
    offer = await session.connect()
    if not offer.remembered:
        raise CliError(REFUSED, _("This profile is not logged in"))
    await session.call(api.LogoutCommand())
    session.output.row({"user": offer.remembered, "logged_out": True}, _("Logged out"))


async def recover(session: CliSession) -> None:
    """Ask for a code, or set a new password with one."""
    user = _needed_user(session)
    if session.options.code:
        await _set_with_code(session, user)
        return
    offer = await session.connect()
    if not offer.mail:
        raise CliError(FAILED, _("This server sends no e-mail: ask an administrator for a code"))
    await session.call(api.RecoverCommand(user))
    # Said whether or not there is such an account: nobody learns here who has one.
    text = _("If this account has an e-mail address, a code is on its way: lanchat recover --user {user} --code CODE")
    session.output.row({"user": user, "requested": True}, text.format(user=shown(user)))


async def _set_with_code(session: CliSession, user: str) -> None:
    source = PasswordSource(session.options.password_file)
    await session.connect()
    password = await source.new_password()
    await session.call(api.RecoverConfirmCommand(user, session.options.code, password, session.options.revoke_devices))
    session.output.row({"user": user, "changed": True}, _("The new password is set: log in with it"))


async def change_password(session: CliSession) -> None:
    """Replace the password of an account that is logged in."""
    options = session.options
    old = PasswordSource(options.password_file)
    new = PasswordSource(options.new_password_file, "--new-password-file", NEW_PASSWORD_VARIABLE)
    await session.log_in()
    account = await session.wait_live()
    present = await old.password(_("Present password"))
    await session.call(api.ChangePasswordCommand(present, await new.new_password(), options.revoke_devices))
    session.output.row({"user": account.name, "changed": True}, _("The new password is set"))


async def devices(session: CliSession) -> None:
    """List the account's devices, or revoke one."""
    await session.go_live()
    if session.options.action == "revoke":
        device = session.options.device
        await _revoke(session, device)
        session.output.row({"id": device, "revoked": True}, _("The device {id} is shut out").format(id=device))
        return
    for item in await session.call(api.ListDevicesCommand()):
        _show_device(session, item)


async def _revoke(session: CliSession, device: str) -> None:
    try:
        await session.call(api.RevokeDeviceCommand(device))
    except api.CommandError as error:
        if error.code is not Code.PASSWORD_NEEDED:
            raise
        password = await PasswordSource(session.options.password_file).password()
        await session.call(api.RevokeDeviceCommand(device, password))


def _show_device(session: CliSession, device: api.DeviceInfo) -> None:
    values = {
        "id": device.id,
        "name": device.name,
        "created_at": rfc3339(device.created_at),
        "last_seen": rfc3339(device.last_seen),
        "revoked": device.revoked,
        "online": device.online,
    }
    state = _("shut out") if device.revoked else _("online") if device.online else _("offline")
    seen = _("last seen {time}").format(time=clock(device.last_seen))
    session.output.row(values, f"{device.id}  {shown(device.name)}  {state}, {seen}")


async def invite_code(session: CliSession) -> None:
    """A code with which people register, on a server that wants one."""
    options = session.options
    await session.go_live()
    code = await session.call(api.CreateInviteCommand(options.uses, options.days * 86400.0))
    session.output.row({"code": code, "uses": options.uses, "days": options.days}, code)


async def invite_codes(session: CliSession) -> None:
    """List the codes that are good, or void one."""
    await session.go_live()
    if session.options.action == "void":
        name = session.options.id
        await session.call(api.VoidInviteCommand(name))
        session.output.row({"id": name, "void": True}, _("The code {id} is void").format(id=name))
        return
    for code in await session.call(api.ListInvitesCommand()):
        values = {"id": code.id, "creator": code.creator, "uses_left": code.uses_left}
        text = ngettext("{id}  {uses} use left, until {time}", "{id}  {uses} uses left, until {time}", code.uses_left)
        shown_text = text.format(id=code.id, uses=code.uses_left, time=clock(code.expires_at))
        session.output.row(values | {"expires_at": rfc3339(code.expires_at)}, shown_text)
