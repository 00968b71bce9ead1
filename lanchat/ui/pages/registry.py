"""Which view belongs to which page. Views are loaded when they are shown first."""

import tkinter as tk
from typing import Protocol

from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.entry import EntryFlow
from lanchat.ui.model.entry_model import Page
from lanchat.ui.model.parts import Part
from lanchat.ui.pages.main import Shell


class PageView(Protocol):
    """What the window does with any page."""

    @property
    def frame(self) -> tk.Widget: ...

    def update(self, part: Part) -> None: ...

    def focus(self) -> None: ...

    def attend(self) -> None: ...

    def leave(self) -> None: ...

    def kept(self) -> list[str]: ...

    def restore(self, kept: list[str]) -> None: ...


def make(page: Page, tools: Toolkit, master: tk.Misc, flow: EntryFlow, chat: Chat, shell: Shell) -> PageView:
    """The view of a page, not yet in the window."""
    if page is Page.CHAT:
        from lanchat.ui.pages.main import MainPage

        return MainPage(tools, master, chat, shell)
    from lanchat.ui.pages import identity, login, recover, register, servers

    views = {
        Page.SERVERS: servers.ServersPage,
        Page.IDENTITY: identity.IdentityPage,
        Page.CHANGED: identity.ChangedPage,
        Page.LOGIN: login.LoginPage,
        Page.REGISTER: register.RegisterPage,
        Page.RECOVER: recover.RecoverPage,
        Page.RECOVER_CODE: recover.RecoverCodePage,
    }
    return views[page](tools, master, flow, shell)
