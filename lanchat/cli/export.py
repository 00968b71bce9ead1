"""`lanchat export`: a whole room in a file, which is there complete or not at all."""

import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TextIO

from lanchat.cli.exits import FAILED, CliError
from lanchat.cli.lines import history_row, message_text, room_name
from lanchat.cli.output import shown
from lanchat.cli.session import Session
from lanchat.i18n import _, ngettext
from lanchat.net import api

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
PAGE = 200


async def export(session: Session) -> None:
    """All messages that this person may read, oldest first, with edits, deletions and reactions folded in."""
    file = Path(session.options.file)
    if not await session.go_live_or_away():
        session.output.note(_("The server is away: this is what this computer knows"))
    room = await session.room(session.options.room)
    people = await session.people()
    name = room_name(room, people)

    def as_json(line: api.Line) -> str:
        return json.dumps(history_row(line, name, people), ensure_ascii=False)

    written = await _write(session, room, file, as_json if file.suffix.lower() in JSON_SUFFIXES else message_text)
    text = ngettext("{number} message written to {file}", "{number} messages written to {file}", written)
    values = {"room": name, "file": str(file), "messages": written}
    session.output.row(values, text.format(number=written, file=shown(str(file))))


async def _write(session: Session, room: api.RoomView, file: Path, render: Callable[[api.Line], str]) -> int:
    written = 0
    try:
        with complete_or_absent(file) as stream:
            async for page in _pages(session, room.room):
                stream.writelines(render(line) + "\n" for line in page)
                written += len(page)
                _show_progress(session, page[-1].seq or room.head, room.head)
    except OSError as error:
        reason = error.strerror or error
        text = _("{file} cannot be written: {reason}").format(file=shown(str(file)), reason=reason)
        raise CliError(FAILED, text) from None
    return written


async def _pages(session: Session, room: int) -> AsyncIterator[list[api.Line]]:
    first = 1
    while page := await session.call(api.LoadLinesFrom(room, first, PAGE)):
        stored = [line for line in page if line.seq and line.seq >= first]
        if not stored:
            return
        yield stored
        first = (stored[-1].seq or first) + 1


def _show_progress(session: Session, seq: int, head: int) -> None:
    session.output.note(_("{done} of {all}").format(done=min(seq, head), all=head))


@contextlib.contextmanager
def complete_or_absent(file: Path) -> Iterator[TextIO]:
    """A file that takes its name only when all of it is on the disk; what was there before stays until then."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
