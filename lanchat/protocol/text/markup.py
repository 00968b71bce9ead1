"""The marks that people type into messages: what is bold, code, quoted, a list, a link. Pure, and linear in the text.

| typed | shown |
|---|---|
| `**bold**`, `*italic*`, `_italic_`, `***both***` | within one line, around something that is more than punctuation |
| `` `code` ``, also with several backticks on each side | as it is: nothing in it is a mark |
| a line of three backticks or more (a language may follow), lines, a line of backticks | a block of code |
| `> ` at the beginning of a line, several times for a quotation in a quotation | a quotation |
| `- `, `* `, `1. `, `1) ` at the beginning of a line | an item of a list |
| `https://`, `http://`, `lanchat://` | a link (links.py) |

A mark without its counterpart is a character like others, and so is one inside a word, a number, a path or a link: what
was not meant as a mark is shown as it was typed. `__` is none, as programmers write it around names. Nothing is nested
without bounds: styles are flags, and what is quoted more than eight times is drawn as if it were quoted eight times.

Offsets count characters of the text that was typed: a part that is shown is always `text[start:end]`.
"""

import enum
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from lanchat.protocol.text.cleaning import is_mark
from lanchat.protocol.text.links import links

DEPTH_MAX = 8
# Whether a text may have marks at all: most have none, and need no more than this.
_MARKED = re.compile(r"[*_`]|://|^(?:>|[ \t]{0,8}(?:[-\u2022]|[0-9]{1,3}[.)])[ \t])", re.MULTILINE)
_FENCE = re.compile(r" {0,3}(`{3,})([^`\s]*)[ \t]*\Z")
_QUOTE = re.compile(r"(?:> )+(?:>\Z)?|>\Z")
_ITEM = re.compile(r"([ \t]{0,8})([-*\u2022]|[0-9]{1,3}[.)])[ \t]+(?=\S)")
_BACKTICKS = re.compile("`+")
_DELIMITERS = re.compile(r"\*+|_+")
# Something that is worth a style: a letter, a digit, or a character beyond ASCII, as emoji are.
_SOLID = re.compile(r"[^\W_]|[^\x00-\x7f]")
_CJK = re.compile("[\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_NOT_BEFORE = ")]}.\\/=+-&%$#@^~<>:|"  # an opening mark that stands behind one of these is none
_NOT_AFTER = "([{\\/=+&%$#@^~<>|"  # a closing mark that stands before one of these is none
_NOT_FIRST = ".,;:!?)]}\u00bb\u201d\u2019\u2026%=/"  # of what a mark encloses
_NOT_LAST = "([{\u00ab\u201e\u201c\u2018=/"


class Style(enum.IntFlag):
    """How a part of a line is drawn. CODE and LINK are never combined with another one."""

    PLAIN = 0
    BOLD = 1
    ITALIC = 2
    CODE = 4
    LINK = 8


class Span(NamedTuple):
    """`text[start:end]` is shown in one style; for LINK it is the address."""

    start: int
    end: int
    style: Style = Style.PLAIN


class ParagraphKind(enum.Enum):
    """What a paragraph is."""

    TEXT = enum.auto()
    QUOTE = enum.auto()
    ITEM = enum.auto()
    CODE = enum.auto()


class Paragraph(NamedTuple):
    """A line, or a whole block of code: `text[start:end]` with all marks, without the line break after it. `depth`: how
    often it is quoted, how far a list's item is indented, from 0. `marker`: the part before an item. `bullet`: the
    marker is a bullet, one of several items."""

    kind: ParagraphKind
    start: int
    end: int
    spans: tuple[Span, ...]
    depth: int = 0
    marker: Span | None = None
    bullet: bool = False


def is_marked(text: str) -> bool:
    """Whether a text may have marks or links; False is certain."""
    return _MARKED.search(text) is not None


def paragraphs(text: str) -> list[Paragraph]:
    """The text from top to bottom; what is in no span of it is a mark or a line break. One at least."""
    found: list[Paragraph] = []
    lines = text.split("\n")
    closing = _closing_fences(lines)
    number = start = 0
    while number < len(lines):
        line = lines[number]
        end = start + len(line)
        if (last := _block_end(lines, number, closing)) > number:
            inside = end + 1
            end += sum(len(other) + 1 for other in lines[number + 1 : last + 1])
            code_end = max(end - len(lines[last]) - 1, inside)
            spans = (Span(inside, code_end, Style.CODE),) if code_end > inside else ()
            found.append(Paragraph(ParagraphKind.CODE, start, end, spans))
            number = last
        else:
            found.append(_line(line, start, found[-1].kind if found else ParagraphKind.TEXT))
        number, start = number + 1, end + 1
    return _with_bullets(text, found)


def _closing_fences(lines: list[str]) -> list[int]:
    """For each line the most backticks of a line at or after it that can end a block; 0 for none."""
    most = [0] * (len(lines) + 1)
    for number in range(len(lines) - 1, -1, -1):
        found = _FENCE.match(lines[number])
        most[number] = max(most[number + 1], len(found[1]) if found and not found[2] else 0)
    return most


def _block_end(lines: list[str], number: int, closing: list[int]) -> int:
    """The line that ends the block of code which begins here; 0 when none does."""
    found = _FENCE.match(lines[number])
    if not found or closing[number + 1] < len(found[1]):
        return 0
    for last in range(number + 1, len(lines)):
        end = _FENCE.match(lines[last])
        if end and not end[2] and len(end[1]) >= len(found[1]):
            return last
    return 0


def _line(line: str, start: int, above: ParagraphKind) -> Paragraph:
    end = start + len(line)
    if (quote := _QUOTE.match(line)) and (quote[0] != ">" or above is ParagraphKind.QUOTE):
        inside = quote.end()
        return Paragraph(
            ParagraphKind.QUOTE, start, end, _inline(line, inside, start), min(quote[0].count(">"), DEPTH_MAX)
        )
    if item := _ITEM.match(line):
        marker = Span(start + item.start(2), start + item.end(2))
        depth = len(item[1].expandtabs(4)) // 2
        return Paragraph(ParagraphKind.ITEM, start, end, _inline(line, item.end(), start), min(depth, 4), marker)
    return Paragraph(ParagraphKind.TEXT, start, end, _inline(line, 0, start))


def _is_dashed(text: str, paragraph: Paragraph) -> bool:
    return paragraph.marker is not None and not text[paragraph.marker.start].isdigit()


def _with_bullets(text: str, found: list[Paragraph]) -> list[Paragraph]:
    """A dash alone may be the beginning of direct speech; several, one below the other, are a list."""
    dashed = [False, *(_is_dashed(text, paragraph) for paragraph in found), False]
    return [
        paragraph._replace(bullet=True) if here and (above or below) else paragraph
        for paragraph, above, here, below in zip(found, dashed, dashed[1:], dashed[2:], strict=False)
    ]


# --- Within a line ------------------------------------------------------------------------------------------------


class _Mark(NamedTuple):
    """Something that is not plain: `line[start:end]`, of which `line[inside:until]` is shown. `step`: how it changes
    the style of what follows; 0 for code and links, whose `style` is their own."""

    start: int
    inside: int
    until: int
    end: int
    style: Style
    step: int = 0


def _inline(line: str, begin: int, start: int) -> tuple[Span, ...]:
    """The spans of a line from `begin` on; the line begins at `start` of the text."""
    found: list[Span] = []

    def put(first: int, last: int, style: Style) -> None:
        if last > first:
            found.append(Span(start + first, start + last, style))

    if not is_marked(line):
        put(begin, len(line), Style.PLAIN)
        return tuple(found)
    atoms = _atoms(line, begin)
    place, bold, italic = begin, 0, 0
    for mark in sorted([*atoms, *_emphasis(line, begin, atoms)]):
        put(place, mark.start, _style(bold, italic))
        put(mark.inside, mark.until, mark.style)
        bold += mark.step * (mark.style is Style.BOLD)
        italic += mark.step * (mark.style is Style.ITALIC)
        place = mark.end
    put(place, len(line), _style(bold, italic))
    return tuple(found)


def _style(bold: int, italic: int) -> Style:
    return (Style.BOLD if bold else Style.PLAIN) | (Style.ITALIC if italic else Style.PLAIN)


def _atoms(line: str, begin: int) -> list[_Mark]:
    """Code and links, ascending: what begins first wins."""
    code = [mark for mark in _code(line) if mark.start >= begin]
    found = [*code]
    for link in links(line):
        # A link ends before a backtick, so it may only lie within a piece of code.
        beside = bisect_left(code, (link.start,))
        if link.start >= begin and not (beside and code[beside - 1].end > link.start):
            found.append(_Mark(link.start, link.start, link.end, link.end, Style.LINK))
    return sorted(found)


def _code(line: str) -> list[_Mark]:
    """From backticks to as many backticks. A blank beside both ends is left out, so that code may begin with one."""
    runs = list(_BACKTICKS.finditer(line))
    after: list[int] = [0] * len(runs)  # the next run that is as long; 0 for none
    newest: dict[int, int] = {}
    for number in range(len(runs) - 1, -1, -1):
        length = len(runs[number][0])
        after[number], newest[length] = newest.get(length, 0), number
    found: list[_Mark] = []
    number = 0
    while number < len(runs):
        if not after[number]:
            number += 1
            continue
        first, last = runs[number], runs[after[number]]
        inside, until = first.end(), last.start()
        if until - inside > 2 and line[inside] == line[until - 1] == " ":
            inside, until = inside + 1, until - 1
        found.append(_Mark(first.start(), inside, until, last.end(), Style.CODE))
        number = after[number] + 1
    return found


def _emphasis(line: str, begin: int, atoms: list[_Mark]) -> Iterator[_Mark]:
    """The delimiters that have a counterpart, in pairs."""
    solid = [found.start() for found in _SOLID.finditer(line, begin)]
    opened: list[tuple[str, int, int]] = []  # character, length, place
    count: dict[tuple[str, int], int] = {}
    for start, end in _runs(line, begin, atoms):
        char, place = line[start], start
        pieces = {1: (1,), 2: (2,), 3: (1, 2)}.get(end - start, ())
        if char == "_" and pieces != (1,):
            continue
        if _may_close(line, start, end):
            for length in sorted(pieces, reverse=True):
                if not count.get((char, length)):
                    break
                while (other := opened.pop())[:2] != (char, length):
                    count[other[:2]] -= 1
                count[char, length] -= 1
                if bisect_left(solid, other[2]) == bisect_left(solid, place):
                    continue  # nothing but punctuation
                style = Style.BOLD if length == 2 else Style.ITALIC
                for at, step in ((other[2], 1), (place, -1)):
                    yield _Mark(at, at, at, at + length, style, step)
                place += length
        if place == start and _may_open(line, start, end):
            for length in pieces:
                opened.append((char, length, place))
                count[char, length] = count.get((char, length), 0) + 1
                place += length


def _runs(line: str, begin: int, atoms: list[_Mark]) -> Iterator[tuple[int, int]]:
    """The runs of delimiters outside code and links."""
    place = begin
    for atom in [*atoms, _Mark(len(line), 0, 0, 0, Style.PLAIN)]:
        yield from (found.span() for found in _DELIMITERS.finditer(line, place, atom.start))
        place = atom.end


def _may_open(line: str, start: int, end: int) -> bool:
    before, after = line[start - 1 : start], line[end : end + 1]
    if not after or after.isspace() or after in _NOT_FIRST:
        return False
    return not before or not (_in_word(before) or before in _NOT_BEFORE)


def _may_close(line: str, start: int, end: int) -> bool:
    before, after = line[start - 1 : start], line[end : end + 1]
    if not before or before.isspace() or before in _NOT_LAST:
        return False
    return not after or not (_in_word(after) or after in _NOT_AFTER)


def _in_word(char: str) -> bool:
    """Whether it is part of a word of a script that puts blanks between words."""
    return (char.isalnum() or is_mark(char)) and not _CJK.match(char)


# --- What is shown ------------------------------------------------------------------------------------------------


def visible(text: str, start: int = 0, end: int | None = None) -> str:
    """What is shown of `text[start:end]`: without marks, but with those of lists, and with its line breaks."""
    stop = len(text) if end is None else end
    if not is_marked(text):
        return text[start:stop]
    lines = []
    for paragraph in paragraphs(text):
        if paragraph.end < start or paragraph.start > stop:
            continue
        marker = (paragraph.marker,) if paragraph.marker else ()
        parts = [text[max(span.start, start) : min(span.end, stop)] for span in (*marker, *paragraph.spans)]
        lines.append((" " if marker and parts[0] else "").join([*parts[: len(marker)], "".join(parts[len(marker) :])]))
    return "\n".join(lines)
