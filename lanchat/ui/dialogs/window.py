"""Dialogs about the program: the server's identity, keyboard shortcuts, logging out."""

import tkinter.ttk as ttk
from collections.abc import Callable

from lanchat.app import api
from lanchat.app.api import Server
from lanchat.core.policy import Policy
from lanchat.i18n import _
from lanchat.protocol.text.identity import parse_invite_untrusted
from lanchat.ui.dialogs.base import Confirm, Dialog, key_line
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.menus.keys import help_lines
from lanchat.ui.model.chat import Chat
from lanchat.ui.pages.identity import fingerprint_box
from lanchat.wording.policy import fixed_lines


class ServerDialog(Dialog):
    """Who the server is; its words, for colleagues who compare them, and a link that brings them here."""

    def __init__(self, tools: Toolkit, chat: Chat, open_copy: Callable[[Server | None], None]) -> None:
        """Opens the dialog on the model's server; there may be none yet. `open_copy`: shows what is kept of a server
        that another one has replaced; None: back to the present server."""
        self.title = _("About the server")
        self._open_copy = open_copy
        super().__init__(tools, chat)

    def build(self) -> None:
        """Address, words and digits, and a button that copies an invite link; without a server one sentence."""
        server, px = self.chat.model.server, self.tools.px
        self.text(self.title, ControlStyle.TITLE)
        if server is None:
            self.text(_("No server has been reached yet."))
            self.close_button()
            return
        self.text(f"{server.name}\n{server.host}:{server.port}")
        fingerprint_box(self.tools, self.body, server.words, server.fingerprint).pack(fill="x", pady=(0, px(10)))
        same = _("Everybody who uses this server sees the same words. They change only when it has another key.")
        self.text(same, ControlStyle.MUTED)
        self.text(
            _("The server reads what it stores: messages are not hidden from whoever runs it."), ControlStyle.MUTED
        )
        self._link = server.invite
        self.close_button()
        if server.invite:
            copy = self.tools.button(self.buttons, _("Copy invite link"), self._copy, ControlStyle.PLAIN, "copy")
            copy.pack(side="left")
        self.read(api.ListReplacedCommand(), lambda replaced: self._offer_copies(server, replaced))

    def _offer_copies(self, present: Server, replaced: list[Server]) -> None:
        """Ways to the messages that were received before somebody started anew, and from there back."""
        if any(server.fingerprint == present.fingerprint for server in replaced):
            self._add_way(_("Back to the present server"), None)
        for server in replaced:
            if server.fingerprint != present.fingerprint:
                name = glyphs.one_line(server.name, 40)
                self._add_way(_("Read the old messages of the server {name}").format(name=name), server)

    def _add_way(self, text: str, server: Server | None) -> None:
        def go() -> None:
            self.close()
            self._open_copy(server)

        self.tools.button(self.body, text, go, ControlStyle.LINK).pack(anchor="w")

    def _copy(self) -> None:
        self.window.clipboard_clear()
        self.window.clipboard_append(self._link)


class PolicyDialog(Dialog):
    """What an administrator fixed on this computer, a sentence each."""

    def __init__(self, tools: Toolkit, chat: Chat, policy: Policy) -> None:
        """Opens the dialog."""
        self.title = _("Set by your administrator")
        self._policy = policy
        super().__init__(tools, chat)

    def build(self) -> None:
        """The sentences; there is nothing to change."""
        self.text(self.title, ControlStyle.TITLE)
        for line in fixed_lines(self._policy):
            self.text(line)
        self.close_button()


class ShortcutsDialog(Dialog):
    """The keys of the window and what they do."""

    def __init__(self, tools: Toolkit, chat: Chat) -> None:
        """Opens the dialog."""
        self.title = _("Keyboard shortcuts")
        super().__init__(tools, chat)

    def build(self) -> None:
        """A table with a row for each of `help_lines`."""
        self.text(self.title, ControlStyle.TITLE)
        table = ttk.Frame(self.body)
        table.pack(fill="both", expand=True)
        for row, (keys, meaning) in enumerate(help_lines()):
            key_line(self.tools, table, row, keys, meaning)
        self.close_button()


def confirm_other_server(tools: Toolkit, chat: Chat, link: str, connect: Callable[[], None]) -> None:
    """Asks before the server of a link is connected to instead of the present one."""
    host = glyphs.one_line(parse_invite_untrusted(link).host, 80)
    text = _("A link names another server, at {host}. Connect only if you trust where it came from.").format(host=host)
    Confirm(tools, chat, _("Connect to another server?"), text, _("Connect"), connect)


def confirm_log_out(tools: Toolkit, chat: Chat) -> None:
    """Asks before this computer forgets the account."""
    pending = any(line.refused is None for line in chat.model.timeline.unstored) if chat.model.timeline else False
    text = _("This computer will need the password to log in again. What it has stored stays on it.")
    if pending:
        text += " " + _("Some messages have not reached the server yet; they are sent when you log in again.")

    def log_out() -> None:
        chat.ask(api.LogoutCommand(), lambda nothing: chat.logged_out())

    Confirm(tools, chat, _("Log out?"), text, _("Log out"), log_out)
