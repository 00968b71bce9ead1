"""Creating an account."""

import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.protocol.limits import DISPLAY_NAME_MAX
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.fields.field_problems import FieldName
from lanchat.ui.kit.fields.forms import NewAccount
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.model.entry_model import WindowPage
from lanchat.ui.pages.card import FormPage


class RegisterPage(FormPage):
    """Two columns, so that the form fits into a small window."""

    width = 580

    def build(self) -> None:
        """An invite code and a set-up code have fields only where the server asks for them."""
        server, px = self.model.server, self.tools.px
        below = _("Server: {name}").format(name=server.name) if server else ""
        self.heading(_("Set up this server") if self.model.is_first else _("Create an account"), below)
        if self.model.is_first:
            self._explain_first_account()
        grid = ttk.Frame(self.body)
        grid.pack(fill="x")
        grid.columnconfigure((0, 1), weight=1, uniform="fields")
        self._user = self.field(_("User name"), self.model.user, about=FieldName.USER, master=grid)
        self._display = self.field(_("Display name (optional)"), about=FieldName.DISPLAY_NAME, master=grid)
        self._display.limit = DISPLAY_NAME_MAX
        self._password = self.field(
            _("Password, 8 characters or more"), about=FieldName.PASSWORD, secret=True, master=grid
        )
        self._again = self.field(_("The password again"), about=FieldName.AGAIN, secret=True, master=grid)
        self._email = self.field(_("E-mail (optional)"), about=FieldName.EMAIL, master=grid)
        self._invite: Field | None = None
        self._setup: Field | None = None
        if self.model.needs_invite:
            self._invite = self.field(_("Invite code"), about=FieldName.INVITE_CODE, master=grid)
        if self.model.needs_setup_code:
            self._setup = self.field(_("Set-up code"), about=FieldName.SETUP_CODE, master=grid)
        for number, field in enumerate(self._fields):
            side = (0, px(7)) if number % 2 == 0 else (px(7), 0)
            field.frame.grid(row=number // 2, column=number % 2, sticky="new", padx=side, pady=(0, px(10)))
        hint = _("The e-mail address is only used when you forget your password.")
        self.tools.label(self.body, hint, ControlStyle.SMALL, self.width - 50).pack(anchor="w", pady=(0, px(8)))
        self._remember = self.checkbox(_("Stay logged in on this computer"), True)
        self.submit(_("Create the administrator") if self.model.is_first else _("Create the account"), self._register)
        self.link(self.body, _("Back"), self._back).pack(anchor="w")

    def _explain_first_account(self) -> None:
        text = _("This server has no account yet. Create the first one: it is the administrator's.")
        if self.model.needs_setup_code:
            where = _("The set-up code is shown in the server's window and by \u201clanchat-server status\u201d.")
            text = f"{text} {where}"
        self.tools.label(self.body, text, ControlStyle.SMALL, self.width - 50).pack(
            anchor="w", pady=(0, self.tools.px(8))
        )

    def _back(self) -> None:
        """Where there is no account, nobody can log in."""
        if self.model.is_first:
            self.flow.decline()
        else:
            self.flow.turn_to(WindowPage.LOGIN)

    def focus(self) -> None:
        """The keyboard goes to the user name, also when it is filled in."""
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
                self._setup.get() if self._setup else "",
            )
        )
