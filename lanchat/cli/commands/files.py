"""`lanchat send-file` and `lanchat get-file`."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from lanchat.app import api
from lanchat.cli.commands.messages import STORED_TIMEOUT
from lanchat.cli.lines import room_name
from lanchat.cli.progress import TransferView
from lanchat.cli.session import CliSession
from lanchat.i18n import _
from lanchat.i18n.sizes import size_text
from lanchat.terminal.exits import NOT_STORED, CliError
from lanchat.terminal.output import shown
from lanchat.wording.problems import details_text

# Seconds without progress after which a transfer gives up; what is there stays.
PATIENCE = 60.0


@contextlib.contextmanager
def progress(session: CliSession) -> Iterator[None]:
    """Progress of transfers is shown meanwhile."""
    view = TransferView(session.output, asyncio.get_running_loop().time)
    session.on_progress = view.show
    try:
        yield
    finally:
        session.on_progress = None
        view.end()


async def send_file(session: CliSession) -> None:
    """Done when the contents are on the server and the message is stored. Exit code 6 when the message was not in
    time: then it stays in the outbox."""
    options = session.options
    await session.go_live()
    room = await session.room(options.room)
    with progress(session):
        paths, patience = tuple(options.files), session.deadline.left(PATIENCE)
        line = await session.call(
            api.SendFilesCommand(room.room, paths, options.text, options.reply_to, patience=patience)
        )
    stored = await session.wait_stored(line.id, session.deadline.left(STORED_TIMEOUT))
    if not isinstance(stored, int):
        raise CliError(NOT_STORED, shown(details_text(stored)))
    name = room_name(room, await session.people())
    values: dict[str, Any] = {"id": line.id, "room": name, "seq": stored}
    values["files"] = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in line.files]
    names = ", ".join(shown(file.name) for file in line.files)
    text = _("{names}: stored in {room} as #{seq}").format(names=names, room=shown(name), seq=stored)
    session.output.row(values, text)


async def get_file(session: CliSession) -> None:
    """Done when the file is saved, whole."""
    options = session.options
    await session.go_live()
    room = await session.room(options.room)
    with progress(session):
        patience = session.deadline.left(PATIENCE)
        saved = await session.call(
            api.FetchFileCommand(room.room, options.seq, options.index, options.out, patience=patience)
        )
    values = {
        "path": saved.path,
        "size": saved.size,
        "sha256": saved.sha256,
        "sources": {"server": saved.from_server, "peers": saved.from_peers},
    }
    text = _("Saved as {file}, {size}").format(file=shown(saved.path), size=size_text(saved.size))
    session.output.row(values, text)
