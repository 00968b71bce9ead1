"""The page of rooms: a list to search in, the chosen room below it."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Hashable

from lanchat.i18n import _
from lanchat.protocol.codes import HistoryPolicy
from lanchat.protocol.limits import ROOM_NAME_MAX
from lanchat.ui.administration.page_view import Notices, choice, labelled, show_part, stack
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.administration.rooms import RoomsModel, history_names
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.table import Column, Table
from lanchat.ui.kit.table_rows import shown_rows
from lanchat.ui.kit.toolkit import Toolkit

# More rows would take the window a noticeable time; a search finds the others.
_ROWS_MAX = 500


class RoomsPage:
    """Main thread. See `page_view.AdminPageView`."""

    def __init__(self, tools: Toolkit, master: tk.Misc, server: AdministrationPort) -> None:
        """The caller places `frame`. Nothing is asked before `enter`."""
        self._tools = tools
        self._edited: int | None = None
        self.model = RoomsModel(server, self._show)
        self.frame = ttk.Frame(master)
        self._build_head()
        columns = (
            Column(_("Room"), 220),
            Column(_("Kind"), 90, stretch=False),
            Column(_("Members"), 90, stretch=False),
            Column(_("Messages"), 100, stretch=False),
            Column(_("Created"), 150, stretch=False),
            Column(_("State"), 90, stretch=False),
        )
        self._table = Table(tools, self.frame, columns)
        self._table.choose = self._chosen
        self._more = tools.label(self.frame, "", ControlStyle.MUTED)
        self._card = ttk.Frame(self.frame)
        self._build_card()
        self._notices = Notices(tools, self.frame, self.model)
        parts = (self._head, self._more, self._table.frame, self._card, self._notices.frame)
        stack(self.frame, parts, self._table.frame, tools.px(8))
        self._show()

    def _build_head(self) -> None:
        px, head = self._tools.px, ttk.Frame(self.frame)
        self._head = head
        self._search = Field(self._tools, head, _("Search"))
        self._search.entry.configure(width=30)
        self._search.frame.pack(side="left")
        self._search.on_change(lambda: self.model.look_for(self._search.get()))
        self._count = self._tools.label(head, "", ControlStyle.MUTED)
        self._count.pack(side="left", padx=px(12), anchor="s", pady=(0, px(8)))
        self._tools.button(head, _("Refresh"), self.model.refresh).pack(side="right", anchor="s")

    def _build_card(self) -> None:
        px, tools, model = self._tools.px, self._tools, self.model
        first = ttk.Frame(self._card)
        first.pack(fill="x")
        self._name = Field(tools, first, _("Name"))
        self._name.limit = ROOM_NAME_MAX
        self._name.entry.configure(width=28)
        self._name.frame.pack(side="left")
        self._name.on_return(self._rename)
        self._save = tools.button(first, _("Rename"), self._rename)
        self._save.pack(side="left", anchor="s", padx=px(8))
        history = labelled(tools, first, _("New members can read"))
        history.pack(side="left", padx=(px(12), 0), anchor="s")
        self._history = choice(tools, history, list(history_names().values()), self._history_chosen)
        self._history.pack(anchor="w")
        second = ttk.Frame(self._card)
        second.pack(fill="x", pady=(px(8), 0))
        self._archive = tools.button(second, _("Archive"), model.ask_archive)
        self._archive.pack(side="left", padx=(0, px(8)))
        self._delete = tools.button(second, _("Delete the room…"), model.ask_delete, ControlStyle.DANGER)
        self._delete.pack(side="left")

    # Showing

    def enter(self) -> None:
        """Asks for the rooms."""
        self.model.refresh()
        self._search.focus()

    def leave(self) -> None:
        """Nothing goes on by itself."""

    def close(self) -> None:
        """Answers that come later are ignored."""
        self.model.close()

    def _show(self) -> None:
        model = self.model
        rows, more = shown_rows(model.rows(), _ROWS_MAX)
        self._table.show(rows, model.chosen)
        self._count.configure(text=model.count_line)
        show_part(self._more, bool(more))
        self._more.configure(text=_("{number} more: search for them").format(number=more))
        self._show_card()
        self._notices.show()

    def _show_card(self) -> None:
        room = self.model.room
        show_part(self._card, room is not None)
        if room is None:
            self._edited = None
            return
        if self._edited != room.id:
            self._edited = room.id
            self._name.set(room.name)
        self._history.current(list(history_names()).index(room.history))
        self._archive.configure(text=_("Take out of the archive") if room.archived else _("Archive"))
        fixed = self.model.busy or self.model.is_general
        for button, rests in (
            (self._archive, fixed),
            (self._delete, fixed),
            (self._save, self.model.busy or room.archived),
        ):
            button.state(["disabled" if rests else "!disabled"])

    # What people do

    def _chosen(self, key: Hashable | None) -> None:
        self.model.choose(key if isinstance(key, int) else None)

    def _rename(self) -> None:
        self.model.rename(self._name.get())

    def _history_chosen(self, chosen: int) -> None:
        self.model.set_history(list(HistoryPolicy)[chosen])
        self._show_card()
