"""Commands about files: sending them with a message, and saving one."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind, FetchedFile, Line
from lanchat.app.command_errors import unsendable
from lanchat.app.commands.conversation import load_lines_from, send_message
from lanchat.app.commands.rooms import joined_room
from lanchat.app.transfers.download import NamedContents, download, unwritable_file
from lanchat.app.transfers.link import TransferLink
from lanchat.app.transfers.upload import HashedFile, Report, hashed, open_file, upload
from lanchat.app.transfers.worker import DiskWorker
from lanchat.platform.disk.saving import Place, place_of
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import FILES_MAX
from lanchat.protocol.log.files import Manifest, encode_file_body
from lanchat.protocol.log.messages import Kind, check_body
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.file_names import safe_file_name

# Seconds for a message whose number is known already to come.
RECORD_PATIENCE = 2.0

if TYPE_CHECKING:
    from lanchat.app.account_session import AccountSession
    from lanchat.app.client_state import ClientState


async def send_files(client: "ClientState", command: api.SendFilesCommand) -> Line:
    """See SendFilesCommand. Raises CommandError, also LOCAL for a file that cannot be read; nothing is sent then."""
    member = client.logged_in()
    if joined_room(member, command.room).archived:
        raise CommandError(ErrorKind.REFUSED, wire.Code.ROOM_ARCHIVED)
    if not command.paths:
        raise CommandError(ErrorKind.INVALID, Problem.NOTHING_TO_SEND)
    if len(command.paths) > FILES_MAX:
        raise CommandError(ErrorKind.INVALID, Problem.TOO_MANY_FILES, count=FILES_MAX)
    link, worker, files = TransferLink(member, command.patience), DiskWorker(), list[HashedFile]()
    try:
        for path in command.paths:
            source = await open_file(worker, path, client.profile.directory)
            try:
                files.append(await hashed(worker, source, _report(client, command.room, source.name, source.size)))
            except BaseException:
                worker.begin(source.close)
                raise
        body = _body(command.text, [file.manifest for file in files])
        for file in files:
            report = _report(client, command.room, file.manifest.name, file.manifest.size)
            await link.do(lambda link, file=file, report=report: upload(link, worker, file, report))  # type: ignore[misc]
        return send_message(member, command.room, Kind.FILE, body, command.reply_to)
    finally:
        link.close()
        for file in files:
            worker.begin(file.source.close)
        worker.close()


def _body(text: str, manifests: list[Manifest]) -> str:
    """Raises CommandError for a text that cannot be sent, before anything is uploaded."""
    try:
        body = encode_file_body(text, manifests)
        check_body(Kind.FILE, body)
    except ProtocolError as error:
        raise unsendable(error) from error
    return body


def _report(client: "ClientState", room: int, name: str, size: int) -> Report:
    def report(done: int, hashing: bool) -> None:
        client.emit(api.TransferProgress(room, safe_file_name(name), done, size, hashing))

    return report


async def fetch_file(client: "ClientState", command: api.FetchFileCommand) -> FetchedFile:
    """See FetchFileCommand. Raises CommandError: REFUSED where there is no such message or it was deleted, INVALID for
    an index that it does not have, LOCAL for a file that cannot be saved."""
    member = client.logged_in()
    room = joined_room(member, command.room).id
    manifest = await _manifest(client, member, room, command)
    wanted = NamedContents(room, command.seq, manifest)
    link, worker = TransferLink(member, command.patience), DiskWorker()
    try:
        place = await _place(worker, lambda: place_of(command.out, safe_file_name(manifest.name)), command.out)
        report = _report(client, room, manifest.name, manifest.size)
        return await download(link, worker, wanted, place, report)
    finally:
        link.close()
        worker.close()


async def _manifest(
    client: "ClientState", member: "AccountSession", room: int, command: api.FetchFileCommand
) -> Manifest:
    # The number may be known before the message is here.
    await member.wait_for(lambda: member.core.cursor(room) >= command.seq, RECORD_PATIENCE)
    fold = member.book.state(room).fold
    found = fold.folded(command.seq)
    if found is None:  # not here yet, or its author's certificate is not
        await load_lines_from(client, api.LoadLinesFromCommand(room, command.seq, 1))
        found = fold.folded(command.seq)
    if found is None or found.deleted:
        raise CommandError(ErrorKind.REFUSED, wire.Code.NO_SUCH_TARGET)
    if not 0 <= command.index < len(found.files):
        raise CommandError(ErrorKind.INVALID, Problem.NO_SUCH_FILE, number=command.index)
    return found.files[command.index]


async def _place(worker: DiskWorker, find: Callable[[], Place], out: str) -> Place:
    try:
        return await worker.run(find)
    except OSError as error:
        raise unwritable_file(str(Path(out)), error) from error


HANDLERS: dict[type, Any] = {
    api.SendFilesCommand: send_files,
    api.FetchFileCommand: fetch_file,
}
