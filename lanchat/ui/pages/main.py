"""The main page: rooms at the left, the conversation, people or search at the right, the state line below; its keys."""

import tkinter as tk
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from lanchat.app.api import Server
from lanchat.core.policy import Policy
from lanchat.ui import dialogs
from lanchat.ui.about import open_about
from lanchat.ui.conversation.messages import MessagesView
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.people import PeoplePanel
from lanchat.ui.lists.roster import RoomRowKey, room_rows
from lanchat.ui.lists.rows import ListRow
from lanchat.ui.lists.search_panel import SearchPanel
from lanchat.ui.lists.sidebar import Sidebar
from lanchat.ui.menus.keys import KEYS, Action, sequence
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.pages.status_bar import StatusBar

if TYPE_CHECKING:
    from lanchat.ui.dialogs.administration import AdministrationWindow

_LEFT, _RIGHT = 270, 230
_WIDE = 900  # below this width the people are hidden unless they are asked for


class WindowCommands(Protocol):
    """What the window as a whole does."""

    @property
    def policy(self) -> Policy:
        """What an administrator fixed on this computer."""

    def switch_language(self) -> None:
        """The other language, at once and from now on."""

    def switch_theme(self) -> None:
        """Light or dark, at once and from now on."""

    def resize_text(self, step: int | None) -> None:
        """Larger (1) or smaller (-1) text; None: the usual size."""

    def open_copy(self, server: Server | None) -> None:
        """Shows what is kept of a server that another one has replaced; None: back to the present server."""

    def quit(self) -> None:
        """Ends the program: what was chosen and not sent is kept."""


class MainPage:
    """Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, chat: Chat, shell: WindowCommands) -> None:
        """Binds keys to the root, until `leave`; the caller places `frame`. `shell`: for the window as a whole."""
        self._tools = tools
        self._chat = chat
        self._shell = shell
        px, palette = tools.px, tools.palette
        self.frame = tk.Frame(master, background=palette.surface)
        self._status = StatusBar(tools, self.frame, chat.model, lambda: self.run(Action.SERVER))
        self._status.frame.pack(side="bottom", fill="x")
        self._panes = tk.PanedWindow(
            self.frame, orient="horizontal", background=palette.sidebar, borderwidth=0, sashwidth=px(5), sashpad=0
        )
        self._panes.pack(fill="both", expand=True)
        self._sidebar = Sidebar(tools, self._panes, chat, self.run, self._to_composer, shell.policy)
        self._messages = MessagesView(tools, self._panes, chat, self.run)
        self._people = PeoplePanel(tools, self._panes, chat)
        self._search: SearchPanel | None = None
        self._administration: AdministrationWindow | None = None
        self._wanted: bool | None = None  # whether the people are shown; None: as the width says
        self._right: tk.Widget | None = None
        self._panes.add(self._sidebar.frame, width=px(_LEFT), minsize=px(170), stretch="never")
        self._panes.add(self._messages.frame, minsize=px(280), stretch="always")
        self._actions = self._table()
        tools.home = self._to_composer
        self._bind()
        self._width = 0
        self._panes.bind("<Configure>", self._resized)
        self.update(~WindowPart.NONE)

    def _table(self) -> dict[Action, Callable[[], object]]:
        tools, chat, shell, messages = self._tools, self._chat, self._shell, self._messages
        return {
            Action.QUICK_SWITCH: self._quick_switch,
            Action.SEARCH: self._open_search,
            Action.NEXT_HIT: lambda: self._step_hit(1),
            Action.PREVIOUS_HIT: lambda: self._step_hit(-1),
            Action.NEXT_ROOM: lambda: self._go_room(1),
            Action.PREVIOUS_ROOM: lambda: self._go_room(-1),
            Action.NEXT_UNREAD: lambda: self._go_room(1, True),
            Action.NEXT_MENTION: chat.next_mention,
            Action.PAGE_UP: lambda: messages.scroll_page(-1),
            Action.PAGE_DOWN: lambda: messages.scroll_page(1),
            Action.TO_END: chat.to_end,
            Action.MESSAGES: messages.walk_messages,
            Action.CANCEL: self._cancel,
            Action.NEW_ROOM: lambda: dialogs.new_room(tools, chat),
            Action.JOIN_ROOM: lambda: dialogs.join_room(tools, chat),
            Action.PEOPLE_PANEL: self._toggle_people,
            Action.SHORTCUTS: lambda: dialogs.shortcuts(tools, chat),
            Action.LARGER: lambda: shell.resize_text(1),
            Action.SMALLER: lambda: shell.resize_text(-1),
            Action.USUAL_SIZE: lambda: shell.resize_text(None),
            Action.PROFILE: lambda: dialogs.profile(tools, chat),
            Action.PASSWORD: lambda: dialogs.password(tools, chat),
            Action.DEVICES: lambda: dialogs.devices(tools, chat),
            Action.SERVER: lambda: dialogs.server(tools, chat, shell.open_copy),
            Action.ADMINISTRATION: self._administer,
            Action.LANGUAGE: shell.switch_language,
            Action.THEME: shell.switch_theme,
            Action.NOTIFICATIONS: chat.listing.switch_quiet,
            Action.POLICY: lambda: dialogs.policy(tools, chat, shell.policy),
            Action.ABOUT: lambda: open_about(tools),
            Action.LOG_OUT: lambda: dialogs.log_out(tools, chat),
            Action.QUIT: shell.quit,
        }

    def run(self, action: Action) -> None:
        """Does what a key or a menu asks for."""
        self._actions[action]()

    def _administer(self) -> None:
        if self._administration is None or not self._administration.lift():
            self._administration = dialogs.administration(self._tools, self._chat)

    # Keys

    def _bind(self) -> None:
        root = self._tools.root
        for key in KEYS:
            root.bind(sequence(key), self._runner(key.action))
        root.bind("<<Copy>>", self._copy)
        root.bind("<Key>", self._stray)

    def _runner(self, action: Action) -> Callable[["tk.Event[tk.Misc]"], str | None]:
        def pressed(event: "tk.Event[tk.Misc]") -> str | None:
            # A name instead of a widget: it was destroyed by its own binding for this key. And a dialog has its own
            # keys; bindings of the main window reach it as well.
            if isinstance(event.widget, str) or event.widget.winfo_toplevel() is not self._tools.root:
                return None
            self.run(action)
            return "break"

        return pressed

    def _stray(self, event: "tk.Event[tk.Misc]") -> None:
        """What is typed while nothing has the keyboard (a page is being made anew) is meant for the composer."""
        if event.widget is not self._tools.root:
            return
        if event.keysym in ("Return", "KP_Enter"):
            self._messages.composer.send()
        elif event.char and event.char.isprintable():
            self._messages.composer.type(event.char)

    def _copy(self, event: "tk.Event[tk.Misc]") -> None:
        """Copies what is selected in the conversation when the field that has the keyboard has no selection."""
        if event.widget is self._messages.pane.canvas:
            self._messages.copy()

    def leave(self) -> None:
        """The page is about to be destroyed."""
        root = self._tools.root
        for key in KEYS:
            root.unbind(sequence(key))
        root.unbind("<<Copy>>")
        root.unbind("<Key>")
        if self._search:
            self._search.leave()
        if self._administration:
            self._administration.close()

    def _cancel(self) -> None:
        if not self._chat.cancel() and self._search:
            self._close_search()
        self._to_composer()

    def _to_composer(self) -> None:
        self._messages.composer.focus()

    def focus(self) -> None:
        """Somebody types at once."""
        self._to_composer()

    # Rooms

    def _quick_switch(self) -> None:
        if not self._sidebar.frame.winfo_ismapped():
            self._wanted = False
            self._place_panels()
        self._sidebar.focus_search()

    def _go_room(self, step: int, unread: bool = False) -> None:
        model = self._chat.model
        rows: list[ListRow] = [row for row in room_rows(model, "") if isinstance(row.key, RoomRowKey)]
        rooms = [row.key.room for row in rows if isinstance(row.key, RoomRowKey)]
        if not rooms:
            return
        here = rooms.index(model.current) if model.current in rooms else -1
        order = [(here + step * distance) % len(rooms) for distance in range(1, len(rooms) + 1)]
        chosen = [index for index in order if rows[index].loud] if unread else order
        if chosen:
            self._chat.open_room(rooms[chosen[0]])

    # Panels

    def _resized(self, event: "tk.Event[tk.Misc]") -> None:
        if event.width != self._width:
            self._width = event.width
            self._place_panels()

    def _place_panels(self) -> None:
        """People or search at the right when there is room or they are wanted; in a narrow window they take the place
        of the rooms."""
        px = self._tools.px
        wide = self._width >= px(_WIDE)
        shown = self._wanted if self._wanted is not None else wide
        panel: tk.Widget | None = self._search.frame if self._search else self._people.frame if shown else None
        if panel is not self._right:
            if self._right is not None:
                self._panes.forget(self._right)
            self._right = panel
            if panel is not None:
                self._panes.add(panel, width=px(_RIGHT), minsize=px(160), stretch="never")
        hide = panel is not None and not wide
        self._panes.paneconfigure(self._sidebar.frame, hide=hide)  # type: ignore[no-untyped-call]

    def _toggle_people(self) -> None:
        if self._search:
            self._close_search()
            self._wanted = True
        else:
            self._wanted = self._right is None
        self._place_panels()

    def _open_search(self) -> None:
        if self._search is None:
            self._search = SearchPanel(self._tools, self._panes, self._chat, self._close_search)
            self._place_panels()
        self._search.focus()

    def _step_hit(self, direction: int) -> None:
        if self._search is None:
            self._open_search()
        else:
            self._search.step(direction)

    def _close_search(self) -> None:
        if self._search:
            search, self._search = self._search, None
            self._place_panels()
            search.leave()
            search.frame.destroy()
        self._to_composer()

    # Showing

    def update(self, part: WindowPart) -> None:
        """Draws what changed."""
        self._sidebar.update(part)
        self._messages.update(part)
        self._people.update(part)
        if self._search:
            self._search.update(part)
        self._status.update(part)

    def kept(self) -> list[str]:
        """What is being read, for the same page in another language or theme."""
        return self._messages.kept()

    def restore(self, kept: list[str]) -> None:
        """Takes what `kept` of such a page returned: the conversation goes to that message."""
        self._messages.restore(kept)

    def attend(self) -> None:
        """The window has the person's attention."""
        self._messages.attend()
