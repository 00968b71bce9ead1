"""A model of a terminal's screen: what stands where after what a program wrote, and where the cursor is.

As VT100 and its descendants: a character in the last column leaves the cursor there, and only the next one goes on in
a new row. A resized screen keeps its rows as they are, cut off or with blanks (`reflow` of others is not modelled).
"""

import re

from lanchat.terminal.line_editor import width_of

_PIECE = re.compile(r"\x1b\[(?P<private>\??)(?P<numbers>[0-9;]*)(?P<letter>[A-Za-z])|(?P<char>.)", re.DOTALL)


class Screen:
    """`columns` by `lines`. `row` and `column`: the cursor, from 0."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self.row = self.column = 0
        self.scrolled: list[str] = []
        self._full = False  # the last column was written: the next character goes to the next row
        self._cells = [self._blank() for _ in range(lines)]
        self._unread = ""

    def _blank(self) -> list[str]:
        return [" "] * self.columns

    @property
    def text(self) -> list[str]:
        """The rows without blanks at their ends."""
        return ["".join(row).rstrip() for row in self._cells]

    def resize(self, columns: int, lines: int) -> None:
        while lines < len(self._cells):  # lines that are blank at the end go first
            if self.row < len(self._cells) - 1:
                self._cells.pop()
            else:
                self._cells.pop(0)
                self.row -= 1
        self._cells += [self._blank() for _ in range(lines - len(self._cells))]
        self._cells = [(row + [" "] * columns)[:columns] for row in self._cells]
        self.columns, self.lines, self._full = columns, lines, False
        self.column = min(self.column, columns - 1)

    def write(self, text: str) -> None:
        text = self._unread + text
        cut = text.rfind("\x1b")
        whole = cut < 0 or re.match(r"\x1b\[\??[0-9;]*[A-Za-z]", text[cut:])
        self._unread = "" if whole else text[cut:]
        for found in _PIECE.finditer(text if whole else text[:cut]):
            if found["letter"]:
                self._control(found["letter"], found["private"], [int(n or 0) for n in found["numbers"].split(";")])
            else:
                self._put(found["char"])

    def _control(self, letter: str, private: str, numbers: list[int]) -> None:
        if private:
            return
        self._full = False
        count = max(numbers[0], 1)
        if letter == "A":
            self.row = max(self.row - count, 0)
        elif letter == "B":
            self.row = min(self.row + count, self.lines - 1)
        elif letter == "C":
            self.column = min(self.column + count, self.columns - 1)
        elif letter == "D":
            self.column = max(self.column - count, 0)
        elif letter == "H":
            self.row, self.column = count - 1, max(numbers[1], 1) - 1 if len(numbers) > 1 else 0
        elif letter in "JK":
            assert numbers == [0], "only to the end"
            self._cells[self.row][self.column :] = [" "] * (self.columns - self.column)
            if letter == "J":
                self._cells[self.row + 1 :] = [self._blank() for _ in self._cells[self.row + 1 :]]
        else:
            raise AssertionError(f"not modelled: {letter}")

    def _put(self, char: str) -> None:
        if char == "\r":
            self.column, self._full = 0, False
        elif char == "\n":
            self._down()
        elif char == "\a":
            pass
        else:
            assert char >= " ", repr(char)
            self._print(char)

    def _print(self, char: str) -> None:
        width = width_of(char)
        if width == 0:
            place = self.column if self._full else max(self.column - 1, 0)
            self._cells[self.row][place] += char
            return
        if self._full or self.column + width > self.columns:
            self.column, self._full = 0, False
            self._down()
        self._cells[self.row][self.column] = char
        if width == 2:
            self._cells[self.row][self.column + 1] = ""
        self.column += width
        if self.column == self.columns:
            self.column, self._full = self.columns - 1, True

    def _down(self) -> None:
        self._full = False
        if self.row < self.lines - 1:
            self.row += 1
            return
        self.scrolled.append("".join(self._cells.pop(0)).rstrip())
        self._cells.append(self._blank())
