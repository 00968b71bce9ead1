"""The right side of the main page: who is there, in this room or everywhere; or what a search has found."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Hashable

from lanchat.i18n import _
from lanchat.protocol.codes import RoomKind
from lanchat.ui import dialogs
from lanchat.ui.kit.pacing import Pacer
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.roster import PersonRowKey, people_rows
from lanchat.ui.lists.row_list import RowList
from lanchat.ui.menus import menus
from lanchat.ui.menus.popup import popup
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.parts import WindowPart

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
