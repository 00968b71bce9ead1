"""The conversation on the screen: a canvas that holds only what is near the visible part. Mouse, wheel, selection.

Layout and geometry are in scene.py; this file draws what that says, scrolls, and reports what the person does. What it
means is decided by whoever made the pane (`PaneListener`).

A `tk.Text` would be quicker still (100 older lines in 3 ms, here several times that), but it cannot pad a bubble at
both sides of a wrapped line, make one as wide as its text, or break lines so that text from right to left can be put
into visual order; and what is put above moves what is being read. Measured here with 400 lines of prose: a notch of the
wheel 0.4 ms, a new line below 2 ms, another width 60 ms (`python -m tests.benchmarks.pane`).
"""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Sequence
from typing import Protocol

from lanchat.ui.conversation.drag import MouseDrag
from lanchat.ui.conversation.marks import entry_block
from lanchat.ui.conversation.scene import Placed, Position, Scene
from lanchat.ui.conversation.selection import Selection
from lanchat.ui.kit import wheel
from lanchat.ui.kit.canvas.brush import Brush
from lanchat.ui.kit.canvas.drawing import Block, HitArea, HitAreaKind, LayoutContext, font_of
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import menu_button
from lanchat.ui.kit.tooltip import Tooltip
from lanchat.ui.model.entries import Entry, MessageEntry
from lanchat.ui.texts.today import today

_WHEEL = 60  # pixels at 96 dpi for a notch of the wheel
_NEAR = 40  # as close to the end counts as being there


class PaneListener(Protocol):
    """What the pane reports."""

    def near_top(self) -> None:
        """Less than a screen is left above."""

    def near_bottom(self) -> None:
        """Less than a screen is left below."""

    def scrolled(self) -> None:
        """The visible part changed."""

    def touched(self, message: MessageEntry, spot: HitArea, event: "tk.Event[tk.Misc]") -> None:
        """A click on something that reacts."""

    def menu(self, message: MessageEntry, x: int, y: int) -> None:
        """The menu of a message is wanted at a place of the screen."""

    def typed(self, text: str) -> None:
        """A key was pressed that writes something."""

    def explain(self, message: MessageEntry, spot: HitArea) -> str:
        """The words of a tooltip; empty for none."""


class Pane:
    """The view of one conversation. `show` gives it entries; `listener` hears what happens. Main thread."""

    def __init__(self, master: tk.Misc, kit: LayoutContext, images: Images, listener: PaneListener) -> None:
        """`listener` is called on the main thread. Nothing is laid out before the canvas has a width."""
        self._kit = kit
        self._listener = listener
        self._me = 0
        self._named = True
        self.frame = ttk.Frame(master)
        palette = kit.palette
        self.canvas = tk.Canvas(
            self.frame, background=palette.surface, highlightthickness=0, borderwidth=0, yscrollincrement=1, takefocus=1
        )
        self._bar = ttk.Scrollbar(
            self.frame, orient="vertical", command=self._bar_moved, style=ControlStyle.SCROLLBAR.value
        )
        self.canvas.configure(yscrollcommand=self._moved)
        # The bar keeps its place when there is nothing to scroll, so that lines do not break differently then.
        gutter = tk.Frame(self.frame, background=palette.surface, width=self._bar.winfo_reqwidth())
        gutter.pack(side="right", fill="y")
        self._gutter = gutter
        self.canvas.pack(side="left", fill="both", expand=True)
        self._brush = Brush(self.canvas, images, palette, palette.surface)
        self.scene = Scene(self._lay, lambda style, text: kit.measure(font_of(style), text))
        self.selection = Selection(self.scene)
        self._tooltip = Tooltip(self.canvas, palette)
        self._drawn: dict[str, tuple[Placed, str, int]] = {}
        self._tags = 0
        self._width = self._height = 0
        self._current = ""  # key of the message that the keyboard is on
        self._pressed: tuple[int, int] | None = None
        self._drag = MouseDrag(self.canvas, self._dragged)
        self._followed = True  # the end was in the view when it was drawn last
        self._entries: Sequence[Entry] = ()
        self._bind()

    # What is shown

    def _lay(self, entry: Entry) -> Block:
        return entry_block(entry, self._width, self._kit, self._me, self._named, today)

    def open(self, me: int, named: bool) -> None:
        """Another conversation begins: nothing of the one before is kept."""
        self._me, self._named = me, named
        self.scene.show([])
        self.scene.forget_layout()
        self.selection.clear()
        self._current = ""
        self._entries = ()
        self._erase()

    def show(self, entries: Sequence[Entry], to: str | None = None, end: bool = False, *, follow: bool = True) -> None:
        """Shows these entries. What is being read stays in its place; at the end the view follows the end, unless
        `follow` is False. `to`: the key of an entry to scroll to; `end`: scroll to the end."""
        self._entries = entries
        self.canvas.configure(takefocus=any(isinstance(entry, MessageEntry) for entry in entries))
        if not self._width:
            return
        follow = end or (follow and self.at_end() and to is None)
        self.scene.show(entries, self._anchors(follow))
        self._extend()
        if to is not None:
            self._centre(to)
        elif follow:
            self._go(self.scene.bottom - self._height)
        self._refresh()

    def _anchors(self, follow: bool) -> list[str]:
        keys = [placed.entry.key for placed in self._visible()]
        messages = [placed.entry.key for placed in self._visible() if isinstance(placed.entry, MessageEntry)]
        return list(reversed(messages or keys)) if follow else messages or keys

    def _visible(self) -> list[Placed]:
        top = self._view_top()
        return self.scene.within(top, top + self._height)

    def _view_top(self) -> int:
        return int(self.canvas.canvasy(0))

    def at_end(self) -> bool:
        """Whether the last line can be seen."""
        return self._view_top() + self._height >= self.scene.bottom - self._kit.px(_NEAR)

    def _extend(self) -> None:
        """Tells the canvas how far it reaches; a short conversation stands at the bottom."""
        bottom = self.scene.bottom + self._kit.px(10)
        top = min(self.scene.top, bottom - self._height)
        self.canvas.configure(scrollregion=(0, top, self._width, bottom))

    def _go(self, y: int) -> None:
        """Scrolls so that `y` is at the top, as far as there is something."""
        self.canvas.yview_scroll(y + self._kit.px(10) - self._view_top(), "units")

    def _centre(self, key: str) -> None:
        placed = self.scene.find(key)
        if placed:
            self.canvas.yview_scroll(placed.y - self._height // 3 - self._view_top(), "units")

    def _resized(self, event: "tk.Event[tk.Misc]") -> None:
        if (event.width, event.height) == (self._width, self._height):
            return
        # Where the canvas grew, Tk has moved the view already.
        end, first = self._followed, not self._width
        if event.width != self._width:
            self.scene.forget_layout()
            self._erase()
        anchors = self._anchors(False)
        self._width, self._height = event.width, event.height
        if first:
            self.show(self._entries, end=True)
            return
        self.scene.show(self._entries, anchors)
        self._extend()
        if end:
            self._go(self.scene.bottom - self._height)
        self._refresh()

    # Drawing

    def _erase(self) -> None:
        self.canvas.delete("all")
        self._drawn.clear()

    def _refresh(self) -> None:
        """Draws what came near the visible part, removes what left it."""
        top = self._view_top()
        margin = self._height // 2
        wanted = {placed.entry.key: placed for placed in self.scene.within(top - margin, top + self._height + margin)}
        for key, (placed, tag, _item) in list(self._drawn.items()):
            if wanted.get(key) != placed:
                self.canvas.delete(tag)
                del self._drawn[key]
        for key, placed in wanted.items():
            if key not in self._drawn:
                self._draw(key, placed)
        self._mark()
        self._report()

    def _draw(self, key: str, placed: Placed) -> None:
        self._tags += 1
        tag = f"entry{self._tags}"
        self._drawn[key] = (placed, tag, self._brush.draw(placed.block.ops, placed.y, tag))

    def _mark(self) -> None:
        """Draws the selection and the frame of the message that the keyboard is on."""
        self.canvas.delete("marked")
        for placed, start, end in self.selection.spans():
            if drawn := self._drawn.get(placed.entry.key):
                for box in self.scene.marked(placed, start, end):
                    item = self.canvas.create_rectangle(*box, fill=self._kit.palette.selection, width=0, tags="marked")
                    self.canvas.tag_raise(item, drawn[2])
        if self._current in self._drawn:
            placed = self._drawn[self._current][0]
            x, y, width, height = placed.block.body
            y += placed.y
            self.canvas.create_rectangle(
                x - 2, y - 2, x + width + 1, y + height + 1, outline=self._kit.palette.accent, width=2, tags="marked"
            )

    def _report(self) -> None:
        top = self._view_top()
        if top - self.scene.top < self._height:
            self._listener.near_top()
        if self.scene.bottom - (top + self._height) < self._height:
            self._listener.near_bottom()
        self._followed = self.at_end()
        self._listener.scrolled()

    def reading(self) -> list[str]:
        """The key of the uppermost message in the view, when there is one."""
        return [placed.entry.key for placed in self._visible() if isinstance(placed.entry, MessageEntry)][:1]

    def last_seen(self) -> int:
        """The highest number of a message whose end can be seen; 0 for none."""
        bottom = self._view_top() + self._height
        seen = [
            placed.entry.line.seq or 0
            for placed in self._visible()
            if isinstance(placed.entry, MessageEntry) and placed.bottom <= bottom + self._kit.px(8)
        ]
        return max(seen, default=0)

    # Scrolling

    def _moved(self, first: float | str, last: float | str) -> None:
        """The scroll bar is there only when it is of use."""
        self._bar.set(float(first), float(last))
        needed = float(first) > 0 or float(last) < 1
        if needed and not self._bar.winfo_manager():
            self._bar.place(in_=self._gutter, relwidth=1, relheight=1)
        elif not needed:
            self._bar.place_forget()

    def _bar_moved(self, *arguments: str) -> None:
        self.canvas.yview(*arguments)
        self._refresh()

    def scroll(self, pixels: int) -> None:
        """Moves the view down."""
        self.canvas.yview_scroll(pixels, "units")
        self._refresh()

    def scroll_page(self, direction: int) -> None:
        """A page up (-1) or down (1), less two lines for the eye."""
        self.scroll(direction * max(self._height - self._kit.px(60), 40))

    def _wheel(self, notches: float) -> None:
        self.scroll(round(notches * self._kit.px(_WHEEL)))

    # Mouse and keys

    def _bind(self) -> None:
        canvas = self.canvas
        canvas.selection_handle(self._give, selection="PRIMARY")
        canvas.bind("<Configure>", self._resized)
        wheel.bind(canvas, self._wheel)
        canvas.bind("<Button-1>", self._press)
        canvas.bind("<B1-Motion>", lambda event: self._drag.move(event.x, event.y))
        canvas.bind("<ButtonRelease-1>", self._release)
        canvas.bind("<Double-Button-1>", lambda event: self._select(event, self.selection.word))
        canvas.bind("<Triple-Button-1>", lambda event: self._select(event, self.selection.message))
        canvas.bind("<Motion>", self._hover)
        canvas.bind("<Leave>", lambda event: self._tooltip.hide())
        canvas.bind(menu_button(canvas), self._menu_by_mouse)
        canvas.bind("<Key>", self._key)
        canvas.bind("<Up>", lambda event: self._step(-1))
        canvas.bind("<Down>", lambda event: self._step(1))
        canvas.bind("<FocusIn>", lambda event: self._entered())
        canvas.bind("<FocusOut>", lambda event: self._leave())
        for sequence in ("<Menu>", "<Shift-F10>", "<Return>", "<KP_Enter>"):
            canvas.bind(sequence, lambda event: self._menu_by_key())

    def _place(self, event: "tk.Event[tk.Misc]") -> tuple[int, int]:
        return int(self.canvas.canvasx(event.x)), int(self.canvas.canvasy(event.y))

    def _position(self, x: int, y: int) -> Position | None:
        return self.scene.position_at(int(self.canvas.canvasx(x)), int(self.canvas.canvasy(y)))

    def _press(self, event: "tk.Event[tk.Misc]") -> None:
        self._current = ""
        self._pressed = place = self._place(event)
        self.canvas.focus_set()
        self.selection.clear()
        if (position := self.scene.position_at(*place)) is not None:
            self.selection.begin(position)
        self._mark()

    def _dragged(self, x: int, y: int, beyond: int) -> None:
        if beyond:
            self.scroll(beyond)
        if (position := self._position(x, y)) is not None:
            self.selection.move(position)
        self._mark()

    def _release(self, event: "tk.Event[tk.Misc]") -> None:
        self._drag.stop()
        self._offer_selection()
        if self._pressed is None or self.selection.spans():
            return
        found = self.scene.spot_at(*self._place(event))
        if found and isinstance(found[0].entry, MessageEntry):
            self._listener.touched(found[0].entry, found[1], event)

    def _offer_selection(self) -> None:
        """On X11 what is selected is what the middle button inserts, here and elsewhere."""
        if self.selection.spans():
            self.canvas.selection_own(selection="PRIMARY")

    def _give(self, offset: str, length: str) -> str:
        """A part of what is selected, for another program."""
        return self.selection.copied()[int(offset) : int(offset) + int(length)]

    def _select(self, event: "tk.Event[tk.Misc]", how: Callable[[Position], None]) -> None:
        if (position := self._position(event.x, event.y)) is not None:
            how(position)
            self._mark()

    def _hover(self, event: "tk.Event[tk.Misc]") -> None:
        x, y = self._place(event)
        found = self.scene.spot_at(x, y)
        text = ""
        if found and isinstance(found[0].entry, MessageEntry):
            text = self._listener.explain(found[0].entry, found[1])
        pointing = found is not None and found[1].touch is not HitAreaKind.TIME
        cursor = "hand2" if pointing else "xterm" if self.scene.over_text(x, y) else ""
        if str(self.canvas["cursor"]) != cursor:
            self.canvas.configure(cursor=cursor)
        self._tooltip.offer(text, event)

    def _menu_by_mouse(self, event: "tk.Event[tk.Misc]") -> None:
        message = self.scene.message_at(*self._place(event))
        if message:
            self._current = message.key
            self._mark()
            self._listener.menu(message, event.x_root, event.y_root)

    def _menu_by_key(self) -> str:
        placed = self.scene.find(self._current)
        if placed and isinstance(placed.entry, MessageEntry):
            x, y, _width, height = placed.block.body
            left = self.canvas.winfo_rootx() + x
            top = self.canvas.winfo_rooty() + placed.y + y + height - self._view_top()
            self._listener.menu(placed.entry, left, top)
        return "break"

    def _step(self, direction: int) -> str:
        """The keyboard goes to the next or previous message."""
        messages = [placed for placed in self.scene.placed if isinstance(placed.entry, MessageEntry)]
        keys = [placed.entry.key for placed in messages]
        if not keys:
            return "break"
        last = len(keys) - 1
        index = keys.index(self._current) + direction if self._current in keys else last
        placed = messages[max(min(index, last), 0)]
        self._current = placed.entry.key
        top = self._view_top()
        if placed.y < top:
            self.scroll(placed.y - top - self._kit.px(10))
        elif placed.bottom > top + self._height:
            self.scroll(placed.bottom - top - self._height + self._kit.px(10))
        self._mark()
        return "break"

    def enter(self) -> None:
        """The keyboard goes to the conversation, on its last message."""
        self.canvas.focus_set()
        self._step(1)

    def _entered(self) -> None:
        """Without a click the keyboard is on the lowest message in the view, which shows that it is here."""
        if self._pressed is None and not self._current:
            self._current = next(iter(self._anchors(True)), "")
            self._mark()

    def _leave(self) -> None:
        self._pressed = None
        self._drag.stop()
        if self._current:
            self._current = ""
            self._mark()

    def _key(self, event: "tk.Event[tk.Misc]") -> str | None:
        state = event.state if isinstance(event.state, int) else 0
        if event.char and event.char.isprintable() and not state & 0x4:
            self._listener.typed(event.char)
            return "break"
        return None
