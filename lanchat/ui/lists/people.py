"""The right side of the main page: who is there, in this room or everywhere; or what a search has found."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Hashable

from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.api import CommandError, Line
from lanchat.i18n import _
from lanchat.protocol.codes import RoomKind
from lanchat.protocol.limits import SEARCH_CHARACTERS_MAX
from lanchat.ui import dialogs
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.pacing import Pacer
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.roster import LineRowKey, PersonRowKey, found_in_rooms, people_rows, result_rows
from lanchat.ui.lists.row_list import RowList
from lanchat.ui.menus import menus
from lanchat.ui.menus.popup import popup
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.parts import WindowPart
from lanchat.wording.problems import error_text

_SEARCH_MS = 350  # so long after the last key a search begins
_HITS = 50


class PeoplePanel:
    """A double click opens the direct conversation. Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, chat: Chat) -> None:
        """Begins with the members of the open room; the list is empty until `update`."""
        self._tools = tools
        self._chat = chat
        self._everybody = False
        px = tools.px
        self.frame = ttk.Frame(master, style=ControlStyle.SIDE.value)
        top = ttk.Frame(self.frame, style=ControlStyle.SIDE.value, padding=(px(8), px(10), px(8), px(2)))
        top.pack(fill="x")
        self._here = tools.button(top, _("This room"), lambda: self._choose_scope(False), ControlStyle.PLAIN_SIDE)
        self._all = tools.button(top, _("Everybody"), lambda: self._choose_scope(True), ControlStyle.QUIET_SIDE)
        top.columnconfigure((0, 1), weight=1)
        top.bind("<Configure>", self._place_scope)
        self._list = RowList(self.frame, tools.kit, tools.images, tools.palette.sidebar)
        self._list.frame.pack(fill="both", expand=True)
        self._list.activate = self._open
        self._list.menu = self._menu
        self._pacer = Pacer(self._show, tools.root.after)

    def _place_scope(self, event: "tk.Event[tk.Misc]") -> None:
        """Beside each other, or one below the other where the words of both have no room."""
        beside = self._here.winfo_reqwidth() + self._all.winfo_reqwidth() <= event.width - self._tools.px(16)
        row, column = (0, 1) if beside else (1, 0)
        self._here.grid(row=0, column=0, columnspan=1 if beside else 2, sticky="ew")
        self._all.grid(row=row, column=column, columnspan=1 if beside else 2, sticky="ew")

    def _choose_scope(self, everybody: bool) -> None:
        self._everybody = everybody
        self._here.configure(style=(ControlStyle.QUIET_SIDE if everybody else ControlStyle.PLAIN_SIDE).value)
        self._all.configure(style=(ControlStyle.PLAIN_SIDE if everybody else ControlStyle.QUIET_SIDE).value)
        self._show()

    def update(self, part: WindowPart) -> None:
        """Draws what changed."""
        if WindowPart.ROOM in part:
            self._pacer.now()
        elif WindowPart.PEOPLE in part:
            self._pacer.soon()

    def _show(self) -> None:
        if self._list.frame.winfo_exists():
            self._list.show(people_rows(self._chat.model, self._everybody))

    def _open(self, key: Hashable) -> None:
        if isinstance(key, PersonRowKey) and (person := self._chat.model.people.get(key.user)):
            self._chat.open_direct(person.name)

    def _menu(self, key: Hashable, x: int, y: int) -> None:
        model = self._chat.model
        if not isinstance(key, PersonRowKey) or (person := model.people.get(key.user)) is None:
            return
        room = model.room
        removable = room is not None and room.kind is not RoomKind.DIRECT and not room.general
        entries = menus.person_menu(
            person,
            removable and key.user in model.members,
            lambda: self._chat.open_direct(person.name),
            lambda: dialogs.remove_member(self._tools, self._chat, person),
        )
        popup(self._tools, entries, x, y)


class SearchPanel:
    """Searches in messages while somebody types; a click shows the message in its place. Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, chat: Chat, close: Callable[[], None]) -> None:
        """`close` is called for Esc and the button; it takes the panel away."""
        self._tools = tools
        self._chat = chat
        self._close = close
        self._job = ""
        self._asked = 0
        self._lines: list[Line] = []
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
        self._says = tools.label(self.frame, "", ControlStyle.SIDE_SMALL, 220)
        self._says.pack(anchor="w", padx=px(12), pady=px(2))
        self._list = RowList(self.frame, tools.kit, tools.images, tools.palette.sidebar, two_lines=True)
        self._list.frame.pack(fill="both", expand=True)
        self._list.choose = self._jump
        entry = self._words.entry
        self._words.on_change(self._typed)
        entry.bind("<Escape>", lambda event: self._leave())
        self._words.on_key("<Down>", self._list.canvas.focus_set)
        self._list.canvas.bind("<Escape>", lambda event: self._leave())
        self._more = tools.button(self.frame, _("Show more"), self._ask_more, ControlStyle.QUIET_SIDE)
        self._words.on_return(self._search)
        self._last = ""

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
        if not wanted:
            self._found(self._asked, [], [])
            self._says.configure(text="")
            return
        room = 0 if self._everywhere.get() else self._chat.model.current
        self._question = api.SearchCommand(room, wanted, limit=_HITS)
        self._ask([])

    def _ask_more(self) -> None:
        """What follows the last hit."""
        last = self._lines[-1]
        if last.seq:
            self._asked += 1
            everywhere = not self._question.room
            self._question = replace(self._question, before=last.seq, before_room=last.room if everywhere else 0)
            self._ask(self._lines)

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
        self._lines = found_in_rooms(self._chat.model, shown + lines)
        self._list.show(result_rows(self._chat.model, self._lines))
        self._says.configure(text="" if self._lines else _("Nothing found"))
        if len(lines) >= _HITS:
            self._more.pack(fill="x", before=self._list.frame, side="bottom")
        else:
            self._more.pack_forget()

    def update(self, part: WindowPart) -> None:
        """What was found in a room that this user is no longer in goes with it."""
        kept = found_in_rooms(self._chat.model, self._lines) if part & WindowPart.ROOMS else self._lines
        if len(kept) == len(self._lines):
            return
        if kept:
            self._lines = kept
            self._list.show(result_rows(self._chat.model, kept))
        else:
            self._search()

    def _failed(self, turn: int, error: CommandError) -> None:
        if turn == self._asked and self.frame.winfo_exists():
            self._says.configure(text=glyphs.inline(error_text(error)))

    def _jump(self, key: Hashable) -> None:
        if isinstance(key, LineRowKey):
            self._chat.jump_to(key.room, key.seq)

    def leave(self) -> None:
        """The panel is about to be destroyed."""
        if self._job:
            self.frame.after_cancel(self._job)
