"""Text that people hand in: what is left out, what is refused, and how one character is named.

What is copied from elsewhere often carries marks that nobody sees: a calculator wraps its number in U+202D … U+202C,
an address book a telephone number in U+2066 … U+2069, editors begin files with U+FEFF. `clean_text` leaves out what
does nothing good in a message and keeps what writing systems and emoji need, `clean_line` makes one line of it. Both
are idempotent, and the log takes what they return (`names.check_text`) unless it has lone surrogates.

| character | what becomes of it |
|---|---|
| CR LF, CR, vertical tab, form feed, U+0085, U+2028, U+2029 | a line break |
| ANSI escape sequences, other C0 and C1 controls except tab and newline | left out |
| bidi embeddings, overrides, isolates (U+202A to U+202E, U+2066 to U+2069) | left out |
| bidi marks (U+061C, U+200E, U+200F) | kept beside right-to-left writing, where they do something |
| joiners (U+200C, U+200D) | kept between letters of scripts that join them, after a virama, inside emoji |
| variation selectors | kept after the emoji, ideographs and letters that have variants |
| tag characters | kept in flags of regions |
| zero width space (U+200B) | kept between letters of scripts without spaces that do not break by themselves |
| U+034F, Hangul fillers, Mongolian selectors | kept where their script wants them |
| all other characters that are drawn as nothing, noncharacters | left out |
| lone surrogates | refused: they stand for octets that were no text |

Letters are told by `assigned.py`, the same on every Python.
"""

import codecs
import re
import unicodedata
from bisect import bisect_right
from functools import cache
from typing import Literal

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.protocol.text import emoji
from lanchat.protocol.text.assigned import RUNS

UNASSIGNED, WORD, VISIBLE, OTHER = range(4)
_BASE = 36
_MARKS = {".": UNASSIGNED, ",": WORD, ";": VISIBLE, ":": OTHER}
_VIRAMA = 9  # combining class
# What most texts are made of, all of it in Unicode 14.0: these need not be looked up one by one.
_COMMON = re.compile("[\0-\u0377\u0400-\u052f\u0620-\u06ff\u3041-\u3096\u30a1-\u30ff\u4e00-\u9fff\uac00-\ud7a3]*")

_LINE_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_ESCAPE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    "|(?:\x1b\\]|\x9d)[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\\\|\x9c)"  # OSC: titles, links
    "|\x1b[ -/]{1,8}[0-~]|\x1b[@-Z\\\\^_`a-z]"
)
_RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_HAS_RIGHT_TO_LEFT = re.compile(f"(?!\u061c)[{_RIGHT_TO_LEFT}]")
_BIDI_MARK = re.compile("[\u061c\u200e\u200f]")
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,16}\U000e007f"
_WHOLE_FLAG = re.compile(_FLAG)
# Left out wherever it stands, but for tags inside a flag (which is matched first).
_NEVER = re.compile(
    f"({_FLAG})|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u17b4\u17b5\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    f"\ufff0-\ufffb{_NONCHARACTERS}\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
    "\U000e01f0-\U000e0fff]"
)
# Kept or left out by what stands beside it: `_wanted`.
_DEPENDS = re.compile("[\u034f\u115f\u1160\u180b-\u180f\u200b-\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Everything that is drawn as nothing: two names that differ by these alone are one name.
IGNORED = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_UNSEEN = re.compile(f"{IGNORED.pattern}|[\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
# Direction marks, zero width spaces and byte order marks; not what an emoji at the end of a name needs.
_BESIDE_PATH = "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+"
_AROUND_PATH = re.compile(f"^{_BESIDE_PATH}|{_BESIDE_PATH}\\Z")
SURROGATE = re.compile("[\ud800-\udfff]")
# Scripts whose letters take another shape beside each other, from Arabic to Adlam: joiners choose the shape.
_CURSIVE = (
    "\u0600-\u08ff\u1800-\u18af\ua840-\ua87f\ufb50-\ufdff\ufe70-\ufefc\U00010a80-\U00010aff\U00010b80-\U00010baf"
    "\U00010d00-\U00010d3f\U00010f30-\U00010fdf\U0001e900-\U0001e95f"
)
# Scripts of India and what came from them: joiners choose between conjuncts.
_INDIC = (
    "\u0900-\u109f\u1700-\u17ff\u1900-\u1aaf\u1b00-\u1c4f\u1cd0-\u1cff\ua800-\ua82f\ua880-\ua8ff\ua930-\ua9df"
    "\uaa00-\uaadf\uaae0-\uaaff\uabc0-\uabff\U00010a00-\U00010a5f\U00011000-\U00011fff\U00016100-\U0001613f"
)
_IDEOGRAPHS = (
    "\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00016fe0-\U00018cff\U00020000-\U0003fffd"
)
_JOINING = re.compile(f"[{_CURSIVE}{_INDIC}]")
_CURSIVE_LETTER = re.compile(f"[{_CURSIVE}]")
_BEFORE_ZWJ = re.compile(f"[{emoji.PICTURES}{emoji.EMOJI_SELECTOR}{emoji.SKIN_TONES}]")
_PICTURE = re.compile(f"[{emoji.PICTURES}]")
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")
_HAS_VARIANTS = re.compile(
    f"[{_IDEOGRAPHS}\u1000-\u109f\u2205-\u2aff\u3001-\u303f\ua840-\ua877\uaa60-\uaa7f\uff01-\uff65\U00010ac0-\U00010aff"
    "\U00013000-\U0001345f]"
)
_MONGOLIAN = re.compile("[\u1820-\u18af]")
# Thai, Lao, Tibetan, Myanmar, Khmer, Tai Tham, Javanese and their neighbours.
_UNSPACED = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua980-\ua9ff\uaa60-\uaadf]")


class TextError(ProtocolError):
    """A character that a text cannot have; `position` counts from 1 in what was handed in."""

    def __init__(self, char: str, position: int) -> None:
        """The text of the error is the same for each character, and does not show it."""
        super().__init__("character not allowed")
        self.char = char
        self.position = position


# --- Characters ---------------------------------------------------------------------------------------------------


@cache
def _runs() -> tuple[list[int], list[int]]:
    """Where each run of code points begins, and its class."""
    starts, kinds, start = [], [], 0
    for length, mark in re.findall("([0-9a-z]+)([.,;:])", RUNS):
        starts.append(start)
        kinds.append(_MARKS[mark])
        start += int(length, _BASE)
    return starts, kinds


def unassigned_ranges() -> list[tuple[int, int]]:
    """First and last code point of each run of which Unicode 14.0 has no character, ascending."""
    starts, kinds = _runs()
    ends = [*starts[1:], 0x110000]
    return [(start, end - 1) for start, end, found in zip(starts, ends, kinds, strict=True) if found == UNASSIGNED]


def kind(char: str) -> int:
    """UNASSIGNED, WORD (letter, mark, number), VISIBLE (punctuation, symbol, blank) or OTHER, in Unicode 14.0. Pictures
    and ideographs of later versions count as what they will be: they stand in ranges that are kept for them, and no
    normal form changes them."""
    code = ord(char)
    starts, kinds = _runs()
    found = kinds[bisect_right(starts, code) - 1]
    if found == UNASSIGNED:
        if 0x1F000 <= code <= 0x1FAFF:
            return VISIBLE
        if 0x20000 <= code <= 0x3FFFD and code & 0xFFFE != 0xFFFE and not 0x2F800 <= code <= 0x2FA1F:
            return WORD
    return found


def _is_stable(char: str) -> bool:
    """Whether each version of Unicode from 14.0 on normalises the character alike."""
    starts, kinds = _runs()
    return kinds[bisect_right(starts, ord(char)) - 1] != UNASSIGNED


def _unstable(text: str) -> set[str]:
    """The characters of a text that Unicode 14.0 has not."""
    return set() if _COMMON.fullmatch(text) else {char for char in set(text) if not _is_stable(char)}


def _combining(char: str) -> int:
    """The combining class; 0 for what Unicode 14.0 has not, and for no character."""
    return unicodedata.combining(char) if char and _is_stable(char) else 0


def is_mark(char: str) -> bool:
    """Whether the character is drawn onto the one before it."""
    return _is_stable(char) and unicodedata.category(char).startswith("M")


def normal(form: Literal["NFC", "NFKC"], text: str) -> str:
    """The text in a normal form, the same on every Python: characters that Unicode 14.0 has not stay as they are, and
    nothing is composed over them."""
    unstable = _unstable(text)
    if not unstable:
        return unicodedata.normalize(form, text)
    out, run = [], 0
    for place, char in enumerate(text):
        if char in unstable:
            out += [unicodedata.normalize(form, text[run:place]), char]
            run = place + 1
    return "".join([*out, unicodedata.normalize(form, text[run:])])


def folded(text: str) -> str:
    """The text with its case folded, the same on every Python (as `normal`)."""
    unstable = _unstable(text)
    if not unstable:
        return text.casefold()
    return "".join([char if char in unstable else char.casefold() for char in text])


def character_name(char: str) -> str:
    """`U+202E RIGHT-TO-LEFT OVERRIDE`; a character without a name has its code point alone."""
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()


def character_problem(error: TextError) -> ProblemDetails:
    """Which character cannot be used, and where it stands."""
    name = character_name(error.char)
    if SURROGATE.match(error.char):
        return ProblemDetails.of(Problem.NOT_UTF8, position=error.position, character=name)
    return ProblemDetails.of(Problem.BAD_CHARACTER, character=name, position=error.position)


def is_joiner(text: str, place: int) -> bool:
    """Whether the character at `place` is a joiner or non-joiner that its neighbours want."""
    return text[place] in "\u200c\u200d" and is_wanted(text, place)


def is_wanted(text: str, place: int) -> bool:
    """Whether a character that is drawn as nothing does something at its place."""
    if _DEPENDS.match(text, place):
        return _wanted(text[place], text[max(place - 1, 0) : place], text[place + 1 : place + 2])
    return any(flag.start() <= place < flag.end() for flag in _WHOLE_FLAG.finditer(text))


def first_unseen(text: str) -> tuple[str, int, int] | None:
    """The first character of a text that is drawn as nothing or as a blank other than tab and space, with its line and
    column, counted from 1."""
    found = _UNSEEN.search(text)
    if found is None:
        return None
    before = text[: found.start()]
    return found.group(), before.count("\n") + 1, found.start() - before.rfind("\n")


# --- Cleaning -----------------------------------------------------------------------------------------------------


def clean_text(text: str) -> str:
    """The text without what rides along unseen, with `\\n` as its only line break."""
    if text.isascii() and text.isprintable():
        return text
    text = clean_breaks(_ESCAPE.sub("", text))
    if _BIDI_MARK.search(text) and not _HAS_RIGHT_TO_LEFT.search(text):
        text = _BIDI_MARK.sub("", text)
    return _with_wanted(_NEVER.sub(lambda match: match.group(1) or "", text))


def clean_breaks(text: str) -> str:
    """The text with `\\n` as its only line break."""
    return _LINE_BREAK.sub("\n", text)


def clean_line(text: str) -> str:
    """As `clean_text`, in one line and without blanks at its ends."""
    return clean_text(text).replace("\n", " ").replace("\t", " ").strip()


def without_unseen(text: str) -> str:
    """As `clean_line`, without joiners and selectors too: for numbers, codes and words of settings."""
    return IGNORED.sub("", clean_line(text))


def tidy_path(path: str) -> str:
    """A path that somebody typed or pasted, without the marks at its ends: Windows puts U+202A before one that is
    copied from a file's properties. Within it they may belong to a name."""
    return _AROUND_PATH.sub("", path)


def check_surrogates(text: str) -> None:
    """Raise TextError when there is a lone surrogate: an octet of an argument or a file that was not UTF-8."""
    if found := SURROGATE.search(text):
        raise TextError(found.group(), found.start() + 1)


def decode_text_untrusted(octets: bytes) -> str:
    """The UTF-8 text of a file that a person may have written in any editor, without the byte order mark. Raises
    ProtocolError, with other words for UTF-16."""
    if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ProtocolError("text is UTF-16")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProtocolError("text is not UTF-8") from error


def _with_wanted(text: str) -> str:
    """The text without those characters of `_DEPENDS` that nothing beside them wants."""
    out: list[str] = []
    before, start = "", 0
    for match in _DEPENDS.finditer(text):
        place = match.start()
        if place > start:
            out.append(text[start:place])
            before = text[place - 1]
        if _wanted(match.group(), before, text[place + 1 : place + 2]):
            before = match.group()
            out.append(before)
        start = place + 1
    return "".join([*out, text[start:]]) if start else text


def _wanted(char: str, before: str, after: str) -> bool:
    """Whether the character does something between its neighbours; `before` is what was kept last. What stands after
    it decides only when that is kept for certain."""
    match char:
        case "\u200c" | "\u200d":
            return _joins(char, before, after)
        case "\ufe0e" | "\ufe0f":
            return bool(_PICTURE.match(before)) or (before in "0123456789#*" and before != "" and after == "\u20e3")
        case "\u200b":
            return bool(_UNSPACED.match(before) and _UNSPACED.match(after))
        case "\u034f":
            return bool(_combining(before) and _combining(after))
        case "\u115f":
            return "\u1161" <= after <= "\u11a7"
        case "\u1160":
            return "\u1100" <= before <= "\u115e"
        case "\u180e":
            return bool(_MONGOLIAN.match(before) and _MONGOLIAN.match(after))
    if "\u180b" <= char <= "\u180f":
        return bool(_MONGOLIAN.match(before))
    if "\ufe00" <= char <= "\ufe0d":
        return bool(_HAS_VARIANTS.match(before))
    return bool(_IDEOGRAPH.match(before))


def _joins(char: str, before: str, after: str) -> bool:
    """RFC 5892, appendix A, with scripts in the place of joining types; for U+200D also emoji sequences (UTS 51)."""
    if not before or not _JOINING.match(before):
        return char == "\u200d" and bool(_BEFORE_ZWJ.match(before) and _PICTURE.match(after))
    if _combining(before) == _VIRAMA:
        return True
    if kind(before) != WORD:
        return False
    if after and _JOINING.match(after) and kind(after) == WORD:
        return True
    return char == "\u200d" and bool(_CURSIVE_LETTER.match(before))
