"""`lanchat-server rooms`: asks the running server, or the database when none runs."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from lanchat.i18n import _, ngettext
from lanchat.i18n.input_rules import room_name_rule
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, RoomKind
from lanchat.protocol.limits import ROOMS_PER_SUBSCRIPTION
from lanchat.protocol.text.names import name_key, tidy_name
from lanchat.terminal.exits import DONE, FAILED, USAGE, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat_server.admin.run import Administration, Refused
from lanchat_server.cli.administration import account_named, administration, names_of_accounts, rfc3339
from lanchat_server.config import ServerConfig
from lanchat_server.refusal_text import refusal_text

Action = Callable[[Administration, list[wire.RoomSummary], OutputWriter], None]


def rooms(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """List, rename, archive or delete rooms."""
    actions: dict[str, Action] = {
        "list": _list,
        "archive": _archive,
        "unarchive": _unarchive,
        "delete": _delete,
        "rename": partial(_rename, getattr(options, "name", "")),
    }
    names = [tidy_name(name) for name in getattr(options, "rooms", None) or []]
    makers = [tidy_name(name, joiners=False) for name in options.made_by or []]
    if options.action != "list" and not (names or makers):
        raise CliError(USAGE, _("Name the rooms, or say with --made-by whose"))
    with administration(settings) as admin:
        every = admin.all_of(wire.ListAllRooms(), wire.RoomSummaryList)
        made = _made_by(admin, every, makers)
        chosen = {room.id: room for room in [*(_named(every, name) for name in names), *made]}
        wanted = every if options.action == "list" and not makers else list(chosen.values())
        actions[options.action](admin, wanted, output)
    return DONE


def _made_by(admin: Administration, rooms: list[wire.RoomSummary], makers: list[str]) -> list[wire.RoomSummary]:
    """Rooms that these users made, direct ones aside: those have somebody else in them."""
    ids = {account_named(admin, name).id for name in makers}
    return [room for room in rooms if room.creator in ids and room.kind is not RoomKind.DIRECT]


def _named(rooms: list[wire.RoomSummary], name: str) -> wire.RoomSummary:
    """By its name, or by its id where no room has that name. Raises CliError."""
    wanted = name_key(name.removeprefix("#").strip())
    found = [room for room in rooms if room.kind is not RoomKind.DIRECT and name_key(room.name) == wanted]
    if not found and name.isascii() and name.isdecimal():
        found = [room for room in rooms if str(room.id) == name.lstrip("0")]
    if len(found) > 1:
        text = _("Several rooms are called {name}: give the id of one of them ({ids})")
        raise CliError(FAILED, text.format(name=name, ids=", ".join(str(room.id) for room in found[:5])))
    if not found:
        raise CliError(FAILED, _("Room {name} does not exist").format(name=name))
    return found[0]


def _list(admin: Administration, rooms: list[wire.RoomSummary], output: OutputWriter) -> None:
    names = names_of_accounts(admin) if any(room.creator for room in rooms) else {}
    for room in rooms:
        creator = names.get(room.creator)
        output.row(room_row(room, creator), room_text(room, creator))


def room_row(room: wire.RoomSummary, creator: str | None) -> dict[str, Any]:
    """A room for scripts."""
    return {
        "id": room.id,
        "name": room.name,
        "kind": room.kind.name.lower(),
        "creator": creator,
        "created_at": rfc3339(room.created_ms),
        "members": room.members,
        "messages": room.messages,
        "archived": room.archived,
    }


def room_text(room: wire.RoomSummary, creator: str | None) -> str:
    """A room as an administrator reads it."""
    kinds = {RoomKind.PUBLIC: _("public"), RoomKind.PRIVATE: _("private"), RoomKind.DIRECT: _("direct")}
    details = [kinds[room.kind]]
    if room.archived:
        details.append(_("archived"))
    if creator:
        details.append(_("made by {user}").format(user=shown(creator)))
    members, messages = room.members, room.messages
    details.append(ngettext("{number} member", "{number} members", members).format(number=members))
    details.append(ngettext("{number} message", "{number} messages", messages).format(number=messages))
    return f"{room.id:>19}  {shown(room.name)}  {', '.join(details)}"


def _archive(admin: Administration, rooms: list[wire.RoomSummary], output: OutputWriter) -> None:
    for part in _parts(rooms):
        admin.ask(wire.ArchiveRooms([room.id for room in part], True), wire.Done)
    for room in rooms:
        _print_room(room, {"archived": True}, _("Room {room} is archived"), output)


def _unarchive(admin: Administration, rooms: list[wire.RoomSummary], output: OutputWriter) -> None:
    for part in _parts(rooms):
        admin.ask(wire.ArchiveRooms([room.id for room in part], False), wire.Done)
    for room in rooms:
        _print_room(room, {"archived": False}, _("Room {room} is no longer archived"), output)


def _rename(name: str, admin: Administration, rooms: list[wire.RoomSummary], output: OutputWriter) -> None:
    name = tidy_name(name)
    for room in rooms:
        try:
            admin.ask(wire.ChangeRoom(room.id, name), wire.Done)
        except Refused as refused:
            texts = {Code.NAME_TAKEN: _("This name is taken"), Code.NAME_INVALID: room_name_rule().removesuffix(".")}
            raise CliError(FAILED, texts.get(refused.code) or refusal_text(refused)) from None
        _print_room(room, {"renamed": name}, _("Room {room} has another name"), output)


def _delete(admin: Administration, rooms: list[wire.RoomSummary], output: OutputWriter) -> None:
    for part in _parts(rooms):
        admin.ask(wire.DeleteRooms([room.id for room in part]), wire.Done)
    for room in rooms:
        _print_room(room, {"deleted": True}, _("Room {room} was deleted"), output)
    number = len(rooms)
    output.note(ngettext("{number} room was deleted", "{number} rooms were deleted", number).format(number=number))


def _parts(rooms: list[wire.RoomSummary]) -> list[list[wire.RoomSummary]]:
    """As many as one request takes."""
    step = ROOMS_PER_SUBSCRIPTION
    return [rooms[start : start + step] for start in range(0, len(rooms), step)]


def _print_room(room: wire.RoomSummary, now: dict[str, Any], text: str, output: OutputWriter) -> None:
    output.row({"id": room.id, "name": room.name, **now}, text.format(room=shown(room.name)))
