"""The first page: servers that were found, and a field for an address or an invite link."""

import tkinter.ttk as ttk
from collections.abc import Hashable

from lanchat.i18n import _
from lanchat.ui.kit.fields.field_problems import FieldName
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.lists.roster import ServerRowKey, server_rows
from lanchat.ui.lists.row_list import RowList
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.pages.card import FormPage
from lanchat.wording.policy import fixed_lines


class ServersPage(FormPage):
    """The servers that a search found, and a field for one that it does not find."""

    def build(self) -> None:
        """A click in the list connects; the button takes what is typed, else the first of the list."""
        if self.flow.policy.server is None:
            self._build_choice()
        else:
            self.heading(_("Connect to the server"), " ".join(fixed_lines(self.flow.policy)))
            self.submit(_("Try again"), self.flow.show_servers)

    def _build_choice(self) -> None:
        tools, px = self.tools, self.tools.px
        self.heading(_("Choose a server"))
        box = ttk.Frame(self.body, style=ControlStyle.FIELD_FRAME.value, padding=px(4))
        box.pack(fill="both", expand=True)
        self._list = RowList(box, tools.kit, tools.images, tools.palette.field, two_lines=True)
        self._list.canvas.configure(height=px(160))
        self._list.frame.pack(fill="both", expand=True)
        self._list.choose = self._choose
        self._found = tools.label(self.body, "", ControlStyle.SMALL, 400)
        self._found.pack(anchor="w", pady=(px(6), px(16)))
        self._address = self.field(
            _("Another server"),
            self.model.address,
            about=FieldName.ADDRESS,
            hint=_("An address like 192.168.1.10, or an invite link that begins with lanchat://"),
        )
        self._tried = self.model.address
        self.submit(_("Connect"), self._connect)

    def focus(self) -> None:
        """The keyboard goes to a list that has servers, unless the error is about the address; else to its field."""
        if self.flow.policy.server is not None:
            return
        if self.model.servers and self.model.field is not FieldName.ADDRESS:
            self._list.canvas.focus_set()
        else:
            self._address.focus()

    def _choose(self, key: Hashable) -> None:
        assert isinstance(key, ServerRowKey)
        for server in self.model.servers.values():
            if (server.fingerprint, server.host, server.port) == (key.fingerprint, key.host, key.port):
                if not self.model.busy:
                    self.flow.choose(server)
                return

    def _connect(self) -> None:
        if self._address.get().strip():
            self.flow.connect(self._address.get())
        elif (key := self._list.first_key()) is not None:
            self._choose(key)
        else:
            self._address.focus()

    def update(self, part: WindowPart = WindowPart.ENTRY) -> None:
        """Also shows the servers found so far, and in an empty field the address that was tried last."""
        if self.flow.policy.server is not None:
            super().update(part)
            return
        if self.model.address != self._tried:  # named on the command line
            self._tried = self.model.address
            if not self._address.get():
                self._address.set(self._tried)
        super().update(part)
        self._list.show(server_rows(self.model.listed()))
        self._found.configure(text=self._search_text())

    def _search_text(self) -> str:
        if not self.flow.policy.discovery:
            return _(
                "The administrator of this computer has switched the search for servers off. Type an address or paste"
                " an invite link below."
            )
        if self.model.left_out:
            return _(
                "More servers answer than fit into this list; some may be invented. If yours is missing, type its"
                " address or paste an invite link."
            )
        if self.model.servers:
            return _("Click the server that you want. The search goes on.")
        if not self.model.searched:
            return _("Looking for servers on your network…")
        return _("No server found so far; the search goes on. In another network type its address below.")
