"""What people read when something does not work: one line for each code, reason and kind of trouble."""

import time

from lanchat.app.api import ChangedIdentity, CommandError, ErrorKind
from lanchat.core.events import StopReason
from lanchat.core.session.states import Reason
from lanchat.i18n import _
from lanchat.protocol.codes import Code
from lanchat.protocol.wire import Failure

# Refusals that are about the command's own words, not about rights.
_INVALID = frozenset(
    (Code.NAME_INVALID, Code.PASSWORD_INVALID, Code.EMAIL_INVALID, Code.BAD_TEXT, Code.TOO_LARGE, Code.NAME_TAKEN)
)


def code_text(code: int) -> str:
    """Why the server refused."""
    texts: dict[int, str] = {
        Code.BAD_REQUEST: _("The server did not understand: is this program newer or older than the server?"),
        Code.BAD_CREDENTIALS: _("Wrong name or password"),
        Code.NOT_ALLOWED: _("You may not do that"),
        Code.NOT_FOUND: _("There is no such thing, or it is not yours to see"),
        Code.NAME_TAKEN: _("This name is taken"),
        Code.NAME_INVALID: _("This name cannot be used"),
        Code.PASSWORD_INVALID: _("The password needs 8 characters or more"),
        Code.REGISTRATION_CLOSED: _("New accounts are made by the administrator of this server"),
        Code.INVITE_INVALID: _("The registration code is wrong, used up or too old"),
        Code.TOO_MANY_TRIES: _("Too many tries: wait a little"),
        Code.TOO_MANY_SESSIONS: _("You are connected too many times already"),
        Code.ACCOUNT_DISABLED: _("This account is disabled"),
        Code.DEVICE_REVOKED: _("This device was shut out: log in again"),
        Code.BUSY: _("The server is busy: try again in a moment"),
        Code.UNAVAILABLE: _("The server cannot store anything at the moment"),
        Code.RECOVERY_INVALID: _("The code is wrong or too old"),
        Code.EMAIL_INVALID: _("This is not an e-mail address"),
        Code.VERSION: _("The server speaks another version: update this program or the server"),
        Code.LAST_ADMINISTRATOR: _("The last administrator cannot be taken away"),
        Code.SETUP_NEEDED: _(
            "This server has no account yet. The first one is its administrator's: make it on the server's own"
            " computer, or with the set-up code that the server shows"
        ),
        Code.SETUP_INVALID: _("The set-up code is wrong, or no longer good: look at what the server shows now"),
        Code.LIMIT_REACHED: _("There are as many as this server allows: try again tomorrow, or ask its administrator"),
        Code.ARCHIVED: _("The room is archived: nobody can join it, and nothing in it can be changed"),
        Code.PASSWORD_NEEDED: _("Your password is needed for this"),
        Code.NOT_A_MEMBER: _("You are not a member of this room"),
        Code.BAD_SIGNATURE: _("The signature of the message does not hold"),
        Code.UNKNOWN_DEVICE: _("The server does not know this device"),
        Code.BAD_TEXT: _("The text has characters that are not allowed"),
        Code.TOO_LARGE: _("The text is too long"),
        Code.NO_SUCH_TARGET: _("There is no such message, or it was deleted"),
        Code.TARGET_NOT_YOURS: _("This is somebody else's message"),
        Code.AUTHOR_DISABLED: _("This account is disabled"),
        Code.TOO_MANY_CHANGES: _("This message was edited, or reacted to, as often as this server allows"),
        Code.ROOM_ARCHIVED: _("The room is archived: it can be read, and nothing can be sent there"),
        Code.ROOM_DELETED: _("The room was deleted: nothing can be sent there any more"),
        Code.UNSUPPORTED_KIND: _("The server does not take messages of this kind"),
        Code.BAD_HEADER: _("The server does not take messages of this kind"),
        Code.AUTHOR_REVOKED: _("This device was shut out: log in again"),
        Code.DISK_FULL: _("The server's disk is nearly full, so that it stores nothing new: tell its administrator"),
        Code.LOG_FULL: _("The server stores as many messages as it is allowed to: tell its administrator"),
        Code.USER_QUOTA: _("You have written as much as this server stores for one person a day"),
    }
    return texts.get(code) or _("The server refused")


def waits_text(code: int, wait: float) -> str:
    """Why a message waits, and until when."""
    then = _("The message is kept and goes by itself when there is room")
    if code == Code.USER_QUOTA:
        clock = time.strftime("%H:%M", time.localtime(time.time() + wait))
        then = _("The message is kept and goes by itself, at {time} or a little later").format(time=clock)
    return f"{code_text(code)}. {then}"


def known_code(code: int) -> Code:
    """A code of a later version counts as BAD_REQUEST."""
    try:
        return Code(code)
    except ValueError:
        return Code.BAD_REQUEST


def refusal(failure: Failure) -> CommandError:
    """A request's failure as the error of a command."""
    code = known_code(failure.code)
    trouble = ErrorKind.INVALID if code in _INVALID else ErrorKind.REFUSED
    return CommandError(trouble, code_text(failure.code), code, failure.retry_ms / 1000)


def reason_text(reason: Reason) -> str:
    """Why the link is in its state."""
    texts = {
        Reason.NONE: "",
        Reason.NO_ANSWER: _("The server does not answer"),
        Reason.LOST: _("The connection was lost"),
        Reason.STOPPING: _("The server is being restarted"),
        Reason.SILENT: _("The server has gone silent"),
        Reason.REFUSED: _("The server refused"),
        Reason.OTHER_HISTORY: _(
            "The server's history is not the one on this computer: what was received stays here, nothing is sent"
        ),
        Reason.SHORTER_HISTORY: _(
            "The server has lost messages that this computer still has: they stay here, nothing is sent"
        ),
        Reason.OVERTAXED: _("Messages come faster than this connection takes them"),
        Reason.BROKEN: _("The server sends what this program does not understand"),
        Reason.LOCAL: _("The local copy cannot be written"),
    }
    return texts[reason]


def stop_text(stop: StopReason) -> str:
    """Why a room takes no messages in this session."""
    return reason_text(
        {StopReason.FORKED: Reason.OTHER_HISTORY, StopReason.SERVER_BEHIND: Reason.SHORTER_HISTORY}[stop]
    )


def not_in_time(reason: str = "") -> str:
    """Of a message that waits longer than somebody does."""
    if reason:
        return _("{reason}. The message is kept and sent when that is over").format(reason=reason)
    return _("Not stored in time: the message is kept and sent later")


def text_problem(reason: str) -> CommandError:
    """Why a text cannot be sent, from the words of ProtocolError."""
    texts = {
        "empty text": _("There is nothing to send"),
        "text too long": _("The text is too long"),
        "control character in text": _("The text has characters that are not allowed"),
    }
    return CommandError(ErrorKind.INVALID, texts.get(reason, _("This cannot be sent")))


def offline() -> CommandError:
    """The command needs the server, and there is no session or no answer."""
    return CommandError(ErrorKind.OFFLINE, _("The server is away, and this needs it"))


def not_all_loaded() -> str:
    """Of what takes too long to come."""
    return _("Not everything could be loaded in time")


def unreadable() -> CommandError:
    """The server's answer breaks the protocol, or cannot be what was asked for."""
    return CommandError(ErrorKind.REFUSED, _("The server's answer cannot be read"))


def broken() -> CommandError:
    """A mistake of this program."""
    return CommandError(ErrorKind.LOCAL, _("Something went wrong inside the program."))


def ending() -> CommandError:
    """For commands that are under way when the client ends, or come later."""
    return CommandError(ErrorKind.OFFLINE, _("The program is ending"))


def not_logged_in() -> CommandError:
    """The command needs an account, and none is logged in or remembered."""
    return CommandError(ErrorKind.REFUSED, _("Not logged in"))


def no_server(host: str = "", *, own: bool = False) -> CommandError:
    """`own`: the address leads to this computer itself, on every computer."""
    if host:
        text = _("No server answers at {address}")
        if own:
            text = _("No server answers at {address}, which is always this computer itself")
        return CommandError(ErrorKind.NO_SERVER, text.format(address=host))
    return CommandError(ErrorKind.NO_SERVER, _("No server was found on this network"))


def changed_identity(name: str) -> ChangedIdentity:
    """The pinned key of a known server, or what stands at its address, is another now. `name`: the server's, as it may
    be shown."""
    text = _("The server {name} shows another identity than before. Do not go on; ask whoever runs it")
    return ChangedIdentity(text.format(name=name))


def other_identity(name: str) -> CommandError:
    """The server does not have the fingerprint that was given. `name`: the server's, as it may be shown."""
    text = _("The server {name} is not the one that was asked for: its fingerprint is another")
    return CommandError(ErrorKind.IDENTITY, text.format(name=name))
