"""Commands that ask the running server, or the database when none runs: accounts and figures."""

import argparse
import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from lanchat.i18n import _, ngettext
from lanchat.protocol.text.names import tidy_name
from lanchat.terminal.exits import DONE, FAILED, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat.terminal.prompts import PasswordSource
from lanchat_server.config import ServerConfig
from lanchat_server.figures_text import local_time, status_lines

Operation = Callable[[str, dict[str, Any]], Any]


def users(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """List or change accounts."""
    actions = {
        "list": _list,
        "add": _add,
        "disable": _disable,
        "enable": _enable,
        "set-role": _set_role,
        "reset-password": _reset_password,
        "invite-code": _invite_code,
        "invite-codes": _invite_codes,
        "void-code": _void_code,
        "devices": _devices,
        "revoke-device": _revoke_device,
    }
    if given := getattr(options, "user", ""):
        options.user = tidy_name(given, joiners=False)
    actions[options.action](options, administer(settings), output)
    return DONE


def status(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Figures of the running server."""
    report = administer(settings)("status", {})
    if output.as_json:
        output.row(report, "")
    else:
        for line in status_lines(report):
            output.write(line)
    return DONE


def administer(settings: ServerConfig) -> Operation:
    """Runs an administrator's operations. Raises CliError."""

    def operate(operation: str, arguments: dict[str, Any]) -> Any:
        from lanchat_server.admin.run import AdminError, run_admin

        try:
            return run_admin(settings, operation, arguments)
        except AdminError as error:
            raise CliError(FAILED, str(error)) from None

    return operate


def _list(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    for user in operate("users.list", {}):
        output.row(user, user_text(user))


def user_text(user: Mapping[str, Any]) -> str:
    """An account as an administrator reads it."""
    called = f" ({shown(user['display_name'])})" if user["display_name"] not in ("", user["name"]) else ""
    email = f" <{shown(user['email'])}>" if user["email"] else ""
    roles = {"member": _("member"), "moderator": _("moderator"), "administrator": _("administrator")}
    details = [roles.get(user["role"], str(user["role"]))]
    if user["disabled"]:
        details.append(_("disabled"))
    devices = ngettext("{number} device", "{number} devices", user["devices"]).format(number=user["devices"])
    seen = _("last seen {time}").format(time=local_time(user["last_seen_at"]))
    return f"{shown(user['name'])}{called}{email}  {', '.join([*details, devices, seen])}"


def _add(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    password = asyncio.run(PasswordSource(options.password_file).new_password())
    arguments = {
        "user": options.user,
        "password": password,
        "role": options.role,
        "email": options.email,
        "display_name": options.display_name,
    }
    made = operate("users.add", arguments)
    text = _("The account {user} was created")
    if made["role"] != (options.role or "member"):
        text = _("The account {user} was created. It is the first one, and so the administrator's")
    text = text.format(user=shown(made["name"]))
    output.row({"user": made["name"], "role": made["role"]}, text)


def _disable(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    operate("users.disable", {"user": options.user})
    text = _("{user} is shut out").format(user=shown(options.user))
    output.row({"user": options.user, "disabled": True}, text)


def _enable(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    operate("users.enable", {"user": options.user})
    text = _("{user} may log in again").format(user=shown(options.user))
    output.row({"user": options.user, "disabled": False}, text)


def _set_role(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    operate("users.set_role", {"user": options.user, "role": options.role})
    text = _("{user} has the role {role} now").format(user=shown(options.user), role=options.role)
    output.row({"user": options.user, "role": options.role}, text)


def _reset_password(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    made = operate("users.reset_password", {"user": options.user})
    values = {"user": options.user, "code": made["code"], "expires_at": made["expires_at"]}
    # The code alone on stdout: it goes on into a file or to a person as it is.
    output.row(values, made["code"])
    text = _("Good until {time}: lanchat recover --user {user} --code {code}")
    output.note(text.format(time=local_time(made["expires_at"]), user=shown(options.user), code=made["code"]))


def _invite_code(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    made = operate("users.invite", {"uses": options.uses, "days": options.days})
    output.row(made, made["code"])
    text = ngettext("Good for {uses} person until {time}", "Good for {uses} people until {time}", made["uses"])
    output.note(text.format(uses=made["uses"], time=local_time(made["expires_at"])))


def _invite_codes(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    for code in operate("users.invites", {}):
        text = ngettext(
            "{id}  {uses} use left, until {time}, made by {user}",
            "{id}  {uses} uses left, until {time}, made by {user}",
            code["uses_left"],
        )
        maker = shown(code["creator"]) if code["creator"] else _("a command on the server's computer")
        output.row(
            code,
            text.format(id=code["id"], uses=code["uses_left"], time=local_time(code["expires_at"]), user=maker),
        )


def _void_code(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    voided = operate("users.void_invite", {"id": options.id})
    output.row({"id": voided["id"], "void": True}, _("The code {id} is void").format(id=voided["id"]))


def _devices(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    for device in operate("users.devices", {"user": options.user}):
        seen = _("last seen {time}").format(time=local_time(device["last_seen_at"]))
        state = _("shut out") + ", " if device["revoked"] else ""
        output.row(device, f"{device['id']}  {shown(device['name'])}  {state}{seen}")


def _revoke_device(options: argparse.Namespace, operate: Operation, output: OutputWriter) -> None:
    revoked = operate("users.revoke_device", {"user": options.user, "id": options.id})
    text = _("The device {id} is shut out").format(id=revoked["id"])
    output.row({"user": options.user, "id": revoked["id"], "revoked": True}, text)
