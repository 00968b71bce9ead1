"""Why a command failed."""

import enum

from lanchat.protocol.codes import Code


class ErrorKind(enum.Enum):
    """Why a command failed; the command line maps it to an exit code."""

    NO_SERVER = "no_server"  # exit 3
    REFUSED = "refused"  # exit 4: credentials, rights; `code` says more
    IDENTITY = "identity"  # exit 5: the server's key changed, or was not accepted
    TIMEOUT = "timeout"  # exit 6 when a message stays in the outbox
    OFFLINE = "offline"  # the server is away and the command needs it
    LOCAL = "local"  # the profile on this computer: corrupt, locked, full disk
    INVALID = "invalid"  # the command itself makes no sense (unknown room, empty text)


class CommandError(Exception):
    """A command failed. `text` is one line in the person's language."""

    def __init__(self, trouble: ErrorKind, text: str, code: Code | None = None, retry_s: float = 0.0) -> None:
        """`code`: the server's, None when it gave none. `retry_s`: seconds after which the command may work, 0 when
        nobody knows."""
        super().__init__(text)
        self.trouble = trouble
        self.text = text
        self.code = code
        self.retry_s = retry_s


class ChangedIdentity(CommandError):
    """A known server, or its address, shows another key than before."""

    def __init__(self, text: str) -> None:
        """Of the kind IDENTITY, without a code."""
        super().__init__(ErrorKind.IDENTITY, text)
