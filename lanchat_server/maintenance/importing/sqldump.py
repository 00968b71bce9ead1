"""Rows of tables from an SQL dump, as mysqldump, phpMyAdmin and sqlite3 write them. Pure.

INSERT and REPLACE statements are read, with one row or many; CREATE TABLE for the names of the columns where they leave
them out. Everything else is passed over. Nothing is executed.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from lanchat.protocol.errors import ProtocolError

# Comments, and what stands around the statements in `/*!40101 … */`, which are read.
_SPACE = re.compile(
    r"(?:\s++|--(?=\s|$)[^\n]*+|#[^\n]*+"
    r"|/\*M?+!999999(?:[^*]++|\*(?!/))*+\*/"  # for programs newer than all: a comment
    r"|/\*M?+!\d*+|/\*(?!M?+!)(?:[^*]++|\*(?!/))*+\*/|\*/)*+"
)
_WORD = re.compile(r"[^\W\d][\w$]*+")
_NUMBER = re.compile(r"[+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?+\d++)?+")
_HEX = re.compile(r"0[xX]([0-9a-fA-F]++)|[xX]'([0-9a-fA-F]*+)'")
_BITS = re.compile(r"0b([01]++)|[bB]'([01]*+)'")
_ESCAPED = {
    quote: re.compile(rf"{quote}((?:[^{quote}\\]++|\\.|{quote}{quote})*+){quote}", re.DOTALL) for quote in "'\""
}
_PLAIN = {quote: re.compile(rf"{quote}((?:[^{quote}]++|{quote}{quote})*+){quote}") for quote in "'\""}
_NAME_QUOTES = {"`": re.compile(r"`((?:[^`]++|``)*+)`"), '"': _PLAIN['"'], "[": re.compile(r"\[([^\]]*+)\]")}
_ESCAPE = {quote: re.compile(rf"\\(.)|{quote}{quote}", re.DOTALL) for quote in "'\""}
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
# Of a statement that is passed over.
_PASSED = re.compile(r"[^;'\"`/#-]++|/(?!\*)|-(?!-)")
_SET_NAMES = re.compile(rb"\bSET\s+NAMES\s+'?([A-Za-z0-9_]+)", re.IGNORECASE)
_DELIMITER = re.compile(r"DELIMITER[ \t]++(\S++)[^\n]*+", re.IGNORECASE)
_USUAL_DELIMITER = re.compile(r"^DELIMITER[ \t]++;", re.IGNORECASE | re.MULTILINE)
_UNICODE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\+([0-9a-fA-F]{6})|(\\))")
# Of functions within each other, which sqlite3 writes around line breaks.
_DEPTH_MAX = 16
# Characters of what they come to: a few within each other would fill any memory.
_REPLACED_MAX = 1 << 24
# MySQL's longest.
_BITS_MAX = 64
_CHARSETS = {"utf8": "utf-8", "utf8mb3": "utf-8", "utf8mb4": "utf-8", "binary": "", "cp1251": "cp1251"}
_CHARSETS |= {"latin1": "cp1252", "koi8r": "koi8-r", "cp866": "cp866", "koi8u": "koi8-u", "cp1250": "cp1250"}
# A header of comments comes first; mysqldump says SET NAMES within it.
_HEADER = 64 * 1024
# Characters of a SET statement.
_STATEMENT = 1000
_NOT_COLUMNS = frozenset(
    ("primary", "unique", "key", "index", "constraint", "fulltext", "spatial", "foreign", "check", "period")
)

T = TypeVar("T")
Value = str | None


class DumpRow(NamedTuple):
    """A row of a table. `columns` are in lower case; None: the dump says nothing of them. `line`: where it stands."""

    table: str
    columns: tuple[str, ...] | None
    values: tuple[Value, ...]
    line: int


class DumpError(ProtocolError):
    """What stands at a line is no SQL that can be read."""

    def __init__(self, reason: str, line: int) -> None:
        """`line` counts from 1."""
        super().__init__(f"line {line}: {reason}")
        self.line = line


def declared_charset(octets: bytes) -> str | None:
    """Python's name of the encoding that SET NAMES declares; None: none that is known."""
    found = _SET_NAMES.search(octets[:_HEADER])
    return _CHARSETS.get(found[1].decode("ascii").lower()) or None if found else None


def read_dump_untrusted(text: str) -> Iterator[DumpRow]:
    """The rows of all tables, in their order. Raises DumpError."""
    return _Reader(text).rows()


class _Reader:
    """Goes through the text once."""

    def __init__(self, text: str) -> None:
        self._text = text.removeprefix("\ufeff")
        self._at = 0
        self._line, self._counted = 1, 0
        self._columns: dict[str, tuple[str, ...]] = {}
        self._strings = _ESCAPED

    def rows(self) -> Iterator[DumpRow]:
        while self._space():
            if self._delimiter():
                continue
            match self._word().lower():
                case "insert" | "replace":
                    yield from self._insert()
                case "create":
                    self._create()
                case "pragma":  # SQLite: a backslash is one
                    self._strings = _PLAIN
                case "set":
                    self._set()
            self._pass_over()

    # --- Places ---------------------------------------------------------------------------------------------------

    def _space(self) -> bool:
        """Pass over space and comments; whether something follows."""
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        if self._text.startswith("/*", self._at):
            raise self._error("a comment without an end")
        return self._at < len(self._text)

    def _error(self, reason: str) -> DumpError:
        return DumpError(reason, self._line_here())

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _take(self, sign: str) -> bool:
        self._space()
        if self._text.startswith(sign, self._at):
            self._at += len(sign)
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._error(f"{sign} is missing")

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def _word(self) -> str:
        """The next word; empty when there is none."""
        self._space()
        found = self._match(_WORD)
        return found[0] if found else ""

    def _peek(self) -> str:
        """The next word in lower case, which stays."""
        at = self._at
        word = self._word().lower()
        self._at = at
        return word

    def _name(self) -> str:
        """A name with or without quotes."""
        self._space()
        quote = self._text[self._at : self._at + 1]
        if quote in _NAME_QUOTES:
            found = self._match(_NAME_QUOTES[quote])
            if found is None:
                raise self._error("a name without an end")
            return found[1].replace(quote * 2, quote)
        word = self._word()
        if not word:
            raise self._error("a name is missing")
        return word

    def _table(self) -> str:
        name = self._name()
        while self._take("."):
            name = self._name()
        return name.lower()

    # --- Statements -----------------------------------------------------------------------------------------------

    def _delimiter(self) -> bool:
        """Whether procedures or triggers stand here, which are passed over up to where `;` ends statements again."""
        found = self._match(_DELIMITER)
        if found is None:
            return False
        if found[1] != ";":
            end = _USUAL_DELIMITER.search(self._text, self._at)
            self._at = len(self._text) if end is None else end.end()
        return True

    def _pass_over(self) -> None:
        """The rest of the statement."""
        while self._space():
            if self._take(";"):
                return
            char = self._text[self._at]
            if char in "'\"`":
                if not self._match(self._strings[char] if char != "`" else _NAME_QUOTES["`"]):
                    raise self._error("a text without an end")
            elif not self._match(_PASSED):
                self._at += 1

    def _set(self) -> None:
        if "NO_BACKSLASH_ESCAPES" in self._text[self._at : self._at + _STATEMENT].partition(";")[0]:
            self._strings = _PLAIN

    def _create(self) -> None:
        """Remember the columns of a table."""
        if self._peek() in ("temporary", "temp"):
            self._word()
        if self._word().lower() != "table":
            return
        if self._peek() == "if":
            for _ in ("if", "not", "exists"):
                self._word()
        table = self._table()
        if not self._take("("):
            return
        columns: list[str] = []
        while True:
            quoted = self._space() and self._text[self._at] in _NAME_QUOTES
            name = self._name()
            if quoted or name.lower() not in _NOT_COLUMNS:
                columns.append(name.lower())
            if not self._end_of_column():
                break
        self._columns[table] = tuple(columns)

    def _end_of_column(self) -> bool:
        """Pass over a column's type; whether another one follows."""
        depth = 0
        while self._space():
            char = self._text[self._at]
            if char in "'\"`":
                if not self._match(self._strings[char] if char != "`" else _NAME_QUOTES["`"]):
                    raise self._error("a text without an end")
                continue
            self._at += 1
            if char == "(":
                depth += 1
            elif char == ")" and depth:
                depth -= 1
            elif char in ",)" and not depth:
                return char == ","
        raise self._error("a table without an end")

    def _insert(self) -> Iterator[DumpRow]:
        while self._peek() in ("low_priority", "delayed", "high_priority", "ignore", "or", "replace", "into"):
            self._word()
        table = self._table()
        columns = self._columns.get(table)
        if self._take("("):
            columns = tuple(self._list(lambda: self._name().lower()))
        if self._word().lower() not in ("values", "value"):
            return  # INSERT … SELECT, INSERT … SET
        while True:
            self._expect("(")
            line = self._line_here()
            values = tuple(self._list(self._value))
            if columns is not None and len(columns) != len(values):
                raise DumpError(f"{len(values)} values for {len(columns)} columns", line)
            yield DumpRow(table, columns, values, line)
            if not self._take(","):
                break

    def _list(self, one: Callable[[], T]) -> Iterator[T]:
        """What stands between commas, up to the bracket that closes."""
        if self._take(")"):
            return
        while True:
            yield one()
            if not self._take(","):
                break
        self._expect(")")

    # --- Values ---------------------------------------------------------------------------------------------------

    def _value(self, depth: int = 0) -> Value:
        self._space()
        if found := self._match(_HEX):
            digits = found[1] or found[2] or ""
            return bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0")).decode("utf-8", "surrogateescape")
        if found := self._match(_BITS):
            digits = found[1] or found[2] or "0"
            return str(int(digits, 2)) if len(digits) <= _BITS_MAX else self._none()
        if found := self._match(_NUMBER):
            return found[0]
        char = self._text[self._at : self._at + 1]
        if char in ("'", '"'):
            return self._string(char)
        word = self._word().lower()
        if word in ("n", "binary") or word.startswith("_"):  # the charset of the text that follows
            self._space()
            char = self._text[self._at : self._at + 1]
            if char in ("'", '"'):
                return self._string(char)
            return self._value(depth + 1) if depth < _DEPTH_MAX else self._none()
        if word in ("null", "default"):
            return None
        if word in ("true", "false"):
            return "1" if word == "true" else "0"
        if word and depth < _DEPTH_MAX and self._take("("):
            return self._function(word, list(self._list(lambda: self._value(depth + 1))))
        return self._none()

    def _none(self) -> Value:
        raise self._error("a value that is no constant")

    def _function(self, name: str, values: list[Value]) -> Value:
        """What sqlite3 writes for texts with line breaks."""
        texts = [value or "" for value in values]
        if name == "replace" and len(texts) == 3 and texts[1]:
            length = len(texts[0]) + texts[0].count(texts[1]) * (len(texts[2]) - len(texts[1]))
            return texts[0].replace(texts[1], texts[2]) if length <= _REPLACED_MAX else self._none()
        if name == "char" and all(text.isdecimal() and int(text[:8]) < 0x110000 for text in texts):
            return "".join(chr(int(text[:8])) for text in texts)
        if name == "unistr" and len(texts) == 1:
            return _UNICODE.sub(_character, texts[0])
        return self._none()

    def _string(self, quote: str) -> str:
        """Texts that stand side by side are one."""
        parts = []
        while self._text.startswith(quote, self._at):
            found = self._match(self._strings[quote])
            if found is None:
                raise self._error("a text without an end")
            text = found[1]
            if self._strings is _PLAIN:
                text = text.replace(quote * 2, quote)
            elif "\\" in text or quote in text:
                text = _ESCAPE[quote].sub(lambda one: quote if one[1] is None else _ESCAPES.get(one[1], one[1]), text)
            parts.append(text)
            self._space()
        return "".join(parts)


def _character(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    return chr(min(int(digits, 16), 0x10FFFF)) if digits else "\\"
