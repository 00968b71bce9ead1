"""A list of rows (rows.py) on a canvas: mouse, wheel, keyboard, one selected row. Draws only the rows that can be seen.

ttk's own lists cannot show a badge, a dot on a picture or a second line.
"""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Hashable, Sequence

from lanchat.protocol.codes import PresenceState
from lanchat.ui.kit.canvas.brush import Brush
from lanchat.ui.kit.canvas.drawing import Avatar, Font, LayoutContext
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.kit.canvas.text_line import text_line
from lanchat.ui.kit.canvas.wrap import elide
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import menu_button
from lanchat.ui.kit.tooltip import Tooltip
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
        self._images = images
        self._ground = ground
        self._two_lines = two_lines
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
        self._brush = Brush(self.canvas, images, kit.palette, ground)
        self._tooltip = Tooltip(self.canvas, kit.palette)
        self._rows: Sequence[ListRow] = ()
        self._tops: list[int] = [0]
        self.selected: Hashable = None
        self._hovered = -1
        self._focus = -1
        self._size = (0, 0)
        self._bind()

    def _bind(self) -> None:
        canvas = self.canvas
        canvas.bind("<Configure>", self._resized)
        for sequence in ("<Button-4>", "<Button-5>", "<MouseWheel>"):
            canvas.bind(sequence, self._wheel)
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
            self._tops.append(self._tops[-1] + self._height(row))
        self._draw()

    def _height(self, row: ListRow) -> int:
        px, heights = self._kit.px, self._kit.height
        if row.heading:
            return heights[Font.SMALL_BOLD] + px(16)
        if self._two_lines:
            return max(heights[Font.BODY] + heights[Font.SMALL] + px(14), px(50))
        return max(heights[Font.BODY] + px(12), px(36))

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
        top = int(self.canvas.canvasy(0))
        self.canvas.delete("all")
        for number, row in enumerate(self._rows):
            if self._tops[number + 1] >= top and self._tops[number] <= top + self._size[1]:
                self._row(number, row, self._tops[number], self._height(row))

    # One row

    def _row(self, number: int, row: ListRow, y: int, height: int) -> None:
        if row.heading:
            self._heading(row, y, height)
            return
        palette, px = self._kit.palette, self._kit.px
        width = self._size[0]
        ground = self._row_ground(number, row)
        if ground != self._ground:
            self._brush.box(px(6), y + 1, width - px(12), height - 2, px(8), ground, self._ground, "row")
        if number == self._focus and self.canvas.focus_get() is self.canvas:
            self.canvas.create_rectangle(
                px(5), y + 1, width - px(6), y + height - 2, outline=palette.accent, width=2, tags="row"
            )
        left = self._picture(row, y, height, ground)
        right = self._right(row, y, height, ground)
        self._words(row, (left, right), y, height)

    def _row_ground(self, number: int, row: ListRow) -> str:
        palette = self._kit.palette
        if row.key == self.selected and self.selected is not None:
            return palette.row_selected
        if number == self._hovered:
            return palette.row_hover if self._ground != palette.row_hover else palette.plain_hover
        return self._ground

    def _heading(self, row: ListRow, y: int, height: int) -> None:
        px = self._kit.px
        text = elide(row.title, self._size[0] - px(28), lambda part: self._kit.measure(Font.SMALL_BOLD, part))
        self.canvas.create_text(
            px(14), y + height - px(4), text=text, anchor="sw", font=Font.SMALL_BOLD.value, fill=self._kit.palette.muted
        )

    def _picture(self, row: ListRow, y: int, height: int, ground: str) -> int:
        """Draws picture and dot; returns where the words begin."""
        px, palette = self._kit.px, self._kit.palette
        size = px(36 if self._two_lines else 26)
        x, top = px(14), y + (height - size) // 2
        if row.icon:
            icon = 20 if self._two_lines else 16
            image = self._images.icon(row.icon, icon, palette.muted)
            self.canvas.create_image(x + size // 2, y + height // 2, image=image)
        elif row.initials:
            self._brush.avatar(Avatar(x, top, size, row.initials, row.index), 0, "row", ground)
        else:
            return x
        if row.presence is not None:
            dot = px(12 if self._two_lines else 11)
            image = self._images.disc(dot, self._dot(row.presence), ground, ground)
            self.canvas.create_image(x + size + px(3), top + size + px(3), image=image, anchor="se")
        return x + size + px(10)

    def _dot(self, presence: PresenceState) -> str:
        palette = self._kit.palette
        return {PresenceState.ONLINE: palette.online, PresenceState.AWAY: palette.away}.get(presence, palette.offline)

    def _right(self, row: ListRow, y: int, height: int, ground: str) -> int:
        """Draws time and badge; returns where the words must end."""
        px, palette = self._kit.px, self._kit.palette
        edge = self._size[0] - px(14)
        small = self._kit.height[Font.SMALL]
        selected = ground == palette.row_selected
        middle = y + height // 2
        first, second = self._line_middles(row, height)
        if row.right:
            at = y + first if self._two_lines else middle
            fill = palette.muted_on_selected if selected else palette.muted
            self.canvas.create_text(edge, at, text=row.right, anchor="e", font=Font.SMALL.value, fill=fill)
        right = edge - (self._kit.measure(Font.SMALL, row.right) + px(6) if row.right and not self._two_lines else 0)
        if row.badge:
            text = str(row.badge) if row.badge < 1000 else "999+"
            tall = small + px(2)
            wide = max(self._kit.measure(Font.SMALL_BOLD, text) + px(10), tall)
            at = y + second if self._two_lines and row.right else middle
            fill, on_fill = (
                (palette.accent, palette.on_accent)
                if row.loud
                else (
                    palette.quiet_badge,
                    palette.on_quiet_badge,
                )
            )
            self._brush.box(edge - wide, at - tall // 2, wide, tall, tall // 2, fill, ground, "row")
            self.canvas.create_text(edge - wide // 2, at, text=text, font=Font.SMALL_BOLD.value, fill=on_fill)
            right = edge - wide - px(6)
        return right

    def _line_middles(self, row: ListRow, height: int) -> tuple[int, int]:
        """Of a row's two lines, from its top; time and badge stand in them."""
        title, small = self._kit.height[Font.NAME if row.strong else Font.BODY], self._kit.height[Font.SMALL]
        top = (height - title - small) // 2
        return top + title // 2, top + title + small // 2

    def _words(self, row: ListRow, edges: tuple[int, int], y: int, height: int) -> None:
        palette, px, kit = self._kit.palette, self._kit.px, self._kit
        left, right = edges
        selected = row.key == self.selected and self.selected is not None
        colour = palette.on_row_selected if selected else palette.muted if row.dim else palette.text
        font = Font.NAME if row.strong else Font.BODY
        first = right
        if self._two_lines and row.right:
            first = self._size[0] - px(20) - kit.measure(Font.SMALL, row.right)
        room = max(first - left, px(20))
        if not (self._two_lines and row.subtitle):
            ops, _width = text_line(kit, row.title, font, (left, y + (height - kit.height[font]) // 2), room, colour)
            self._brush.draw(ops, 0, "row")
            return
        total = kit.height[font] + kit.height[Font.SMALL]
        top = y + (height - total) // 2
        ops, _width = text_line(kit, row.title, font, (left, top), room, colour)
        muted, below = palette.muted_on_selected if selected else palette.muted, (left, top + kit.height[font])
        more, _width = text_line(kit, row.subtitle, Font.SMALL, below, max(right - left, px(20)), muted)
        self._brush.draw([*ops, *more], 0, "row")

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
        self._paint()

    def _unfocused(self) -> None:
        self._paint()

    def first_key(self) -> Hashable:
        """The key of the first row that can be chosen; None when there is none."""
        return next((row.key for row in self._rows if not row.heading), None)

    def _wheel(self, event: "tk.Event[tk.Misc]") -> str:
        notches = -1 if event.num == 4 else 1 if event.num == 5 else -event.delta / 120
        self.canvas.yview_scroll(round(notches * self._kit.px(48)), "units")
        self._paint()
        return "break"
