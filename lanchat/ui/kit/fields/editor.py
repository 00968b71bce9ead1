"""A text field of several lines that keeps logical text: what it shows as a picture, it hands out as the character.

Emoji never get into the widget as text (see glyphs.py): each becomes one embedded picture or chip, which moves,
disappears and is copied as one character. Beyond the first few hundred a sign stands for them: Tk lays out a line with
thousands of pictures in seconds, at each key. What a key costs does not grow with the text (`mirror.py`).
"""

import tkinter as tk
from collections.abc import Callable, Iterable
from itertools import accumulate

from lanchat.protocol.limits import BODY_CHARACTERS_MAX
from lanchat.protocol.text.cleaning import clean_text
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.canvas.pictures import has_picture
from lanchat.ui.kit.fields.clipboard import clipboard_text, holds_picture
from lanchat.ui.kit.fields.mirror import Mirror
from lanchat.ui.kit.fields.undo import TextSnapshot, UndoHistory
from lanchat.ui.kit.toolkit import Toolkit

CHARACTERS_MAX = 2 * BODY_CHARACTERS_MAX  # more than can be sent, so that a text may be shortened here
_PICTURES_MAX = 300
_STAND_IN = "\u25a1"


class TextEditor:
    """`changed` is called after each change, `too_long` with what was pasted and does not fit. Main thread."""

    def __init__(
        self, tools: Toolkit, master: tk.Misc, changed: Callable[[], None], too_long: Callable[[str], None]
    ) -> None:
        """The field begins empty; the caller places `text`."""
        self._tools = tools
        self._changed = changed
        self._too_long = too_long
        palette, px = tools.palette, tools.px
        self.text = tk.Text(
            master,
            height=1,
            width=10,
            wrap="word",
            undo=False,
            borderwidth=0,
            highlightthickness=0,
            font=Font.BODY.value,
            background=palette.field,
            foreground=palette.text,
            insertbackground=palette.text,
            insertwidth=max(px(1.5), 1),
            selectbackground=palette.selection,
            selectforeground=palette.on_selection,
            inactiveselectbackground=palette.selection,
            padx=px(2),
            pady=px(2),
        )
        self._mirror = Mirror(self.text, CHARACTERS_MAX)
        self._history = UndoHistory()
        self.pasting = False
        self.on_picture: Callable[[], None] | None = None  # a picture was pasted
        self._bind(master)

    def _bind(self, master: tk.Misc) -> None:
        text = self.text
        text.selection_handle(self._give, selection="PRIMARY")
        text.bind("<<Modified>>", lambda event: self._tell_change())
        text.bind("<<Paste>>", self._paste)
        text.bind("<<PasteSelection>>", self._paste_selection)
        text.bind("<<Copy>>", lambda event: self._copy())
        text.bind("<<Cut>>", lambda event: self._cut())
        text.bind("<<Undo>>", lambda event: self._undo())
        text.bind("<<Redo>>", lambda event: self._redo())
        text.bind("<<SelectAll>>", lambda event: self._select_all())
        text.bind("<Key>", self._key)
        # `master` never has the keyboard: its binding runs after what Tk does with a key that comes to the field.
        own, kind, *outer = text.bindtags()
        text.bindtags((own, kind, str(master), *outer))
        master.bind("<Key>", lambda event: self._tell_change())

    # The text

    def get(self) -> str:
        """The logical text."""
        return self._mirror.text()

    def set(self, text: str) -> None:
        """Replaces everything; what was before cannot be brought back by undo."""
        self._replace(text, len(text))
        self._history = UndoHistory(text)

    def change_to(self, text: str) -> None:
        """Another text in one step, which undo takes back; the cursor is at its end."""
        self._replace(text, len(text))
        self._tell_change()

    def _replace(self, text: str, cursor: int) -> None:
        """Changes only what differs: a text may have thousands of pictures."""
        runs = [run for whole in glyphs.split(text) for run in self._single(whole)]
        old, new = self._mirror.places, [run.text for run in runs]
        shorter = min(len(old), len(new))
        first = next((n for n in range(shorter) if old[n] != new[n]), shorter)
        rest = shorter - first
        last = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
        self._mirror.delete(first, len(old) - last)
        self._go_to(first)
        self._put_runs(runs[first : len(runs) - last])
        self._go_to(self._place_of(cursor))
        self.text.see("insert")

    def _single(self, run: glyphs.GlyphRun) -> list[glyphs.GlyphRun]:
        return [run] if run.name else [glyphs.GlyphRun(place) for place in self._mirror.plain(run.text)]

    def _go_to(self, place: int) -> None:
        self.text.mark_set("insert", f"1.0 + {place} indices")

    def _place_of(self, cursor: int) -> int:
        """The place of a character of the logical text."""
        ends = accumulate(0 if "\udc00" <= place <= "\udfff" else len(place) for place in self._mirror.places)
        return sum(end <= cursor for end in ends)

    def insert(self, text: str) -> None:
        """Puts text in the place of the selection, or at the cursor; one that is too long is only told of."""
        start, end = self._selected()
        if len(text) + len(self._mirror.places) - (end - start) > CHARACTERS_MAX:
            self._too_long(text)
            return
        self._mirror.delete(start, end)
        self._put(text)
        self.text.see("insert")
        self._tell_change()

    def before_cursor(self, most: int) -> str:
        """The end of the text before the cursor, of at most so many places."""
        at = self._mirror.at_cursor()
        return self._mirror.text(max(at - most, 0), at)

    def replace_before(self, count: int, text: str) -> None:
        """Puts text in the place of the characters before the cursor; one step of undo."""
        self._record()
        at = self._mirror.at_cursor()
        self._mirror.delete(max(at - count, 0), at)
        self._put(text)
        self._tell_change()

    def _selected(self) -> tuple[int, int]:
        """The places that are selected: from, up to."""
        if not self.text.tag_ranges("sel"):
            return 0, 0
        return self._mirror.offset("sel.first"), self._mirror.offset("sel.last")

    def without_selection(self) -> str:
        """What is left when something takes the place of the selection."""
        start, end = self._selected()
        return self._mirror.text(0, start) + self._mirror.text(end)

    def _put(self, text: str) -> None:
        self._put_runs(glyphs.split(text))

    def _put_runs(self, runs: Iterable[glyphs.GlyphRun]) -> None:
        """Neighbours that are no pictures go into the widget together."""
        free = _PICTURES_MAX - len(self.text.image_names()) - len(self.text.window_names())
        shown: list[str] = []
        places: list[str] = []
        for run in runs:
            if run.name and free > 0:
                self._mirror.insert("".join(shown), places)
                shown, places, free = [], [], free - 1
                self._put_picture(run)
            elif run.name:
                shown.append(_STAND_IN)
                places.append(run.text)
            else:
                shown.append(run.text)
                places += self._mirror.plain(run.text)
        self._mirror.insert(glyphs.joined("".join(shown)), places)

    def _put_picture(self, run: glyphs.GlyphRun) -> None:
        palette, px = self._tools.palette, self._tools.px
        if has_picture(run.text):
            image = self._tools.images.emoji(run.text, 18)
            self._mirror.embed(run.text, "image", "create", "-image", str(image), "-padx", "1")
            return
        label = tk.Label(
            self.text,
            text=run.name[:40],
            font=Font.SMALL.value,
            background=palette.plain,
            foreground=palette.text,
            padx=px(4),
            pady=0,
        )
        self._mirror.embed(run.text, "window", "create", "-window", str(label), "-padx", "1")

    def focus(self) -> None:
        """The keyboard goes to the field."""
        self.text.focus_set()

    def enable(self, enabled: bool) -> None:
        """A field that is not enabled shows its text and takes no more."""
        self.text.configure(state="normal" if enabled else "disabled")

    def rows(self, most: int) -> int:
        """How many lines the text takes on the screen, counted up to `most`."""
        last = self.text.index(f"1.0 + {most - 1} display lines")
        if self.text.compare(last, ">", "end - 1 char"):
            last = "end - 1 char"
        return int(self.text.tk.call(self.text, "count", "-displaylines", "1.0", last)) + 1

    # Changes

    def _tell_change(self) -> None:
        """At once after each key: Tk tells of a change when it has handled all keys that wait, and by then another room
        may be open. What Tk does without a key is told of later, by its own event."""
        if self.text.edit_modified():
            self.text.edit_modified(False)
            self._record()
            self._changed()

    def _record(self) -> None:
        self._history.changed(TextSnapshot(self.get(), len(self._mirror.text(0, self._mirror.at_cursor()))))

    def _undo(self) -> str:
        self._tell_change()
        return self._go(self._history.undo())

    def _redo(self) -> str:
        self._tell_change()
        return self._go(self._history.redo())

    def _go(self, snapshot: TextSnapshot | None) -> str:
        if snapshot is not None:
            self._replace(snapshot.text, snapshot.cursor)
            self._tell_change()
        return "break"

    def _key(self, event: "tk.Event[tk.Misc]") -> str | None:
        typed = glyphs.joined(event.char)
        if not typed or (glyphs.inline(typed) == typed and typed <= "\uffff"):
            return None
        self.insert(typed)
        return "break"

    # Clipboard

    def _paste(self, event: "tk.Event[tk.Misc]") -> str:
        # Fetching the clipboard lets other events happen meanwhile: Return must not send the text without it.
        self.pasting = True
        try:
            self._take(clipboard_text(self.text))
            if self.on_picture and holds_picture(self.text):
                self.on_picture()
        finally:
            self.pasting = False
        return "break"

    def _paste_selection(self, event: "tk.Event[tk.Misc]") -> str:
        """The middle button of X11: what is selected anywhere, at the mouse."""
        selected = clipboard_text(self.text, "PRIMARY")
        if not selected:
            return "break"
        self.text.mark_set("insert", f"@{event.x},{event.y}")
        self.text.tag_remove("sel", "1.0", "end")
        self._take(selected)
        return "break"

    def _take(self, pasted: str) -> None:
        """What comes from elsewhere; one step of undo."""
        if len(pasted) > CHARACTERS_MAX:
            self._too_long(pasted)
        else:
            self.insert(clean_text(pasted))

    def _give(self, offset: str, length: str) -> str:
        """A part of what is selected, for another program: emoji as characters, where the field shows pictures."""
        selected = self._mirror.text(*self._selected())
        return selected[int(offset) : int(offset) + int(length)]

    def _copy(self) -> str:
        if self.text.tag_ranges("sel"):
            self.text.clipboard_clear()
            self.text.clipboard_append(self._mirror.text(*self._selected()))
        return "break"

    def _select_all(self) -> str:
        """Without the line break that every Tk text ends with."""
        self.text.tag_add("sel", "1.0", "end-1c")
        return "break"

    def _cut(self) -> str:
        if self.text.tag_ranges("sel"):
            self._copy()
            self._mirror.delete(*self._selected())
            self._tell_change()
        return "break"
