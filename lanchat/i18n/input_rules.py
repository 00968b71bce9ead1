"""What people read about a name, a password or a text that cannot be used: for both programs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from lanchat.i18n import N_, _
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import PASSWORD_MIN_CHARACTERS
from lanchat.protocol.problems import Problem, Value, typed_problem
from lanchat.protocol.text.cleaning import TextError, character_problem

# Whole sentences, but for those about a character.
INPUT_TEXTS = {
    Problem.BAD_CHARACTER: N_("{character} cannot be used here: it is character {position}"),
    Problem.NOT_UTF8: N_("Not UTF-8 text: character {position} is {character}"),
    Problem.BAD_USER_NAME: N_("A user name has up to 32 letters, digits, dots, hyphens and underscores."),
    Problem.BAD_DISPLAY_NAME: N_("The display name may have up to 64 characters."),
    Problem.BAD_ROOM_NAME: N_("A room's name has up to 64 characters and does not begin with # or @."),
    Problem.BAD_EMAIL: N_("This does not look like an e-mail address."),
    Problem.INVITE_DAMAGED: N_("This invite link is damaged. Copy it again, from lanchat:// to its end."),
    Problem.INVITE_CUT_SHORT: N_("This invite link is not complete. Copy it again, from lanchat:// to its end."),
    Problem.INVITE_TOO_LONG: N_("This is too long for an invite link. Copy it again, from lanchat:// to its end."),
    Problem.SEVERAL_INVITES: N_("These are several invite links. Paste one of them."),
    Problem.INVITE_OF_OTHER_VERSION: N_(
        "This invite link was made by another version of LAN Chat. Update this program."
    ),
    Problem.NOT_AN_ADDRESS: N_("This is not an address. Type it like 192.168.1.10 or server.example:47400."),
    Problem.NOT_A_FINGERPRINT: N_("A fingerprint has 64 hexadecimal digits."),
}


def input_text(problem: Problem, values: Mapping[str, Value] = MappingProxyType({})) -> str:
    """What is wrong with something that was typed, of the problems in `INPUT_TEXTS`."""
    return _(INPUT_TEXTS[problem]).format(**values)


def bad_character(error: TextError) -> str:
    """Which character cannot be used, and where it stands."""
    found = character_problem(error)
    return input_text(cast(Problem, found.problem), dict(found.values))


def user_name_rule() -> str:
    """What a user name may be."""
    return input_text(Problem.BAD_USER_NAME)


def display_name_rule() -> str:
    """What a display name may be."""
    return input_text(Problem.BAD_DISPLAY_NAME)


def room_name_rule() -> str:
    """What a room's name may be."""
    return input_text(Problem.BAD_ROOM_NAME)


def email_rule() -> str:
    """What is said of an address that is none."""
    return input_text(Problem.BAD_EMAIL)


def password_rule(error: ProtocolError) -> str:
    """What is wrong with a new password, from the words of ProtocolError."""
    if str(error) == "password too long":
        return _("The password is too long.")
    return _("The password needs {n} characters or more.").format(n=PASSWORD_MIN_CHARACTERS)


def address_rule(error: ProtocolError) -> str:
    """What is wrong with an address or invite link, from the words of ProtocolError."""
    problem = typed_problem(error)
    return input_text(problem) if problem else str(error)


def not_text(error: ProtocolError) -> str:
    """Why octets are no text, from the words of ProtocolError."""
    if str(error) == "text is UTF-16":
        return _("it is in UTF-16: save it as UTF-8")
    return _("it is not UTF-8 text")
