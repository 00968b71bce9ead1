"""What a `tk.Text` holds, known without asking it: the logical text of each of its places.

A place is what Tk counts as one index: a character, or a picture that stands for a character or a sequence. Asking Tk
takes a callback for each picture, and laying out one line with thousands of them takes seconds; here a change costs
the same few calls whatever the text.
"""

import tkinter as tk
from collections.abc import Sequence

from lanchat.ui.kit.canvas import glyphs

# All changes of the widget, also those that its own keys make, go through this command.
_PROC = """
rename {widget} {original}
proc {widget} {{operation args}} {{
    if {{$operation in {{insert delete replace}}}} {{ return [{hook} $operation {{*}}$args] }}
    tailcall {original} $operation {{*}}$args
}}
"""


class Mirror:
    """Follows one widget from its beginning, when it is empty. It takes at most `limit` places by its keys. Main
    thread."""

    def __init__(self, text: tk.Text, limit: int) -> None:
        """Puts itself in the place of the widget's Tk command: every change passes here from now on."""
        self._tk = text.tk
        self._limit = limit
        self._wide = self._tk.call("string", "length", "\U0001f389") == 2
        self._original = f"{text}_original"
        hook = f"{text}_changing"
        self._tk.createcommand(hook, self._change)
        self._tk.eval(_PROC.format(widget=str(text), original=self._original, hook=hook))
        self.places: list[str] = []

    def text(self, start: int = 0, end: int | None = None) -> str:
        """The logical text between two places."""
        return glyphs.joined("".join(self.places[start:end]))

    def offset(self, index: str) -> int:
        """The place that an index of Tk means."""
        counted = int(str(self._call("count", "-indices", "1.0", index)))
        return min(counted, len(self.places))

    def at_cursor(self) -> int:
        """The place before which the cursor stands."""
        return self.offset("insert")

    def insert(self, shown: str, places: Sequence[str]) -> None:
        """Puts text at the cursor that stands for other text, character by character."""
        at = self.at_cursor()
        self._call("insert", "insert", shown)
        self.places[at:at] = places

    def embed(self, place: str, *operation: str) -> str:
        """Puts a picture at the cursor: `image create` or `window create` and their options; returns its name."""
        at = self.at_cursor()
        name = str(self._call(*operation[:2], "insert", *operation[2:]))
        self.places[at:at] = [place]
        return name

    def delete(self, start: int, end: int) -> None:
        """Takes the places between two out."""
        if start < end:
            self._call("delete", f"1.0 + {start} indices", f"1.0 + {end} indices")
            del self.places[start:end]

    def _call(self, *words: object) -> object:
        return self._tk.call(self._original, *words)

    def _change(self, operation: str, *words: str) -> str:
        """A change that comes from the widget's keys or through its methods."""
        try:
            if self._call("cget", "-state") == "disabled":
                return ""
            if operation == "delete":
                self._delete_by_index(*words)
            elif operation == "insert":
                self._insert_by_index(*words)
            else:
                self._delete_by_index(*words[:2])
                self._insert_by_index(words[0], *words[2:])
        except tk.TclError:
            # An error here would end the main loop; the widget's own keys ignore it as well.
            return ""
        return ""

    def _delete_by_index(self, first: str, last: str = "") -> None:
        start = self.offset(first)
        self.delete(start, self.offset(last) if last else min(start + 1, len(self.places)))

    def _insert_by_index(self, index: str, chars: str = "", *tags: str) -> None:
        places = self.plain(glyphs.joined(chars))[: max(self._limit - len(self.places), 0)]
        at = self.offset(index)
        self._call("insert", index, glyphs.joined("".join(places)), *tags)
        self.places[at:at] = places

    def plain(self, text: str) -> list[str]:
        """The places of a text without pictures: Tk 8.6 counts a character beyond the BMP as two."""
        if text.isascii() or not self._wide or max(text) <= "\uffff":
            return list(text)
        octets = text.encode("utf-16-le", "surrogatepass")
        return [chr(int.from_bytes(octets[at : at + 2], "little")) for at in range(0, len(octets), 2)]
