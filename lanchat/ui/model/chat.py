"""What the main page can do: the commands behind it, and what their answers change in the model. No Tk.

`changed` is told which parts to draw; `later` runs something after some milliseconds (Tk's `after` in the window).
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lanchat.app import api
from lanchat.app.api import UNREAD_MAX, CommandError, Line, LinkState, Person, RoomView
from lanchat.i18n import _
from lanchat.i18n.sizes import size_text
from lanchat.protocol.limits import BODY_CHARACTERS_MAX, BODY_OCTETS_MAX
from lanchat.protocol.text.cleaning import clean_text
from lanchat.protocol.text.reactions import normal_reaction
from lanchat.ui.model.chat_model import WAITING_AFTER, ChatModel, Draft
from lanchat.ui.model.engine import CommandDispatcher, Failed
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.model.reader import Changed, Later, RoomReader
from lanchat.ui.model.room_choices import RoomListing
from lanchat.ui.model.timeline import PAGE
from lanchat.wording.problems import error_text

T = TypeVar("T")


class Chat:
    """The main page's commands. Main thread."""

    def __init__(
        self, model: ChatModel, new_dispatcher: Callable[[], CommandDispatcher], changed: Changed, later: Later
    ) -> None:
        """`new_dispatcher` makes the dispatcher of the account here, and one for each room when it is opened."""
        self.model = model
        self.listing = RoomListing(model, changed)
        self.dispatcher = new_dispatcher()  # for everything that belongs to the account
        self._reader: RoomReader | None = None
        self._new_dispatcher = new_dispatcher
        self._changed = changed
        self._later = later
        self._marked: dict[int, int] = {}
        self._unanswered = False
        self._wanted_room = 0
        self.logged_out: Callable[[], None] = lambda: None  # set by whoever shows another page then

    # Events

    def apply(self, event: api.Event) -> WindowPart:
        """Takes in an event and asks for what it makes necessary."""
        part = self.model.apply(event)
        match event:
            case api.AccountLoggedIn():
                self.refresh()
            case api.StateChanged(state=LinkState.LIVE):
                self._refresh_lists()
            case api.RoomUpdated():
                part |= self._room_updated(event.room, part)
            case api.RoomRemoved(room=room) if room == self.model.current:
                self.open_first()
            case api.RoomLive(room=room) if self._reader and room == self.model.current:
                self._reader.complete(event.head)
            case api.ReceiptsChanged(room=room) if self._reader and room == self.model.current:
                self._reader.renew_receipts()
            case api.LineAdded(line=line) if line.mine and line.seq is None:
                self._look_again()
        return part

    def _room_updated(self, room: RoomView, part: WindowPart) -> WindowPart:
        if room.room == self.model.current and WindowPart.ROOM in part:
            self._load_members()
        if room.joined and (not self.model.current or room.room == self._wanted_room):
            self._settle()
        return WindowPart.NONE

    # Lists

    def refresh(self) -> None:
        """Everything that the page shows, from the network's thread."""
        self._refresh_lists()
        if self._reader:
            self._reader.complete(0)

    def read_again(self) -> None:
        """Events were dropped: what is shown may be out of date."""
        self._refresh_lists()
        if self._reader:
            self._reader.read_again()

    def _refresh_lists(self) -> None:
        self.dispatcher.ask(api.ListRoomsCommand(), self._have_rooms)
        self.dispatcher.ask(api.ListPeopleCommand(), self._have_people)
        if self.model.current:
            self._load_members()

    def _have_rooms(self, rooms: list[RoomView]) -> None:
        self.model.take_rooms(rooms)
        self._settle()
        self._changed(WindowPart.ROOMS | WindowPart.ROOM | WindowPart.LINES)

    def _have_people(self, people: list[Person]) -> None:
        self.model.people = {person.user_id: person for person in people}
        self._changed(WindowPart.PEOPLE | WindowPart.ROOMS | WindowPart.ROOM)

    def _load_members(self) -> None:
        if self._reader:
            self._reader.dispatcher.ask(api.ListMembersCommand(self.model.current), self._have_members)

    def _have_members(self, people: list[Person]) -> None:
        self.model.people.update((person.user_id, person) for person in people)
        self.model.members = frozenset(person.user_id for person in people)
        self._changed(WindowPart.PEOPLE | WindowPart.ROOM)

    # The open room

    def want_room(self, room: int) -> None:
        """The room to open as soon as it is known: the last one of the previous run."""
        self._wanted_room = room

    def open_first(self) -> None:
        """Opens the wanted room, else general, else the first one."""
        joined = [room for room in self.model.rooms.values() if room.joined]
        wanted = [room for room in joined if room.room == self._wanted_room]
        general = [room for room in joined if room.general]
        chosen = next(iter([*wanted, *general, *joined]), None)
        self._open(chosen.room if chosen else 0)

    def _settle(self) -> None:
        """Rooms may become known one by one: the wanted one is opened when it comes, unless somebody writes already."""
        wanted = self.model.rooms.get(self._wanted_room)
        if not self.model.room or (wanted and wanted.joined and not self.model.draft.text):
            self.open_first()

    def open_room(self, room: int, around: int = 0) -> None:
        """Shows a room, at its end or at what is new; `around`: at this message."""
        self._wanted_room = 0
        if room == self.model.current and not around:
            self.to_end()
        else:
            self._open(room, around)

    def _open(self, room: int, around: int = 0) -> None:
        if room == self._wanted_room:
            self._wanted_room = 0
        if room == self.model.current and not around:
            return
        if self._reader:
            self._reader.close()
        self.model.open(room)
        timeline = self.model.timeline
        self._reader = (
            RoomReader(self.model, timeline, self._new_dispatcher(), self._changed, self._later) if timeline else None
        )
        self._changed(WindowPart.ROOM | WindowPart.ROOMS | WindowPart.LINES | WindowPart.DRAFT | WindowPart.PEOPLE)
        if not self._reader:
            return
        self._load_members()
        view = self.model.room
        if around:
            self._reader.load_around(around)
        elif view and _starts_above(view):
            self._reader.load_around(view.read + 1, flash=False)
        else:
            self._reader.load_newest()

    def jump_to(self, room: int, seq: int) -> None:
        """Shows one message, in whatever room. Of a room that was deleted just now there is none."""
        if room not in self.model.rooms:
            return
        if room != self.model.current or not self._reader:
            self.open_room(room, around=seq)
        else:
            self._reader.jump(seq)

    def next_mention(self) -> None:
        """Shows the first unread message that mentions this person: of the open room, else where something was said
        last."""
        called = [room for room in self.model.rooms.values() if room.joined and room.called]
        if called:
            room = max(called, key=lambda room: (room.room == self.model.current, room.last_time))
            self.jump_to(room.room, room.called)

    def to_end(self) -> None:
        """Back to the newest message."""
        if self._reader:
            self._reader.to_end()

    def load_older(self) -> None:
        """The view came near the upper end of what is loaded."""
        if self._reader:
            self._reader.load_older()

    def load_newer(self) -> None:
        """The view came near the lower end of what is loaded."""
        if self._reader:
            self._reader.load_newer()

    def _look_again(self) -> None:
        """A heading stands above what is still not stored some seconds later."""
        if not self._unanswered:
            self._unanswered = True
            self._later(round(WAITING_AFTER * 1000) + 100, self._looked)

    def _looked(self) -> None:
        self._unanswered = False
        if self.model.waiting():
            self._changed(WindowPart.LINES)
        elif self.model.undecided():
            self._look_again()

    # Writing

    def too_long(self, text: str) -> str:
        """Why a text cannot be sent, in plain words; empty when it can."""
        if len(text) > BODY_CHARACTERS_MAX:
            return _("Too long: {count} of {limit} characters. Shorten it or send it in parts.").format(
                count=len(text), limit=BODY_CHARACTERS_MAX
            )
        octets = len(text.encode("utf-8", "surrogatepass"))
        if octets > BODY_OCTETS_MAX:
            return _("Too long: {count} of {limit} bytes. Shorten it or send it in parts.").format(
                count=octets, limit=BODY_OCTETS_MAX
            )
        return ""

    def submit(self, text: str) -> bool:
        """Sends what the composer holds, or saves the edit; returns whether the composer is empty now."""
        model, draft, text = self.model, self.model.draft, clean_text(text).strip()
        if not text or self.too_long(text) or not model.can_send():
            return False
        room = model.current
        reply = draft.reply.seq or 0 if draft.reply else 0
        editing = draft.editing
        model.drafts[room] = Draft(text=draft.before)
        if editing:
            if text != editing.text:
                self._edit(editing, text)
        else:
            model.fresh_after = None
            self._send(room, text, reply)
        self._changed(WindowPart.DRAFT)
        return True

    def submit_parts(self, parts: Sequence[str]) -> None:
        """Sends a text that is too long for one message in several; the first one is the reply. The composer is empty
        then."""
        model, draft = self.model, self.model.draft
        if draft.editing or not model.can_send() or any(self.too_long(part) for part in parts):
            return
        reply = draft.reply.seq or 0 if draft.reply else 0
        model.drafts[model.current] = Draft()
        model.fresh_after = None
        for number, part in enumerate(parts):
            self._send(model.current, part, 0 if number else reply)
        self._changed(WindowPart.DRAFT)

    def _send(self, room: int, text: str, reply: int) -> None:
        def kept(line: Line) -> None:
            timeline = self.model.timeline
            if timeline and timeline.room == room and timeline.loaded:
                timeline.add(line)
                self.to_end()
            self._look_again()

        def failed(error: CommandError) -> None:
            self._changed(self.model.give_back(room, text) | self.model.notice(error_text(error)))

        self.dispatcher.ask(api.SendCommand(room, text, reply), kept, failed)

    def _edit(self, line: Line, text: str) -> None:
        assert line.seq is not None

        def failed(error: CommandError) -> None:
            self._changed(self.model.give_back(line.room, text) | self.model.notice(error_text(error)))

        self.dispatcher.ask(api.EditCommand(line.room, line.seq, text), None, failed)

    def delete(self, line: Line) -> None:
        """Deletes a message, for everybody; does nothing with one that is not stored."""
        if line.seq is not None:
            self.ask(api.DeleteCommand(line.room, line.seq))

    def react(self, line: Line, emoji: str) -> None:
        """Adds a reaction, or takes one's own back."""
        if line.seq is None or line.deleted:
            return
        emoji = normal_reaction(emoji)
        mine = any(r.emoji == emoji and self.model.me in r.users for r in line.reactions)
        self.ask(api.ReactCommand(line.room, line.seq, emoji, remove=mine))

    def reply_to(self, line: Line) -> None:
        """The open room's draft answers this message; an edit that was begun is cancelled."""
        self._changed(self.model.reply_to(line))

    def edit(self, line: Line) -> None:
        """The open room's draft becomes the edit of this message."""
        self._changed(self.model.edit(line))

    def edit_last(self) -> bool:
        """Edits the last own message; returns whether there is one."""
        line = self.model.timeline.last_own() if self.model.timeline and not self.model.archived else None
        if line is None:
            return False
        self.edit(line)
        return True

    def cancel(self) -> bool:
        """Ends a reply or edit; returns whether there was one."""
        part = self.model.cancel()
        self._changed(part)
        return bool(part)

    # Attention

    def seen(self, room: int, seq: int) -> None:
        """The person has the window before them and message `seq` of a room is visible. Of the room that was open until
        now when another was chosen and is not drawn yet: nothing follows from that."""
        if room == self.model.current:
            self._mark(room, seq)

    def mark_read(self, room: int) -> None:
        """The person wants nothing of a room to count as new; of the open one the line above what is new goes, too."""
        view = self.model.rooms.get(room)
        if view is not None:
            self._mark(room, view.head)
        if room == self.model.current:
            self.model.fresh_after = None
            self._changed(WindowPart.LINES)

    def _mark(self, room: int, seq: int) -> None:
        view = self.model.rooms.get(room)
        if view is None or not view.joined or seq <= max(view.read, self._marked.get(view.room, 0)):
            return
        self._marked[view.room] = seq
        self.model.read_up_to(view.room, seq)
        self.dispatcher.ask(api.MarkReadCommand(view.room, seq))
        self._changed(WindowPart.ROOMS)

    def set_active(self, active: bool) -> None:
        """The person is at the computer, or has not touched it for a while."""
        self.dispatcher.ask(api.SetActivityCommand(active))

    # Everything else

    def ask(
        self, command: api.Command[T], then: Callable[[T], None] | None = None, failed: Failed | None = None
    ) -> None:
        """Runs a command; without `failed` an error is told in passing."""
        self.dispatcher.ask(command, then, failed or self._show_error)

    def _show_error(self, error: CommandError) -> None:
        self.tell(error_text(error))

    def tell(self, text: str) -> None:
        """Says something in passing."""
        self._changed(self.model.notice(text))

    def save_file(self, line: Line, index: int, path: str) -> None:
        """Saves file number `index` of a stored message; where it is, or an error, is told in passing."""

        def saved(file: api.FetchedFile) -> None:
            self.tell(_("Saved as {file}, {size}").format(file=file.path, size=size_text(file.size)))

        self.ask(api.FetchFileCommand(line.room, line.seq or 0, index, path), saved)

    def open_direct(self, user: str) -> None:
        """Opens the direct conversation with somebody, making it when it is not there."""
        self.ask(api.FindRoomCommand(f"@{user}"), self.enter)

    def open_known(self, room: int) -> None:
        """Opens a room that a notification was about, unless it is gone; 0: nothing happens."""
        if (view := self.model.rooms.get(room)) is not None and view.joined:
            self.open_room(room)

    def enter(self, room: RoomView) -> None:
        """Opens a room that was just made, joined or found."""
        self.model.rooms[room.room] = room
        self.open_room(room.room)

    def join(self, room: int) -> None:
        """Joins a public room and opens it; an error is told in passing."""
        self.ask(api.JoinRoomCommand(room), self.enter)

    def leave(self, room: int) -> None:
        """Leaves a room, and opens another one when it was the open one; an error is told in passing."""

        def left(nothing: None) -> None:
            self.model.rooms.pop(room, None)
            if room == self.model.current:
                self.open_first()
            self._refresh_lists()

        self.ask(api.LeaveRoomCommand(room), left)

    def close(self) -> None:
        """Nothing that is still under way changes the model any more."""
        self.dispatcher.close()
        if self._reader:
            self._reader.close()


def _starts_above(room: RoomView) -> bool:
    """Whether the first unread message is not among the newest lines. Of a room that was never read, and has more than
    anybody will, the end is shown."""
    return bool(room.unread) and room.head - room.read > PAGE and (room.read > 0 or room.unread < UNREAD_MAX)
