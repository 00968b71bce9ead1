"""Dialogs, each loaded when it is opened first: the window shows sooner without them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lanchat.app.api import Line, Person, RoomView, Server
from lanchat.core.policy import Policy
from lanchat.i18n import _
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.chat import Chat

if TYPE_CHECKING:
    from lanchat.ui.dialogs.administration import AdministrationWindow


def receipts(tools: Toolkit, chat: Chat, line: Line) -> None:
    """Who has received and read a message."""
    from lanchat.ui.dialogs.conversation import ReceiptsDialog

    ReceiptsDialog(tools, chat, line)


def delete_message(tools: Toolkit, chat: Chat, line: Line) -> None:
    """Asks before a message is deleted."""
    from lanchat.ui.dialogs.base import Confirm

    text = _("Its text is erased for everybody and cannot be brought back.")
    Confirm(tools, chat, _("Delete this message?"), text, _("Delete"), lambda: chat.delete(line))


def new_room(tools: Toolkit, chat: Chat) -> None:
    """Makes a room."""
    from lanchat.ui.dialogs.rooms import NewRoomDialog

    NewRoomDialog(tools, chat)


def join_room(tools: Toolkit, chat: Chat) -> None:
    """Public rooms to join."""
    from lanchat.ui.dialogs.rooms import JoinRoomDialog

    JoinRoomDialog(tools, chat)


def room_details(tools: Toolkit, chat: Chat, room: RoomView) -> None:
    """Members of a room, invitations."""
    from lanchat.ui.dialogs.rooms import RoomDialog

    RoomDialog(tools, chat, room)


def leave_room(tools: Toolkit, chat: Chat, room: RoomView) -> None:
    """Asks before one leaves a room."""
    from lanchat.ui.dialogs.rooms import confirm_leave

    confirm_leave(tools, chat, room)


def archive_room(tools: Toolkit, chat: Chat, room: RoomView) -> None:
    """Asks before a room is archived, or taken back."""
    from lanchat.ui.dialogs.rooms import confirm_archive

    confirm_archive(tools, chat, room)


def delete_room(tools: Toolkit, chat: Chat, room: RoomView) -> None:
    """Asks before a room is deleted, and for the password."""
    from lanchat.ui.dialogs.rooms import DeleteRoomDialog

    DeleteRoomDialog(tools, chat, room)


def remove_member(tools: Toolkit, chat: Chat, person: Person) -> None:
    """Asks before somebody is removed from the open room."""
    from lanchat.ui.dialogs.rooms import confirm_remove

    if chat.model.room:
        confirm_remove(tools, chat, chat.model.room, person)


def profile(tools: Toolkit, chat: Chat) -> None:
    """Display name and e-mail."""
    from lanchat.ui.dialogs.account import ProfileDialog

    ProfileDialog(tools, chat)


def password(tools: Toolkit, chat: Chat) -> None:
    """A new password."""
    from lanchat.ui.dialogs.account import PasswordDialog

    PasswordDialog(tools, chat)


def devices(tools: Toolkit, chat: Chat) -> None:
    """The account's computers."""
    from lanchat.ui.dialogs.account import DevicesDialog

    DevicesDialog(tools, chat)


def administration(tools: Toolkit, chat: Chat) -> "AdministrationWindow":
    """Accounts and rooms, for administrators."""
    from lanchat.ui.dialogs.administration import AdministrationWindow

    return AdministrationWindow(tools, chat)


def server(tools: Toolkit, chat: Chat, open_copy: Callable[[Server | None], None]) -> None:
    """The server's identity; `open_copy` shows what is kept of one that it has replaced, or with None its own again."""
    from lanchat.ui.dialogs.window import ServerDialog

    ServerDialog(tools, chat, open_copy)


def policy(tools: Toolkit, chat: Chat, policy: Policy) -> None:
    """What an administrator fixed on this computer."""
    from lanchat.ui.dialogs.window import PolicyDialog

    PolicyDialog(tools, chat, policy)


def shortcuts(tools: Toolkit, chat: Chat) -> None:
    """What the keys do."""
    from lanchat.ui.dialogs.window import ShortcutsDialog

    ShortcutsDialog(tools, chat)


def other_server(tools: Toolkit, chat: Chat, link: str, connect: Callable[[], None]) -> None:
    """Asks before a link from a browser takes the place of the server."""
    from lanchat.ui.dialogs.window import confirm_other_server

    confirm_other_server(tools, chat, link, connect)


def log_out(tools: Toolkit, chat: Chat) -> None:
    """Asks before logging out."""
    from lanchat.ui.dialogs.window import confirm_log_out

    confirm_log_out(tools, chat)
