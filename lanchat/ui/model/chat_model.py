"""What the window knows once somebody is logged in: account, rooms, people, the open room. No Tk, no network.

Events go in through `apply`, which says what has to be drawn again. Commands and their answers are chat.py's.
"""

from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.api import Account, Line, LinkState, Person, RoomView, Server, StateChanged
from lanchat.protocol.codes import PresenceState
from lanchat.ui.model.emoji_rows import with_recent
from lanchat.ui.model.entries import Entry, EntryContext, arrange
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.model.room_choices import RoomChoices
from lanchat.ui.model.timeline import Timeline
from lanchat.wording.problems import details_text

# A line is usually stored within milliseconds: a heading above it that comes and goes would only disturb.
WAITING_AFTER = 2.0
NOTICES_MAX = 20
_OUT_OF_SESSION = (LinkState.CONNECTING, LinkState.AUTHENTICATING, LinkState.AWAY, LinkState.REFUSED)


class Draft(msgspec.Struct):
    """What is being written in a room. `before`: the text that an edit displaced."""

    text: str = ""
    reply: Line | None = None
    editing: Line | None = None
    before: str = ""


class ScrollTarget(msgspec.Struct, frozen=True):
    """Where the conversation goes when it is drawn next: to an entry by its key, or to the end."""

    key: str = ""
    end: bool = False


class ChatModel:
    """The state behind the main page. `clock` gives seconds since the epoch. Main thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nobody is logged in, and no room is known."""
        self._clock = clock
        self.account: Account | None = None
        self.server: Server | None = None
        self.link = StateChanged(LinkState.CONNECTING)
        self.rooms: dict[int, RoomView] = {}
        self.people: dict[int, Person] = {}
        self.members: frozenset[int] = frozenset()  # of the open room, this person among them
        self.current = 0
        self.timeline: Timeline | None = None
        self.drafts: dict[int, Draft] = {}
        self.choices = RoomChoices()
        self.fresh_after: int | None = None
        self.flash = ""
        self.unfolded: set[str] = set()  # long messages of the open room that are shown whole
        self.jump: ScrollTarget | None = None
        self.missed = 0  # messages that came while the end of the conversation was not loaded or not visible
        self.recent_emoji: list[str] = []  # the one that was used last first
        self.notices: list[str] = []
        self.focused = True

    # What the views ask

    @property
    def me(self) -> int:
        """The id of the account that is logged in; 0 for none."""
        return self.account.user_id if self.account else 0

    @property
    def room(self) -> RoomView | None:
        """The open room."""
        return self.rooms.get(self.current)

    @property
    def draft(self) -> Draft:
        """The draft of the open room."""
        return self.drafts.setdefault(self.current, Draft())

    @property
    def unread(self) -> int:
        """Unread messages in all rooms that are not muted."""
        muted = self.choices.muted
        return sum(room.unread for room in self.rooms.values() if room.joined and room.room not in muted)

    def online_members(self) -> int:
        """How many members of the open room are at their computers, this person included; 0 while nobody can know."""
        if self.link.state in _OUT_OF_SESSION:
            return 0
        here = (self.people.get(user) for user in self.members)
        return sum(1 for person in here if person and (person.state or person.user_id == self.me))

    def can_send(self) -> bool:
        """Whether the open room takes messages from this person at all."""
        return self.room is not None and self.room.joined and self.can_write()

    @property
    def archived(self) -> bool:
        """Whether the open room can only be read."""
        return self.room is not None and self.room.archived

    def can_write(self) -> bool:
        """Whether something may be typed: also before the first room is open."""
        return self.link.state not in (LinkState.FORKED, LinkState.REFUSED) and not self.archived

    def entries(self) -> list[Entry]:
        """What the conversation shows."""
        timeline = self.timeline
        if timeline is None:
            return []
        unstored = timeline.unstored if timeline.at_bottom else []
        view = EntryContext(
            timeline.at_top and timeline.loaded, self.fresh_after, self.waiting(), self.flash, frozenset(self.unfolded)
        )
        return arrange(timeline.stored, unstored, view)

    def undecided(self) -> list[Line]:
        """Lines of the open room that are neither stored nor refused."""
        return [line for line in self.timeline.unstored if line.refused is None] if self.timeline else []

    def waiting(self) -> bool:
        """Whether something has not been stored for so long that a heading should say so."""
        lines = self.undecided()
        if not lines:
            return False
        return self.link.state is not LinkState.LIVE or abs(self._clock() - lines[0].sent_at) > WAITING_AFTER

    def notice(self, text: str) -> WindowPart:
        """Something to tell in passing."""
        self.notices = [*self.notices[-NOTICES_MAX + 1 :], text]
        return WindowPart.NOTICE

    # Events

    def apply(self, event: api.Event) -> WindowPart:
        """Takes in an event; returns what to draw again."""
        match event:
            case api.Notice(details):
                return self.notice(details_text(details))
            case api.StateChanged():
                return self._linked(event)
            case api.AccountLoggedIn():
                self.account, self.server = event.account, event.server
                return WindowPart.ACCOUNT | WindowPart.ROOMS | WindowPart.PEOPLE | WindowPart.LINK
            case api.RoomUpdated():
                return self._room_updated(event.room)
            case api.RoomRemoved():
                self.rooms.pop(event.room, None)
                if event.deleted:
                    self.drafts.pop(event.room, None)
                return WindowPart.ROOMS | WindowPart.ROOM
            case api.ServerRenamed():
                self.server = event.server
                return WindowPart.LINK
            case api.PeopleChanged():
                return self._people_changed(event.people)
            case _:
                return self._line_event(event)

    def _people_changed(self, people: Iterable[Person]) -> WindowPart:
        """Somebody came, went, or has another name: that is the name of what was written before, too."""
        part = WindowPart.PEOPLE | WindowPart.ROOMS
        for person in people:
            before = self.people.get(person.user_id)
            self.people[person.user_id] = person
            if before is None or before.display_name == person.display_name:
                continue
            if self.account and person.user_id == self.me:
                self.account = replace(self.account, display_name=person.display_name)
                part |= WindowPart.ACCOUNT
            if self.timeline and self.timeline.rename(person.user_id, person.display_name):
                part |= WindowPart.LINES
        return part

    def _linked(self, event: StateChanged) -> WindowPart:
        before, self.link = self.link, event
        went = (before.state is LinkState.LIVE) != (event.state is LinkState.LIVE)
        return WindowPart.LINK | (WindowPart.LINES | WindowPart.ROOM if went else WindowPart.NONE)

    def _room_updated(self, room: RoomView) -> WindowPart:
        before, line = self.rooms.get(room.room), self.fresh_after
        self.rooms[room.room] = room = self._merged(room)
        if room.room != self.current:
            return WindowPart.ROOMS
        same = before is not None and _header(before) == _header(room)
        moved = WindowPart.LINES if self.fresh_after != line else WindowPart.NONE
        return moved | (WindowPart.ROOMS if same else WindowPart.ROOMS | WindowPart.ROOM)

    def take_rooms(self, rooms: Iterable[RoomView]) -> None:
        """These are all rooms now."""
        self.rooms = {room.room: self._merged(room) for room in rooms}

    def _merged(self, room: RoomView) -> RoomView:
        """A room as the network tells it, with what was seen here and has not reached it yet. What was read on another
        device stands above the line of the open room."""
        before = self.rooms.get(room.room)
        if before is None or room.read == before.read:
            return room
        if room.read < before.read:
            unread = before.unread if room.head == before.head else room.unread
            called = room.called if room.called > before.read else 0
            return replace(room, read=before.read, unread=unread, called=called)
        if room.room == self.current and self.fresh_after is not None:
            self.fresh_after = room.read if room.unread else None
        return room

    def _line_event(self, event: api.Event) -> WindowPart:
        timeline = self.timeline
        match event:
            case api.LineAdded(line=line, live=live):
                return self._line_added(line, live)
            case api.LineChanged(line=line):
                shown = timeline and line.room == timeline.room and timeline.change(line)
                return self._renew_reply(line) | (WindowPart.LINES if shown else WindowPart.NONE)
            case api.LineStored() if timeline and event.room == timeline.room:
                return WindowPart.LINES if timeline.was_stored(event.id, event.seq) else WindowPart.NONE
            case api.LineWithdrawn() if timeline and event.room == timeline.room:
                return WindowPart.LINES if timeline.withdraw(event.id) else WindowPart.NONE
            case api.LineRefused():
                if timeline and event.room == timeline.room and timeline.was_refused(event.id, event.code):
                    return WindowPart.LINES
                return self.notice(details_text(event.details))
            case api.LineDelayed():
                if timeline and event.room == timeline.room and timeline.now_waits(event.id, event.details):
                    return WindowPart.LINES
                return WindowPart.NONE if event.again else self.notice(details_text(event.details))
            case _:
                return WindowPart.NONE

    def _renew_reply(self, line: Line) -> WindowPart:
        """What is being answered was edited or deleted: its text as it was must not stay above the composer."""
        draft = self.drafts.get(line.room)
        if draft is None or draft.reply is None or draft.reply.id != line.id:
            return WindowPart.NONE
        draft.reply = line
        return WindowPart.DRAFT if line.room == self.current else WindowPart.NONE

    def _line_added(self, line: Line, live: bool) -> WindowPart:
        timeline = self.timeline
        if timeline is None or line.room != timeline.room or not timeline.loaded:
            return WindowPart.NONE
        if live and not line.mine and line.seq is not None:
            self._arrived(timeline, line.seq)
        return WindowPart.LINES if timeline.add(line) else WindowPart.NONE

    def _arrived(self, timeline: Timeline, seq: int) -> None:
        if seq > timeline.last:
            self.missed += 1
            # Everything above it was seen: a line from before would stand too high.
            seen = self.room is not None and self.room.read >= seq - 1
            if not self.focused and (self.fresh_after is None or seen):
                self.fresh_after = seq - 1

    # What the person does

    def open(self, room: int) -> None:
        """Another room (or 0) is shown from now on. What was typed before any room was open is meant for this one."""
        early = self.drafts.pop(0, None)
        if room and early and early.text and not self.drafts.setdefault(room, Draft()).text:
            self.drafts[room].text = early.text
        self.current = room
        self.timeline = Timeline(room) if room else None
        self.members = frozenset()
        self.flash = ""
        self.unfolded.clear()
        self.missed = 0
        self.jump = None
        view = self.rooms.get(room)
        self.fresh_after = view.read if view and view.unread else None

    def used_emoji(self, emoji: str) -> None:
        """It is among the first that are offered from now on."""
        self.recent_emoji = with_recent(self.recent_emoji, emoji)

    def fold_or_unfold(self, identity: str) -> None:
        """A long message is shown whole, or its beginning again."""
        self.unfolded ^= {identity}

    def reply_to(self, line: Line) -> WindowPart:
        """The open room's draft answers `line`; an edit is cancelled, and what it displaced is back."""
        draft = self.draft
        if draft.editing:
            self.cancel()
        draft.reply = line
        return WindowPart.DRAFT

    def edit(self, line: Line) -> WindowPart:
        """The open room's draft is the text of `line`; what was written is back after the edit, a reply is dropped."""
        draft = self.draft
        draft.before = draft.before if draft.editing else draft.text
        draft.reply, draft.editing, draft.text = None, line, line.text
        return WindowPart.DRAFT

    def cancel(self) -> WindowPart:
        """Neither reply nor edit: what was written before is back."""
        draft = self.draft
        if not draft.reply and not draft.editing:
            return WindowPart.NONE
        if draft.editing:
            draft.text = draft.before
        draft.reply = draft.editing = None
        draft.before = ""
        return WindowPart.DRAFT

    def give_back(self, room: int, text: str) -> WindowPart:
        """A text that could not be sent returns into its room's composer, above what was written since."""
        draft = self.drafts.setdefault(room, Draft())
        if draft.editing:
            draft.before = f"{text}\n{draft.before}" if draft.before else text
        else:
            draft.text = f"{text}\n{draft.text}" if draft.text else text
        return WindowPart.DRAFT if room == self.current else WindowPart.NONE

    def read_up_to(self, room: int, seq: int) -> None:
        """The person saw everything up to `seq`: the counter falls at once, the server's word follows."""
        view = self.rooms.get(room)
        if view and seq > view.read:
            left = 0 if seq >= view.head else view.unread
            self.rooms[room] = replace(view, read=seq, unread=left, called=view.called if view.called > seq else 0)

    def presence_of(self, user: int) -> PresenceState:
        """An account's presence; offline when it is not known."""
        person = self.people.get(user)
        return person.state if person else PresenceState.OFFLINE


def _header(room: RoomView) -> tuple[object, ...]:
    """What the page shows of the open room beside its messages."""
    return room.title, room.joined, room.members, room.kind, room.history, room.archived
