"""A line that a person types at a terminal: the keys, and how it looks in a given width. Pure: no terminal here.

The keys are those of Emacs and of every shell. Text is drawn row by row, as terminals disagree about what happens at
the right margin; a text that is longer than the screen is shown around the cursor.
"""

import codecs
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

HISTORY_MAX = 500
# More than a message may have; what is beyond is dropped, as each key draws the line anew.
TEXT_MAX = 20_000
TAB = 8
# Text, or a key: an escape sequence (CSI, SS3, Alt with a character), or a control character.
_KEY = re.compile(r"[^\x00-\x1f\x7f]+|\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]|\x1b[^\[O]|[^\x1b]", re.DOTALL)
_PASTE, _PASTE_END = "\x1b[200~", "\x1b[201~"
_SEQUENCE_MAX = 32
_STYLE = re.compile("\x1b\\[[0-9;]*m")
_WORD = re.compile(r"\w+")


def _common(words: list[str]) -> str:
    """What all words begin with."""
    first, last = min(words), max(words)
    end = next((place for place, char in enumerate(first) if last[place : place + 1] != char), len(first))
    return first[:end]


class LineDisplay(NamedTuple):
    """The rows that show a line, and the cursor in them, both from 0."""

    rows: list[str]
    row: int
    column: int


def width_of(char: str) -> int:
    """Columns of a terminal that a character takes: 0, 1 or 2."""
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    if "\u1160" <= char <= "\u11ff":  # the later parts of a syllable of Hangul
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def rows_of(text: str, width: int) -> int:
    """Rows that a printed text takes; codes for bold letters and the like take no place."""
    return sum(len(picture("", line, 0, width).rows) for line in _STYLE.sub("", text).split("\n"))


def picture(prompt: str, text: str, point: int, width: int, height: int = 0) -> LineDisplay:
    """`text` behind `prompt`, the cursor before the character at `point`. Where the text ends with a full row and the
    cursor is there, it stands in a row of its own. At most `height` rows (0: all), those around the cursor."""
    width = max(width, 2)
    rows, column = [""], 0
    cursor = (0, 0)
    for place, char in enumerate(prompt + text):
        taken = min(TAB - column % TAB, width - column) if char == "\t" else 0 if char == "\n" else width_of(char)
        if column + max(taken, 1) > width and taken:
            rows.append("")
            column = 0
            taken = TAB if char == "\t" else taken
        if place == len(prompt) + point:
            cursor = _cursor(rows, column, width, char)
        if char == "\n":
            rows.append("")
            column = 0
            continue
        rows[-1] += " " * taken if char == "\t" else char
        column += taken
    if point >= len(text):
        if column >= width:
            rows.append("")
            column = 0
        cursor = (len(rows) - 1, column)
    first = 0 if not 0 < height < len(rows) else min(max(cursor[0] - height // 2, 0), len(rows) - height)
    return LineDisplay(rows[first : first + height] if height else rows, cursor[0] - first, cursor[1])


def _cursor(rows: list[str], column: int, width: int, char: str) -> tuple[int, int]:
    """Before a line break at the end of a full row the cursor stays on its last column."""
    return len(rows) - 1, min(column, width - 1) if char == "\n" else column


# What the end of a text may become: how many characters it takes the place of, and the words.
Complete = Callable[[str], tuple[int, list[str]]]


class LineEditor:
    """`feed` takes what the terminal sent. `text` is the line, the cursor stands before its character at `point`;
    `ended`: Ctrl-D was typed on an empty line."""

    def __init__(self, complete: Complete | None = None) -> None:
        """Begins with an empty line and no history. `complete`: what Tab does; without it, and where it has nothing,
        Tab is a character."""
        self._complete = complete
        self._choices: list[str] = []
        self.text = ""
        self.point = 0
        self.ended = False
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._unread = ""
        self._pasting = False
        self._killed = ""
        self._history: list[str] = []
        self._place = 0  # in the history; its length: the line that is new
        self._draft = ""
        back, on = (lambda: self._move(-1)), (lambda: self._move(1))
        word_back, word_on = (lambda: self._go(self._word_start())), (lambda: self._go(self._word_end()))
        start, end = (lambda: self._go(self._line_start())), (lambda: self._go(self._line_end()))
        up, down = (lambda: self._recall(-1)), (lambda: self._recall(1))
        erase, delete = (lambda: self._erase(-1)), (lambda: self._erase(1))
        kill_word = lambda: self._kill(self._word_start(), self.point)  # noqa: E731
        self._keys: dict[str, Callable[[], None]] = {
            **dict.fromkeys(("\x02", "\x1b[D", "\x1bOD"), back),
            **dict.fromkeys(("\x06", "\x1b[C", "\x1bOC"), on),
            **dict.fromkeys(("\x01", "\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~"), start),
            **dict.fromkeys(("\x05", "\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~"), end),
            **dict.fromkeys(("\x10", "\x1b[A", "\x1bOA"), up),
            **dict.fromkeys(("\x0e", "\x1b[B", "\x1bOB"), down),
            **dict.fromkeys(("\x08", "\x7f"), erase),
            "\x1b[3~": delete,
            **dict.fromkeys(("\x1bb", "\x1b[1;5D", "\x1b[1;3D"), word_back),
            **dict.fromkeys(("\x1bf", "\x1b[1;5C", "\x1b[1;3C"), word_on),
            **dict.fromkeys(("\x17", "\x1b\x7f", "\x1b\x08"), kill_word),
            "\x1bd": lambda: self._kill(self.point, self._word_end()),
            "\x0b": lambda: self._kill(self.point, self._line_end()),
            "\x15": lambda: self._kill(self._line_start(), self.point),
            "\x19": lambda: self._insert(self._killed),
            "\t": self._tab,
        }

    def feed(self, octets: bytes) -> list[str]:
        """The lines that were finished."""
        unread = self._unread + self._decode(octets)
        finished: list[str] = []
        place = 0
        while place < len(unread) and not self.ended:
            found = _KEY.match(unread, place)
            if found is None and len(unread) - place <= _SEQUENCE_MAX:
                break  # it has not come whole
            place = found.end() if found else place + 1
            if found:
                self._take(found[0], finished)
        self._unread = unread[place:]
        return finished

    def _take(self, key: str, finished: list[str]) -> None:
        if key in (_PASTE, _PASTE_END):
            self._pasting = key == _PASTE
        elif self._pasting:
            self._paste(key)
        elif key in "\r\n":
            finished.append(self._finish())
        elif key == "\x04" and not self.text:
            self.ended = True
        elif key == "\x04":
            self._erase(1)
        elif key in self._keys:
            self._keys[key]()
        elif key[0] >= " " and key != "\x7f":
            self._insert(key)

    def _paste(self, key: str) -> None:
        """Text, tabs and line breaks alone: no key does anything."""
        if key in "\r\n":
            self._insert("\n")
        elif key == "\t" or (key[0] >= " " and key != "\x7f"):
            self._insert(key)

    def _finish(self) -> str:
        text = self.text
        if text.strip() and self._history[-1:] != [text]:
            self._history = [*self._history, text][-HISTORY_MAX:]
        self.text, self.point, self._draft, self._place = "", 0, "", len(self._history)
        return text

    def _insert(self, text: str) -> None:
        text = text[: TEXT_MAX - len(self.text)]
        self.text = self.text[: self.point] + text + self.text[self.point :]
        self.point += len(text)

    def _tab(self) -> None:
        """Completes as far as it is certain; when nothing more is, the words are offered."""
        length, words = self._complete(self.text[: self.point]) if self._complete else (0, [])
        if not words:
            self._insert("\t")
            return
        common = _common(words)
        if len(words) > 1 and len(common) <= length:
            self._choices = words
            return
        self.text = self.text[: self.point - length] + self.text[self.point :]
        self.point -= length
        self._insert(common)

    def take_choices(self) -> str:
        """The words that Tab left open, in one line, once; empty for none."""
        choices, self._choices = self._choices, []
        return "  ".join(word.strip() for word in choices)

    def _go(self, point: int) -> None:
        self.point = point

    def _beside(self, step: int) -> int:
        """The next place for the cursor: marks stay with their letter."""
        point = self.point + step
        while 0 < point < len(self.text) and width_of(self.text[point]) == 0 and self.text[point] != "\n":
            point += step
        return min(max(point, 0), len(self.text))

    def _move(self, step: int) -> None:
        self.point = self._beside(step)

    def _erase(self, step: int) -> None:
        """Backwards one mark at a time, as it was typed; forwards a letter with its marks."""
        other = max(self.point - 1, 0) if step < 0 else self._beside(1)
        start, end = sorted((self.point, other))
        self.text = self.text[:start] + self.text[end:]
        self.point = start

    def _kill(self, start: int, end: int) -> None:
        if start < end:
            self._killed = self.text[start:end]
            self.text = self.text[:start] + self.text[end:]
            self.point = start

    def _line_start(self) -> int:
        return self.text.rfind("\n", 0, self.point) + 1

    def _line_end(self) -> int:
        end = self.text.find("\n", self.point)
        return len(self.text) if end < 0 else end

    def _word_start(self) -> int:
        return max((found.start() for found in _WORD.finditer(self.text) if found.start() < self.point), default=0)

    def _word_end(self) -> int:
        found = _WORD.search(self.text, self.point)
        return found.end() if found else len(self.text)

    def _recall(self, step: int) -> None:
        place = self._place + step
        if 0 <= place <= len(self._history):
            if self._place == len(self._history):
                self._draft = self.text
            self._place = place
            self.text = self._draft if place == len(self._history) else self._history[place]
            self.point = len(self.text)
