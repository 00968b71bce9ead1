"""Judging what a person typed into a form, in plain words, before anything is sent. No Tk.

The rules are those of lanchat.protocol.text.names; the server judges again.
"""

from collections.abc import Callable

from lanchat.i18n import _
from lanchat.i18n.input_rules import (
    address_rule,
    bad_character,
    display_name_rule,
    email_rule,
    password_rule,
    room_name_rule,
    user_name_rule,
)
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.redacted import RedactedStruct
from lanchat.protocol.text.cleaning import TextError
from lanchat.protocol.text.identity import DEFAULT_PORT, is_invite, parse_address, parse_invite_untrusted, tidy_address
from lanchat.protocol.text.names import (
    check_password,
    clean_display_name,
    clean_email,
    clean_room_name,
    clean_user_name,
    password_form,
    tidy_name,
)
from lanchat.ui.kit.fields.field_problems import FieldName, FieldProblem


class NewAccount(RedactedStruct, frozen=True):
    """The form for a new account."""

    concealed = frozenset({"password", "again", "setup_code"})

    user: str
    password: str
    again: str
    display_name: str = ""
    email: str = ""
    invite_code: str = ""
    remember: bool = True
    setup_code: str = ""

    def problem(self, needs_invite: bool, needs_setup: bool = False) -> FieldProblem | None:
        """The first thing that is wrong with it."""
        problems = {
            FieldName.USER: user_problem(self.user),
            FieldName.PASSWORD: password_problem(self.password, self.password),
            FieldName.AGAIN: password_problem(self.password, self.again),
            FieldName.DISPLAY_NAME: profile_problem(self.display_name, ""),
            FieldName.EMAIL: profile_problem("", self.email),
        }
        if needs_invite and not _plain(self.invite_code):
            problems[FieldName.INVITE_CODE] = _("This server needs an invite code. Ask the person who runs it.")
        if needs_setup and not self.setup_code.strip():
            problems[FieldName.SETUP_CODE] = _("Please type the set-up code that the server shows.")
        return next((FieldProblem(text, field) for field, text in problems.items() if text), None)


def profile_problem(display_name: str, email: str) -> str:
    """What is wrong with optional name and address; empty: nothing."""
    if tidy_name(display_name):
        problem = _name_problem(clean_display_name, display_name, display_name_rule())
        if problem:
            return problem
    if _plain(email):
        return _name_problem(clean_email, _plain(email), email_rule())
    return ""


def password_problem(password: str, again: str) -> str:
    """What is wrong with a new password; empty: nothing."""
    try:
        check_password(password)
    except ProtocolError as error:
        return password_rule(error)
    if password_form(password) != password_form(again):
        return _("The two passwords differ.")
    return ""


def user_problem(user: str) -> str:
    """What is wrong with a user name; empty: nothing."""
    user = _plain(user)
    if not user:
        return _("Please type your user name.")
    rule = user_name_rule()
    problem = _name_problem(clean_user_name, user, rule)
    return problem if problem in ("", rule) else f"{rule} {problem}."


def _plain(text: str) -> str:
    return tidy_name(text, joiners=False)


def _name_problem(clean: Callable[[str], str], name: str, rule: str) -> str:
    """Which character of a name cannot be used, or the rule that it breaks; empty: nothing is wrong."""
    try:
        clean(tidy_name(name))
    except TextError as error:
        return bad_character(TextError(error.char, name.find(error.char) + 1))
    except ProtocolError:
        return rule
    return ""


def address_problem(address: str) -> str:
    """What is wrong with a typed address or link; empty: nothing, also for no address at all."""
    address = tidy_address(address)
    try:
        if is_invite(address):
            parse_invite_untrusted(address)
        elif address:
            parse_address(address, DEFAULT_PORT)
    except ProtocolError as error:
        return address_rule(error)
    return ""


def room_problem(name: str) -> str:
    """What is wrong with the name of a new room; empty: nothing."""
    if not tidy_name(name):
        return _("Please type a name for the room.")
    rule = room_name_rule()
    return _name_problem(clean_room_name, name, rule)
