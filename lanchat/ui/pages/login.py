"""Logging in with name and password."""

import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.ui.kit.fields.field_problems import FieldName
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.model.entry_model import WindowPage
from lanchat.ui.pages.card import FormPage


class LoginPage(FormPage):
    """Name and password for an accepted server, and the ways to the other forms."""

    def build(self) -> None:
        """An account is offered only where people make accounts themselves."""
        self.heading(_("Log in"))
        self.server_line()
        self._user = self.field(_("User name"), self.model.user, about=FieldName.USER)
        self._password = self.field(_("Password"), secret=True, about=FieldName.PASSWORD)
        self._remember = self.checkbox(_("Stay logged in on this computer"), True)
        self.submit(_("Log in"), self._log_in)
        self._links()

    def _links(self) -> None:
        links = ttk.Frame(self.body)
        links.pack(fill="x")
        if self.model.may_register:
            self.link(links, _("Create an account"), lambda: self.flow.turn_to(WindowPage.REGISTER)).pack(side="left")
        self.link(links, _("Forgot password?"), self._forgot).pack(side="right")
        if self.flow.policy.server is None:
            self.tools.button(self.body, _("Another server"), self.flow.decline, ControlStyle.LINK).pack(anchor="w")

    def _forgot(self) -> None:
        self.model.user = self._user.get()
        self.flow.turn_to(WindowPage.RECOVER)

    def _log_in(self) -> None:
        self.flow.log_in(self._user.get(), self._password.get(), self._remember.get())
