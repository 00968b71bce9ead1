"""What people hand in with a command, cleaned: used by the window and the command line before a command is run.

Texts lose what rides along unseen (lanchat.protocol.text.cleaning), names also their double blanks, reactions get their
one form. What cannot be left out is named with its place. Passwords stay as they are.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind
from lanchat.platform.disk.named import named_path
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem
from lanchat.protocol.text import names
from lanchat.protocol.text.cleaning import (
    SURROGATE,
    TextError,
    character_problem,
    check_surrogates,
    clean_line,
    clean_text,
)
from lanchat.protocol.text.identity import tidy_address, tidy_fingerprint
from lanchat.protocol.text.reactions import BACK, normal_reaction

C = TypeVar("C", bound=api.Command[Any])
Cleaner = Callable[[str], str]


def cleaned(command: C) -> C:
    """The command with its texts cleaned. Raises CommandError."""
    cleaners = _FIELDS.get(type(command))
    if cleaners is None:
        return command
    try:
        changes = {field: clean(value) for field, clean in cleaners.items() if (value := getattr(command, field))}
    except TextError as error:
        raise CommandError(ErrorKind.INVALID, character_problem(error)) from error
    changed = {field: value for field, value in changes.items() if value != getattr(command, field)}
    return replace(command, **changed) if changed else command


def _text(text: str) -> str:
    check_surrogates(text)
    return clean_text(text)


def _words(text: str) -> str:
    check_surrogates(text)
    return clean_line(text)


def _paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(named_path, paths))


def _reaction(text: str) -> str:
    check_surrogates(text)
    form = normal_reaction(text)
    if form.startswith(BACK):
        raise CommandError(ErrorKind.INVALID, Problem.REACTION_WITH_HYPHEN)
    return form


def _name(name: str) -> str:
    check_surrogates(name)
    return names.tidy_name(name)


def _plain(name: str) -> str:
    """A user name, a code: nothing in it needs a joiner."""
    check_surrogates(name)
    return names.tidy_name(name, joiners=False)


def _new(clean: Cleaner, tidy: Cleaner, problem: Problem, code: Code = Code.NAME_INVALID) -> Cleaner:
    """A name that is being chosen: what is wrong with it is said here. One that is left out is judged later."""

    def read(name: str) -> str:
        tidied = tidy(name)
        try:
            clean(tidied)
        except TextError as error:
            raise TextError(error.char, name.find(error.char) + 1) from None
        except ProtocolError:
            if tidied:
                raise CommandError(ErrorKind.INVALID, problem, code) from None
        return tidied

    return read


def _password(password: str) -> str:
    # The character itself is not said: it is a part of the password.
    if found := SURROGATE.search(password):
        raise CommandError(ErrorKind.INVALID, Problem.PASSWORD_NOT_UTF8, position=found.start() + 1)
    return password


_new_display_name = _new(names.clean_display_name, _name, Problem.BAD_DISPLAY_NAME)
_new_email = _new(names.clean_email, _plain, Problem.BAD_EMAIL, Code.EMAIL_INVALID)

_FIELDS: dict[type, dict[str, Callable[[Any], Any]]] = {
    api.ConnectCommand: {"address": tidy_address, "invite": tidy_address, "fingerprint": tidy_fingerprint},
    api.AcceptIdentityCommand: {"fingerprint": tidy_fingerprint},
    api.StartAnewCommand: {"fingerprint": tidy_fingerprint},
    api.LoginCommand: {"user": _plain, "password": _password},
    api.RegisterCommand: {
        "user": _new(names.clean_user_name, _plain, Problem.BAD_USER_NAME),
        "password": _password,
        "email": _new_email,
        "display_name": _new_display_name,
        "invite_code": _plain,
        "setup_code": _plain,
    },
    api.RecoverCommand: {"user": _plain},
    api.RecoverConfirmCommand: {"user": _plain, "code": _plain, "new_password": _password},
    api.FindRoomCommand: {"name": _name},
    api.FindAnyRoomCommand: {"name": _name},
    api.CreateRoomCommand: {"name": _new(names.clean_room_name, _name, Problem.BAD_ROOM_NAME)},
    api.InviteUserCommand: {"user": _plain},
    api.RemoveUserCommand: {"user": _plain},
    api.SendCommand: {"text": _text},
    api.SendFilesCommand: {"text": _text, "paths": _paths},
    api.FetchFileCommand: {"out": named_path},
    api.EditCommand: {"text": _text},
    api.ReactCommand: {"emoji": _reaction},
    api.SearchCommand: {"words": _words},
    api.RevokeDeviceCommand: {"device": _plain, "password": _password},
    api.DeleteRoomCommand: {"password": _password},
    api.SetRoleCommand: {"password": _password},
    api.SetDisplayNameCommand: {"display_name": _new_display_name, "password": _password},
    api.DisableAccountCommand: {"password": _password},
    api.DeleteAccountCommand: {"password": _password},
    api.EndSessionsCommand: {"password": _password},
    api.ResetPasswordCommand: {"password": _password},
    api.ChangeRoomCommand: {"name": _new(names.clean_room_name, _name, Problem.BAD_ROOM_NAME)},
    api.CreateBackupCommand: {"password": _password},
    api.VoidInviteCommand: {"id": _plain},
    api.ChangePasswordCommand: {"old": _password, "new": _password},
    api.SetProfileCommand: {"display_name": _new_display_name, "email": _new_email, "password": _password},
}
