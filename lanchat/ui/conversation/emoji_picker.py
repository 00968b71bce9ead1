"""The choice of emoji above the composer: search, those used last, all by category."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Sequence

from lanchat.i18n.emoji import all_emoji, name_of
from lanchat.ui.kit import wheel
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.fields.entry_text import EntryText
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.emoji_rows import COLUMNS, EmojiRow, emoji_rows

_CELL = 34
_PICTURE = 24
_HEADING = 24
_ROWS = 7  # in sight


class EmojiPicker:
    """A frame over the conversation as long as it has the keyboard. `chosen` gets the emoji, `closed` is called after
    it or when none was chosen. Main thread."""

    def __init__(
        self, tools: Toolkit, above: tk.Misc, recent: Sequence[str], chosen: Callable[[str], None],
        closed: Callable[[], None],
    ) -> None:  # fmt: skip
        """Shown at once, its lower right corner at the upper right one of `above`."""
        self._tools = tools
        self._recent = recent
        self._chosen = chosen
        self._closed = closed
        palette, px = tools.palette, tools.px
        top = above.winfo_toplevel()
        self.frame = tk.Frame(top, background=palette.field, highlightthickness=1, highlightbackground=palette.line)
        self.frame.configure(highlightcolor=palette.line)
        self.entry = ttk.Entry(self.frame, font=Font.BODY.value)
        self._typed = EntryText(self.entry)
        self.entry.pack(fill="x", padx=px(8), pady=px(8))
        self._name = tk.Label(
            self.frame, anchor="w", font=Font.SMALL.value, background=palette.field, foreground=palette.muted
        )
        self._name.pack(side="bottom", fill="x", padx=px(8), pady=px(4))
        middle = tk.Frame(self.frame, background=palette.field)
        middle.pack(fill="both", expand=True)
        size = {"width": px(_CELL) * COLUMNS, "height": px(_CELL) * _ROWS}
        self.canvas = tk.Canvas(middle, background=palette.field, highlightthickness=0, takefocus=0, **size)  # type: ignore[arg-type]
        bar = ttk.Scrollbar(middle, command=self._scrolled, style=ControlStyle.SCROLLBAR.value)
        self.canvas.configure(yscrollcommand=bar.set, yscrollincrement=1)
        self.canvas.pack(side="left", padx=(px(8), 0))
        bar.pack(side="right", fill="y")
        self._rows: list[EmojiRow] = []
        self._tops: list[int] = []
        self._at = (0, 0)  # row and column of what the keyboard is on
        self._drawn: set[int] = set()
        self._job = ""
        self._query: str | None = None
        self._bind()
        x, y = above.winfo_rootx() + above.winfo_width() - top.winfo_rootx(), above.winfo_rooty() - top.winfo_rooty()
        self.frame.place(x=x, y=y - px(4), anchor="se")
        self.frame.lift()
        self.entry.focus_set()
        self._search()

    def _bind(self) -> None:
        entry, canvas = self.entry, self.canvas
        entry.bind("<KeyRelease>", lambda event: self._search())
        for sequence, step in (("Left", (0, -1)), ("Right", (0, 1)), ("Up", (-1, 0)), ("Down", (1, 0))):
            entry.bind(f"<{sequence}>", lambda event, step=step: self._step(*step))  # type: ignore[misc]
        for sequence in ("<Return>", "<KP_Enter>"):
            entry.bind(sequence, lambda event: self._choose())
        for sequence in ("<Escape>", "<Tab>", "<Shift-Tab>"):
            entry.bind(sequence, lambda event: self.close())
        entry.bind("<FocusOut>", lambda event: self.close())
        canvas.bind("<Motion>", self._hover)
        canvas.bind("<Button-1>", self._click)
        wheel.bind(canvas, self._wheel)

    # What is shown

    def _search(self) -> None:
        query = self._typed.get()
        if query == self._query:
            return
        self._query = query
        self._rows = emoji_rows(query, self._recent)
        px, top = self._tools.px, 0
        self._tops = [0]
        for row in self._rows:
            top += px(_HEADING if isinstance(row, str) else _CELL)
            self._tops.append(top)
        self.canvas.configure(scrollregion=(0, 0, px(_CELL) * COLUMNS, max(top, px(_CELL) * _ROWS)))
        self.canvas.yview_moveto(0)
        self.canvas.delete("all")
        self._drawn.clear()
        first = next((number for number, row in enumerate(self._rows) if not isinstance(row, str)), 0)
        self._mark(first, 0)
        self._draw_soon()

    def _draw_soon(self) -> None:
        """Row by row: a picture that is needed for the first time takes milliseconds."""
        if not self._job:
            self._job = self.canvas.after(1, self._draw_next)

    def _draw_next(self) -> None:
        self._job = ""
        top = int(self.canvas.canvasy(0))
        bottom = top + self._tools.px(_CELL) * _ROWS
        for number, row in enumerate(self._rows):
            if self._tops[number + 1] > top and self._tops[number] < bottom and number not in self._drawn:
                self._drawn.add(number)
                self._draw(row, self._tops[number])
                self._draw_soon()
                return

    def _draw(self, row: EmojiRow, y: int) -> None:
        px, palette = self._tools.px, self._tools.palette
        if isinstance(row, str):
            self.canvas.create_text(
                2, y + px(_HEADING) // 2, text=row, anchor="w", font=Font.SMALL_BOLD.value, fill=palette.muted
            )
            return
        for column, emoji in enumerate(row):
            image = self._tools.images.emoji(emoji, _PICTURE)
            self.canvas.create_image(px(_CELL) * column + px(_CELL) // 2, y + px(_CELL) // 2, image=image)

    def _mark(self, row: int, column: int) -> None:
        self._at = (row, column)
        self.canvas.delete("marked")
        emoji = self._marked()
        name = next((found.short_name for found in all_emoji() if found.text == emoji), "")
        self._name.configure(text=f"{name_of(emoji)}  {name}" if emoji else "")
        if not emoji:
            return
        px, palette = self._tools.px, self._tools.palette
        x, y, size = px(_CELL) * column, self._tops[row], px(_CELL)
        box = self.canvas.create_rectangle(
            x + 1, y + 1, x + size - 2, y + size - 2, fill=palette.row_selected, outline=palette.accent, tags="marked"
        )
        self.canvas.tag_lower(box)

    def _marked(self) -> str:
        row, column = self._at
        cells = self._rows[row] if row < len(self._rows) else ""
        return cells[column] if not isinstance(cells, str) and column < len(cells) else ""

    # Keys and mouse

    def _step(self, down: int, right: int) -> str:
        row, column = self._at
        cells = [number for number, each in enumerate(self._rows) if not isinstance(each, str)]
        if not cells or row not in cells:
            return "break"
        flat = cells.index(row) * COLUMNS + column + right + COLUMNS * down
        place = cells[min(max(flat // COLUMNS, 0), len(cells) - 1)]
        self._mark(place, min(flat % COLUMNS, len(self._rows[place]) - 1))
        view, height = int(self.canvas.canvasy(0)), self._tools.px(_CELL) * _ROWS
        if self._tops[place] < view:
            self.canvas.yview_scroll(self._tops[place] - view, "units")
        elif self._tops[place + 1] > view + height:
            self.canvas.yview_scroll(self._tops[place + 1] - view - height, "units")
        self._draw_soon()
        return "break"

    def _place(self, event: "tk.Event[tk.Misc]") -> tuple[int, int] | None:
        y = int(self.canvas.canvasy(event.y))
        row = next(
            (number for number in range(len(self._rows)) if self._tops[number] <= y < self._tops[number + 1]), -1
        )
        column = event.x // self._tools.px(_CELL)
        if not 0 <= row < len(self._rows) or isinstance(self._rows[row], str) or column >= len(self._rows[row]):
            return None
        return row, column

    def _hover(self, event: "tk.Event[tk.Misc]") -> None:
        if (place := self._place(event)) and place != self._at:
            self._mark(*place)

    def _click(self, event: "tk.Event[tk.Misc]") -> None:
        if place := self._place(event):
            self._mark(*place)
            self._choose()

    def _wheel(self, notches: float) -> None:
        self.canvas.yview_scroll(round(notches * self._tools.px(_CELL)), "units")
        self._draw_soon()

    def _scrolled(self, *arguments: str) -> None:
        self.canvas.yview(*arguments)
        self._draw_soon()

    def _choose(self) -> str:
        if emoji := self._marked():
            self.close()
            self._chosen(emoji)
        return "break"

    def close(self) -> str:
        """Gone, with nothing chosen."""
        if self.frame.winfo_exists():
            if self._job:
                self.canvas.after_cancel(self._job)
            self.entry.unbind("<FocusOut>")
            self.frame.destroy()
            self._closed()
        return "break"
