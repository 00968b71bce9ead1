"""Creating an account."""

from lanchat.i18n import _
from lanchat.ui.card import Card
from lanchat.ui.entry_model import Page
from lanchat.ui.forms import NewAccount
from lanchat.ui.login import checkbox
from lanchat.ui.styles import Look
from lanchat.ui.toolkit import Field


class RegisterPage(Card):
    def build(self) -> None:
        server = self.model.server
        self.heading(_("Create an account"), _("on {server}").format(server=server.name) if server else "")
        self._user = self.field(_("User name"), self.model.user)
        self._display = self.field(_("Your name as others see it (optional)"))
        self._email = self.field(_("E-mail, for a forgotten password (optional)"))
        self._password = self.field(_("Password, 8 characters or more"), secret=True)
        self._again = self.field(_("The password again"), secret=True)
        self._invite: Field | None = self.field(_("Invite code")) if self.flow.needs_invite else None
        self._remember = checkbox(self.tools, self.body, _("Stay logged in on this computer"), True)
        self.submit(_("Create the account"), self._register)
        self.tools.button(self.body, _("Back"), lambda: self.flow.turn_to(Page.LOGIN), Look.LINK).pack(anchor="w")

    def focus(self) -> None:
        self._user.focus()

    def _register(self) -> None:
        self.flow.register(
            NewAccount(
                self._user.get(),
                self._password.get(),
                self._again.get(),
                self._display.get(),
                self._email.get(),
                self._invite.get() if self._invite else "",
                self._remember.get(),
            )
        )
