"""Above the composer: which emoji, or which member, a name that is being typed (`:tad`, `@an`) may become."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Sequence

from lanchat.app.api import Person
from lanchat.i18n.emoji import Emoji
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.toolkit import Toolkit


class EmojiSuggestions:
    """A row of emoji with their short names, or of people, one of them marked. The caller places `frame`. Main
    thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, take: Callable[[Emoji | Person], None]) -> None:
        """`take` gets what a click or `accept` chose."""
        self._tools = tools
        self._take = take
        self._shown: tuple[Emoji | Person, ...] = ()
        self._labels: list[tk.Label] = []
        self._marked = 0
        self.frame = ttk.Frame(master)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._shown)

    def show(self, emoji: Sequence[Emoji | Person]) -> bool:
        """Shows these, the first one marked; returns whether there are any."""
        if tuple(emoji) != self._shown:
            self._shown, self._marked = tuple(emoji), 0
            for label in self._labels:
                label.destroy()
            self._labels = [self._label(one) for one in emoji]
            self._mark()
        return bool(self._shown)

    def _label(self, emoji: Emoji | Person) -> tk.Label:
        tools = self._tools
        label = tk.Label(
            self.frame, compound="left", font=Font.SMALL.value, foreground=tools.palette.text,
            padx=tools.px(5), pady=tools.px(2), cursor="hand2",
        )  # fmt: skip
        if isinstance(emoji, Person):
            label.configure(text=glyphs.one_line(f"@{emoji.name}", 24))
        else:
            label.configure(text=f" {emoji.short_name}", image=tools.images.emoji(emoji.text, 18))
        label.bind("<Button-1>", lambda event: self._take(emoji))
        label.pack(side="left", padx=(0, tools.px(3)))
        return label

    def _mark(self) -> None:
        palette = self._tools.palette
        for number, label in enumerate(self._labels):
            label.configure(background=palette.row_selected if number == self._marked else palette.surface)

    def move(self, step: int) -> None:
        """Another one is marked."""
        self._marked = (self._marked + step) % len(self._shown)
        self._mark()

    def accept(self) -> None:
        """Takes the one that is marked."""
        self._take(self._shown[self._marked])
