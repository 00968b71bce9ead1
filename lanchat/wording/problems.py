"""The words for each `Problem` and for each code with which a server refuses.

A text is added here together with its member; tests walk the table in both languages.
"""

import time
from collections.abc import Mapping

from lanchat.app.api import CommandError
from lanchat.core.ports import LocalStoreError
from lanchat.i18n import N_, _, ngettext
from lanchat.i18n.input_rules import INPUT_TEXTS, input_text
from lanchat.i18n.os_errors import FILE_TEXTS
from lanchat.protocol.codes import Code
from lanchat.protocol.problems import Problem, ProblemDetails, Value, value_text

CODE_TEXTS = {
    Code.BAD_REQUEST: N_("The server did not understand: is this program newer or older than the server?"),
    Code.BAD_CREDENTIALS: N_("Wrong name or password"),
    Code.NOT_ALLOWED: N_("You may not do that"),
    Code.NOT_FOUND: N_("Not found, or no access"),
    Code.NAME_TAKEN: N_("This name is taken"),
    Code.NAME_INVALID: N_("This name cannot be used"),
    Code.PASSWORD_INVALID: N_("The password needs 8 characters or more"),
    Code.REGISTRATION_CLOSED: N_("New accounts are made by the administrator of this server"),
    Code.INVITE_INVALID: N_("The invite code is wrong, used up or expired"),
    Code.TOO_MANY_TRIES: N_("Too many tries: wait a little"),
    Code.TOO_MANY_SESSIONS: N_("You are connected too many times already"),
    Code.ACCOUNT_DISABLED: N_("This account is disabled"),
    Code.DEVICE_REVOKED: N_("This device was shut out: log in again"),
    Code.BUSY: N_("The server is busy: try again in a moment"),
    Code.UNAVAILABLE: N_("The server cannot store anything at the moment"),
    Code.RECOVERY_INVALID: N_("The code is wrong or too old"),
    Code.EMAIL_INVALID: N_("This is not an e-mail address"),
    Code.VERSION: N_("The server speaks another version: update this program or the server"),
    Code.LAST_ADMINISTRATOR: N_("The last administrator cannot be taken away"),
    Code.SETUP_NEEDED: N_(
        "This server has no account yet. The first one is its administrator's: make it on the server's own"
        " computer, or with the set-up code that the server shows"
    ),
    Code.SETUP_INVALID: N_("The set-up code is wrong, or no longer good: look at what the server shows now"),
    Code.LIMIT_REACHED: N_("There are as many as this server allows: try again tomorrow, or ask its administrator"),
    Code.ARCHIVED: N_("The room is archived: nobody can join it, and nothing in it can be changed"),
    Code.FILE_TOO_LARGE: N_("The file is larger than this server takes"),
    Code.PASSWORD_NEEDED: N_("Your password is needed for this"),
    Code.NOT_A_MEMBER: N_("You are not a member of this room"),
    Code.BAD_SIGNATURE: N_("The signature of the message does not hold"),
    Code.UNKNOWN_DEVICE: N_("The server does not know this device"),
    Code.BAD_TEXT: N_("The text has characters that are not allowed"),
    Code.TOO_LARGE: N_("The text is too long"),
    Code.NO_SUCH_TARGET: N_("There is no such message, or it was deleted"),
    Code.TARGET_NOT_YOURS: N_("This is somebody else's message"),
    Code.AUTHOR_DISABLED: N_("This account is disabled"),
    Code.TOO_MANY_CHANGES: N_("This message was edited, or reacted to, as often as this server allows"),
    Code.ROOM_ARCHIVED: N_("The room is archived: it can be read, and nothing can be sent there"),
    Code.ROOM_DELETED: N_("The room was deleted: nothing can be sent there any more"),
    Code.UNSUPPORTED_KIND: N_("The server does not take messages of this kind"),
    Code.BAD_HEADER: N_("The server does not take messages of this kind"),
    Code.AUTHOR_REVOKED: N_("This device was shut out: log in again"),
    Code.DISK_FULL: N_("The server's disk is nearly full, so that it stores nothing new: tell its administrator"),
    Code.LOG_FULL: N_("The server stores as many messages as it is allowed to: tell its administrator"),
    Code.USER_QUOTA: N_("You have written as much as this server stores for one person a day"),
    Code.CONTENTS_MISSING: N_("The server does not have the contents of the files: they have to be sent again"),
}
TEXTS = {
    **FILE_TEXTS,
    Problem.OTHER: "{reason}",
    # The profile and the local copy
    Problem.FILE_LOCKED: N_("Another LAN Chat on this computer keeps {file} locked"),
    Problem.FILE_UNUSABLE: N_("The file {file} cannot be used: {reason}"),
    Problem.FILE_SET_ASIDE: N_("{file} could not be read and is set aside as {aside}"),
    Problem.FILE_CANNOT_HOLD: N_("{file} cannot hold this: {reason}"),
    Problem.PROFILE_UNUSABLE: N_("The profile {folder} cannot be used: {reason}"),
    Problem.OTHER_IDENTITY_KNOWN: N_("Another identity is known for the server {name}"),
    Problem.SETTINGS_UNUSABLE: N_("Settings that cannot be used were set aside, and the defaults hold: {names}"),
    Problem.SETTINGS_UNREADABLE: N_(
        "The settings could not be read: they are set aside as {file} and the defaults hold"
    ),
    Problem.SETTINGS_IN_UTF16: N_(
        "The settings are in UTF-16, not UTF-8: they are set aside as {file} and the defaults hold"
    ),
    Problem.COPY_UNUSABLE: N_("The local copy {file} cannot be used: {reason}"),
    Problem.COPY_DAMAGED: N_("The local copy {file} is damaged"),
    Problem.COPY_CLOSED: N_("The local copy is closed"),
    Problem.COPY_NEWER: N_("The local copy was made by a newer LAN Chat (format {found}, this one knows {known})"),
    Problem.COPY_INTERRUPTED: N_("The local copy of room {room} does not continue here"),
    Problem.COPY_RECOVERED: N_(
        "The local copy was damaged: it is set aside as {file} and read again from the server; {kept}"
    ),
    Problem.COPY_REPLACED: N_("The local copy was damaged and another LAN Chat on this computer replaced it"),
    Problem.COPY_IN_USE: N_(
        "The local copy {file} is damaged and another LAN Chat on this computer has it open: close that one and try"
        " again"
    ),
    Problem.NOT_WRITABLE: N_("it may not be written"),
    Problem.DISK_FULL: N_("the disk is full"),
    Problem.LOCKED: N_("another program keeps it locked"),
    # What an administrator fixed on this computer
    Problem.POLICY_WRITABLE: N_(
        "The policy {file} is ignored: others than administrators and you may change it or its folder"
    ),
    Problem.POLICY_TOO_LONG: N_("The policy {file} cannot be used: it is longer than 64 KiB. Ask your administrator"),
    Problem.POLICY_NOT_TEXT: N_("The policy {file} cannot be used: it is not UTF-8 text. Ask your administrator"),
    Problem.POLICY_NOT_TOML: N_(
        "The policy {file} cannot be used: it is not valid TOML in line {line}, column {column}. Ask your administrator"
    ),
    Problem.POLICY_UNKNOWN_KEY: N_(
        "The policy {file} cannot be used: there is no setting {key}. Ask your administrator"
    ),
    Problem.POLICY_VALUE: N_(
        "The policy {file} cannot be used: {key} must be one of {choices}. Ask your administrator"
    ),
    Problem.POLICY_LINK: N_("The policy {file} cannot be used: {key}: {reason}"),
    Problem.SERVER_FIXED: N_(
        "The administrator of this computer has set the server ({file}): no other one can be connected to"
    ),
    Problem.SEARCH_OFF: N_(
        "The administrator of this computer has switched the search for servers off ({file}): give an address or an"
        " invite link"
    ),
    # The link to the server
    Problem.NO_ANSWER: N_("The server does not answer"),
    Problem.CONNECTION_LOST: N_("The connection was lost"),
    Problem.SERVER_STOPPING: N_("The server has stopped or is restarting"),
    Problem.SERVER_SILENT: N_("The server has stopped answering"),
    Problem.SERVER_REFUSED: N_("The server refused"),
    Problem.OTHER_HISTORY: N_(
        "The server's history is not the one on this computer: what was received stays here, nothing is sent"
    ),
    Problem.SHORTER_HISTORY: N_(
        "The server has lost messages that this computer still has: they stay here, nothing is sent"
    ),
    Problem.OVERLOADED: N_("Messages come faster than this connection takes them"),
    Problem.SERVER_UNREADABLE: N_("The server sends what this program does not understand"),
    Problem.COPY_UNWRITABLE: N_("The local copy cannot be written"),
    Problem.SERVER_SET_UP_ANEW: N_("The server was set up anew: it does not know this account any more"),
    Problem.OTHER_SERVER: N_("Another server answers at the known address"),
    # Finding a server, and log-in
    Problem.NO_SERVER_FOUND: N_("No server was found on this network"),
    Problem.NO_SERVER_AT: N_("No server answers at {address}"),
    Problem.NO_SERVER_HERE: N_("No server answers at {address}, which is always this computer itself"),
    Problem.NOT_A_SERVER: N_("What answers at {address} is no LAN Chat server"),
    Problem.SEVERAL_SERVERS: N_("Several servers answer, choose one: {names}"),
    Problem.CHANGED_IDENTITY: N_(
        "The server {name} shows another identity than before. Do not go on; ask whoever runs it"
    ),
    Problem.OTHER_IDENTITY: N_("The server {name} is not the one that was asked for: its fingerprint is another"),
    Problem.NO_SERVER_TO_ACCEPT: N_("There is no server to accept"),
    Problem.NOT_CONNECTED: N_("There is no server yet: connect first"),
    Problem.NOT_LOGGED_IN: N_("Not logged in"),
    # Commands
    Problem.OFFLINE: N_("The server is away, and this needs it"),
    Problem.ANSWER_UNREADABLE: N_("The server's answer cannot be read"),
    Problem.INTERNAL_ERROR: N_("Something went wrong inside the program."),
    Problem.ENDING: N_("The program is ending"),
    Problem.NETWORK_FAILED: N_("The network could not be started: {reason}"),
    Problem.NOT_ALL_LOADED: N_("Not everything could be loaded in time"),
    Problem.UNKNOWN_ROOM: N_("Room {name} does not exist"),
    Problem.NOT_A_DAY: N_("{text} is not a day: write it as 2026-11-30 or 30.11.2026"),
    Problem.SEVERAL_ROOMS: N_("Several rooms are named {name}. Give the number of the one that is meant: {rooms}"),
    Problem.SEVERAL_ROOM_IDS: N_("Several rooms are called {name}: give the id of one of them ({ids})"),
    Problem.ROOM_WITH_CREATOR: N_("{number} (made by {name})"),
    Problem.NOT_IN_ROOM: N_("You are not in this room"),
    Problem.ROOM_WAS_DELETED: N_("Room {name} was deleted, for everybody and for good"),
    Problem.UNKNOWN_USER: N_("There is nobody called {name}"),
    Problem.DEVICE_ID_TOO_SHORT: N_("Give at least the first eight digits of the device's id"),
    Problem.DEVICE_ID_AMBIGUOUS: N_("The device was not found, or there are several: see the list of devices"),
    Problem.INVITE_ID_TOO_SHORT: N_("Give at least the first eight digits of the code's id"),
    Problem.INVITE_ID_AMBIGUOUS: N_("The code was not found, or there are several: see the list of codes"),
    Problem.NOT_A_MESSAGE_ID: N_("This is not the id of a message"),
    # Messages
    Problem.NOTHING_TO_SEND: N_("There is nothing to send"),
    Problem.TEXT_TOO_LONG: N_("The text is too long"),
    Problem.BAD_TEXT: N_("The text has characters that are not allowed"),
    Problem.UNSENDABLE: N_("This cannot be sent"),
    Problem.TOO_MANY_FILES: N_("A message has at most {count} files"),
    Problem.NO_SUCH_FILE: N_("The message has no file number {number}"),
    Problem.SOURCE_UNREADABLE: N_("{file} cannot be read: {reason}"),
    Problem.FILE_NOT_SAVED: N_("{file} cannot be saved: {reason}"),
    Problem.UNDECIDED: N_("Not stored in time: the message is kept and sent later"),
    Problem.UNDECIDED_AS: N_("{reason}. The message is kept and sent when that is over"),
    Problem.DELAYED: N_("The message is kept and goes by itself when there is room"),
    Problem.DELAYED_UNTIL: N_("The message is kept and goes by itself, at {time} or a little later"),
    # What was typed
    **INPUT_TEXTS,
    Problem.PASSWORD_NOT_UTF8: N_("The password is not UTF-8 text: see its character {position}"),
    Problem.REACTION_WITH_HYPHEN: N_("A reaction does not begin with a hyphen"),
}
# Their text is a second sentence, after that of their reason.
SECOND_SENTENCES = frozenset((Problem.DELAYED, Problem.DELAYED_UNTIL))


def error_text(error: CommandError | LocalStoreError) -> str:
    """Why a command or the profile failed: one line, mostly without a full stop."""
    return details_text(error.details)


def details_text(details: ProblemDetails | None) -> str:
    """What a person is told, in the language in use; empty for None."""
    if details is None:
        return ""
    values = dict(details.values)
    if isinstance(details.problem, Code):
        return code_text(details.problem)
    if details.problem is Problem.MESSAGES_KEPT:
        return _messages_kept(values)
    words = {name: _words(name, value) for name, value in values.items()}
    if details.problem in INPUT_TEXTS:
        return input_text(details.problem, words).removesuffix(".")
    text = _(TEXTS[details.problem]).format(**words)
    return f"{words['reason']}. {text}" if details.problem in SECOND_SENTENCES else text


def code_text(code: Code) -> str:
    """Why the server refused."""
    return _(CODE_TEXTS[code])


def _messages_kept(values: Mapping[str, Value]) -> str:
    count = values["count"]
    assert isinstance(count, int)
    return ngettext(
        "{count} message that was not sent yet is kept",
        "{count} messages that were not sent yet are kept",
        count,
    ).format(count=count)


def _words(name: str, value: Value) -> str:
    """A `time`, in seconds since the epoch, is shown as clocks show it here."""
    if name == "time" and isinstance(value, float):
        return time.strftime("%H:%M", time.localtime(value))
    return value_text(value, details_text)
