"""After the first account was created: what the administrator shows to others, so that they find the server."""

import tkinter as tk
import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.protocol.codes import Registration
from lanchat.ui.kit.canvas.qr import qr_png
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.pages.card import FormPage
from lanchat.ui.pages.identity import fingerprint_box

_COPIED_MS = 2000
_MODULE = 3  # pixels at 96 dpi: a phone reads the code from a screen at arm's length


class InvitePage(FormPage):
    """Words, QR code and link of the server that was just set up, and who may create an account there."""

    width = 580

    def build(self) -> None:
        """The button leads to the conversation."""
        server, px = self.model.server, self.tools.px
        assert server
        self.heading(_("The server is set up: invite people"), self._registration_text())
        row = ttk.Frame(self.body)
        row.pack(fill="x", pady=(0, px(8)))
        if server.invite:
            self._code = tk.PhotoImage(master=row, data=qr_png(server.invite, max(px(_MODULE), 1)))
            tk.Label(row, image=self._code, borderwidth=0).pack(side="right", padx=(px(14), 0))
        facts = ttk.Frame(row)
        facts.pack(side="left", fill="both", expand=True)
        text = _(
            "LAN Chat on other computers of this network finds the server by itself and shows these words. They are"
            " English for everybody: only compare them."
        )
        self.tools.label(facts, text, ControlStyle.MUTED, 340).pack(anchor="w", pady=(0, px(8)))
        fingerprint_box(self.tools, facts, server.words, server.fingerprint).pack(fill="x")
        if server.invite:
            self._link_row(server.invite)
        self._enter = self.submit(_("Open the chat"), self.flow.enter_chat)

    def _link_row(self, link: str) -> None:
        row = ttk.Frame(self.body)
        row.pack(fill="x", pady=(0, self.tools.px(8)))
        self._link = Field(self.tools, row, _("Invite link, for the field \u201cAnother server\u201d"), link)
        self._link.entry.state(["readonly"])
        self._copy = self.tools.button(row, _("Copy"), lambda: self._copy_link(link), ControlStyle.PLAIN, "copy")
        self._copy.pack(side="right", anchor="s", padx=(self.tools.px(8), 0))
        self._link.frame.pack(side="left", fill="x", expand=True)

    def _copy_link(self, link: str) -> None:
        self.tools.root.clipboard_clear()
        self.tools.root.clipboard_append(link)
        self._copy.configure(text=_("Copied"))
        self.tools.root.after(_COPIED_MS, self._copied)

    def _copied(self) -> None:
        if self._copy.winfo_exists():
            self._copy.configure(text=f" {_('Copy')}")

    def _registration_text(self) -> str:
        offer = self.model.offer
        return {
            Registration.OPEN: _("Everybody who reaches the server can create an account."),
            Registration.INVITE: _("People create an account with an invite code from you."),
            Registration.CLOSED: _("You create the accounts of others."),
        }[offer.registration if offer else Registration.OPEN]

    def focus(self) -> None:
        """The keyboard goes to the button that leads on."""
        self._enter.focus_set()
