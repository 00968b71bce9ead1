"""Exit codes, a contract with scripts, and the one error that ends a command with a line for the person."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lanchat.net.api import CommandError

DONE = 0
FAILED = 1
USAGE = 2
NO_SERVER = 3
REFUSED = 4
IDENTITY = 5
NOT_STORED = 6
INTERRUPTED = 130


class CliError(Exception):
    """The command ends with this exit code; the text is one line in the person's language."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def code_of(error: "CommandError") -> int:
    """The exit code for what the network could not do. Not stored in time is told apart by who waited for it."""
    from lanchat.net.api import Trouble
    from lanchat.protocol.wire import Code

    codes = {
        Trouble.NO_SERVER: NO_SERVER,
        Trouble.OFFLINE: NO_SERVER,
        Trouble.REFUSED: REFUSED,
        Trouble.IDENTITY: IDENTITY,
    }
    # The server would, but cannot: trying again may help, so it is no refusal.
    if error.code in (Code.BUSY, Code.UNAVAILABLE, Code.VERSION, Code.BAD_REQUEST):
        return FAILED
    # Whoever asks for somebody else's name is refused it, however the network counts that.
    if error.code is Code.NAME_TAKEN:
        return REFUSED
    return codes.get(error.trouble, FAILED)
