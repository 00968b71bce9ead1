"""Why a command failed."""

import enum

from lanchat.app.api.values import Server
from lanchat.protocol.codes import Code
from lanchat.protocol.problems import Problem, ProblemDetails, Value


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
    """A command failed. `details`: why, as code and values; `code`: the server's, when it refused; `retry_s`: when it
    takes the next try, in seconds. `str` is a description in English for logs."""

    def __init__(
        self,
        kind: ErrorKind,
        problem: Problem | Code | ProblemDetails,
        code: Code | None = None,
        retry_s: float = 0.0,
        **values: Value,
    ) -> None:
        """`values`: those of a `problem` that comes without. `code`: None when the server gave none; a `problem` that
        is the server's code is `code`, too. `retry_s`: 0 when nobody knows."""
        self.kind = kind
        self.details = problem if isinstance(problem, ProblemDetails) else ProblemDetails.of(problem, **values)
        self.code = problem if isinstance(problem, Code) else code
        self.retry_s = retry_s
        super().__init__(str(self.details))


class ChangedIdentity(CommandError):
    """A known server, or its address, shows another key than before."""

    def __init__(self, name: str, server: Server | None = None) -> None:
        """Of the kind IDENTITY, without a code. `name`: of the server. `server`: as it shows itself now, when it may be
        started anew with."""
        self.server = server
        super().__init__(ErrorKind.IDENTITY, Problem.CHANGED_IDENTITY, name=name)
