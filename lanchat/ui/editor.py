"""A text field of several lines that keeps logical text: what it shows as a picture, it hands out as the character.

Emoji never get into the widget as text (see glyphs.py): each becomes one embedded picture or chip, which moves,
disappears and is copied as one character.
"""

import tkinter as tk
from collections.abc import Callable

from lanchat.protocol.text import clean_text
from lanchat.ui import glyphs
from lanchat.ui.drawing import Font
from lanchat.ui.entry_text import clipboard_text
from lanchat.ui.pictures import picture
from lanchat.ui.toolkit import Toolkit
from lanchat.ui.undo import History, Snapshot


class Editor:
    """`changed` is called after each change. Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, changed: Callable[[], None]) -> None:
        self._tools = tools
        self._changed = changed
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
        self._pictures: dict[str, str] = {}
        self._history = History()
        self.pasting = False
        self._bind()

    def _bind(self) -> None:
        text = self.text
        text.bind("<<Modified>>", self._modified)
        text.bind("<<Paste>>", self._paste)
        text.bind("<<PasteSelection>>", self._paste_selection)
        text.bind("<<Copy>>", lambda event: self._copy())
        text.bind("<<Cut>>", lambda event: self._cut())
        text.bind("<<Undo>>", lambda event: self._undo())
        text.bind("<<Redo>>", lambda event: self._redo())
        text.bind("<<SelectAll>>", lambda event: self._select_all())
        text.bind("<Key>", self._key)

    # The text

    def get(self) -> str:
        """The logical text."""
        return self._logical("1.0", "end-1c")

    def _logical(self, start: str, end: str) -> str:
        parts = []
        for kind, value, _index in self.text.dump(start, end, text=True, image=True, window=True):
            if kind == "text":
                parts.append(glyphs.joined(value))
            else:
                parts.append(self._pictures.get(value, ""))
        return "".join(parts)

    def set(self, text: str) -> None:
        """Replaces everything; what was before cannot be brought back by undo."""
        self._replace(text, len(text))
        self._history = History(text)

    def _replace(self, text: str, cursor: int) -> None:
        self.text.delete("1.0", "end")
        self._pictures.clear()
        self._put(text[:cursor])
        mark = self.text.index("insert")
        self._put(text[cursor:])
        self.text.mark_set("insert", mark)
        self.text.see("insert")

    def insert(self, text: str) -> None:
        """Puts text in the place of the selection, or at the cursor."""
        if self.text.tag_ranges("sel"):
            self.text.delete("sel.first", "sel.last")
        self._put(text)
        self.text.see("insert")

    def _put(self, text: str) -> None:
        for run in glyphs.split(text):
            if run.name:
                self._put_picture(run)
            else:
                self.text.insert("insert", run.text)

    def _put_picture(self, run: glyphs.Run) -> None:
        palette, px = self._tools.palette, self._tools.px
        if shown := picture(run.name):
            image = self._tools.images.icon(shown.glyph, 18, getattr(palette, shown.role))
            name = self.text.image_create("insert", image=image, padx=1)
        else:
            label = tk.Label(
                self.text,
                text=run.name[:40],
                font=Font.SMALL.value,
                background=palette.plain,
                foreground=palette.text,
                padx=px(4),
                pady=0,
            )
            self.text.window_create("insert", window=label, padx=1)
            name = str(label)
        self._pictures[name] = run.text

    def focus(self) -> None:
        self.text.focus_set()

    def enable(self, enabled: bool) -> None:
        """A field that is not enabled shows its text and takes no more."""
        self.text.configure(state="normal" if enabled else "disabled")

    def rows(self) -> int:
        """How many lines the text takes on the screen."""
        counted = self.text.count("1.0", "end", "displaylines")
        return max(counted[0] if isinstance(counted, tuple) else counted or 1, 1)

    def at_start_row(self) -> bool:
        return self.text.compare("insert", "<", "2.0")

    # Changes

    def _modified(self, event: "tk.Event[tk.Misc]") -> None:
        if not self.text.edit_modified():
            return
        self.text.edit_modified(False)
        self._record()
        self._changed()

    def _record(self) -> None:
        self._history.changed(Snapshot(self.get(), len(self._logical("1.0", "insert"))))

    def _undo(self) -> str:
        # Tk tells of changes later; a quick hand is faster.
        self._record()
        return self._go(self._history.undo())

    def _redo(self) -> str:
        self._record()
        return self._go(self._history.redo())

    def _go(self, snapshot: Snapshot | None) -> str:
        if snapshot is not None:
            self._replace(snapshot.text, snapshot.cursor)
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
            self.insert(clean_text(clipboard_text(self.text)))
        finally:
            self.pasting = False
        return "break"

    def _paste_selection(self, event: "tk.Event[tk.Misc]") -> str:
        """The middle button of X11: what is selected anywhere, at the mouse."""
        try:
            selected = self.text.selection_get(selection="PRIMARY")  # type: ignore[no-untyped-call]
        except tk.TclError:
            return "break"
        self.text.mark_set("insert", f"@{event.x},{event.y}")
        self._put(clean_text(glyphs.joined(selected)))
        return "break"

    def _copy(self) -> str:
        if self.text.tag_ranges("sel"):
            self.text.clipboard_clear()
            self.text.clipboard_append(self._logical("sel.first", "sel.last"))
        return "break"

    def _select_all(self) -> str:
        """Without the line break that every Tk text ends with."""
        self.text.tag_add("sel", "1.0", "end-1c")
        return "break"

    def _cut(self) -> str:
        if self.text.tag_ranges("sel"):
            self._copy()
            self.text.delete("sel.first", "sel.last")
        return "break"
