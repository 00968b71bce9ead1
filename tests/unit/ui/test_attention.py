"""What is notified on the desktop: new messages that nobody is looking at, in rooms that are not muted."""

from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.api import LinkState, StateChanged
from lanchat.protocol.codes import RoomKind
from lanchat.ui.model.attention import APART, Attention, MessageNotice
from tests.support.ui_desk import Workbench

RANDOM = 3


class Desk(Workbench):
    """Somebody looks at `general`, or at another program."""

    def __init__(self, *, focused: bool = False) -> None:
        super().__init__()
        self.log_in()
        self.model.focused = focused
        self.attention = Attention(lambda: self.now)

    def hear(self, room: int = RANDOM, text: str = "Lunch at *one*?", **changes: object) -> MessageNotice | None:
        before = self.model.rooms[room]
        heard = {"head": before.head + 1, "unread": before.unread + 1, "last_text": text, "last_author": "Bob"}
        event = api.RoomUpdated(replace(before, **{**heard, **changes}))
        told = self.attention.notice(self.model, event)
        self.chat.apply(event)
        self.now += APART
        return told


def test_new_message_says_who_says_what_where() -> None:
    desk = Desk()
    unread = desk.model.rooms[RANDOM].unread
    told = desk.hear()
    assert told == MessageNotice(RANDOM, "Bob in random", f"Lunch at one? ({unread + 1} unread messages)")
    desk.model.rooms[RANDOM] = replace(desk.model.rooms[RANDOM], kind=RoomKind.DIRECT, title="Bob", unread=0)
    assert desk.hear(text="Hi") == MessageNotice(RANDOM, "Bob", "Hi")


def test_what_is_looked_at_is_not_told() -> None:
    assert Desk(focused=True).hear(1) is None
    assert Desk(focused=True).hear(RANDOM)
    assert Desk().hear(1)


def test_own_messages_edits_and_read_marks_are_not_told() -> None:
    desk = Desk()
    unread = desk.model.rooms[RANDOM].unread
    assert desk.hear(unread=unread) is None
    assert desk.hear(head=desk.model.rooms[RANDOM].head) is None
    assert desk.hear(joined=False) is None


def test_muted_rooms_and_do_not_disturb_stay_silent() -> None:
    desk = Desk()
    desk.chat.listing.mute(RANDOM)
    assert desk.hear() is None
    desk.chat.listing.mute(RANDOM)
    desk.chat.listing.switch_quiet()
    assert desk.hear() is None
    desk.chat.listing.switch_quiet()
    assert desk.hear()


def test_what_was_missed_is_not_told() -> None:
    desk = Desk()
    desk.chat.apply(StateChanged(LinkState.SYNCING))
    assert desk.hear() is None


def test_of_many_messages_at_once_the_first_is_told() -> None:
    desk = Desk()
    assert desk.hear()
    desk.now -= APART
    assert desk.hear() is None
    assert desk.hear()


def test_click_opens_the_room_unless_it_is_gone() -> None:
    desk = Desk()
    desk.chat.open_known(RANDOM)
    assert desk.model.current == RANDOM
    desk.chat.open_known(0)
    desk.chat.open_known(99)
    assert desk.model.current == RANDOM
