"""`lanchat export`: a whole room in a file, which is there complete or not at all."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lanchat.app import api
from lanchat.cli.commands.files import PATIENCE, progress
from lanchat.cli.lines import history_row, message_text, room_name
from lanchat.cli.session import CliSession
from lanchat.cli.web_page import PAGE_END, message_article, page_head
from lanchat.i18n import _, ngettext
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.disk.files import OutputFile, remove_drafts
from lanchat.terminal.exits import FAILED, CliError
from lanchat.terminal.output import OutputClosed, is_closed_pipe, shown
from lanchat.terminal.prompts import in_daemon_thread
from lanchat.wording.problems import error_text

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
WEB_SUFFIXES = (".html", ".htm")
PAGE = 200


class _Form(NamedTuple):
    """How messages are written: what one becomes, with its line break, and what stands before and behind them all."""

    render: Callable[[api.Line], str]
    begin: str = ""
    end: str = ""


async def export(session: CliSession) -> None:
    """All messages that this person may read, oldest first, with edits, deletions and reactions folded in."""
    name = session.options.file
    with _no_draft_when_terminated():
        try:
            destination = await in_daemon_thread(lambda: OutputFile(name))
        except OSError as error:
            raise _unwritable(name, error) from None
        try:
            await _export(session, destination)
        finally:
            destination.abandon()


@contextlib.contextmanager
def _no_draft_when_terminated() -> Iterator[None]:
    """SIGTERM ends the program at once, as it does otherwise, but leaves no draft."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        remove_drafts()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows; not the main thread
        loop.add_signal_handler(signal.SIGTERM, end)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGTERM)


async def _export(session: CliSession, destination: OutputFile) -> None:
    options, to_stdout = session.options, destination.is_standard_output
    if not await session.go_live_or_away():
        session.note_away()
    room = await session.room(options.room)
    people = await session.people()
    name = room_name(room, people)

    form = _Form(lambda line: message_text(line) + "\n")
    if options.file.lower().endswith(JSON_SUFFIXES) or (to_stdout and options.json):
        form = _Form(lambda line: json.dumps(history_row(line, name, people), ensure_ascii=False) + "\n")
    elif options.file.lower().endswith(WEB_SUFFIXES):
        form = _Form(message_article, page_head(name), PAGE_END)
    named: list[tuple[int, int]] = []
    try:
        written = await _write(session, room, destination, form, named)
    except OSError as error:
        if to_stdout and is_closed_pipe(error):
            raise OutputClosed from None
        raise _unwritable(options.file, error) from None
    text = ngettext("{number} message written to {file}", "{number} messages written to {file}", written)
    text = text.format(number=written, file=shown(options.file))
    if to_stdout:
        session.output.note(text)
        return
    values: dict[str, Any] = {"room": name, "file": options.file, "messages": written}
    if named:
        values["files"] = await _save_files(session, room, Path(options.file), named)
    session.output.row(values, text)


async def _save_files(session: CliSession, room: api.RoomView, file: Path, named: list[tuple[int, int]]) -> int:
    """The files of messages, beside the text: `FILE.files/SEQ/NAME`. How many are there; what cannot be had is said."""
    folder, saved = file.with_name(file.name + ".files"), 0
    with progress(session):
        for seq, index in named:
            place = folder / str(seq)
            try:
                place.mkdir(parents=True, exist_ok=True)
                await session.call(api.FetchFileCommand(room.room, seq, index, str(place), patience=PATIENCE))
                saved += 1
            except OSError as error:
                raise _unwritable(str(place), error) from None
            except api.CommandError as error:
                if error.kind is api.ErrorKind.LOCAL:
                    raise
                text = _("A file of #{seq} is not there: {reason}")
                session.output.warn(text.format(seq=seq, reason=shown(error_text(error))))
    return saved


async def _write(
    session: CliSession, room: api.RoomView, destination: OutputFile, form: "_Form", named: list[tuple[int, int]]
) -> int:
    """In a thread: whoever reads from a pipe may be slow. `named` gets message and index of each file."""

    async def put(text: str) -> None:
        octets = text.encode("utf-8", "backslashreplace")
        await in_daemon_thread(lambda: destination.stream.write(octets))

    written = 0
    await put(form.begin)
    async for page in _pages(session, room.room):
        await put("".join(form.render(line) for line in page))
        written += len(page)
        named += [(line.seq, index) for line in page if line.seq for index in range(len(line.files))]
        _show_progress(session, page[-1].seq or room.head, room.head)
    await put(form.end)
    await in_daemon_thread(destination.finish)
    return written


def _unwritable(name: str, error: OSError) -> CliError:
    text = _("{file} cannot be written: {reason}").format(file=shown(name), reason=os_error_text(error))
    return CliError(FAILED, text)


async def _pages(session: CliSession, room: int) -> AsyncIterator[list[api.Line]]:
    first = 1
    while page := await session.call(api.LoadLinesFromCommand(room, first, PAGE, whole=True)):
        stored = [line for line in page if line.seq and line.seq >= first]
        if not stored:
            return
        yield stored
        first = (stored[-1].seq or first) + 1


def _show_progress(session: CliSession, seq: int, head: int) -> None:
    session.output.note(_("{done} of {all}").format(done=min(seq, head), all=head))
