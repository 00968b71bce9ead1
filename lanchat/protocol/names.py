"""Names and texts that people see: what may stand in them, and when two names are the same.

Control characters, bidirectional overrides and invisible format characters let one name pass for another or turn a
line around on the screen (Unicode TR 36, TR 39); they are refused, never repaired silently.
"""

import re
import unicodedata

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import (
    DISPLAY_NAME_MAX,
    EMAIL_MAX,
    PASSWORD_MIN_CHARACTERS,
    PASSWORD_OCTETS_MAX,
    ROOM_NAME_MAX,
    USER_NAME_MAX,
)

# Explicit embeddings, overrides and isolates (Unicode Standard Annex 9).
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What no text may hold: C0 and C1 controls other than tab and newline, bidi controls, lone surrogates. Joiners
# (U+200C, U+200D) are part of emoji and of several scripts: allowed in texts, not in names.
_FORBIDDEN_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Letters and marks that are drawn as nothing (Unicode: default ignorable, and the blank Braille pattern): with them
# two names look the same and are not. The emoji variation selector alone is left, for room and display names.
_INVISIBLE_IN_NAME = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0e\uffa0\U000e0100-\U000e01ef]"
)
_EMOJI_SELECTOR = "\ufe0f"
_USER_PUNCTUATION = frozenset("._-")


def check_text(text: str, limit: int) -> None:
    """Raise ProtocolError unless `text` has at most `limit` characters and no control or bidi-override character
    other than newline and tab."""
    if len(text) > limit:
        raise ProtocolError("text too long")
    if _FORBIDDEN_IN_TEXT.search(text):
        raise ProtocolError("control character in text")


def _clean(name: str, limit: int) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise ProtocolError("empty name")
    if len(name) > limit:
        raise ProtocolError("name too long")
    for char in name:
        category = unicodedata.category(char)
        if char in BIDI_CONTROLS or category in ("Cc", "Cs", "Co", "Cn", "Cf", "Zl", "Zp"):
            raise ProtocolError("control character in name")
    if _INVISIBLE_IN_NAME.search(name) or not name.strip(_EMOJI_SELECTOR):
        raise ProtocolError("invisible character in name")
    return name


def clean_user_name(name: str) -> str:
    """NFC, trimmed; letters, digits and `._-`, at most 32; raises ProtocolError."""
    name = _clean(name, USER_NAME_MAX)
    for char in name:
        if char == _EMOJI_SELECTOR or not (unicodedata.category(char)[0] in "LNM" or char in _USER_PUNCTUATION):
            raise ProtocolError("user names have letters, digits, dot, hyphen and underscore only")
    return name


def clean_room_name(name: str) -> str:
    """NFC, trimmed, at most 64 code points, no leading `@` or `#`; raises ProtocolError."""
    name = _clean(name, ROOM_NAME_MAX)
    if name[0] in "@#":
        raise ProtocolError("room names do not begin with @ or #")
    return name


def clean_display_name(name: str) -> str:
    """NFC, trimmed, at most 64 code points; raises ProtocolError."""
    return _clean(name, DISPLAY_NAME_MAX)


def clean_email(address: str) -> str:
    """A plausible address (one @, something on both sides, no white space); raises ProtocolError."""
    address = _clean(address, EMAIL_MAX)
    local, at, domain = address.rpartition("@")
    if not (at and local and domain) or any(char.isspace() for char in address):
        raise ProtocolError("not an e-mail address")
    return address


def check_password(password: str) -> None:
    """Raise ProtocolError unless the password has 8 characters or more and at most 512 octets."""
    if len(password) < PASSWORD_MIN_CHARACTERS:
        raise ProtocolError("password too short")
    if len(password.encode("utf-8", "surrogatepass")) > PASSWORD_OCTETS_MAX:
        raise ProtocolError("password too long")


def name_key(name: str) -> str:
    """Two names with the same key are the same name: NFKC and case folded, emoji with or without their selector."""
    name = name.replace(_EMOJI_SELECTOR, "")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def inert(text: str, limit: int = 64) -> str:
    """`text` as it may be shown or logged although a stranger chose it: one line, control and format characters
    replaced."""
    return "".join("\ufffd" if _is_active(char) else char for char in text[:limit])


def _is_active(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] == "C" or category in ("Zl", "Zp")
