"""Judging what a person typed into a form, in plain words, before anything is sent. No Tk.

The rules are those of lanchat.protocol.names; the server judges again.
"""

from collections.abc import Callable

from lanchat.i18n import _
from lanchat.protocol.concealed import Concealing
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.identity import parse_address, parse_invite_untrusted
from lanchat.protocol.limits import PASSWORD_MIN_CHARACTERS
from lanchat.protocol.names import check_password, clean_display_name, clean_email, clean_room_name, clean_user_name


class NewAccount(Concealing, frozen=True):
    """The form for a new account."""

    concealed = frozenset({"password", "again"})

    user: str
    password: str
    again: str
    display_name: str = ""
    email: str = ""
    invite_code: str = ""
    remember: bool = True

    def problem(self, needs_invite: bool) -> str:
        """What is wrong with it, in plain words; empty: nothing."""
        if problem := user_problem(self.user) or password_problem(self.password, self.again):
            return problem
        if problem := profile_problem(self.display_name, self.email):
            return problem
        if needs_invite and not self.invite_code.strip():
            return _("This server needs an invite code. Ask the person who runs it.")
        return ""


def profile_problem(display_name: str, email: str) -> str:
    """What is wrong with optional name and address; empty: nothing."""
    if display_name.strip() and _fails(clean_display_name, display_name):
        return _("The display name may have 64 characters, none of them invisible.")
    if email.strip() and _fails(clean_email, email):
        return _("This does not look like an e-mail address.")
    return ""


def password_problem(password: str, again: str) -> str:
    """What is wrong with a new password; empty: nothing."""
    if len(password) < PASSWORD_MIN_CHARACTERS:
        return _("The password needs {n} characters or more.").format(n=PASSWORD_MIN_CHARACTERS)
    if _fails(check_password, password):
        return _("The password is too long.")
    if password != again:
        return _("The two passwords differ.")
    return ""


def user_problem(user: str) -> str:
    if not user.strip():
        return _("Please type your user name.")
    if _fails(clean_user_name, user):
        return _("A user name has up to 32 letters, digits, dots, hyphens and underscores.")
    return ""


def _fails(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except ProtocolError:
        return True
    return False


def address_problem(address: str) -> str:
    """What is wrong with a typed address or link; empty: nothing, also for no address at all."""
    if address.startswith("lanchat:"):
        if _fails(parse_invite_untrusted, address):
            return _("This invite link is not complete. Copy it again, from lanchat:// to its end.")
    elif address and _fails(lambda text: parse_address(text, 1), address):
        return _("This is not an address. Type it like 192.168.1.10 or server.example:45454.")
    return ""


def room_problem(name: str) -> str:
    """What is wrong with the name of a new room; empty: nothing."""
    if not name.strip():
        return _("Please type a name for the room.")
    if _fails(clean_room_name, name):
        return _("A room's name has up to 64 characters and does not begin with # or @.")
    return ""
