"""A list of rows (rows.py) on a canvas: mouse, wheel, keyboard, one selected row. Draws only the rows that can be seen.

ttk's own lists cannot show a badge, a dot on a picture or a second line.
"""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Hashable, Sequence

from lanchat.ui.kit import wheel
from lanchat.ui.kit.canvas.drawing import LayoutContext
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import menu_button
from lanchat.ui.kit.tooltip import Tooltip
from lanchat.ui.lists.row_painter import RowLook, RowPainter
from lanchat.ui.lists.rows import ListRow

Chosen = Callable[[Hashable], None]


class RowList:
    """`choose` is called for a click or Return, `activate` for a double click, `menu` for a right click.

    `ground`: the colour that the list stands on. Main thread.
    """

    def __init__(
        self, master: tk.Misc, kit: LayoutContext, images: Images, ground: str, *, two_lines: bool = False
    ) -> None:
        """`two_lines`: rows are higher and show their subtitle. The caller places `frame` and sets the callbacks."""
        self._kit = kit
        self.choose: Chosen = lambda key: None
        self.activate: Chosen = lambda key: None
        self.menu: Callable[[Hashable, int, int], None] = lambda key, x, y: None
        self.frame = tk.Frame(master, background=ground)
        self.canvas = tk.Canvas(
            self.frame, background=ground, highlightthickness=0, borderwidth=0, yscrollincrement=1, takefocus=1
        )
        self._bar = ttk.Scrollbar(
            self.frame, orient="vertical", command=self._bar_moved, style=ControlStyle.SIDE_SCROLLBAR.value
        )
        self.canvas.configure(yscrollcommand=self._scrolled)
        self.canvas.pack(side="left", fill="both", expand=True)
        self._painter = RowPainter(self.canvas, kit, images, ground, two_lines=two_lines)
        self._tooltip = Tooltip(self.canvas, kit.palette)
        self._rows: Sequence[ListRow] = ()
        self._tops: list[int] = [0]
        self.selected: Hashable = None
        self._hovered = -1
        self._focus = -1
        self._size = (0, 0)
        self._drawn: dict[Hashable, tuple[RowLook, int, str]] = {}  # by key: how, at which y, with which tag
        self._tags = 0
        self._bind()

    def _bind(self) -> None:
        canvas = self.canvas
        canvas.bind("<Configure>", self._resized)
        wheel.bind(canvas, self._wheel)
        canvas.bind("<Motion>", self._hover)
        canvas.bind("<Leave>", lambda event: self._set_hovered(-1))
        canvas.bind("<Button-1>", self._click)
        canvas.bind("<Double-Button-1>", self._double)
        canvas.bind(menu_button(canvas), self._menu_by_mouse)
        canvas.bind("<Up>", lambda event: self._step(-1))
        canvas.bind("<Down>", lambda event: self._step(1))
        canvas.bind("<Return>", lambda event: self._choose_focused())
        canvas.bind("<KP_Enter>", lambda event: self._choose_focused())
        canvas.bind("<Menu>", lambda event: self._menu_by_key())
        canvas.bind("<Shift-F10>", lambda event: self._menu_by_key())
        canvas.bind("<FocusIn>", lambda event: self._focused())
        canvas.bind("<FocusOut>", lambda event: self._unfocused())

    # Content

    def show(self, rows: Sequence[ListRow], selected: Hashable = None) -> None:
        """These rows, in this order; the scroll position stays."""
        if rows == self._rows and selected == self.selected:
            return
        focused = self._rows[self._focus].key if 0 <= self._focus < len(self._rows) else None
        self._rows, self.selected = rows, selected
        self._focus = next((number for number, row in enumerate(rows) if row.key == focused and focused), -1)
        self._tops = [0]
        for row in rows:
            self._tops.append(self._tops[-1] + self._painter.height(row))
        self.canvas.configure(takefocus=self.first_key() is not None)
        self._draw()
        if self._focus < 0 and self._has_keyboard():
            self._focused()

    def _has_keyboard(self) -> bool:
        # `focus_get` cannot name a widget of a menu that is just closing.
        return str(self.canvas.tk.call("focus")) == str(self.canvas)

    def _resized(self, event: "tk.Event[tk.Misc]") -> None:
        if (event.width, event.height) != self._size:
            self._size = (event.width, event.height)
            self._draw()

    def _bar_moved(self, *arguments: str) -> None:
        self.canvas.yview(*arguments)
        self._paint()

    def _scrolled(self, first: float | str, last: float | str) -> None:
        """The scroll bar is there only when it is of use."""
        self._bar.set(float(first), float(last))
        needed = float(first) > 0 or float(last) < 1
        if needed and not self._bar.winfo_ismapped():
            self._bar.pack(side="right", fill="y", before=self.canvas)
        elif not needed and self._bar.winfo_ismapped():
            self._bar.pack_forget()

    def _draw(self) -> None:
        width, height = self._size
        if width:
            self.canvas.configure(scrollregion=(0, 0, width, max(self._tops[-1] + self._kit.px(6), height)))
            self._paint()

    def _paint(self) -> None:
        """Draws the rows in the view: only what looks otherwise than before, and moves what stands elsewhere."""
        top = int(self.canvas.canvasy(0))
        wanted = {}
        here = self._has_keyboard()
        for number, row in enumerate(self._rows):
            if self._tops[number + 1] >= top and self._tops[number] <= top + self._size[1]:
                wanted[row.key] = self._look(number, row, here and number == self._focus), self._tops[number]
        for key, (look, y, tag) in list(self._drawn.items()):
            if key not in wanted or wanted[key][0] != look:
                self.canvas.delete(tag)
                del self._drawn[key]
            elif wanted[key][1] != y:
                self.canvas.move(tag, 0, wanted[key][1] - y)
                self._drawn[key] = look, wanted[key][1], tag
        for key, (look, y) in wanted.items():
            if key not in self._drawn:
                self._tags += 1
                self._drawn[key] = look, y, f"row{self._tags}"
                self._painter.draw(look, y, f"row{self._tags}")

    def _look(self, number: int, row: ListRow, focused: bool) -> RowLook:
        selected = row.key == self.selected and self.selected is not None
        height = self._tops[number + 1] - self._tops[number]
        return RowLook(row, self._size[0], height, selected, number == self._hovered, focused)

    # Mouse and keys

    def _index(self, event: "tk.Event[tk.Misc]") -> int:
        y = int(self.canvas.canvasy(event.y))
        return next((n for n in range(len(self._rows)) if self._tops[n] <= y < self._tops[n + 1]), -1)

    def _key_at(self, index: int) -> Hashable:
        return self._rows[index].key if index >= 0 and not self._rows[index].heading else None

    def _hover(self, event: "tk.Event[tk.Misc]") -> None:
        index = self._index(event)
        self._set_hovered(index)
        self._tooltip.offer(self._rows[index].hint if index >= 0 else "", event)

    def _set_hovered(self, index: int) -> None:
        if index < 0:
            self._tooltip.hide()
        if index >= 0 and self._rows[index].heading:
            index = -1
        if index != self._hovered:
            self._hovered = index
            self.canvas.configure(cursor="hand2" if index >= 0 else "")
            self._paint()

    def _click(self, event: "tk.Event[tk.Misc]") -> None:
        key = self._key_at(self._index(event))
        if key is not None:
            self._focus = self._index(event)
            self.choose(key)

    def _double(self, event: "tk.Event[tk.Misc]") -> None:
        key = self._key_at(self._index(event))
        if key is not None:
            self.activate(key)

    def _menu_by_mouse(self, event: "tk.Event[tk.Misc]") -> None:
        key = self._key_at(self._index(event))
        if key is not None:
            self.menu(key, event.x_root, event.y_root)

    def _menu_by_key(self) -> str:
        key = self._key_at(self._focus)
        if key is not None:
            y = self.canvas.winfo_rooty() + self._tops[self._focus + 1] - int(self.canvas.canvasy(0))
            self.menu(key, self.canvas.winfo_rootx() + self._kit.px(40), y)
        return "break"

    def _step(self, direction: int) -> str:
        choices = [number for number, row in enumerate(self._rows) if not row.heading]
        if choices:
            later = [number for number in choices if (number - self._focus) * direction > 0]
            self._focus = (later[0] if direction > 0 else later[-1]) if later else self._focus
            if self._focus < 0:
                self._focus = choices[0]
            self._reveal(self._focus)
            self._paint()
        return "break"

    def _reveal(self, index: int) -> None:
        top, height = int(self.canvas.canvasy(0)), self._size[1]
        if self._tops[index] < top:
            self.canvas.yview_scroll(self._tops[index] - top, "units")
        elif self._tops[index + 1] > top + height:
            self.canvas.yview_scroll(self._tops[index + 1] - top - height, "units")

    def _choose_focused(self) -> str:
        key = self._key_at(self._focus)
        if key is not None:
            self.choose(key)
            self.activate(key)
        return "break"

    def _focused(self) -> None:
        if self._focus < 0:
            chosen = (n for n, row in enumerate(self._rows) if row.key == self.selected and not row.heading)
            first = (n for n, row in enumerate(self._rows) if not row.heading)
            self._focus = next(chosen, next(first, -1))
        if self._focus >= 0:
            self._reveal(self._focus)
        self._paint()

    def _unfocused(self) -> None:
        self._paint()

    def first_key(self) -> Hashable:
        """The key of the first row that can be chosen; None when there is none."""
        return next((row.key for row in self._rows if not row.heading), None)

    def _wheel(self, notches: float) -> None:
        self.canvas.yview_scroll(round(notches * self._kit.px(48)), "units")
        self._paint()
