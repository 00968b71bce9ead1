"""Commands about files."""

from lanchat.app.api.commands import Command
from lanchat.app.api.values import FetchedFile, Line


class SendFilesCommand(Command[Line], frozen=True):
    """Send files with a text, which may be empty. `paths`: files and folders, "-" for standard input. The line is the
    result once the contents are on the server and the message is durable in the outbox; `LineStored` or `LineRefused`
    follows. `TransferProgress` tells how far it is. A broken connection is made anew for as long as `patience` seconds
    without progress."""

    room: int
    paths: tuple[str, ...]
    text: str = ""
    reply_to: int = 0
    patience: float = 60.0


class FetchFileCommand(Command[FetchedFile], frozen=True):
    """Save file number `index` (from 0) of message `seq`. `out`: a folder, or a file that is not there yet; empty: the
    current folder. It goes on where an earlier one ended; `TransferProgress` and `patience` as in SendFilesCommand."""

    room: int
    seq: int
    index: int = 0
    out: str = ""
    patience: float = 60.0
