"""Which view belongs to which page. Views are loaded when they are shown first."""

import tkinter as tk
from typing import Protocol

from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.entry import LoginFlow
from lanchat.ui.model.entry_model import WindowPage
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.pages.main import WindowCommands


class PageView(Protocol):
    """What the window does with any page."""

    @property
    def frame(self) -> tk.Widget:
        """The widget that holds the page; the window places it and destroys it."""

    def update(self, part: WindowPart) -> None:
        """Draws what changed."""

    def focus(self) -> None:
        """The keyboard goes where somebody will type first."""

    def attend(self) -> None:
        """The window has the person's attention: messages that are visible have been seen."""

    def leave(self) -> None:
        """The page is about to be destroyed: what it bound outside of `frame` is taken back."""

    def kept(self) -> list[str]:
        """What was typed or is being read, for the same page in another language, theme or size."""

    def restore(self, kept: list[str]) -> None:
        """Takes what `kept` of the page before returned; empty when it was another page."""


def make(
    page: WindowPage, tools: Toolkit, master: tk.Misc, flow: LoginFlow, chat: Chat, shell: WindowCommands
) -> PageView:
    """The view of a page, not yet in the window."""
    if page is WindowPage.CHAT:
        from lanchat.ui.pages.main import MainPage

        return MainPage(tools, master, chat, shell)
    from lanchat.ui.pages import identity, invite, login, recover, register, servers

    views = {
        WindowPage.SERVERS: servers.ServersPage,
        WindowPage.IDENTITY: identity.IdentityPage,
        WindowPage.CHANGED: identity.ChangedPage,
        WindowPage.LOGIN: login.LoginPage,
        WindowPage.REGISTER: register.RegisterPage,
        WindowPage.INVITE: invite.InvitePage,
        WindowPage.RECOVER: recover.RecoverPage,
        WindowPage.RECOVER_CODE: recover.RecoverCodePage,
    }
    return views[page](tools, master, flow, shell)
