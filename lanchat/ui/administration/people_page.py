"""The page of people: a list to search in, the chosen account below it."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Hashable

from lanchat.i18n import _
from lanchat.protocol.codes import Role
from lanchat.protocol.limits import DISPLAY_NAME_MAX
from lanchat.ui.administration.page_view import CopyField, Notices, choice, labelled, show_part, stack, wrapping
from lanchat.ui.administration.people import PeopleModel, role_names
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.table import Column, Table
from lanchat.ui.kit.table_rows import shown_rows
from lanchat.ui.kit.toolkit import Toolkit

# More rows would take the window a noticeable time; a search finds the others.
_ROWS_MAX = 500


class PeoplePage:
    """Main thread. See `page_view.AdminPageView`."""

    def __init__(self, tools: Toolkit, master: tk.Misc, server: AdministrationPort) -> None:
        """The caller places `frame`. Nothing is asked before `enter`."""
        self._tools = tools
        self._edited: int | None = None
        self.model = PeopleModel(server, self._show)
        self.frame = ttk.Frame(master)
        self._build_head()
        columns = (
            Column(_("User name"), 150),
            Column(_("Display name"), 170),
            Column(_("Role"), 130, stretch=False),
            Column(_("State"), 90, stretch=False),
            Column(_("Last seen"), 160, stretch=False),
        )
        self._table = Table(tools, self.frame, columns)
        self._table.choose = self._chosen
        self._more = tools.label(self.frame, "", ControlStyle.MUTED)
        self._card = ttk.Frame(self.frame)
        self._build_card()
        self._code = ttk.Frame(self.frame)
        self._code_text = wrapping(tools.label(self._code, "", ControlStyle.TEXT))
        self._code_text.pack(fill="x", pady=(0, tools.px(4)))
        self._code_field = CopyField(tools, self._code)
        self._code_field.frame.pack(anchor="w")
        self._notices = Notices(tools, self.frame, self.model)
        parts = (self._head, self._more, self._table.frame, self._card, self._code, self._notices.frame)
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
        invite = self._tools.button(head, _("Invitation code"), self.model.create_invite)
        invite.pack(side="right", anchor="s")
        again = self._tools.button(head, _("Refresh"), self.model.refresh)
        again.pack(side="right", anchor="s", padx=px(8))

    def _build_card(self) -> None:
        px, tools, model = self._tools.px, self._tools, self.model
        first = ttk.Frame(self._card)
        first.pack(fill="x")
        self._name = Field(tools, first, _("Display name"))
        self._name.limit = DISPLAY_NAME_MAX
        self._name.entry.configure(width=28)
        self._name.frame.pack(side="left")
        self._name.on_return(self._rename)
        self._save = tools.button(first, _("Save"), self._rename)
        self._save.pack(side="left", anchor="s", padx=px(8))
        role = labelled(tools, first, _("Role"))
        role.pack(side="left", padx=(px(12), 0), anchor="s")
        self._role = choice(tools, role, list(role_names().values()), self._role_chosen)
        self._role.pack(anchor="w")
        second = ttk.Frame(self._card)
        second.pack(fill="x", pady=(px(8), 0))
        self._disable = tools.button(second, _("Disable"), model.ask_disable)
        self._buttons = [
            tools.button(second, _("Password reset code"), model.reset_password),
            tools.button(second, _("Disconnect"), model.ask_end_sessions),
            self._disable,
            tools.button(second, _("Delete the account…"), model.ask_delete, ControlStyle.DANGER),
        ]
        for button in self._buttons:
            button.pack(side="left", padx=(0, px(8)))
        self._email = tools.label(second, "", ControlStyle.MUTED)
        self._email.pack(side="left")

    # Showing

    def enter(self) -> None:
        """Asks for the accounts."""
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
        show_part(self._code, model.code is not None)
        if model.code is not None:
            self._code_text.configure(text=glyphs.inline(model.code_text))
            self._code_field.show(model.code.code)
        self._show_card()
        self._notices.show()

    def _show_card(self) -> None:
        account = self.model.account
        show_part(self._card, account is not None)
        if account is None:
            self._edited = None
            return
        if self._edited != account.id:
            self._edited = account.id
            self._name.set(account.display_name)
        self._role.current(list(Role).index(account.role))
        self._disable.configure(text=_("Enable") if account.disabled else _("Disable"))
        self._email.configure(text=glyphs.one_line(account.email, 60))
        state = ["disabled" if self.model.busy else "!disabled"]
        for button in (*self._buttons, self._save):
            button.state(state)

    # What people do

    def _chosen(self, key: Hashable | None) -> None:
        self.model.choose(key if isinstance(key, int) else None)

    def _rename(self) -> None:
        self.model.rename(self._name.get())

    def _role_chosen(self, chosen: int) -> None:
        self.model.set_role(list(Role)[chosen])
        self._show_card()
