"""What people read about a name, a password or a text that cannot be used: for both programs."""

from lanchat.i18n import _
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import PASSWORD_MIN_CHARACTERS
from lanchat.protocol.text.cleaning import SURROGATE, TextError, character_name


def bad_character(error: TextError) -> str:
    """Which character cannot be used, and where it stands."""
    if SURROGATE.match(error.char):
        text = _("Not UTF-8 text: character {position} is {character}")
    else:
        text = _("{character} cannot be used here: it is character {position}")
    return text.format(character=character_name(error.char), position=error.position)


def user_name_rule() -> str:
    """What a user name may be."""
    return _("A user name has up to 32 letters, digits, dots, hyphens and underscores.")


def display_name_rule() -> str:
    """What a display name may be."""
    return _("The display name may have up to 64 characters.")


def room_name_rule() -> str:
    """What a room's name may be."""
    return _("A room's name has up to 64 characters and does not begin with # or @.")


def email_rule() -> str:
    """What is said of an address that is none."""
    return _("This does not look like an e-mail address.")


def password_rule(error: ProtocolError) -> str:
    """What is wrong with a new password, from the words of ProtocolError."""
    if str(error) == "password too long":
        return _("The password is too long.")
    return _("The password needs {n} characters or more.").format(n=PASSWORD_MIN_CHARACTERS)


def address_rule(error: ProtocolError) -> str:
    """What is wrong with an address or invite link, from the words of ProtocolError."""
    texts = {
        "not an invite link": _("This invite link is damaged. Copy it again, from lanchat:// to its end."),
        "invite link cut short": _("This invite link is not complete. Copy it again, from lanchat:// to its end."),
        "invite link too long": _("This is too long for an invite link. Copy it again, from lanchat:// to its end."),
        "several invite links": _("These are several invite links. Paste one of them."),
        "invite link of another version": _(
            "This invite link was made by another version of LAN Chat. Update this program."
        ),
        "not an address": _("This is not an address. Type it like 192.168.1.10 or server.example:45454."),
        "a fingerprint has 64 hex digits": _("A fingerprint has 64 hexadecimal digits."),
    }
    return texts.get(str(error), str(error))


def not_text(error: ProtocolError) -> str:
    """Why octets are no text, from the words of ProtocolError."""
    if str(error) == "text is UTF-16":
        return _("it is in UTF-16: save it as UTF-8")
    return _("it is not UTF-8 text")
