"""A room as it goes on: history first, then a mark, then what comes, each thing once and in order.

The events of a session wait in its queue from the first moment on. History is read from the local copy once the room
is complete; `head` is then the number up to which everything was shown, and an event at or below it is old news. So
nothing is missing and nothing comes twice between history and live, whatever arrives meanwhile.
"""

import asyncio
from collections import deque
from typing import Any, Protocol

from msgspec.structs import replace

from lanchat.app import api
from lanchat.cli.commands.messages import newest_lines
from lanchat.cli.lines import room_name, state_name
from lanchat.cli.session import CliSession
from lanchat.i18n import _
from lanchat.protocol.problems import ProblemDetails
from lanchat.terminal.exits import REFUSED, CliError
from lanchat.terminal.output import shown
from lanchat.wording.problems import details_text

# Ids that are remembered so that a message which was shown before it was stored is not shown again. The server takes
# 500 messages a second at most; 4,096 ids are 8 s of that, in 400 KiB.
SHOWN_MAX = 4096
_CHANGES = frozenset(("edit", "delete", "reaction"))


class FollowView(Protocol):
    """Who shows it. `follower` has the names."""

    def state(self, event: api.StateChanged) -> None:
        """The link's state or the number of peers changed. While syncing and live it comes without a reason, which
        `unwritable` tells."""

    def live(self, head: int) -> None:
        """History ends with number `head`, what follows is live. Told once."""

    def message(self, line: api.Line) -> None:
        """A message, stored or not."""

    def stored(self, id: str, seq: int) -> None:
        """A message that was shown as not stored yet was stored."""

    def changed(self, change: api.LineChanged) -> None:
        """An edit, deletion or reaction was stored, or came without the server and is not stored yet."""

    def refused(self, event: api.LineRefused) -> None:
        """A message that was shown as not stored yet will never be stored."""

    def withdrawn(self, event: api.LineWithdrawn) -> None:
        """Somebody else's message or change that was shown as not stored yet will never be stored."""

    def waits(self, event: api.LineDelayed) -> None:
        """The server has no room for a message that was shown as not stored yet."""

    def room_updated(self, room: api.RoomView) -> None:
        """What is known of some room changed, perhaps what is unread there."""

    def unwritable(self, text: str) -> None:
        """Why what comes cannot be stored on this computer."""


class Follower:
    """Follows one room of a session and tells a view."""

    def __init__(self, session: CliSession, history: int) -> None:
        """`history`: how many earlier messages are shown first; 0 for none."""
        self.session = session
        self.name = ""
        self.people: dict[int, api.Person] = {}
        self.head = 0
        self._history = history
        self._room: api.RoomView | None = None
        self._pending: set[str] = set()
        self._shown: dict[str, None] = {}  # ids, oldest first
        self._early: deque[api.Event] = deque()  # came before the history was there
        self._switching = False
        self._complete_head: int | None = None
        self._live_said = False
        self._last_state: tuple[str, int] | None = None
        self._unwritable: ProblemDetails | None = None  # that was told

    @property
    def room(self) -> int:
        """The room's number; only after `start`."""
        assert self._room
        return self._room.room

    @property
    def ready(self) -> bool:
        """Whether `start` has found the room."""
        return self._room is not None

    async def start(self, view: FollowView) -> None:
        """Connect, show states meanwhile, then the history and, when the room is complete, the mark. Raises
        CommandError, CliError."""
        preparing = asyncio.ensure_future(self._prepare())
        try:
            while not preparing.done():
                await self._take_one_event(view, preparing)
            lines = preparing.result()
        finally:
            preparing.cancel()
        while not self.session.events.empty():
            self._take_early_event(view, self.session.events.get_nowait())
        self._show_history(view, lines)
        self._report_unwritable(view, self.session.unwritable)
        while self._early:
            self._handle(view, self._early.popleft())

    async def follow(self, view: FollowView) -> None:
        """Show what comes, for ever. Raises CliError when the person is no longer in the room or let in."""
        while True:
            event = await self.session.events.get()
            if self._switching:
                self._early.append(event)
            else:
                self._handle(view, event)

    async def switch(self, view: FollowView, name: str) -> None:
        """Goes on with another room: its history, then what comes; what comes meanwhile is shown after the history.
        Raises CommandError, CliError; then the room is the same as before."""
        room = await self.session.room(name)
        self._switching = True
        try:
            # Asked before the history is read, as at the start.
            complete = self.session.live_heads.get(room.room)
            lines = await newest_lines(self.session, room.room, self._history)
            if not self._people_of(room):
                self.people = await self.session.people()
            self._room, self.name = room, room_name(room, self.people)
            self.head, self._complete_head, self._live_said = 0, complete, False
            self._show_history(view, lines)
        finally:
            self._switching = False
            while self._early:
                self._handle(view, self._early.popleft())

    def _people_of(self, room: api.RoomView) -> bool:
        return not room.partner or room.partner in self.people

    def catch_up(self, view: FollowView) -> None:
        """Show what has come already."""
        while not self.session.events.empty():
            self._handle(view, self.session.events.get_nowait())

    def sent(self, view: FollowView, line: api.Line) -> None:
        """A line of one's own that is in the outbox now, unless an event told of it already."""
        if line.seq is None:
            self._line(view, line)

    async def _prepare(self) -> list[api.Line]:
        await self.session.go_live_or_away()
        self._room = room = await self.session.room(self.session.options.room)
        self.people = await self.session.people()
        self.name = room_name(room, self.people)
        # Asked before the history is read: a room that gets complete later says so in the order of events.
        self._complete_head = self.session.live_heads.get(room.room)
        return await newest_lines(self.session, room.room, self._history)

    async def _take_one_event(self, view: FollowView, preparing: "asyncio.Future[Any]") -> None:
        """One event, unless the preparation ends first."""
        event = asyncio.ensure_future(self.session.events.get())
        await asyncio.wait((event, preparing), return_when=asyncio.FIRST_COMPLETED)
        if event.done():
            self._take_early_event(view, event.result())
        else:
            event.cancel()

    def _take_early_event(self, view: FollowView, event: api.Event) -> None:
        if isinstance(event, api.StateChanged):
            self._state(view, event)
        else:
            self._early.append(event)

    def _show_history(self, view: FollowView, lines: list[api.Line]) -> None:
        stored = [line.seq for line in lines if line.seq]
        # Without a line of history the room's head says what is history, also when it is new to this profile.
        known = self._room.head if self._room and not self._history else 0
        self.head = max([self._complete_head or 0, known, *stored])
        for line in lines:
            self._message(view, line)
        if self._complete_head is not None:
            self._report_live(view)

    def _report_live(self, view: FollowView) -> None:
        if not self._live_said:
            self._live_said = True
            view.live(self.head)

    def _handle(self, view: FollowView, event: api.Event) -> None:
        match event:
            case api.StateChanged():
                self._state(view, event)
            case api.PeopleChanged(people):
                self.people |= {person.user_id: person for person in people}
            case api.LineAdded(line) if line.room == self.room:
                self._line(view, line)
            case api.LineChanged(line) if line.room == self.room:
                self._change(view, event)
            case api.LineStored(id, room, seq) if room == self.room and id in self._pending:
                self._stored(view, id, seq)
            case api.LineRefused(id, room) if room == self.room and id in self._pending:
                self._pending.discard(id)
                view.refused(event)
            case api.LineWithdrawn(id, room) if room == self.room and id in self._pending:
                self._pending.discard(id)
                # An administrator may have it stored later.
                self._shown.pop(id, None)
                view.withdrawn(event)
            case api.LineDelayed(id, room) if room == self.room and id in self._pending and not event.again:
                view.waits(event)
            case api.RoomUpdated(room_view):
                view.room_updated(room_view)
            case api.RoomLive(room, head) if room == self.room:
                self.head = max(self.head, head)
                self._report_live(view)
            case api.RoomRemoved(room, True) if room == self.room:
                raise CliError(REFUSED, _("Room {room} was deleted").format(room=shown(self.name)))
            case api.RoomRemoved(room) if room == self.room:
                raise CliError(REFUSED, _("You are no longer in {room}").format(room=shown(self.name)))

    def _state(self, view: FollowView, event: api.StateChanged) -> None:
        state = (state_name(event.state), event.peers)
        in_session = event.state in (api.LinkState.SYNCING, api.LinkState.LIVE)
        if state != self._last_state:
            self._last_state = state
            view.state(replace(event, reason=None) if in_session else event)
        if in_session:
            self._report_unwritable(view, event.reason)
        # Only after the log-in: before, the command that waits for it says more.
        if event.state is api.LinkState.REFUSED and self._room:
            raise CliError(REFUSED, shown(details_text(event.reason)) or _("The server refused"))

    def _report_unwritable(self, view: FollowView, reason: ProblemDetails | None) -> None:
        if reason is not None and reason != self._unwritable and reason not in self.session.notices:
            self._unwritable = reason
            view.unwritable(details_text(reason))

    def _line(self, view: FollowView, line: api.Line) -> None:
        if line.seq is not None:
            if line.seq <= self.head:
                return
            self.head = line.seq
            self._unwritable = None
        if line.id not in self._shown:
            self._message(view, line)
        elif line.seq is not None and line.id in self._pending:
            self._stored(view, line.id, line.seq)

    def _message(self, view: FollowView, line: api.Line) -> None:
        self._remember(line.id, pending=line.seq is None)
        view.message(line)

    def _remember(self, id: str, *, pending: bool) -> None:
        self._shown[id] = None
        if len(self._shown) > SHOWN_MAX:
            oldest = next(iter(self._shown))
            del self._shown[oldest]
            self._pending.discard(oldest)
        if pending:
            self._pending.add(id)

    def _stored(self, view: FollowView, id: str, seq: int) -> None:
        self._pending.discard(id)
        view.stored(id, seq)

    def _change(self, view: FollowView, change: api.LineChanged) -> None:
        # A number at or below the head is folded into what was shown; 0 is not stored yet, or a receipt.
        if change.cause_seq > self.head and change.cause != "receipt":
            self.head = change.cause_seq
            if change.id in self._pending:
                self._stored(view, change.id, change.cause_seq)
            elif change.id not in self._shown:
                view.changed(change)
        elif not change.cause_seq and change.cause in _CHANGES and change.id not in self._shown:
            self._remember(change.id, pending=True)
            view.changed(change)
