"""Commands that ask the running server, or the database when none runs: accounts and figures."""

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

from lanchat.i18n import _, ngettext
from lanchat.i18n.input_rules import bad_character, display_name_rule, email_rule, password_rule, user_name_rule
from lanchat.protocol import wire
from lanchat.protocol.codes import Role
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.cleaning import TextError
from lanchat.protocol.text.names import (
    check_password,
    clean_display_name,
    clean_email,
    clean_user_name,
    tidy_name,
)
from lanchat.terminal.exits import DONE, FAILED, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat.terminal.prompts import PasswordSource
from lanchat_server.admin.run import Administration
from lanchat_server.cli.administration import account_named, administration, names_of_accounts, one_id, rfc3339
from lanchat_server.config import ServerConfig
from lanchat_server.figures_text import local_time, status_lines


def users(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """List or change accounts."""
    actions = {
        "list": _list,
        "add": _add,
        "disable": _disable,
        "enable": _enable,
        "set-role": _set_role,
        "set-name": _set_name,
        "delete": _delete,
        "reset-password": _reset_password,
        "kick": _kick,
        "invite-code": _invite_code,
        "invite-codes": _invite_codes,
        "void-code": _void_code,
        "devices": _devices,
        "revoke-device": _revoke_device,
    }
    if given := getattr(options, "user", ""):
        options.user = tidy_name(given, joiners=False)
    with administration(settings, given) as admin:
        actions[options.action](options, admin, output)
    return DONE


def status(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Figures of the running server."""
    with administration(settings) as admin:
        report = wire.status_document(admin.ask(wire.Status(), wire.StatusReport))
    if output.as_json:
        output.row(report, "")
    else:
        for line in status_lines(report):
            output.write(line)
    return DONE


def _list(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    for account in admin.all_of(wire.ListAccounts(), wire.AccountList):
        output.row(account_row(account), account_text(account))


def account_row(account: wire.AccountDetails) -> dict[str, Any]:
    """An account for scripts."""
    return {
        "id": account.id,
        "name": account.name,
        "display_name": account.display_name,
        "email": account.email,
        "role": account.role.name.lower(),
        "disabled": account.disabled,
        "created_at": rfc3339(account.created_ms),
        "last_seen_at": rfc3339(account.last_seen_ms),
        "devices": account.devices,
    }


def account_text(account: wire.AccountDetails) -> str:
    """An account as an administrator reads it."""
    called = f" ({shown(account.display_name)})" if account.display_name not in ("", account.name) else ""
    email = f" <{shown(account.email)}>" if account.email else ""
    details = [_role_text(account.role)]
    if account.disabled:
        details.append(_("disabled"))
    devices = ngettext("{number} device", "{number} devices", account.devices).format(number=account.devices)
    seen = _("last seen {time}").format(time=local_time(rfc3339(account.last_seen_ms)))
    return f"{shown(account.name)}{called}{email}  {', '.join([*details, devices, seen])}"


def _add(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    password = asyncio.run(PasswordSource(options.password_file).new_password())
    request = new_account(options.user, password, _role(options.role), options.email, options.display_name)
    made = admin.ask(request, wire.AccountResult).account
    text = _("The account {user} was created")
    if made.role is not request.role:
        text = _("The account {user} was created. It is the first one, and so the administrator's")
    text = text.format(user=shown(made.name))
    output.row({"user": made.name, "role": made.role.name.lower()}, text)


def new_account(user: str, password: str, role: Role, email: str = "", display_name: str = "") -> wire.AddAccount:
    """The request for it. Raises CliError with the rule that something breaks."""
    name = _chosen(clean_user_name, tidy_name(user, joiners=False), user_name_rule)
    display_name = _chosen(clean_display_name, tidy_name(display_name or name), display_name_rule)
    email = tidy_name(email, joiners=False)
    email = _chosen(clean_email, email, email_rule) if email else ""
    try:
        check_password(password)
    except ProtocolError as error:
        raise CliError(FAILED, password_rule(error).removesuffix(".")) from error
    return wire.AddAccount(name, password, role, display_name, email)


def _chosen(clean: Callable[[str], str], name: str, rule: Callable[[], str]) -> str:
    try:
        return clean(name)
    except TextError as error:
        raise CliError(FAILED, bad_character(error)) from error
    except ProtocolError as error:
        raise CliError(FAILED, rule().removesuffix(".")) from error


def _role_text(role: Role) -> str:
    return {Role.MEMBER: _("member"), Role.MODERATOR: _("moderator"), Role.ADMINISTRATOR: _("administrator")}[role]


def _role(name: str) -> Role:
    return Role[name.upper()]


def _disable(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    admin.ask(wire.DisableAccount(account_named(admin, options.user).id, True), wire.AccountResult)
    text = _("{user} is shut out").format(user=shown(options.user))
    output.row({"user": options.user, "disabled": True}, text)


def _enable(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    admin.ask(wire.DisableAccount(account_named(admin, options.user).id, False), wire.AccountResult)
    text = _("{user} may log in again").format(user=shown(options.user))
    output.row({"user": options.user, "disabled": False}, text)


def _set_name(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    name = tidy_name(options.display_name)
    name = _chosen(clean_display_name, name, display_name_rule) if name else ""
    request = wire.SetDisplayName(account_named(admin, options.user).id, name)
    changed = admin.ask(request, wire.AccountResult).account
    text = _("Others see {user} as {name}").format(user=shown(options.user), name=shown(changed.display_name))
    output.row({"user": options.user, "display_name": changed.display_name}, text)


def _delete(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    admin.ask(wire.DeleteAccount(account_named(admin, options.user).id), wire.Done)
    text = _("The account {name} was deleted").format(name=shown(options.user))
    output.row({"user": options.user, "deleted": True}, text)


def _set_role(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    admin.ask(wire.SetRole(account_named(admin, options.user).id, _role(options.role)), wire.AccountResult)
    text = _("New role of {user}: {role}").format(user=shown(options.user), role=_role_text(_role(options.role)))
    output.row({"user": options.user, "role": options.role}, text)


def _reset_password(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    made = admin.ask(wire.ResetPassword(account_named(admin, options.user).id), wire.RecoveryCode)
    until = rfc3339(made.not_after_ms)
    # The code alone on stdout: it goes on into a file or to a person as it is.
    output.row({"user": options.user, "code": made.code, "expires_at": until}, made.code)
    text = _("Good until {time}: lanchat recover --user {user} --code {code}")
    output.note(text.format(time=local_time(until), user=shown(options.user), code=made.code))


def _kick(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    ended = admin.ask(wire.EndSessions(account_named(admin, options.user).id), wire.SessionsEnded).number
    text = ngettext("{number} session of {user} was ended", "{number} sessions of {user} were ended", ended)
    output.row({"user": options.user, "sessions": ended}, text.format(number=ended, user=shown(options.user)))


def _invite_code(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    made = admin.ask(wire.CreateInvite(options.uses, options.days * 86_400), wire.InviteCode)
    until = rfc3339(made.not_after_ms)
    output.row({"code": made.code, "uses": options.uses, "expires_at": until}, made.code)
    text = ngettext("Good for {uses} person until {time}", "Good for {uses} people until {time}", options.uses)
    output.note(text.format(uses=options.uses, time=local_time(until)))


def _invite_codes(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    invites = admin.all_of(wire.ListInvites(), wire.InviteList)
    names = names_of_accounts(admin) if any(invite.creator for invite in invites) else {}
    for invite in invites:
        text = ngettext(
            "{id}  {uses} use left, until {time}, made by {user}",
            "{id}  {uses} uses left, until {time}, made by {user}",
            invite.uses_left,
        )
        creator, until = names.get(invite.creator), rfc3339(invite.not_after_ms)
        maker = shown(creator) if creator else _("a command on the server's computer")
        row = {"id": invite.id.hex(), "creator": creator, "uses_left": invite.uses_left, "expires_at": until}
        output.row(row, text.format(id=row["id"], uses=invite.uses_left, time=local_time(until), user=maker))


def _void_code(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    ids = [invite.id for invite in admin.all_of(wire.ListInvites(), wire.InviteList)]
    id = one_id(ids, options.id, _("The code was not found, or there are several: see the list of codes"))
    admin.ask(wire.VoidInvite(id), wire.Done)
    output.row({"id": id.hex(), "void": True}, _("The code {id} is void").format(id=id.hex()))


def _devices(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    for device in _devices_of(options, admin):
        last_seen = rfc3339(device.last_seen_ms)
        row = {
            "id": device.id.hex(),
            "name": device.name,
            "created_at": rfc3339(device.created_ms),
            "last_seen_at": last_seen,
            "revoked": device.revoked,
        }
        seen = _("last seen {time}").format(time=local_time(last_seen))
        state = _("shut out") + ", " if device.revoked else ""
        output.row(row, f"{row['id']}  {shown(device.name)}  {state}{seen}")


def _devices_of(options: argparse.Namespace, admin: Administration) -> list[wire.Device]:
    user = account_named(admin, options.user).id
    return admin.all_of(wire.ListDevices(user=user), wire.DeviceList)


def _revoke_device(options: argparse.Namespace, admin: Administration, output: OutputWriter) -> None:
    ids = [device.id for device in _devices_of(options, admin)]
    id = one_id(ids, options.id, _("The device was not found, or there are several: see the list of devices"))
    admin.ask(wire.RevokeDevice(id), wire.Done)
    text = _("The device {id} is shut out").format(id=id.hex())
    output.row({"user": options.user, "id": id.hex(), "revoked": True}, text)
