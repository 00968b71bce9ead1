"""Why the server refused what an administrator asked for, as people read it: on the command line and in the window."""

from lanchat.i18n import _
from lanchat.i18n.input_rules import email_rule, password_rule, user_name_rule
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat_server.core.refusals import Refused


def refusal_text(refused: Refused, user: str = "") -> str:
    """One line. `user`: the name of the account that it was about."""
    texts = {
        Code.NAME_TAKEN: _("There is a user {name} already").format(name=user),
        Code.NOT_FOUND: _("There is no user {name}").format(name=user) if user else _("It no longer exists"),
        Code.NOT_ALLOWED: _("The general room is never archived or deleted, and a direct conversation never archived"),
        Code.SETUP_INVALID: _("The first account was made already, and is the administrator's"),
        Code.LAST_ADMINISTRATOR: _("{name} is the last administrator").format(name=user),
        Code.NAME_INVALID: user_name_rule().removesuffix("."),
        Code.EMAIL_INVALID: email_rule().removesuffix("."),
        Code.BUSY: _("The server is busy with other commands: give the command again"),
    }
    if refused.code is Code.PASSWORD_INVALID:
        return password_rule(ProtocolError(refused.text)).removesuffix(".")
    if refused.code is Code.UNAVAILABLE and refused.text == "internal error":
        return _("Something went wrong inside the server: see its log")
    return texts.get(refused.code, refused.text)
