"""Which exit code a failed command ends with."""

from lanchat.app.api import CommandError, ErrorKind
from lanchat.protocol.codes import Code
from lanchat.terminal.exits import FAILED, IDENTITY, NO_SERVER, REFUSED


def code_of(error: CommandError) -> int:
    """The exit code for what the network could not do. Not stored in time is told apart by who waited for it."""
    codes = {
        ErrorKind.NO_SERVER: NO_SERVER,
        ErrorKind.OFFLINE: NO_SERVER,
        ErrorKind.REFUSED: REFUSED,
        ErrorKind.IDENTITY: IDENTITY,
    }
    # The server would, but cannot: trying again may help, so it is no refusal.
    if error.code in (Code.BUSY, Code.UNAVAILABLE, Code.VERSION, Code.BAD_REQUEST):
        return FAILED
    # Whoever asks for somebody else's name is refused it, however the network counts that.
    if error.code is Code.NAME_TAKEN:
        return REFUSED
    return codes.get(error.kind, FAILED)
