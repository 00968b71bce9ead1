"""Names and texts that people see: what may stand in them, and when two names are the same.

Control characters, bidirectional overrides and invisible format characters let one name pass for another or turn a
line around on the screen (Unicode TR 36, TR 39). Whoever takes a name from a person leaves out what was copied along
(`tidy_name`); the server refuses what still has some of it. Joiners, non-joiners and variation selectors may stand in
names of rooms and in display names where a script or an emoji needs them; two names that differ by these alone are one
name. Which characters there are, and their normal forms, are those of Unicode 14.0 on every Python.
"""

import re

from lanchat.protocol.errors import ProtocolError, TooLong
from lanchat.protocol.limits import (
    DISPLAY_NAME_MAX,
    EMAIL_MAX,
    PASSWORD_MIN_CHARACTERS,
    PASSWORD_OCTETS_MAX,
    ROOM_NAME_MAX,
    USER_NAME_MAX,
)
from lanchat.protocol.text import cleaning as texts
from lanchat.protocol.text.cleaning import IGNORED, OTHER, UNASSIGNED, WORD, TextError
from lanchat.protocol.text.lookalikes import DRAWN_AS

# Explicit embeddings, overrides and isolates (Unicode Standard Annex 9).
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What no text may hold: C0 and C1 controls other than tab and newline, bidi controls, lone surrogates.
_FORBIDDEN_IN_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{''.join(BIDI_CONTROLS)}]")
# What may do something in a text and does nothing for a name: bidi marks, the zero width space, U+034F, the fillers of
# old Hangul syllables.
_NOT_IN_NAME = re.compile("[\u034f\u061c\u115f\u1160\u200b\u200e\u200f]")
# Of no use in a name, and blank: the braille pattern without dots, the place of an object, the null notehead.
_BLANK = re.compile("[\u2800\ufffc\U0001d159]")
# Drawn as nothing but between letters of its script: the Tifinagh, Brahmi and Khitan joiners and fillers.
_UNSEEN_MARK = re.compile("[\u2d7f\U0001107f\U00016fe4]")
# A dot above i, j and their like takes the place of the dot that is there, and makes i and j of dotless ones. Marks
# below may stand between.
_DOTTED = re.compile(
    "([ij\u0131\u0237\u012f\u0249\u0268\u029d\u03f3\u0456\u0458\u1d96\u1e2d\u1ecb]"
    "[\u0316-\u0319\u031c-\u0320\u0323-\u0328\u032d-\u0333]*)\u0307+"
)
_DOTLESS = str.maketrans("\u0131\u0237", "ij")
# All characters of the category Zs but the common space.
_SPACES = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# What is longer is no name, whatever is left out of it.
_UNTIDY_MAX = 4096
_USER_PUNCTUATION = frozenset("._-")


def check_text(text: str, limit: int) -> None:
    """Raise ProtocolError, TooLong above `limit` characters, unless `text` has no control or bidi-override character
    other than newline and tab."""
    if len(text) > limit:
        raise TooLong("text too long")
    if _FORBIDDEN_IN_TEXT.search(text):
        raise ProtocolError("control character in text")


def is_blank(text: str) -> bool:
    """Whether nothing of `text` can be seen: white space and characters that are drawn as nothing."""
    return not _BLANK.sub("", IGNORED.sub("", text)).strip()


def tidy_name(name: str, *, joiners: bool = True) -> str:
    """A name that somebody typed or pasted, without what rides along unseen: NFC, blanks single, joiners and selectors
    only where something needs them, or not at all. Idempotent; empty when nothing of it can be seen."""
    name = _BLANK.sub(" ", _NOT_IN_NAME.sub("", texts.clean_line(name[:_UNTIDY_MAX])))
    if not joiners:
        name = IGNORED.sub("", name)
    # Composing can take its neighbour from a joiner, and leaving a joiner out can bring marks to their letter.
    while (composed := texts.clean_line(texts.normal("NFC", " ".join(name.split())))) != name:
        name = composed
    return name if name_key(name) else ""


def _clean(name: str, limit: int, *, joiners: bool) -> str:
    given, name = name, texts.normal("NFC", name).strip()
    if not name_key(name):
        raise ProtocolError("empty name")
    if len(name) > limit:
        raise ProtocolError("name too long")
    for place, char in enumerate(name):
        if not _may_be_in_name(name, place, joiners):
            raise TextError(char, given.find(char) + 1)
    return name


def _may_be_in_name(name: str, place: int, joiners: bool) -> bool:
    char = name[place]
    if IGNORED.match(char):
        return joiners and not _NOT_IN_NAME.match(char) and texts.is_wanted(name, place)
    if not place and texts.is_mark(char):  # it would be drawn over what stands before the name
        return False
    return not _BLANK.match(char) and texts.kind(char) not in (UNASSIGNED, OTHER)


def clean_user_name(name: str) -> str:
    """NFC, trimmed; letters, digits and `._-`, at most 32; raises ProtocolError."""
    given, name = name, _clean(name, USER_NAME_MAX, joiners=False)
    for char in name:
        if texts.kind(char) != WORD and char not in _USER_PUNCTUATION:
            raise TextError(char, given.find(char) + 1)
    return name


def clean_room_name(name: str) -> str:
    """NFC, trimmed, at most 64 code points, no leading `@` or `#`; raises ProtocolError."""
    name = _clean(name, ROOM_NAME_MAX, joiners=True)
    if name[0] in "@#":
        raise ProtocolError("room names do not begin with @ or #")
    return name


def clean_display_name(name: str) -> str:
    """NFC, trimmed, at most 64 code points; raises ProtocolError."""
    return _clean(name, DISPLAY_NAME_MAX, joiners=True)


def clean_email(address: str) -> str:
    """A plausible address (one @, something on both sides, no white space); raises ProtocolError."""
    address = _clean(address, EMAIL_MAX, joiners=False)
    local, at, domain = address.rpartition("@")
    if not (at and local and domain) or any(char.isspace() for char in address):
        raise ProtocolError("not an e-mail address")
    return address


def password_form(password: str) -> str:
    """The form in which passwords are compared, that of RFC 8265 (OpaqueString): NFC, each blank the common one, and
    without characters that are drawn as nothing, which ride along with what is copied."""
    return texts.normal("NFC", _SPACES.sub(" ", IGNORED.sub("", password)))


def check_password(password: str) -> None:
    """Raise ProtocolError unless the password has 8 characters or more and at most 512 octets."""
    # An accent may come as a character of its own: it makes no password longer.
    if min(len(password), len(password_form(password))) < PASSWORD_MIN_CHARACTERS:
        raise ProtocolError("password too short")
    if len(password.encode("utf-8", "surrogatepass")) > PASSWORD_OCTETS_MAX:
        raise ProtocolError("password too long")


def name_key(name: str) -> str:
    """Two names with the same key are the same name: NFKC and case folded, blanks single, without characters and dots
    that are drawn as nothing."""
    plain = texts.normal("NFKC", _UNSEEN_MARK.sub("", IGNORED.sub("", name)))
    folded = texts.normal("NFKC", texts.folded(plain))
    dotted = _DOTTED.sub(lambda found: found[1].translate(_DOTLESS), folded)
    return " ".join(texts.normal("NFKC", dotted).split())


def shape_key(name: str) -> str:
    """Two names with the same key look the same, or nearly so, although `name_key` may tell them apart."""
    return name_key(texts.normal("NFKC", name).translate(DRAWN_AS))


def inert(text: str, limit: int = 64) -> str:
    """`text` as it may be shown or logged although a stranger chose it: one line, control and format characters
    replaced, but for joiners where a script or an emoji needs them."""
    text = text[:limit]
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if _is_active(text, place) else char for place, char in enumerate(text))


def _is_active(text: str, place: int) -> bool:
    return texts.kind(text[place]) in (UNASSIGNED, OTHER) and not texts.is_joiner(text, place)
