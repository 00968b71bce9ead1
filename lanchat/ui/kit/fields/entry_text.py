"""The text of a one-line entry field, where it differs from what the field shows.

What a Tk entry must not draw (see glyphs.py) stands in it as `[party popper]`. `DisplayedText` knows which part of the
shown text stands for which part of the real one; `EntryText` looks at every change of an entry before it is made,
whoever makes it, and changes the real text. A picture is one character for the person: it comes, goes and is copied
whole.
"""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from itertools import accumulate

from lanchat.protocol.text.cleaning import clean_text
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.clipboard import clipboard_text
from lanchat.ui.kit.fields.undo import TextSnapshot, UndoHistory

# No name, address or password is longer; what is pasted beyond it would only make the window slow.
PASTED_MAX = 4096
_HIDDEN_PICTURE = "\u25a1"


class DisplayedText:
    """How a text is shown in an entry. Indexes are Tk's: on Tk 8.6 a character beyond U+FFFF counts twice (`wide`).
    Pure."""

    def __init__(self, text: str, wide: int = 2, *, secret: bool = False) -> None:
        """`wide`: indexes of a character beyond U+FFFF. `secret`: a sign stands for each picture, not its name."""
        self.text = text
        self._wide = wide
        parts: list[tuple[str, str]] = []
        for run in glyphs.split(text):
            if run.name:
                parts.append((_HIDDEN_PICTURE if secret else f"[{run.name}]", run.text))
            else:
                parts += [(char, char) for char in run.text]
        self.shown = "".join(shown for shown, _text in parts)
        # Where each part begins, and at the end where the last one ends: in the entry, in the text.
        self._indexes = [0, *accumulate(self.width(shown) for shown, _text in parts)]
        self._offsets = [0, *accumulate(len(real) for _shown, real in parts)]

    def width(self, shown: str) -> int:
        """How many indexes a shown text takes."""
        return len(shown) + (self._wide - 1) * sum(char > "\uffff" for char in shown)

    def down(self, index: int) -> int:
        """The offset in the text of the part that covers an index, its beginning."""
        return self._offsets[max(number for number, at in enumerate(self._indexes) if at <= max(index, 0))]

    def up(self, index: int) -> int:
        """The offset in the text of the first part that does not begin before an index."""
        return next((self._offsets[n] for n, at in enumerate(self._indexes) if at >= index), len(self.text))

    def index(self, offset: int) -> int:
        """The first index that does not stand before an offset in the text."""
        return next((self._indexes[n] for n, at in enumerate(self._offsets) if at >= offset), self._indexes[-1])


class EntryText:
    """Keeps the text of `entry`. `secret`: nothing of it is written out or left out. `too_long` is told what was pasted
    and is longer than anything that belongs into a field; without it the beginning is put in. Main thread."""

    def __init__(
        self, entry: ttk.Entry, *, secret: bool = False, too_long: Callable[[str], None] | None = None
    ) -> None:
        """Begins with what stands in `entry`, whose validation and bindings for keys and clipboard it takes over."""
        self._entry = entry
        self._too_long = too_long
        self._secret = secret
        self._wide = int(entry.tk.call("string", "length", "\U0001f389"))
        self._now = DisplayedText(entry.get(), self._wide, secret=secret)
        self._busy = False
        self._changed: Callable[[], None] | None = None
        self._told = ""  # the call that tells of a change, while it waits
        self._history = UndoHistory()  # what is secret never gets into it
        judge = entry.register(self._change)
        entry.configure(validate="key", validatecommand=(judge, "%d", "%i", "%S", "%P"))
        entry.bind("<Key>", self._key)
        entry.bind("<<Paste>>", self._paste)
        if not secret:
            entry.bind("<<Undo>>", lambda event: self._go(self._history.undo()))
            entry.bind("<<Redo>>", lambda event: self._go(self._history.redo()))
            entry.bind("<<Copy>>", lambda event: self._copy())
            entry.bind("<<Cut>>", lambda event: self._cut())
            entry.selection_handle(self._give, selection="PRIMARY")

    def get(self) -> str:
        """The text as it was typed, pasted or set."""
        return self._now.text

    def set(self, text: str) -> None:
        """Another text, with the cursor at its end; undo does not lead back to the one before."""
        self._take(text, len(text))
        self._history = UndoHistory("" if self._secret else text)

    def on_change(self, changed: Callable[[], None]) -> None:
        """`changed` is called after the text became another one by keys, clipboard, mouse or undo: in the event loop,
        once for several changes that come together. Not after `set`."""
        self._changed = changed

    def _schedule_change(self) -> None:
        if self._changed and not self._told:
            # Not at once: Tk is in the middle of the change.
            self._told = self._entry.after_idle(self._emit_change)

    def emit_pending_change(self) -> None:
        """A change that is told only when the event loop is idle, at once: what a key does follows from the text."""
        if self._told:
            self._entry.after_cancel(self._told)
            self._emit_change()

    def _emit_change(self) -> None:
        self._told = ""
        if self._changed and self._entry.winfo_exists():
            self._changed()

    def _go(self, step: TextSnapshot | None) -> str:
        if step:
            self._take(step.text, step.cursor)
            self._schedule_change()
        return "break"

    def _take(self, text: str, cursor: int) -> None:
        """Another text, with the cursor at this offset."""
        self._now = DisplayedText(text, self._wide, secret=self._secret)
        self._busy = True
        try:
            self._entry.delete(0, "end")
            self._entry.insert(0, self._now.shown)
            self._entry.icursor(self._now.index(cursor))
        finally:
            self._busy = False

    def _change(self, action: str, index: str, changed: str, after: str) -> bool:
        """Tk asks before each change of the entry. Whether it makes the change itself; else it is made here."""
        if self._busy or action not in ("0", "1"):
            return True
        now, at, changed = self._now, int(index), glyphs.joined(changed)
        if action == "1":
            first = last = now.up(at)
            fresh = self._cleaned(changed)
        else:
            first, last = now.down(at), now.up(at + now.width(changed))
            fresh = ""
        text = now.text[:first] + fresh + now.text[last:]
        if not self._secret:
            self._history.changed(TextSnapshot(text, first + len(fresh)))
        self._schedule_change()
        then = DisplayedText(text, self._wide, secret=self._secret)
        if then.shown == glyphs.joined(after):
            self._now = then
            return True
        self._take(text, first + len(fresh))
        return False

    def _cleaned(self, typed: str) -> str:
        """What was pasted, in one line. A single character is what somebody types: perhaps a joiner, whose neighbour
        comes later."""
        if len(typed) <= 1:
            return typed
        typed = typed[:PASTED_MAX]
        if not self._secret:
            typed = clean_text(typed)
        return typed.rstrip("\r\n").replace("\r\n", " ").replace("\n", " ").replace("\t", " ")

    def _key(self, event: "tk.Event[tk.Misc]") -> str | None:
        typed = glyphs.joined(event.char)
        if glyphs.inline(typed) == typed:
            return None
        self.insert(typed)
        return "break"

    def _paste(self, event: "tk.Event[tk.Misc]") -> str:
        pasted = clipboard_text(self._entry)
        if len(pasted) > PASTED_MAX and self._too_long:
            self._too_long(pasted)
        else:
            self.insert(pasted[:PASTED_MAX])
        return "break"

    def insert(self, text: str) -> None:
        """In the place of the selection, or at the cursor."""
        if self._entry.selection_present():
            self._entry.delete("sel.first", "sel.last")
        self._entry.insert("insert", text)

    def _selected(self) -> str:
        if not self._entry.selection_present():
            return ""
        first, last = self._entry.index("sel.first"), self._entry.index("sel.last")
        return self._now.text[self._now.down(first) : self._now.up(last)]

    def _give(self, offset: str, length: str) -> str:
        """A part of what is selected, for another program."""
        return self._selected()[int(offset) : int(offset) + int(length)]

    def _copy(self) -> str:
        if selected := self._selected():
            self._entry.clipboard_clear()
            self._entry.clipboard_append(selected)
        return "break"

    def _cut(self) -> str:
        self._copy()
        if self._entry.selection_present():
            self._entry.delete("sel.first", "sel.last")
        return "break"
