"""`ListPage`: the view that pages of a `ListModel` have in common: a list to search in, the chosen entry below it."""

import tkinter as tk
import tkinter.ttk as ttk
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from lanchat.i18n import _
from lanchat.ui.administration.list_model import ListModel
from lanchat.ui.administration.page_view import Notices, show_part, stack
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.table import Column, Table
from lanchat.ui.kit.table_rows import shown_rows
from lanchat.ui.kit.toolkit import Toolkit

# More rows would take the window a noticeable time; a search finds the others.
_ROWS_MAX = 500


class ListPage(ABC):
    """Main thread. See `page_view.AdminPageView`."""

    def __init__(self, tools: Toolkit, master: tk.Misc, listed: ListModel[Any], columns: Sequence[Column]) -> None:
        """The caller places `frame`. A subclass fills `_card`, then calls `_arrange`."""
        self._tools = tools
        self._listed = listed
        self._edited: int | None = None
        self.frame = ttk.Frame(master)
        self._build_head()
        self._table = Table(tools, self.frame, columns)
        self._table.choose = self._chosen
        self._more = tools.label(self.frame, "", ControlStyle.MUTED)
        self._card = ttk.Frame(self.frame)
        self._notices = Notices(tools, self.frame, listed)

    def _build_head(self) -> None:
        px, head = self._tools.px, ttk.Frame(self.frame)
        self._head = head
        self._search = Field(self._tools, head, _("Search"))
        self._search.entry.configure(width=30)
        self._search.frame.pack(side="left")
        self._search.on_change(lambda: self._listed.look_for(self._search.get()))
        self._count = self._tools.label(head, "", ControlStyle.MUTED)
        self._count.pack(side="left", padx=px(12), anchor="s", pady=(0, px(8)))

    def _build_name(self, label: str, longest: int, save: str, rename: Callable[[str], None]) -> ttk.Frame:
        """The first row of the card: the name, at most `longest` characters, with a button that saves it."""
        row = ttk.Frame(self._card)
        row.pack(fill="x")
        self._name = Field(self._tools, row, label)
        self._name.limit = longest
        self._name.entry.configure(width=28)
        self._name.frame.pack(side="left")
        self._name.on_return(lambda: rename(self._name.get()))
        self._save = self._tools.button(row, save, lambda: rename(self._name.get()))
        self._save.pack(side="left", anchor="s", padx=self._tools.px(8))
        return row

    def _arrange(self, *below: tk.Widget) -> None:
        """Places the parts, `below` between the card and the notices, and shows the model."""
        parts = (self._head, self._more, self._table.frame, self._card, *below, self._notices.frame)
        stack(self.frame, parts, self._table.frame, self._tools.px(8))
        self._show()

    # Showing

    def enter(self) -> None:
        """Asks for the entries."""
        self._listed.refresh()
        self._search.focus()

    def leave(self) -> None:  # noqa: B027  # a subclass may have nothing to end
        """Nothing goes on by itself."""

    def close(self) -> None:
        """Answers that come later are ignored."""
        self._listed.close()

    def _show(self) -> None:
        rows, more = shown_rows(self._listed.rows(), _ROWS_MAX)
        self._table.show(rows, self._listed.chosen)
        self._count.configure(text=self._listed.count_line)
        show_part(self._more, bool(more))
        self._more.configure(text=_("{number} more: search for them").format(number=more))
        self._show_card()
        self._notices.show()

    @abstractmethod
    def _show_card(self) -> None:
        """What is chosen, or nothing."""

    def _show_name(self, key: int | None, name: str) -> None:
        """The card of this entry, or none. What was typed stays while the entry stays."""
        show_part(self._card, key is not None)
        if key is not None and self._edited != key:
            self._name.set(name)
        self._edited = key

    def _chosen(self, key: Hashable | None) -> None:
        self._listed.choose(key if isinstance(key, int) else None)
