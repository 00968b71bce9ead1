"""`lanchat-server rooms`: asks the running server, or the database when none runs."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from lanchat.i18n import _, ngettext
from lanchat.protocol.text.names import tidy_name
from lanchat.terminal.exits import DONE, USAGE, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat_server.cli.users import Operation, administer
from lanchat_server.config import ServerConfig


def rooms(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """List, archive or delete rooms."""
    actions: dict[str, Callable[[dict[str, Any], Operation, OutputWriter], None]] = {
        "list": _list,
        "archive": _archive,
        "unarchive": _unarchive,
        "delete": _delete,
    }
    which = {
        "rooms": [tidy_name(name) for name in getattr(options, "rooms", None) or []],
        "made_by": [tidy_name(name, joiners=False) for name in options.made_by or []],
    }
    if options.action != "list" and not any(which.values()):
        raise CliError(USAGE, _("Name the rooms, or say with --made-by whose"))
    actions[options.action](which, administer(settings), output)
    return DONE


def _list(which: dict[str, Any], operate: Operation, output: OutputWriter) -> None:
    for room in operate("rooms.list", which):
        output.row(room, room_text(room))


def room_text(room: Mapping[str, Any]) -> str:
    """A room as an administrator reads it."""
    kinds = {"public": _("public"), "private": _("private"), "direct": _("direct")}
    details = [kinds.get(room["kind"], str(room["kind"]))]
    if room["archived"]:
        details.append(_("archived"))
    if room["creator"]:
        details.append(_("made by {user}").format(user=shown(room["creator"])))
    members, messages = room["members"], room["messages"]
    details.append(ngettext("{number} member", "{number} members", members).format(number=members))
    details.append(ngettext("{number} message", "{number} messages", messages).format(number=messages))
    return f"{room['id']:>19}  {shown(room['name'])}  {', '.join(details)}"


def _archive(which: dict[str, Any], operate: Operation, output: OutputWriter) -> None:
    for room in operate("rooms.archive", {**which, "archived": True}):
        _tell(room, {"archived": True}, _("Room {room} is archived"), output)


def _unarchive(which: dict[str, Any], operate: Operation, output: OutputWriter) -> None:
    for room in operate("rooms.archive", {**which, "archived": False}):
        _tell(room, {"archived": False}, _("Room {room} is no longer archived"), output)


def _delete(which: dict[str, Any], operate: Operation, output: OutputWriter) -> None:
    deleted = operate("rooms.delete", which)
    for room in deleted:
        _tell(room, {"deleted": True}, _("Room {room} was deleted"), output)
    number = len(deleted)
    output.note(ngettext("{number} room was deleted", "{number} rooms were deleted", number).format(number=number))


def _tell(room: Mapping[str, Any], now: dict[str, Any], text: str, output: OutputWriter) -> None:
    output.row({"id": room["id"], "name": room["name"], **now}, text.format(room=shown(room["name"])))
