"""What the menu of a room does, whether it is open or not."""

from lanchat.app.api import RoomView
from lanchat.ui import dialogs
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.menus.menus import Entry, RoomAction, may_govern, room_entries
from lanchat.ui.model.chat import Chat


def room_menu(tools: Toolkit, chat: Chat, room: RoomView) -> list[Entry]:
    """The entries for one room."""
    model = chat.model
    governs = may_govern(model.account, room)
    return room_entries(room, model.choices, lambda action: _do(tools, chat, room, action), governs=governs)


def _do(tools: Toolkit, chat: Chat, room: RoomView, action: RoomAction) -> None:
    match action:
        case RoomAction.READ:
            chat.mark_read(room.room)
        case RoomAction.PIN:
            chat.listing.pin(room.room)
        case RoomAction.MUTE:
            chat.listing.mute(room.room)
        case RoomAction.DETAILS:
            dialogs.room_details(tools, chat, room)
        case RoomAction.LEAVE:
            dialogs.leave_room(tools, chat, room)
        case RoomAction.ARCHIVE:
            dialogs.archive_room(tools, chat, room)
        case RoomAction.DELETE:
            dialogs.delete_room(tools, chat, room)
