"""The left side of the main page: search field, rooms and direct conversations, one's own account."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Hashable

from lanchat.core.policy import Policy
from lanchat.i18n import _
from lanchat.protocol.limits import SEARCH_CHARACTERS_MAX
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.brush import Brush
from lanchat.ui.kit.canvas.drawing import Avatar, Font, avatar_index, initials
from lanchat.ui.kit.elided import ElidedLabel
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.fields.placeholder import Placeholder
from lanchat.ui.kit.pacing import Pacer
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.room_actions import room_menu
from lanchat.ui.lists.roster import PersonRowKey, RoomRowKey, room_rows
from lanchat.ui.lists.row_list import RowList
from lanchat.ui.menus import menus
from lanchat.ui.menus.keys import Action
from lanchat.ui.menus.popup import above, below, popup
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.parts import WindowPart


class Sidebar:
    """`run` does what a menu asks for; `leave` gives the keyboard back to the composer. Main thread."""

    def __init__(
        self,
        tools: Toolkit,
        master: tk.Misc,
        chat: Chat,
        run: Callable[[Action], None],
        leave: Callable[[], None],
        policy: Policy,
    ) -> None:
        """The list is empty until `update`; the caller places `frame`."""
        self._tools = tools
        self._chat = chat
        self._run = run
        self._leave = leave
        px = tools.px
        self.frame = ttk.Frame(master, style=ControlStyle.SIDE.value)
        self._build_search()
        self._chips = _Chips(tools, self.frame, chat)
        self._pacer = Pacer(self._show_rooms, tools.root.after)
        self._account = _AccountStrip(tools, self.frame, chat, run, policy)
        self._account.frame.pack(side="bottom", fill="x")
        tk.Frame(self.frame, background=tools.palette.line, height=1).pack(side="bottom", fill="x")
        self._list = RowList(self.frame, tools.kit, tools.images, tools.palette.sidebar, two_lines=True)
        self._list.frame.pack(fill="both", expand=True, pady=(px(4), 0))
        self._list.choose = self._choose
        self._list.menu = self._menu

    def _build_search(self) -> None:
        tools, px = self._tools, self._tools.px
        top = ttk.Frame(self.frame, style=ControlStyle.SIDE.value, padding=(px(10), px(10), px(6), px(4)))
        top.pack(fill="x")
        plus = tools.icon_button(
            top,
            "plus-lg",
            _("New room, join a room, write to somebody"),
            lambda: below(tools, plus, menus.add_menu(self._run)),
            ControlStyle.QUIET_SIDE,
        )
        plus.pack(side="right", padx=(px(4), 0))
        self._search = Field(tools, top, "")
        self._search.limit = SEARCH_CHARACTERS_MAX
        self._search.frame.configure(style=ControlStyle.SIDE.value)
        self._search.frame.pack(side="left", fill="x", expand=True)
        entry = self._search.entry
        self._placeholder = Placeholder(tools, entry, 11, lambda: (_("Find a room or person"),))
        self._search.on_change(self._filter)
        entry.bind("<Escape>", lambda event: self.clear())
        self._search.on_key("<Down>", self._go_to_list)
        self._search.on_return(self._open_first)
        self._filter()

    def _filter(self) -> None:
        self._placeholder.show(not self._search.get())
        if hasattr(self, "_list"):
            self._show_rooms()

    def _go_to_list(self) -> None:
        self._list.canvas.focus_set()

    def _open_first(self) -> None:
        key = self._list.first_key()
        if self._search.get().strip() and key is not None:
            self._choose(key)

    def clear(self) -> str:
        """Ends the search."""
        self._search.set("")
        self._filter()
        self._leave()
        return "break"

    def focus_search(self) -> None:
        """The quick switch: type a name, press Return."""
        self._search.entry.focus_set()
        self._search.entry.selection_range(0, "end")

    def _choose(self, key: Hashable) -> None:
        model = self._chat.model
        if isinstance(key, RoomRowKey):
            room = model.rooms.get(key.room)
            if room and room.joined:
                self._chat.open_room(key.room)
            else:
                self._chat.join(key.room)
        elif isinstance(key, PersonRowKey) and (person := model.people.get(key.user)):
            self._chat.open_direct(person.name)
        self.clear()

    def _menu(self, key: Hashable, x: int, y: int) -> None:
        """The menu of a room, which need not be open."""
        room = self._chat.model.rooms.get(key.room) if isinstance(key, RoomRowKey) else None
        if room is not None and room.joined:
            popup(self._tools, room_menu(self._tools, self._chat, room), x, y)

    def update(self, part: WindowPart) -> None:
        """Draws what changed."""
        if WindowPart.ROOM in part:
            self._pacer.now()
        elif part & (WindowPart.ROOMS | WindowPart.PEOPLE | WindowPart.DRAFT):
            self._pacer.soon()
        if part & (WindowPart.ACCOUNT | WindowPart.LINK):
            self._account.show()

    def _show_rooms(self) -> None:
        if not self._list.frame.winfo_exists():
            return
        self._chips.show()
        rows = room_rows(self._chat.model, self._search.get().strip())
        self._list.show(rows, RoomRowKey(self._chat.model.current))


class _Chips:
    """All rooms or those with something new, and the order of the list."""

    def __init__(self, tools: Toolkit, master: tk.Misc, chat: Chat) -> None:
        self._chat = chat
        px = tools.px
        row = ttk.Frame(master, style=ControlStyle.SIDE.value, padding=(px(8), 0, px(6), 0))
        row.pack(fill="x")
        order = tools.icon_button(
            row,
            "sort-down",
            _("Order of the rooms"),
            lambda: below(tools, order, menus.order_menu(chat.model.choices.by_name, chat.listing.order_by_name)),
            ControlStyle.QUIET_SIDE,
        )
        order.pack(side="right")
        self._all = tools.button(row, _("All"), lambda: chat.listing.show_unread_only(False), ControlStyle.PLAIN_SIDE)
        self._all.pack(side="left")
        self._unread = tools.button(row, "", lambda: chat.listing.show_unread_only(True), ControlStyle.QUIET_SIDE)
        self._unread.pack(side="left")

    def show(self) -> None:
        model = self._chat.model
        only, unread = model.choices.unread_only, model.unread
        self._all.configure(style=(ControlStyle.QUIET_SIDE if only else ControlStyle.PLAIN_SIDE).value)
        self._unread.configure(style=(ControlStyle.PLAIN_SIDE if only else ControlStyle.QUIET_SIDE).value)
        self._unread.configure(text=_("Unread: {n}").format(n=unread) if unread else _("Unread"))


class _AccountStrip:
    """Who one is, and the menu of account and window."""

    def __init__(
        self, tools: Toolkit, master: tk.Misc, chat: Chat, run: Callable[[Action], None], policy: Policy
    ) -> None:
        self._tools = tools
        self._chat = chat
        px, palette = tools.px, tools.palette
        self.frame = ttk.Frame(master, style=ControlStyle.SIDE.value, padding=(px(12), px(8), px(6), px(8)))
        self._picture = tk.Canvas(
            self.frame, width=px(32), height=px(32), background=palette.sidebar, highlightthickness=0
        )
        self._brush = Brush(self._picture, tools.images, palette, palette.sidebar)
        self._picture.pack(side="left")
        gear = tools.icon_button(
            self.frame,
            "gear",
            _("Account and settings"),
            lambda: above(tools, gear, self._menu(run, policy)),
            ControlStyle.QUIET_SIDE,
        )
        gear.pack(side="right")
        names = ttk.Frame(self.frame, style=ControlStyle.SIDE.value)
        names.pack(side="left", fill="x", expand=True, padx=px(10))
        self._name = ElidedLabel(tools, names, ControlStyle.SIDE_TEXT, Font.NAME)
        self._name.label.pack(anchor="w", fill="x")
        self._user = ElidedLabel(tools, names, ControlStyle.SIDE_SMALL, Font.SMALL)
        self._user.label.pack(anchor="w", fill="x")

    def _menu(self, run: Callable[[Action], None], policy: Policy) -> list[menus.Entry]:
        model = self._chat.model
        return menus.account_menu(self._tools.palette.dark, run, policy, model.account, quiet=model.choices.quiet)

    def show(self) -> None:
        account = self._chat.model.account
        self._picture.delete("all")
        if account is None:
            return
        name = account.display_name or account.name
        size = self._tools.px(32)
        self._brush.draw([Avatar(0, 0, size, initials(name), avatar_index(account.user_id))], 0, "me")
        self._name.show(glyphs.one_line(name, 60))
        self._user.show(f"@{glyphs.one_line(account.name, 40)}")
