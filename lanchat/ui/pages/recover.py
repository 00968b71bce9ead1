"""A forgotten password: asking for a code, then setting a new password with it."""

from lanchat.i18n import _
from lanchat.ui.kit.fields.field_problems import FieldName
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.model.entry_model import WindowPage
from lanchat.ui.pages.card import FormPage


class RecoverPage(FormPage):
    """Asks for a code by e-mail, or says who gives one when the server sends no mail."""

    def build(self) -> None:
        """The button sends for a code; where the server sends no e-mail, it leads to the page that takes one."""
        mail = self.model.offer is not None and self.model.offer.mail
        if mail:
            below = _("The server sends a code to the e-mail address of the account.")
        else:
            below = _("This server sends no e-mail. Ask the person who runs it for a code.")
        self.heading(_("Forgot password?"), below)
        self._user = self.field(_("User name"), self.model.user, about=FieldName.USER)
        if mail:
            self.submit(_("Send me a code"), lambda: self.flow.recover(self._user.get()))
            self.link(self.body, _("I have a code already"), self._have_code).pack(anchor="w")
        else:
            self.submit(_("I have a code"), self._have_code)
        self.tools.button(self.body, _("Back"), lambda: self.flow.turn_to(WindowPage.LOGIN), ControlStyle.LINK).pack(
            anchor="w"
        )

    def _have_code(self) -> None:
        self.flow.have_code(self._user.get())


class RecoverCodePage(FormPage):
    """The code and the new password."""

    def build(self) -> None:
        """Fields for the code and twice the new password; the user name is the model's."""
        self.heading(_("A new password"), _("for {user}").format(user=self.model.user))
        self._code = self.field(_("Code"), about=FieldName.RECOVERY_CODE)
        self._password = self.field(_("New password, 8 characters or more"), secret=True, about=FieldName.PASSWORD)
        self._again = self.field(_("The password again"), secret=True, about=FieldName.AGAIN)
        self.submit(_("Set the new password"), self._set)
        self.tools.button(self.body, _("Back"), lambda: self.flow.turn_to(WindowPage.RECOVER), ControlStyle.LINK).pack(
            anchor="w"
        )

    def _set(self) -> None:
        self.flow.recover_with(self._code.get(), self._password.get(), self._again.get())
