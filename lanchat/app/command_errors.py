"""Why something does not work, as codes: from the server's refusals, the link's reasons and errors of this program."""

from lanchat.app.api import ChangedIdentity, CommandError, ErrorKind
from lanchat.core.events import StopReason
from lanchat.core.policy import Policy
from lanchat.core.session.states import Reason
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem, ProblemDetails, typed_problem
from lanchat.protocol.wire import Failure

# Refusals that are about the command's own words, not about rights.
_INVALID = frozenset(
    (Code.NAME_INVALID, Code.PASSWORD_INVALID, Code.EMAIL_INVALID, Code.BAD_TEXT, Code.TOO_LARGE, Code.NAME_TAKEN)
)
REASONS = {
    Reason.NO_ANSWER: Problem.NO_ANSWER,
    Reason.LOST: Problem.CONNECTION_LOST,
    Reason.STOPPING: Problem.SERVER_STOPPING,
    Reason.SILENT: Problem.SERVER_SILENT,
    Reason.REFUSED: Problem.SERVER_REFUSED,
    Reason.OTHER_HISTORY: Problem.OTHER_HISTORY,
    Reason.SHORTER_HISTORY: Problem.SHORTER_HISTORY,
    Reason.OVERLOADED: Problem.OVERLOADED,
    Reason.BROKEN: Problem.SERVER_UNREADABLE,
    Reason.LOCAL: Problem.COPY_UNWRITABLE,
}
_STOPS = {StopReason.FORKED: Problem.OTHER_HISTORY, StopReason.SERVER_BEHIND: Problem.SHORTER_HISTORY}
_UNSENDABLE = {
    "empty text": Problem.NOTHING_TO_SEND,
    "text too long": Problem.TEXT_TOO_LONG,
    "control character in text": Problem.BAD_TEXT,
}


def refused_with(code: int) -> ProblemDetails:
    """Why the server refused; of a code of a later version, that it did."""
    try:
        return ProblemDetails.of(Code(code))
    except ValueError:
        return ProblemDetails.of(Problem.SERVER_REFUSED)


def delayed(code: int, until: float) -> ProblemDetails:
    """Why a message waits. `until`: when there is room again, in seconds since the epoch; known of a user's quota
    only, and to the minute."""
    if code == Code.USER_QUOTA:
        return ProblemDetails.of(Problem.DELAYED_UNTIL, reason=refused_with(code), time=until // 60 * 60)
    return ProblemDetails.of(Problem.DELAYED, reason=refused_with(code))


def known_code(code: int) -> Code:
    """A code of a later version counts as BAD_REQUEST."""
    try:
        return Code(code)
    except ValueError:
        return Code.BAD_REQUEST


def refusal(failure: Failure) -> CommandError:
    """A request's failure as the error of a command."""
    code = known_code(failure.code)
    kind = ErrorKind.INVALID if code in _INVALID else ErrorKind.REFUSED
    return CommandError(kind, refused_with(failure.code), code, failure.retry_ms / 1000)


def link_problem(reason: Reason) -> ProblemDetails | None:
    """Why the link is in its state; None when there is nothing to say."""
    return None if reason is Reason.NONE else ProblemDetails.of(REASONS[reason])


def undecided(stop: StopReason | None = None, link: ProblemDetails | None = None) -> ProblemDetails:
    """Of a message that waits longer than somebody does. `stop`: why its room takes none in this session; `link`: why
    the link is in its state."""
    reason = ProblemDetails.of(_STOPS[stop]) if stop else link
    return ProblemDetails.of(Problem.UNDECIDED_AS, reason=reason) if reason else ProblemDetails.of(Problem.UNDECIDED)


def unsendable(error: ProtocolError) -> CommandError:
    """Why a text cannot be sent, from the words of ProtocolError."""
    return CommandError(ErrorKind.INVALID, _UNSENDABLE.get(str(error), Problem.UNSENDABLE))


def mistyped(error: ProtocolError) -> CommandError:
    """What is wrong with an address, invite link or fingerprint."""
    problem = typed_problem(error)
    if problem is None:
        return CommandError(ErrorKind.INVALID, Problem.OTHER, reason=str(error))
    return CommandError(ErrorKind.INVALID, problem)


def offline() -> CommandError:
    """The command needs the server, and there is no session or no answer."""
    return CommandError(ErrorKind.OFFLINE, Problem.OFFLINE)


def not_all_loaded() -> CommandError:
    """Of what takes too long to come."""
    return CommandError(ErrorKind.TIMEOUT, Problem.NOT_ALL_LOADED)


def unreadable() -> CommandError:
    """The server's answer breaks the protocol, or cannot be what was asked for."""
    return CommandError(ErrorKind.REFUSED, Problem.ANSWER_UNREADABLE)


def broken() -> CommandError:
    """A mistake of this program."""
    return CommandError(ErrorKind.LOCAL, Problem.INTERNAL_ERROR)


def ending() -> CommandError:
    """For commands that are under way when the client ends, or come later."""
    return CommandError(ErrorKind.OFFLINE, Problem.ENDING)


def not_logged_in() -> CommandError:
    """The command needs an account, and none is logged in or remembered."""
    return CommandError(ErrorKind.REFUSED, Problem.NOT_LOGGED_IN)


def no_server(host: str = "", *, own: bool = False) -> CommandError:
    """`own`: the address leads to this computer itself, on every computer."""
    if not host:
        return CommandError(ErrorKind.NO_SERVER, Problem.NO_SERVER_FOUND)
    if own:
        return CommandError(ErrorKind.NO_SERVER, Problem.NO_SERVER_HERE, address=host)
    return CommandError(ErrorKind.NO_SERVER, Problem.NO_SERVER_AT, address=host)


def changed_identity(name: str) -> ChangedIdentity:
    """The pinned key of a known server, or what stands at its address, is another now. `name`: the server's, as it may
    be shown."""
    return ChangedIdentity(name)


def check_search(policy: Policy) -> None:
    """Raises CommandError where an administrator switched the search for servers off."""
    if not policy.discovery:
        raise CommandError(ErrorKind.NO_SERVER, Problem.SEARCH_OFF, file=policy.file)


def other_identity(name: str) -> CommandError:
    """The server does not have the fingerprint that was given. `name`: the server's, as it may be shown."""
    return CommandError(ErrorKind.IDENTITY, Problem.OTHER_IDENTITY, name=name)
