"""The page of rooms: a list to search in, the chosen room below it."""

import tkinter as tk
import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.protocol.codes import HistoryPolicy
from lanchat.protocol.limits import ROOM_NAME_MAX
from lanchat.ui.administration.list_page import ListPage
from lanchat.ui.administration.page_view import choice, labelled
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.administration.rooms import RoomsModel, history_names
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.table import Column
from lanchat.ui.kit.toolkit import Toolkit


class RoomsPage(ListPage):
    """Main thread. See `page_view.AdminPageView`."""

    def __init__(self, tools: Toolkit, master: tk.Misc, server: AdministrationPort) -> None:
        """The caller places `frame`. Nothing is asked before `enter`."""
        self.model = RoomsModel(server, self._show)
        columns = (
            Column(_("Room"), 220),
            Column(_("Kind"), 90, stretch=False),
            Column(_("Members"), 90, stretch=False),
            Column(_("Messages"), 100, stretch=False),
            Column(_("Created"), 150, stretch=False),
            Column(_("State"), 90, stretch=False),
        )
        super().__init__(tools, master, self.model, columns)
        tools.button(self._head, _("Refresh"), self.model.refresh).pack(side="right", anchor="s")
        self._build_card()
        self._arrange()

    def _build_card(self) -> None:
        px, tools, model = self._tools.px, self._tools, self.model
        first = self._build_name(_("Name"), ROOM_NAME_MAX, _("Rename"), model.rename)
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

    def _show_card(self) -> None:
        room = self.model.room
        if room is None:
            self._show_name(None, "")
            return
        self._show_name(room.id, room.name)
        self._history.current(list(history_names()).index(room.history))
        self._archive.configure(text=_("Take out of the archive") if room.archived else _("Archive"))
        fixed = self.model.busy or self.model.is_general
        for button, rests in (
            (self._archive, fixed),
            (self._delete, fixed),
            (self._save, self.model.busy or room.archived),
        ):
            button.state(["disabled" if rests else "!disabled"])

    def _history_chosen(self, chosen: int) -> None:
        self.model.set_history(list(HistoryPolicy)[chosen])
        self._show_card()
