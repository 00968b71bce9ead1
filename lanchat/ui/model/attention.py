"""When something new is worth a notification on the desktop, and what it says. No Tk."""

from collections.abc import Callable

import msgspec

from lanchat.app import api
from lanchat.app.api import LinkState, RoomView
from lanchat.i18n import _, ngettext
from lanchat.protocol.codes import RoomKind
from lanchat.protocol.text.markup import visible
from lanchat.ui.model.chat_model import ChatModel
from lanchat.ui.texts import words

# Seconds between two notifications: of many messages at once the first one is told.
APART = 2.0


class MessageNotice(msgspec.Struct, frozen=True):
    """What a notification says; `room` is opened by a click on it."""

    room: int
    title: str
    text: str


class Attention:
    """Judges events before they change the model. `clock`: seconds, never going back. Main thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nothing was told yet."""
        self._clock = clock
        self._told_at = float("-inf")

    def notice(self, model: ChatModel, event: api.Event) -> MessageNotice | None:
        """What to tell of an event: a new message by somebody else, in a room that is not muted and not being looked
        at, that came while the server is there. What was missed stands in the list of rooms."""
        if not isinstance(event, api.RoomUpdated) or model.link.state is not LinkState.LIVE:
            return None
        room, before = event.room, model.rooms.get(event.room.room)
        if before is None or not _has_news(before, room) or _is_silenced(model, room.room):
            return None
        if model.focused and room.room == model.current:
            return None
        now = self._clock()
        if now - self._told_at < APART:
            return None
        self._told_at = now
        return _notice(room)


def _is_silenced(model: ChatModel, room: int) -> bool:
    return model.choices.quiet or room in model.choices.muted


def _has_news(before: RoomView, room: RoomView) -> bool:
    return room.joined and room.head > before.head and room.unread > before.unread and bool(room.last_text)


def _notice(room: RoomView) -> MessageNotice:
    """Who says what where, and how much more is unread there."""
    title = words.room_title(room)
    if room.kind is not RoomKind.DIRECT and room.last_author:
        title = _("{author} in {room}").format(author=room.last_author, room=title)
    text = visible(room.last_text[:1000])
    if room.unread > 1:
        text += " " + ngettext("({n} unread message)", "({n} unread messages)", room.unread).format(n=room.unread)
    return MessageNotice(room.room, title, text)
