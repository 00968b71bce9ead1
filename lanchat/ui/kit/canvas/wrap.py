"""Breaking a text into lines of a given width. No Tk: the caller hands in what measures.

Why not leave it to a `tk.Text`: pictures inside a line, a bubble that is only as wide as its text, and text from right
to left, which can be put into visual order only line by line, all need to know where lines break.

Offsets (`start`, `end`) count characters of the logical text, so that a selection copies what was written.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from lanchat.protocol.text.links import links
from lanchat.protocol.text.markup import Span, Style
from lanchat.ui.kit.canvas import glyphs

Measure = Callable[[str], int]
StyledMeasure = Callable[[Style, str], int]
_ALONE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff"
# A word with nothing to break at, a run of blanks, or one character of a script that breaks anywhere.
_TOKEN = re.compile(rf"[{_ALONE}]|\s+|[^\s{_ALONE}]+")
_TAB = "    "


class RowPiece(msgspec.Struct, frozen=True):
    """Something drawn in one go: text in a style, or one picture (`name`); `x` from the start of the row, pixels."""

    x: int
    width: int
    text: str
    start: int
    end: int
    name: str = ""
    link: str = ""
    style: Style = Style.PLAIN


class WrappedRow(msgspec.Struct, frozen=True):
    """One line on the screen. `end` is past its last character, without the line break."""

    pieces: tuple[RowPiece, ...]
    width: int
    start: int
    end: int


class _Token(NamedTuple):
    text: str
    start: int
    name: str = ""
    link: str = ""
    style: Style = Style.PLAIN


def wrap(text: str, width: int, measure: Measure, picture: Measure) -> list[WrappedRow]:
    """`text` in rows of at most `width` pixels (one character may be wider). `picture` measures that of an emoji.

    There is always one row at least.
    """
    rows: list[WrappedRow] = []
    start = 0
    for paragraph in text.split("\n"):
        plain = _rows_of_words(paragraph, start, width, measure) if _is_plain(paragraph) else None
        rows += _rows_of_anything(paragraph, start, width, measure, picture) if plain is None else plain
        start += len(paragraph) + 1
    return rows


def wrap_spans(
    text: str, spans: Sequence[Span], start: int, width: int, measure: StyledMeasure, picture: Measure
) -> list[WrappedRow]:
    """The shown parts of one paragraph (markup.py) in rows, as `wrap` does it. What is in no span belongs to the row
    and is not drawn. `start`: where a paragraph begins of which nothing is shown."""
    rows: list[WrappedRow] = []
    builder = _Rows(width, measure, spans[0].start if spans else start)
    for span in spans:
        shown = text[span.start : span.end]
        address = shown if span.style is Style.LINK else ""
        place = span.start
        for number, line in enumerate(shown.split("\n")):
            if number:
                rows += builder.finish()
                builder = _Rows(width, measure, place)
            for token in _plain(line, place, address, span.style):
                builder.add(token, picture(token.text) if token.name else measure(span.style, _shown(token.text)))
            place += len(line) + 1
    return rows + builder.finish()


def _is_plain(paragraph: str) -> bool:
    """No pictures, no tabs, and certainly no links."""
    if "\t" in paragraph or "://" in paragraph:
        return False
    return not any(run.name for run in glyphs.split(paragraph))


def _rows_of_words(paragraph: str, start: int, width: int, measure: Measure) -> list[WrappedRow] | None:
    """What `_rows_of_anything` makes of plain text, in a quarter of the time: most of what people write. None when a
    word is longer than a row."""
    limit = max(width, 1)
    rows: list[WrappedRow] = []
    # In the paragraph: where the row begins, where its last word ends, where the row ends (blanks may hang over).
    begin = last = end = 0
    x = 0

    def flush() -> None:
        pieces = (RowPiece(0, x, paragraph[begin:last], start + begin, start + last),) if last > begin else ()
        rows.append(WrappedRow(pieces, x, start + begin, start + end))

    for token in _TOKEN.findall(paragraph):
        wide = measure(token)
        if x + wide <= limit:
            x += wide
            last = end = end + len(token)
        elif token.isspace():
            end += len(token)
            flush()
            begin = last = end
            x = 0
        elif wide <= limit:
            flush()
            begin = end
            last = end = end + len(token)
            x = wide
        else:
            return None
    if last > begin or not rows:
        flush()
    return rows


def _rows_of_anything(paragraph: str, start: int, width: int, measure: Measure, picture: Measure) -> list[WrappedRow]:
    builder = _Rows(width, lambda style, part: measure(part), start)
    for token in _tokens(paragraph, start):
        builder.add(token, picture(token.text) if token.name else measure(_shown(token.text)))
    return builder.finish()


def _shown(text: str) -> str:
    return text.replace("\t", _TAB) if "\t" in text else text


def _tokens(text: str, start: int) -> Iterator[_Token]:
    position = 0
    for link in links(text):
        address = text[link.start : link.end]
        yield from _plain(text[position : link.start], start + position, "")
        yield from _plain(address, start + link.start, address)
        position = link.end
    yield from _plain(text[position:], start + position, "")


def _plain(text: str, start: int, link: str, style: Style = Style.PLAIN) -> Iterator[_Token]:
    for run in glyphs.split(text):
        if run.name:
            yield _Token(run.text, start, run.name, link, style)
        else:
            yield from (_Token(m.group(), start + m.start(), "", link, style) for m in _TOKEN.finditer(run.text))
        start += len(run.text)


class _Rows:
    """Collects the rows of one paragraph."""

    def __init__(self, width: int, measure: StyledMeasure, start: int) -> None:
        self._limit = max(width, 1)
        self._measure = measure
        self._rows: list[WrappedRow] = []
        self._start = self._end = start
        self._pieces: list[RowPiece] = []
        # Words that are drawn in one go: they become a piece when something else follows.
        self._words: list[str] = []
        self._words_start = self._words_x = 0
        self._words_link = ""
        self._words_style = Style.PLAIN
        self._x = 0

    def add(self, token: _Token, width: int) -> None:
        if self._x + width <= self._limit:
            self._put(token, width)
        elif token.text.isspace():
            # Blanks at a break hang over the edge: they belong to the row and take no place in it.
            self._join()
            self._end = token.start + len(token.text)
            self._flush()
        elif width <= self._limit or token.name:
            self._flush()
            self._put(token, width)
        else:
            if self._x:
                self._flush()
            self._split(token)

    def _put(self, token: _Token, width: int) -> None:
        text, start, name, link, style = token
        end = start + len(text)
        if name:
            self._join()
            self._pieces.append(RowPiece(self._x, width, _shown(text), start, end, name, link, style))
        else:
            if (self._words_link, self._words_style, self._end) != (link, style, start):
                self._join()
            if not self._words:
                self._words_start, self._words_x, self._words_link, self._words_style = start, self._x, link, style
            self._words.append(_shown(text))
        self._x += width
        self._end = end

    def _join(self) -> None:
        if self._words:
            text, x = "".join(self._words), self._words_x
            piece = RowPiece(
                x, self._x - x, text, self._words_start, self._end, "", self._words_link, self._words_style
            )
            self._pieces.append(piece)
            self._words = []

    def _split(self, token: _Token) -> None:
        """A word longer than a row: as much of it as fits, in as many rows as it takes."""
        text, start, style = token.text, token.start, token.style

        def measure(part: str) -> int:
            return self._measure(style, part)

        while text:
            count = _fitting(text, self._limit - self._x, measure)
            if not count and self._x:
                self._flush()
                continue
            count = count or _cluster(text, 1)
            part = text[:count]
            self._put(token._replace(text=part, start=start), measure(part))
            text, start = text[count:], start + count
            if text:
                self._flush()

    def _flush(self) -> None:
        self._join()
        width = max((piece.x + piece.width for piece in self._pieces), default=0)
        self._rows.append(WrappedRow(tuple(self._pieces), width, self._start, self._end))
        self._pieces, self._x, self._start = [], 0, self._end

    def finish(self) -> list[WrappedRow]:
        if self._pieces or self._words or not self._rows:
            self._flush()
        return self._rows


def _fitting(text: str, width: int, measure: Measure) -> int:
    """How many characters of `text` fit, never cutting a base character from its marks."""
    # A word may be thousands of letters long, of which a row holds some tens: at most twice that is measured.
    high = 16
    while high < len(text) and measure(text[:high]) <= width:
        high *= 2
    low, high = 0, min(high, len(text))
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    while low and low < len(text) and unicodedata.combining(text[low]):
        low -= 1
    return low


def _cluster(text: str, count: int) -> int:
    while count < len(text) and unicodedata.combining(text[count]):
        count += 1
    return count


def offset_at(piece: RowPiece, x: int, measure: Measure) -> int:
    """The offset of the gap between characters that is nearest to `x` (pixels from the start of the row)."""
    inside = x - piece.x
    if piece.name or inside >= piece.width:
        return piece.end if inside * 2 >= piece.width else piece.start
    if inside <= 0 or "\t" in piece.text:
        return piece.start
    count = _fitting(piece.text, inside, measure)
    if count < len(piece.text):
        left, right = measure(piece.text[:count]), measure(piece.text[: count + 1])
        count += inside - left > right - inside
    return min(piece.start + count, piece.end)


def elide(text: str, width: int, measure: Measure) -> str:
    """The text, cut with an ellipsis where it would be wider than `width`."""
    if measure(text) <= width:
        return text
    count = _fitting(text, max(width - measure("…"), 0), measure)
    return text[:count].rstrip() + "…"
