"""A table with a heading, of which one row can be chosen by mouse and keyboard."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.table_rows import TableRow
from lanchat.ui.kit.theme import Palette
from lanchat.ui.kit.toolkit import Toolkit

_STYLE = "Lanchat.Treeview"
_LINE = 26  # pixels at 96 dpi, at least
_TEXT_MAX = 120


class Column(NamedTuple):
    """`width`: pixels at 96 dpi; columns that stretch share what is left."""

    title: str
    width: int
    stretch: bool = True


class Table:
    """Main thread. Only rows that changed are drawn anew."""

    def __init__(self, tools: Toolkit, master: tk.Misc, columns: Sequence[Column], rows: int = 8) -> None:
        """The caller places `frame`. `rows`: how many are in sight at least."""
        self.choose: Callable[[Hashable | None], None] = lambda key: None
        self.frame = ttk.Frame(master)
        _define_style(tools)
        names = [str(number) for number in range(len(columns))]
        self.tree = ttk.Treeview(
            self.frame, columns=names, show="headings", selectmode="browse", height=rows, style=_STYLE
        )
        for name, column in zip(names, columns, strict=True):
            self.tree.heading(name, text=glyphs.one_line(column.title), anchor="w")
            width = tools.px(column.width)
            self.tree.column(name, width=width, minwidth=width // 2, stretch=column.stretch, anchor="w")
        bar = ttk.Scrollbar(self.frame, command=self.tree.yview, style=ControlStyle.SCROLLBAR.value)
        self.tree.configure(yscrollcommand=bar.set)
        bar.pack(side="right", fill="y")
        self.tree.pack(side="left", fill="both", expand=True)
        self.tree.tag_configure("dim", foreground=tools.palette.muted)
        self.tree.bind("<<TreeviewSelect>>", lambda event: self._selected())
        self._shown: dict[str, TableRow] = {}
        self._keys: dict[Hashable, str] = {}
        self._told: Hashable | None = None

    def show(self, rows: Sequence[TableRow], chosen: Hashable | None = None) -> None:
        """These rows in this order, and which of them is chosen."""
        self._told = chosen
        wanted = {row.key: row for row in rows}
        for key in [key for key in self._keys if key not in wanted]:
            item = self._keys.pop(key)
            del self._shown[item]
            self.tree.delete(item)
        for place, row in enumerate(rows):
            self._put(place, row)
        there = self._keys.get(chosen, "")
        if self.tree.selection() != ((there,) if there else ()):
            self.tree.selection_set(there or ())
            if there:
                self.tree.focus(there)
                self.tree.see(there)

    def _put(self, place: int, row: TableRow) -> None:
        item = self._keys.get(row.key)
        if item is None:
            item = self.tree.insert("", place)
            self._keys[row.key] = item
        elif self.tree.index(item) != place:
            self.tree.move(item, "", place)
        if self._shown.get(item) != row:
            self._shown[item] = row
            texts = [glyphs.one_line(text, _TEXT_MAX) for text in row.texts]
            self.tree.item(item, values=texts, tags=("dim",) if row.dim else ())

    def _selected(self) -> None:
        selection = self.tree.selection()
        key = self._shown[selection[0]].key if selection else None
        if key != self._told:
            self._told = key
            self.choose(key)


def _define_style(tools: Toolkit) -> None:
    """In the theme that is in use; the palette's colours."""
    palette: Palette = tools.palette
    style = ttk.Style(tools.root)
    height = max(tools.px(_LINE), tools.kit.height[Font.BODY] + tools.px(6))
    style.configure(
        _STYLE,
        background=palette.field,
        fieldbackground=palette.field,
        foreground=palette.text,
        bordercolor=palette.line,
        lightcolor=palette.line,
        darkcolor=palette.line,
        borderwidth=1,
        rowheight=height,
        font="TkDefaultFont",
    )
    style.map(
        _STYLE,
        background=[("selected", palette.row_selected)],
        foreground=[("selected", palette.on_row_selected)],
        bordercolor=[("focus", palette.accent)],
    )
    style.configure(
        f"{_STYLE}.Heading",
        background=palette.surface,
        foreground=palette.muted,
        relief="flat",
        borderwidth=0,
        font=Font.SMALL_BOLD.value,
        padding=(tools.px(4), tools.px(3)),
    )
    style.map(f"{_STYLE}.Heading", background=[("active", palette.row_hover)], foreground=[("active", palette.text)])
