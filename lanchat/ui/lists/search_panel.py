"""The search in messages, at the right side of the main page."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Hashable
from functools import partial

from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.api import CommandError, Line
from lanchat.i18n import _
from lanchat.protocol.limits import SEARCH_CHARACTERS_MAX
from lanchat.protocol.text.search_query import parse_query
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.results import found_in_rooms, result_rows
from lanchat.ui.lists.roster import LineRowKey
from lanchat.ui.lists.row_list import RowList
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.model.search_results import SearchResults
from lanchat.wording.problems import error_text

_SEARCH_MS = 350  # so long after the last key a search begins
_HITS = 50


class SearchPanel:
    """Searches in messages while somebody types; a click shows the message in its place. Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, chat: Chat, close: Callable[[], None]) -> None:
        """`close` is called for Esc and the button; it takes the panel away."""
        self._tools = tools
        self._chat = chat
        self._close = close
        self._job = ""
        self._asked = 0
        self._results = SearchResults()
        self._question = api.SearchCommand(0, "")
        px = tools.px
        self.frame = ttk.Frame(master, style=ControlStyle.SIDE.value)
        top = ttk.Frame(self.frame, style=ControlStyle.SIDE.value, padding=(px(10), px(10), px(6), px(2)))
        top.pack(fill="x")
        tools.icon_button(top, "x-lg", _("Close (Esc)"), close, ControlStyle.QUIET_SIDE).pack(side="right")
        tools.label(top, _("Search in messages"), ControlStyle.SIDE_TEXT).pack(side="left")
        self._words = Field(tools, self.frame, "")
        self._words.limit = SEARCH_CHARACTERS_MAX
        self._words.frame.configure(style=ControlStyle.SIDE.value)
        self._words.frame.pack(fill="x", padx=px(10), pady=px(4))
        self._everywhere = tk.BooleanVar(self.frame, False)
        box = ttk.Checkbutton(
            self.frame,
            text=_("In all rooms"),
            variable=self._everywhere,
            command=self._soon,
            style=ControlStyle.SIDE_CHECK.value,
        )
        box.pack(anchor="w", padx=px(12), pady=px(4))
        self._build_counter()
        self._list = RowList(self.frame, tools.kit, tools.images, tools.palette.sidebar, two_lines=True)
        self._list.frame.pack(fill="both", expand=True)
        self._list.choose = self._jump
        entry = self._words.entry
        self._words.on_change(self._typed)
        entry.bind("<Escape>", lambda event: self._leave())
        self._words.on_key("<Down>", self._list.canvas.focus_set)
        self._list.canvas.bind("<Escape>", lambda event: self._leave())
        self._more = tools.button(self.frame, _("Show more"), self._ask_more, ControlStyle.QUIET_SIDE)
        self._words.on_return(self._return)
        self._last = ""

    def _build_counter(self) -> None:
        """The line that says how many hits there are, with the buttons to the previous and the next one."""
        tools, px, look = self._tools, self._tools.px, ControlStyle.QUIET_SIDE
        line = ttk.Frame(self.frame, style=ControlStyle.SIDE.value, padding=(px(12), 0, px(6), 0))
        line.pack(fill="x")
        self._steps = ttk.Frame(line, style=ControlStyle.SIDE.value)
        for icon, hint, direction in (
            ("chevron-up", _("Previous hit (Shift+F3)"), -1),
            ("chevron-down", _("Next hit (F3)"), 1),
        ):
            tools.icon_button(self._steps, icon, hint, partial(self.step, direction), look).pack(side="left")
        self._says = tools.label(line, "", ControlStyle.SIDE_SMALL, 160)
        self._says.pack(side="left", pady=px(2))

    def _leave(self) -> str:
        self._close()
        return "break"

    def focus(self) -> None:
        """The keyboard goes to the search field, whose text is selected."""
        self._words.entry.focus_set()
        self._words.entry.selection_range(0, "end")

    def _typed(self) -> None:
        if self._words.get().strip() != self._last:
            self._soon()

    def _return(self) -> None:
        """Enter goes to the next hit once there are hits for what is typed."""
        if self._job or self._words.get().strip() != self._last or not self._results.all:
            self._search()
        else:
            self.step(1)

    def step(self, direction: int) -> None:
        """Shows the next hit (1) or the one before (-1) in its place."""
        line = self._results.step(direction)
        if line is not None:
            self._show()
            self._chat.jump_to(line.room, line.seq or 0)

    def _soon(self) -> None:
        if self._job:
            self.frame.after_cancel(self._job)
        self._job = self.frame.after(_SEARCH_MS, self._search)

    def _search(self) -> None:
        if self._job:
            self.frame.after_cancel(self._job)
        self._job = ""
        self._last = wanted = self._words.get().strip()[:SEARCH_CHARACTERS_MAX]
        self._asked += 1
        self._more.pack_forget()
        self._results.at = -1
        if not wanted:
            self._take([], more=False)
            self._show()
            return
        room = 0 if self._everywhere.get() else self._chat.model.current
        self._question = api.SearchCommand(room, wanted, limit=_HITS)
        self._ask([])

    def _ask_more(self) -> None:
        """What follows the last hit."""
        last = self._results.here[-1]
        if last.seq:
            self._asked += 1
            everywhere = not self._question.room
            self._question = replace(self._question, before=last.seq, before_room=last.room if everywhere else 0)
            self._ask(self._results.here)

    def _ask(self, shown: list[Line]) -> None:
        turn = self._asked
        self._says.configure(text=_("Searching…"))
        self._chat.ask(
            self._question,
            lambda lines: self._found(turn, shown, lines),
            lambda error: self._failed(turn, error),
        )

    def _found(self, turn: int, shown: list[Line], lines: list[Line]) -> None:
        if turn != self._asked or not self.frame.winfo_exists():
            return
        more = len(lines) >= _HITS
        self._take(shown + lines, more=more)
        self._show()
        if not self._results.all:
            self._says.configure(text=_("Nothing found"))
        if more:
            self._more.pack(fill="x", before=self._list.frame, side="bottom")
        else:
            self._more.pack_forget()
            self._look_elsewhere(turn)

    def _take(self, lines: list[Line], *, more: bool) -> None:
        self._results.take(found_in_rooms(self._chat.model, lines), more)
        self._results.take_elsewhere([])

    def _look_elsewhere(self, turn: int) -> None:
        """All hits of this room are there: those of other rooms are offered below them."""
        room, wanted = self._question.room, self._question.words
        if not room or parse_query(wanted).room:
            return

        def found(lines: list[Line]) -> None:
            if turn == self._asked and self.frame.winfo_exists():
                others = [line for line in lines if line.room != room]
                self._results.take_elsewhere(found_in_rooms(self._chat.model, others))
                if others:
                    self._show()

        self._chat.ask(api.SearchCommand(0, wanted, limit=_HITS), found, lambda error: None)

    def _show(self) -> None:
        results = self._results
        rows = result_rows(self._chat.model, results, parse_query(self._question.words).words)
        at = results.all[results.at] if results.at >= 0 else None
        self._list.show(rows, LineRowKey(at.room, at.seq or 0) if at else None)
        self._says.configure(text=results.says())
        if results.all:
            self._steps.pack(side="right")
        else:
            self._steps.pack_forget()

    def update(self, part: WindowPart) -> None:
        """What was found in a room that this user is no longer in goes with it."""
        if not part & WindowPart.ROOMS:
            return
        results, model = self._results, self._chat.model
        here, elsewhere = found_in_rooms(model, results.here), found_in_rooms(model, results.elsewhere)
        if len(here) + len(elsewhere) == len(results.all):
            return
        if here or elsewhere:
            results.take(here, results.more)
            results.take_elsewhere(elsewhere)
            self._show()
        else:
            self._search()

    def _failed(self, turn: int, error: CommandError) -> None:
        if turn == self._asked and self.frame.winfo_exists():
            self._says.configure(text=glyphs.inline(error_text(error)))

    def _jump(self, key: Hashable) -> None:
        if isinstance(key, LineRowKey):
            self._results.go(key.room, key.seq)
            self._show()
            self._chat.jump_to(key.room, key.seq)

    def leave(self) -> None:
        """The panel is about to be destroyed."""
        if self._job:
            self.frame.after_cancel(self._job)
