"""`lanchat-server quarantine`: messages of shut out authors that others handed in wait for an administrator."""

import argparse
from typing import Any

from lanchat.i18n import _, ngettext
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.limits import QUARANTINE_JUDGED_MAX
from lanchat.protocol.log.messages import Kind
from lanchat.terminal.exits import DONE, FAILED, USAGE, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat_server.admin.run import Administration
from lanchat_server.cli.administration import account_named, administration, names_of_accounts, rfc3339
from lanchat_server.config import ServerConfig
from lanchat_server.figures_text import local_time

_KINDS = {Kind.TEXT: "text", Kind.EDIT: "edit", Kind.DELETE: "delete", Kind.REACTION: "reaction"}


def quarantine(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """List, take or drop messages. Exit code 1 when one of them could not be taken."""
    ids, authors = getattr(options, "ids", None) or [], options.author or []
    if options.action != "list" and not (ids or authors):
        raise CliError(USAGE, _("Name the messages, or say with --author whose"))
    with administration(settings) as admin:
        entries = admin.all_of(wire.ListQuarantine(), wire.QuarantineList)
        chosen = _chosen(admin, entries, ids, authors) if ids or authors else entries
        if options.action == "list":
            _list(admin, chosen, output)
            return DONE
        return _judge(admin, chosen, output, take=options.action == "take")


def message_id(name: wire.MessageName) -> str:
    """As clients write it."""
    return f"{name.room:x}.{name.device.hex()}.{name.run:x}.{name.n}"


def _chosen(
    admin: Administration, entries: list[wire.QuarantineEntry], ids: list[str], authors: list[str]
) -> list[wire.QuarantineEntry]:
    by_id = {message_id(entry.name): entry for entry in entries}
    for id in ids:
        if id not in by_id:
            raise CliError(FAILED, _("No message with the id {id} waits in the quarantine").format(id=shown(id)))
    wanted = {account_named(admin, author).id for author in authors}
    named = set(ids)
    return [entry for id, entry in by_id.items() if id in named or entry.author in wanted]


def _list(admin: Administration, entries: list[wire.QuarantineEntry], output: OutputWriter) -> None:
    if not entries:
        output.note(_("Nothing waits in the quarantine"))
        return
    names = names_of_accounts(admin)
    rooms = {room.id: room.name for room in admin.all_of(wire.ListAllRooms(), wire.RoomSummaryList)}
    for entry in entries:
        row = _row(entry, names, rooms)
        text = _("{id}  {author} in {room}, handed in by {user} {time}: {text}")
        said = {"author": shown(row["author"]), "room": shown(row["room"]), "user": shown(row["handed_in_by"] or "-")}
        time = local_time(row["handed_in_at"])
        output.row(row, text.format(id=row["id"], **said, time=time, text=_said(entry)))


def _row(entry: wire.QuarantineEntry, names: dict[int, str], rooms: dict[int, str]) -> dict[str, Any]:
    return {
        "id": message_id(entry.name),
        "room": rooms.get(entry.name.room, str(entry.name.room)),
        "author": names.get(entry.author, str(entry.author)),
        "kind": _KINDS.get(Kind(entry.kind), str(entry.kind)),
        "target": entry.ref or None,
        "text": entry.text,
        "sent_at": rfc3339(entry.sent_ms),
        "handed_in_by": names.get(entry.brought_by),
        "handed_in_at": rfc3339(entry.brought_ms),
    }


def _said(entry: wire.QuarantineEntry) -> str:
    """What it does, in words."""
    if entry.kind == Kind.DELETE:
        return _("deletes #{number}").format(number=entry.ref)
    text = shown(entry.text)
    return _("changes #{number}: {text}").format(number=entry.ref, text=text) if entry.kind == Kind.EDIT else text


def _judge(admin: Administration, entries: list[wire.QuarantineEntry], output: OutputWriter, *, take: bool) -> int:
    became: dict[str, wire.JudgedMessage] = {}
    for start in range(0, len(entries), QUARANTINE_JUDGED_MAX):
        part = [entry.name for entry in entries[start : start + QUARANTINE_JUDGED_MAX]]
        judged = admin.ask(wire.JudgeQuarantined(part, take), wire.QuarantineJudged)
        became |= {message_id(message.name): message for message in judged.messages}
    done = [_print(message_id(entry.name), became.get(message_id(entry.name)), output, take=take) for entry in entries]
    number = sum(done)
    if take:
        text = ngettext("{number} message was stored", "{number} messages were stored", number)
    else:
        text = ngettext("{number} message was dropped", "{number} messages were dropped", number)
    output.note(text.format(number=number))
    return DONE if all(done) else FAILED


def _print(id: str, message: wire.JudgedMessage | None, output: OutputWriter, *, take: bool) -> bool:
    """Whether it was done."""
    if message is None:
        output.row({"id": id, "decided": False}, _("{id} still waits: the server has no room for it").format(id=id))
        return False
    if message.seq:
        output.row({"id": id, "seq": message.seq}, _("{id} was stored as #{seq}").format(id=id, seq=message.seq))
        return take
    text = _("{id} was refused: {reason}") if take else _("{id} was dropped")
    output.row({"id": id, "seq": None, "code": message.code}, text.format(id=id, reason=_reason(message.code)))
    return not take


def _reason(code: int) -> str:
    known = {
        Code.NOT_A_MEMBER: _("its author is not in the room any more"),
        Code.ROOM_ARCHIVED: _("the room is archived"),
        Code.ROOM_DELETED: _("the room was deleted"),
        Code.NO_SUCH_TARGET: _("the message that it is about is not there"),
        Code.TARGET_NOT_YOURS: _("the message that it is about is somebody else's"),
    }
    return known[Code(code)] if code in known else _("code {code}").format(code=code)
