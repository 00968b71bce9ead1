"""Commands about messages: send, edit, delete, react, history, receipts."""

import contextlib
import sys
from typing import Any

from lanchat.app import api
from lanchat.cli.lines import history_row, message_text, room_name
from lanchat.cli.session import CliSession
from lanchat.i18n import _
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.search_query import parse_query
from lanchat.terminal.exits import FAILED, NOT_STORED, USAGE, CliError
from lanchat.terminal.output import shown
from lanchat.wording.problems import details_text, error_text

STORED_TIMEOUT = 10.0  # seconds: a server that is there answers in milliseconds
PENDING_TIMEOUT = 4.0  # seconds for peers to get a message before its author ends, with the server away
PAGE = 200


async def send(session: CliSession) -> None:
    """Send; done when it is stored. Exit code 6 when it was not in time."""
    options = session.options
    text = _typed_text(options.text)
    room = await _room_to_write(session)
    line = await session.call(api.SendCommand(room.room, text, options.reply_to))
    await _until_stored(session, room, line.id)


async def edit(session: CliSession) -> None:
    """Replace the text of a message."""
    text = _typed_text(session.options.text)
    room = await _room_to_write(session)
    id = await session.call(api.EditCommand(room.room, session.options.seq, text))
    await _until_stored(session, room, id, target=session.options.seq)


async def delete(session: CliSession) -> None:
    """Delete a message."""
    room = await _room_to_write(session)
    id = await session.call(api.DeleteCommand(room.room, session.options.seq))
    await _until_stored(session, room, id, target=session.options.seq)


async def react(session: CliSession) -> None:
    """React to a message, or take it back."""
    options = session.options
    room = await _room_to_write(session)
    id = await session.call(api.ReactCommand(room.room, options.seq, options.emoji, options.remove))
    await _until_stored(session, room, id, target=options.seq)


def _typed_text(text: str) -> str:
    """TEXT, or standard input without its last line break for `-`. Raises CliError."""
    if text != "-":
        return text
    if sys.stdin is None:
        raise CliError(USAGE, _("Standard input is closed"))
    with contextlib.suppress(UnicodeDecodeError):
        text = sys.stdin.read()
        if "\0" not in text:  # no mark that was copied along: only what is no text has it
            return text.removesuffix("\n").removesuffix("\r")
    raise CliError(FAILED, _("Standard input is not UTF-8 text"))


async def _room_to_write(session: CliSession) -> api.RoomView:
    """The room; with the server away too, as the message waits in the outbox then."""
    await session.go_live_or_away()
    return await session.room(session.options.room)


async def _until_stored(session: CliSession, room: api.RoomView, id: str, **more: Any) -> None:
    pending_allowed = session.options.allow_pending
    name = room_name(room, await session.people())
    timeout = session.deadline.left(PENDING_TIMEOUT if pending_allowed else STORED_TIMEOUT)
    stored = await session.wait_stored(id, timeout)
    if isinstance(stored, int):
        text = _("Stored in {room} as #{seq}").format(room=shown(name), seq=stored)
        session.output.row({"id": id, "room": name, "seq": stored} | more, text)
        return
    text = shown(details_text(stored))
    if not pending_allowed:
        raise CliError(NOT_STORED, text)
    if stored.problem is Problem.UNDECIDED:  # where nobody waits for it, no time is over
        text = _("Not stored yet: the message is kept and sent later")
    session.output.row({"id": id, "room": name, "stored": False} | more, text)


async def history(session: CliSession) -> None:
    """Earlier messages, or those that were searched for; oldest first."""
    if session.options.search is not None:
        _check_words(session.options.search)
    if not await session.go_live_or_away():
        session.note_away()
    room = await session.room(session.options.room)
    people = await session.people()
    name = room_name(room, people)
    for line in await _chosen_lines(session, room.room):
        session.output.row(history_row(line, name, people), message_text(line, session.output.say))


async def _chosen_lines(session: CliSession, room: int) -> list[api.Line]:
    options = session.options
    if options.search is not None:
        return await _found_lines(session, room, options.search, options.before)
    return await newest_lines(session, room, options.limit, options.before)


def _check_words(words: str) -> None:
    if parse_query(words).is_empty:
        raise CliError(USAGE, _("There is no word to search for in {text}").format(text=repr(shown(words))))


async def _found_lines(session: CliSession, room: int, words: str, before: int = 0) -> list[api.Line]:
    """The newest ones with these words, in this room below `before` (0: no bound), or in all rooms (`room` 0); oldest
    first."""
    found, before_room, limit = list[api.Line](), 0, session.options.limit
    while len(found) < limit:
        wanted = min(PAGE, limit - len(found))
        page = await session.call(api.SearchCommand(room, words, before, wanted, before_room))
        found += page
        if not page or not page[-1].seq:
            break
        before, before_room = page[-1].seq, 0 if room else page[-1].room
    return found[::-1]


async def newest_lines(session: CliSession, room: int, limit: int, before: int = 0) -> list[api.Line]:
    """Up to `limit` lines below `before` (0: the newest, with those not stored yet at the end), oldest first."""
    lines: list[api.Line] = []
    while limit > 0:
        wanted = min(PAGE, limit)
        try:
            page = await session.call(api.LoadLinesCommand(room, before, wanted))
        except api.CommandError as error:
            if not lines:
                raise
            session.output.warn(shown(error_text(error)))
            break
        lines = page + lines
        limit -= len(page)
        lowest = next((line.seq for line in page if line.seq), None)
        if lowest is None or lowest <= 1:
            break
        before = lowest
    return lines


async def search(session: CliSession) -> None:
    """Messages of all rooms with these words, oldest first."""
    words = session.options.words
    _check_words(words)
    if not await session.go_live_or_away():
        session.note_away()
    found = await _found_lines(session, 0, words)
    people = await session.people()
    rooms = {room.room: room_name(room, people) for room in await session.call(api.ListRoomsCommand())}
    for line in found:
        name = rooms.get(line.room, "")
        session.output.row(history_row(line, name, people), f"{shown(name)}  {message_text(line, session.output.say)}")


async def receipts(session: CliSession) -> None:
    """Who has a message, who has not."""
    await session.go_live()
    room = await session.room(session.options.room)
    for member in await session.call(api.ReceiptsCommand(room.room, session.options.seq)):
        values = {
            "user": member.name,
            "display_name": member.display_name,
            "received": member.received,
            "read": member.read,
        }
        state = _("read") if member.read else _("received") if member.received else _("not received")
        session.output.row(values, f"{shown(member.name)}  {state}")
