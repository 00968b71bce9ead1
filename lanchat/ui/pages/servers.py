"""The first page: servers that were found, and a field for an address or an invite link."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Hashable

from lanchat.i18n import _
from lanchat.protocol.datagram.beacon import DISCOVERY_PORT
from lanchat.protocol.text.identity import DEFAULT_PORT
from lanchat.ui.kit.fields.field_problems import FieldName
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.roster import ServerRowKey, server_rows
from lanchat.ui.lists.row_list import RowList
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.pages.card import WIDTH, FormPage
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
        box = self._box = ttk.Frame(self.body, style=ControlStyle.FIELD_FRAME.value, padding=px(4))
        box.pack(fill="both", expand=True)
        self._checks_shown = _CheckList(tools, self.body)
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
        self._address.on_change(self.flow.leave_choice)
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
        self._show_checks(self.flow.policy.discovery and self.model.searched and not self.model.servers)
        self._found.configure(text=self._search_text())

    def _show_checks(self, shown: bool) -> None:
        """What to look at stands in the place of a list that stays empty."""
        checks, box = self._checks_shown.frame, self._box
        if shown == bool(checks.winfo_manager()):
            return
        come, go = (checks, box) if shown else (box, checks)
        come.pack(fill="both", expand=True, before=go)
        go.pack_forget()
        if shown:
            self._found.pack_configure(before=checks)
        else:
            self._found.pack_configure(after=box)

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
        return _("No server found so far; the search goes on. What to check:")


class _CheckList:
    """What to look at when no server is found."""

    def __init__(self, tools: Toolkit, master: tk.Misc) -> None:
        """The caller places `frame`."""
        self.frame = ttk.Frame(master)
        for text in _checks():
            row = ttk.Frame(self.frame)
            row.pack(fill="x", pady=(0, tools.px(5)))
            mark = tools.picture(row, "square", 12, tools.palette.muted, tools.palette.surface)
            mark.pack(side="left", anchor="n", padx=(0, tools.px(8)), pady=(tools.px(2), 0))
            tools.label(row, text, ControlStyle.TEXT, WIDTH - 26).pack(side="left", anchor="w")


def _checks() -> tuple[str, ...]:
    firewall = _("Firewall of the server's computer: it lets in TCP and UDP port {port}, and UDP port {search}.")
    return (
        _("Server: it runs, on a computer that is switched on."),
        _("Network: this computer and the server are in the same one. A guest Wi-Fi or a VPN separates them."),
        firewall.format(port=DEFAULT_PORT, search=DISCOVERY_PORT),
        _("Another network: type the server's address below, or paste its invite link."),
        _("No server yet: start \u201cLAN Chat Server\u201d on a computer that stays on."),
    )
