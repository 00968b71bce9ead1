"""The page of people: a list to search in, the chosen account below it."""

import tkinter as tk
import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.protocol.codes import Role
from lanchat.protocol.limits import DISPLAY_NAME_MAX
from lanchat.ui.administration.list_page import ListPage
from lanchat.ui.administration.page_view import CopyField, choice, labelled, show_part, wrapping
from lanchat.ui.administration.people import PeopleModel, role_names
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.table import Column
from lanchat.ui.kit.toolkit import Toolkit


class PeoplePage(ListPage):
    """Main thread. See `page_view.AdminPageView`."""

    def __init__(self, tools: Toolkit, master: tk.Misc, server: AdministrationPort) -> None:
        """The caller places `frame`. Nothing is asked before `enter`."""
        self.model = PeopleModel(server, self._show)
        columns = (
            Column(_("User name"), 150),
            Column(_("Display name"), 170),
            Column(_("Role"), 130, stretch=False),
            Column(_("State"), 90, stretch=False),
            Column(_("Last seen"), 160, stretch=False),
        )
        super().__init__(tools, master, self.model, columns)
        self._build_buttons()
        self._build_card()
        self._code = ttk.Frame(self.frame)
        self._code_text = wrapping(tools.label(self._code, "", ControlStyle.TEXT))
        self._code_text.pack(fill="x", pady=(0, tools.px(4)))
        self._code_field = CopyField(tools, self._code)
        self._code_field.frame.pack(anchor="w")
        self._arrange(self._code)

    def _build_buttons(self) -> None:
        invite = self._tools.button(self._head, _("Invitation code"), self.model.create_invite)
        invite.pack(side="right", anchor="s")
        again = self._tools.button(self._head, _("Refresh"), self.model.refresh)
        again.pack(side="right", anchor="s", padx=self._tools.px(8))

    def _build_card(self) -> None:
        px, tools, model = self._tools.px, self._tools, self.model
        first = self._build_name(_("Display name"), DISPLAY_NAME_MAX, _("Save"), model.rename)
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

    def _show(self) -> None:
        code = self.model.code
        show_part(self._code, code is not None)
        if code is not None:
            self._code_text.configure(text=glyphs.inline(self.model.code_text))
            self._code_field.show(code.code)
        super()._show()

    def _show_card(self) -> None:
        account = self.model.account
        if account is None:
            self._show_name(None, "")
            return
        self._show_name(account.id, account.display_name)
        self._role.current(list(Role).index(account.role))
        self._disable.configure(text=_("Enable") if account.disabled else _("Disable"))
        self._email.configure(text=glyphs.one_line(account.email, 60))
        state = ["disabled" if self.model.busy else "!disabled"]
        for button in (*self._buttons, self._save):
            button.state(state)

    def _role_chosen(self, chosen: int) -> None:
        self.model.set_role(list(Role)[chosen])
        self._show_card()
