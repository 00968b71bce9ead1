"""Codes for what a person is told: why something failed, or what happened once.

What is below the faces of a program (window, command line) says it with a code and values; `lanchat.wording` has the
words. The value of a `Problem` is its description in English for logs and developers; its placeholders are the names of
the values.
"""

import enum
import string
from collections.abc import Callable
from typing import Self

import msgspec

from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError


@enum.unique
class Problem(enum.Enum):
    """One member for each text that people read; see `ProblemDetails` for the values. `time`: seconds since the epoch;
    `reason`: what is behind it, in the operating system's or a library's words or as `ProblemDetails`."""

    OTHER = "{reason}"

    # Files (lanchat.platform)
    OTHER_OWNER = "it belongs to another user"
    WRITABLE_BY_ALL = "everybody may write to it; use chmod o-w"
    OPEN_TO_OTHERS = "others on this computer can read it, and its rights cannot be changed"
    SYMBOLIC_LINK = "it is a symbolic link"
    NOT_A_FILE = "it is not a file"
    STDIN_CLOSED = "standard input is closed"
    STDOUT_CLOSED = "standard output is closed"
    CHANGED_WHILE_READ = "it changed while it was read"
    LARGER_THAN_TAKEN = "it is larger than what is taken"
    LINK_LEADS_OUT = "it is a link that leads out of the folder, or to a folder"
    NAME_NOT_TEXT = "its name is not UTF-8 text"
    TOO_MANY_ENTRIES = "the folder has too many files"
    ALREADY_THERE = "another file has this name"
    BEING_WRITTEN = "another process is writing it"

    # The profile and the local copy (lanchat.store)
    FILE_LOCKED = "another process keeps {file} locked"
    FILE_UNUSABLE = "the file {file} cannot be used: {reason}"
    FILE_SET_ASIDE = "{file} could not be read and is set aside as {aside}"
    FILE_CANNOT_HOLD = "{file} cannot hold this: {reason}"
    PROFILE_UNUSABLE = "the profile {folder} cannot be used: {reason}"
    OTHER_IDENTITY_KNOWN = "another identity is known for the server {name}"
    SETTINGS_UNUSABLE = "settings that cannot be used are set aside: {names}"
    SETTINGS_UNREADABLE = "the settings could not be read and are set aside as {file}"
    SETTINGS_IN_UTF16 = "the settings are in UTF-16 and set aside as {file}"
    COPY_UNUSABLE = "the local copy {file} cannot be used: {reason}"
    COPY_DAMAGED = "the local copy {file} is damaged"
    COPY_CLOSED = "the local copy is closed"
    COPY_NEWER = "the local copy was made by a newer program (format {found}, known is {known})"
    COPY_INTERRUPTED = "the local copy of room {room} does not continue here"
    COPY_RECOVERED = "the local copy was damaged and is set aside as {file}; {kept}"
    COPY_REPLACED = "the local copy was damaged and another process replaced it"
    COPY_IN_USE = "the local copy {file} is damaged and another process has it open"
    MESSAGES_KEPT = "{count} messages that were not sent yet are kept"
    NOT_WRITABLE = "it may not be written"
    DISK_FULL = "the disk is full"
    LOCKED = "another program keeps it locked"

    # What an administrator fixed on this computer (lanchat.store.policy)
    POLICY_WRITABLE = "the policy {file} is ignored: others may write it"
    POLICY_TOO_LONG = "the policy {file} is too long"
    POLICY_NOT_TEXT = "the policy {file} is not UTF-8"
    POLICY_NOT_TOML = "the policy {file} is not TOML: line {line}, column {column}"
    POLICY_UNKNOWN_KEY = "the policy {file} has the unknown key {key}"
    POLICY_VALUE = "the policy {file}: {key} is none of {choices}"
    POLICY_LINK = "the policy {file}: {key}: {reason}"
    SERVER_FIXED = "the policy {file} fixes the server"
    SEARCH_OFF = "the policy {file} switches the search off"
    # The link to the server
    NO_ANSWER = "the server does not answer"
    CONNECTION_LOST = "the connection was lost"
    SERVER_STOPPING = "the server is being restarted"
    SERVER_SILENT = "the server has gone silent"
    SERVER_REFUSED = "the server refused"
    OTHER_HISTORY = "the server's history is another one"
    SHORTER_HISTORY = "the server's history is shorter"
    OVERLOADED = "messages come faster than the connection takes them"
    SERVER_UNREADABLE = "the server breaks the protocol"
    COPY_UNWRITABLE = "the local copy cannot be written"
    SERVER_SET_UP_ANEW = "the server has another log"
    OTHER_SERVER = "another server answers at the known address"

    # Finding a server, and log-in
    NO_SERVER_FOUND = "no server was found"
    NO_SERVER_AT = "no server answers at {address}"
    NO_SERVER_HERE = "no server answers at {address}, which is this computer"
    NOT_A_SERVER = "what answers at {address} is no server"
    SEVERAL_SERVERS = "several servers answer: {names}"
    CHANGED_IDENTITY = "the server {name} shows another identity than before"
    OTHER_IDENTITY = "the server {name} is not the one that was asked for"
    NO_SERVER_TO_ACCEPT = "there is no server to accept"
    NOT_CONNECTED = "there is no server yet"
    NOT_LOGGED_IN = "not logged in"

    # Commands
    OFFLINE = "the server is away"
    ANSWER_UNREADABLE = "the server's answer cannot be read"
    INTERNAL_ERROR = "internal error of this program"
    ENDING = "the program is ending"
    NETWORK_FAILED = "the network could not be started: {reason}"
    NOT_ALL_LOADED = "not everything could be loaded in time"
    UNKNOWN_ROOM = "room {name} does not exist"
    NOT_A_DAY = "{text} is not a day"
    SEVERAL_ROOMS = "several rooms are named {name}: {rooms}"
    SEVERAL_ROOM_IDS = "several rooms have the name {name}: {ids}"
    ROOM_WITH_CREATOR = "{number} (made by {name})"
    NOT_IN_ROOM = "not in this room"
    ROOM_WAS_DELETED = "room {name} was deleted"
    UNKNOWN_USER = "there is nobody called {name}"
    DEVICE_ID_TOO_SHORT = "not the first digits of a device's id"
    DEVICE_ID_AMBIGUOUS = "no device, or more than one, has an id that begins so"
    INVITE_ID_TOO_SHORT = "not the first digits of a registration code's id"
    INVITE_ID_AMBIGUOUS = "no registration code, or more than one, has an id that begins so"
    NOT_A_MESSAGE_ID = "not the id of a message"

    # Messages
    NOTHING_TO_SEND = "there is nothing to send"
    TEXT_TOO_LONG = "the text is too long"
    BAD_TEXT = "the text has characters that are not allowed"
    UNSENDABLE = "this cannot be sent"
    TOO_MANY_FILES = "a message has at most {count} files"
    NO_SUCH_FILE = "the message has no file {number}"
    SOURCE_UNREADABLE = "{file} cannot be read: {reason}"
    FILE_NOT_SAVED = "{file} cannot be saved: {reason}"
    UNDECIDED = "the message is not stored in time"
    UNDECIDED_AS = "the message is not stored in time: {reason}"
    DELAYED = "the message waits for room: {reason}"
    DELAYED_UNTIL = "the message waits until {time}: {reason}"

    # What was typed. Those whose description is a text of ProtocolError: see `typed_problem`.
    BAD_CHARACTER = "{character} cannot be used: character {position}"
    NOT_UTF8 = "not UTF-8 text: character {position} is {character}"
    PASSWORD_NOT_UTF8 = "the password is not UTF-8 text: character {position}"  # noqa: S105 - a description
    BAD_USER_NAME = "not a user name"
    BAD_DISPLAY_NAME = "not a display name"
    BAD_ROOM_NAME = "not a room name"
    BAD_EMAIL = "not an e-mail address"
    REACTION_WITH_HYPHEN = "a reaction does not begin with a hyphen"
    INVITE_DAMAGED = "not an invite link"
    INVITE_CUT_SHORT = "invite link cut short"
    INVITE_TOO_LONG = "invite link too long"
    SEVERAL_INVITES = "several invite links"
    INVITE_OF_OTHER_VERSION = "invite link of another version"
    NOT_AN_ADDRESS = "not an address"
    NOT_A_FINGERPRINT = "a fingerprint has 64 hex digits"


class ProblemDetails(msgspec.Struct, frozen=True):
    """What a person is told, without the words. `problem`: a member of ours, or the code with which the server
    refused."""

    problem: Problem | Code
    values: tuple[tuple[str, "Value"], ...] = ()

    @classmethod
    def of(cls, problem: Problem | Code, /, **values: "Value") -> Self:
        """`values`: those that the placeholders of the problem's description name."""
        return cls(problem, tuple(values.items()))

    def __str__(self) -> str:
        """The description with its values, one line in English."""
        if isinstance(self.problem, Code):
            return f"the server refused: {self.problem.name}"
        return self.problem.value.format(**{name: value_text(value, str) for name, value in self.values})


# A list is given as a tuple.
Value = str | int | float | ProblemDetails | tuple[str | ProblemDetails, ...]


def value_text(value: Value, words: Callable[[ProblemDetails], str]) -> str:
    """A value as a text has it; `words` says what a value means that is a problem itself."""
    if isinstance(value, tuple):
        return ", ".join(value_text(each, words) for each in value)
    return words(value) if isinstance(value, ProblemDetails) else str(value)


def placeholders(text: str) -> frozenset[str]:
    """The names of the values that a text needs."""
    return frozenset(name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None)


_TYPED = {
    each.value: each
    for each in (
        Problem.INVITE_DAMAGED,
        Problem.INVITE_CUT_SHORT,
        Problem.INVITE_TOO_LONG,
        Problem.SEVERAL_INVITES,
        Problem.INVITE_OF_OTHER_VERSION,
        Problem.NOT_AN_ADDRESS,
        Problem.NOT_A_FINGERPRINT,
    )
}


def typed_problem(error: ProtocolError) -> Problem | None:
    """What is wrong with an address, invite link or fingerprint, from the words of ProtocolError; None: something else
    than those say."""
    return _TYPED.get(str(error))
