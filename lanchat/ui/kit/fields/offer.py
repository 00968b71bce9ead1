"""A line beside a field that says what does not fit and offers a part of it."""

import re
import tkinter as tk
import tkinter.ttk as ttk
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lanchat.protocol.text.emoji import SELECTORS, SKIN_TONES, ZWJ
from lanchat.ui.kit.styles import ControlStyle

if TYPE_CHECKING:
    from lanchat.ui.kit.toolkit import Toolkit

_JOINED = re.compile(f"[\u200c{ZWJ}{SELECTORS}{SKIN_TONES}]")
_FLAGS = ("\U0001f1e6", "\U0001f1ff")


class Offer:
    """Words and at most two buttons. `leave` gives the keyboard back; `narrow`: the button is below the words. Main
    thread."""

    def __init__(self, tools: "Toolkit", master: tk.Misc, leave: Callable[[], None], *, narrow: bool = False) -> None:
        """`leave` is called when the offer was taken or declined. The caller places `frame`."""
        self._leave = leave
        self._do: Callable[[], None] = lambda: None
        self._do_more: Callable[[], None] = lambda: None
        self.frame = ttk.Frame(master)
        self._cancel = tools.icon_button(self.frame, "x-lg", "Esc", self.close)
        self._button = tools.button(self.frame, "", self._accept, ControlStyle.PLAIN)
        self._more = tools.button(self.frame, "", self._accept_more, ControlStyle.PLAIN)
        self._words = tools.label(self.frame, "", ControlStyle.ERROR, 220)
        if narrow:
            self._words.pack(side="top", anchor="w")
        else:
            self._words.pack(side="left", fill="x", expand=True)
            self._words.bind("<Configure>", lambda event: self._words.configure(wraplength=max(event.width - 4, 60)))
        self._place: Any = {"side": "left"} if narrow else {"side": "right", "before": self._words}
        for button in (self._button, self._more, self._cancel):
            button.bind("<Escape>", lambda event: self.close())
        for sequence in ("<Return>", "<KP_Enter>"):
            self._button.bind(sequence, lambda event: self._accept())
            self._more.bind(sequence, lambda event: self._accept_more())
            self._cancel.bind(sequence, lambda event: self.close())
        self._shown = ("", "", "", ControlStyle.ERROR)

    def show(
        self,
        words: str,
        look: ControlStyle = ControlStyle.ERROR,
        button: str = "",
        do: Callable[[], None] | None = None,
        more: str = "",
        do_more: Callable[[], None] | None = None,
    ) -> bool:
        """Whether there is something to be shown now; the caller places the frame. `more`: a second button."""
        self._do, self._do_more = do or self._do, do_more or self._do_more
        if (words, button, more, look) == self._shown:
            return bool(words)
        self._shown = (words, button, more, look)
        self._words.configure(text=words, style=look.value)
        self._cancel.pack_forget()
        for control, text in ((self._button, button), (self._more, more)):
            control.pack_forget()
            if text:
                control.configure(text=text)
                control.pack(padx=(0, 8), **self._place)
        return bool(words)

    def ask(
        self,
        words: str,
        button: str,
        do: Callable[[], None],
        more: str = "",
        do_more: Callable[[], None] | None = None,
    ) -> None:
        """A question that has the keyboard until it is answered."""
        self.show(words, ControlStyle.ERROR, button, do, more, do_more)
        self._cancel.pack(**self._place)
        (self._button if button else self._cancel).focus_set()

    def _accept(self) -> str:
        self._do()
        return self.close()

    def _accept_more(self) -> str:
        self._do_more()
        return self.close()

    def close(self) -> str:
        """No; or it is done."""
        self._leave()
        return "break"


def first_part(text: str, characters: int, octets: int) -> str:
    """The beginning of a text, at most so many characters and octets of UTF-8; no emoji and no letter with its accents
    is cut apart, unless it alone is too long."""
    head = text[: max(characters, 0)]
    longest = len(head.encode("utf-8", "surrogatepass")[: max(octets, 0)].decode("utf-8", "ignore"))
    end = longest
    while 0 < end < len(text) and _together(text, end):
        end -= 1
    return text[: end or longest]


def text_parts(text: str, characters: int, octets: int, most: int) -> list[str]:
    """The text in parts within these bounds, cut between paragraphs, lines or words where one ends in the second half
    of a part; without blanks at their ends. Empty when it takes more than `most` parts."""
    parts: list[str] = []
    rest = text.strip()
    while rest:
        if len(parts) == most:
            return []
        part = first_part(rest, characters, octets)
        if len(part) < len(rest):
            ends = (part.rfind(gap) for gap in ("\n\n", "\n", " "))
            part = part[: next((end for end in ends if end * 2 > len(part)), len(part))]
        parts.append(part.rstrip())
        rest = rest[len(part) :].lstrip()
    return parts


def _together(text: str, at: int) -> bool:
    """Whether the characters before and after a place are one for people."""
    before, after = text[at - 1], text[at]
    if before == ZWJ or _JOINED.match(after) or unicodedata.category(after).startswith("M") or before + after == "\r\n":
        return True
    if not all(_FLAGS[0] <= char <= _FLAGS[1] for char in (before, after)):
        return False
    begin = at
    while begin and _FLAGS[0] <= text[begin - 1] <= _FLAGS[1]:
        begin -= 1
    return (at - begin) % 2 == 1
