"""Rooms and lines as people see them, made from the local copy, the outbox and what the server told of members.

Works the same while the server is away. `RoomBook` holds a state per room that was looked at: what is folded in, who
received what, and one's own refused messages. How many messages are unread is nowhere kept: it follows from the room's
records and the reading position, whichever of the two comes first.
"""

import itertools
from collections.abc import Iterable
from heapq import merge
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from lanchat.app.api import UNREAD_MAX, Line, Person, Reaction, RoomView
from lanchat.app.command_errors import known_code
from lanchat.app.files import file_views
from lanchat.core.core import ClientCore, message_id
from lanchat.core.ports import LogReader, OutboxItem, OutboxStore
from lanchat.core.view.bodies import shown_body, summary
from lanchat.core.view.fold import DecodedRecord, FoldedText, RoomFold, is_shown
from lanchat.core.view.pending import PendingChange, PendingChanges
from lanchat.protocol.codes import Code, PresenceState, Role, RoomKind
from lanchat.protocol.log.messages import Header, Message, MessageKey, decode_header_untrusted
from lanchat.protocol.problems import ProblemDetails
from lanchat.protocol.text.mentions import calls
from lanchat.protocol.text.names import inert, name_key
from lanchat.protocol.wire import MemberCursor, Room, User

# One's own refused messages stay on the screen for as long as this process runs.
REFUSED_MAX = 100
_REPLY_CHARACTERS = 200


class MemberPlace(NamedTuple):
    """How far a member has received and read a room; `joined_ms`: since when they are one."""

    received: int = 0
    read: int = 0
    joined_ms: int = 0


class RoomInfo(msgspec.Struct):
    """What is known of one room beside its records. `cursors`: by user, None until they were asked for; `listed`: they
    are those of all members. `members`: user ids, None until they were asked for. `pending`: changes that are not
    stored yet."""

    fold: RoomFold
    last: FoldedText | None
    pending: PendingChanges
    cursors: dict[int, MemberPlace] | None = None
    listed: bool = False
    members: tuple[int, ...] | None = None
    refused: dict[str, Line] = {}


class RoomBook:
    """Event loop's thread only. Raises LocalStoreError."""

    def __init__(self, core: ClientCore, log: LogReader, outbox: OutboxStore, me: int, name: str = "") -> None:
        """`me`, `name`: this user. No room has been looked at."""
        self._name = name
        self.me = me
        self._core = core
        self._log = log
        self._outbox = outbox
        self._states: dict[int, RoomInfo] = {}
        self._watched: set[int] = set()
        # One's own messages for which the server has no room: why.
        self.waits: dict[MessageKey, tuple[Code, ProblemDetails]] = {}

    def state(self, room: int) -> RoomInfo:
        """Of a room; read from the local copy the first time."""
        state = self._states.get(room)
        if state is None:
            fold = RoomFold(room, self._log, self._core.authors, self.me, self._core.config, self._calls_me)
            newest = fold.below(0, 1)
            pending = PendingChanges(self._core.pending_changes(room))
            state = self._states[room] = RoomInfo(fold, newest[-1] if newest else None, pending)
        return state

    def forget(self, room: int) -> None:
        """The user is no longer in it."""
        self._states.pop(room, None)
        self._watched.discard(room)

    def watch(self, room: int) -> None:
        """Somebody looks at this room: history that arrives is told line by line."""
        self._watched.add(room)

    def is_watched(self, room: int) -> bool:
        """Whether `watch` was called for the room and `forget` was not since."""
        return room in self._watched

    def known(self, room: int) -> RoomInfo | None:
        """The state of a room that was looked at before."""
        return self._states.get(room)

    def looked_at(self) -> Iterable[int]:
        """Rooms that have a state here, in the order in which they got one."""
        return list(self._states)

    # --- What comes -----------------------------------------------------------------------------------------------

    def note(self, room: int, records: Iterable[DecodedRecord]) -> None:
        """New records of a room, stored. What was pending of them is folded in from now on."""
        state = self.state(room)
        if state.pending.about:
            records = list(records)
            for record in records:
                state.pending.pop(record.header.key)
        state.fold.note(records)
        # What was read ahead for a command is not fresh any more, but it is no less new.
        newest = state.fold.newest()
        if newest is not None and (state.last is None or newest.seq >= state.last.seq):
            state.last = newest

    def pend(self, change: PendingChange) -> Line | None:
        """A change that is not stored yet: the line that it changes, when it does and the line is here."""
        pending = self.state(change.key.room).pending
        if pending.target(change.key):
            return None
        before = self._line_at(change.key.room, change.target)
        pending.add(change)
        return self._changed_line(change, before)

    def take_back(self, key: MessageKey) -> tuple[Line | None, PendingChange] | None:
        """A change that will never be stored, with the line that it had changed; None: there was none."""
        known = self._states.get(key.room)
        before = self._pending_line(key)
        change = known.pending.pop(key) if known is not None else None
        return (self._changed_line(change, before), change) if change is not None else None

    def _pending_line(self, key: MessageKey) -> Line | None:
        known = self._states.get(key.room)
        target = known.pending.target(key) if known is not None else 0
        return self._line_at(key.room, target) if target else None

    def _changed_line(self, change: PendingChange, before: Line | None) -> Line | None:
        after = self._line_at(change.key.room, change.target)
        return after if after != before else None

    def _line_at(self, room: int, seq: int) -> Line | None:
        folded = self.state(room).fold.folded(seq)
        return self.line(room, folded) if folded is not None else None

    def unread(self, room: int) -> int:
        """Texts by others above what this user has read, here or on any device."""
        return self.state(room).fold.unread(self._core.read_up_to(room), UNREAD_MAX)

    def misses_unread(self, room: int) -> bool:
        """Whether more may be unread below what is stored here: on a device that is new to a room or to the account."""
        known, span = self._core.directory.rooms.get(room), self._log.span(room)
        if known is None or span is None:
            return False
        read = max(self._core.read_up_to(room), known.first_seq - 1)
        return span.base > read and self.unread(room) < UNREAD_MAX

    def note_cursors(self, room: int, cursors: Iterable[MemberCursor], *, all_of_them: bool) -> None:
        """How far members are; kept once the whole list was asked for."""
        state = self.state(room)
        if all_of_them:
            state.cursors, state.listed = {}, True
        if state.cursors is None:
            return
        for cursor in cursors:
            known = state.cursors.get(cursor.user)
            if known is None and len(state.cursors) >= self._core.config.users_max:
                continue
            # Somebody of whom no list told became a member after it.
            received, read, joined_ms = known or MemberPlace(joined_ms=0 if all_of_them else _after_all(state))
            place = MemberPlace(max(received, cursor.received), max(read, cursor.read), cursor.joined_ms or joined_ms)
            state.cursors[cursor.user] = place

    def members_changed(self, room: int, joined: Iterable[int], left: Iterable[int]) -> None:
        """The server told of new and of former members. Of a room that was not looked at nothing is kept. The read
        marks of former members go."""
        state = self._states.get(room)
        if state is None:
            return
        gone = set(left)
        if state.members is not None:
            stayed = (user for user in state.members if user not in gone)
            state.members = tuple(itertools.islice(dict.fromkeys([*stayed, *joined]), self._core.config.users_max))
        for user in gone:
            (state.cursors or {}).pop(user, None)
        if state.listed:
            new = [MemberCursor(user, 0, 0) for user in joined]
            self.note_cursors(room, new, all_of_them=False)

    def refused(self, key: MessageKey, item: OutboxItem | None, code: int) -> None:
        """One's own message was refused; a text stays on the screen."""
        if item is not None and is_shown(decode(item).kind):
            refused = self.state(key.room).refused
            refused[message_id(key)] = replace(self.waiting_line(item), refused=known_code(code))
            if len(refused) > REFUSED_MAX:
                del refused[next(iter(refused))]

    # --- Rooms and people -------------------------------------------------------------------------------------------

    def view(self, room: Room) -> RoomView:
        """A room for lists. Rooms that the user is not in have no history here."""
        view = RoomView(
            room.id,
            inert(room.name),
            self.title(room),
            room.kind,
            room.history,
            room.joined,
            room.members,
            room.partner,
            head=0,
            unread=0,
            read=self._core.read_up_to(room.id),
            archived=room.archived,
            mine=room.creator == self.me,
            general=room.joined and room.creator == 0 and room.kind is RoomKind.PUBLIC,
            alike=self._core.directory.is_alike_room(room),
            joined_at=room.joined_ms / 1000 if room.joined else 0.0,
        )
        if not room.joined:
            return view
        state = self.state(room.id)
        unread = state.fold.unread(view.read, UNREAD_MAX)
        called = state.fold.first_call(view.read) if unread else 0
        view = replace(view, head=self._core.cursor(room.id), unread=unread, called=called)
        last = state.last
        if last is None:
            return view
        return replace(
            view,
            last_text=summary(last.text, last.files),
            last_author=self.display_name(last),
            last_time=last.stored_ms / 1000,
        )

    def title(self, room: Room) -> str:
        """What people call it; a direct room as the partner, one of several of a name with its number."""
        if room.kind is not RoomKind.DIRECT:
            # With a sign of what marks such names it would look like a marked one.
            marked = "(#" in room.name or self._core.directory.is_alike_room(room)
            return numbered(room.name, room.id) if marked else inert(room.name)
        partner = self._core.directory.users.get(room.partner)
        return self._shown(partner) if partner is not None else f"@{room.partner}"

    def person(self, user: User, *, connected: bool) -> Person:
        """An account for lists. Without `connected` nobody is known to be there: shown as offline."""
        state = user.state if connected else PresenceState.OFFLINE
        return Person(user.id, inert(user.name), self._shown(user), state, user.last_seen_ms / 1000, user.role)

    def _calls_me(self, text: str, author: int) -> bool:
        """Whether a text of somebody else mentions this user; members may not call everybody."""
        if author == self.me:
            return False
        me, user = self._core.directory.users.get(self.me), self._core.directory.users.get(author)
        return calls(text, me.name if me else self._name, everybody=user is not None and user.role is not Role.MEMBER)

    def _shown(self, user: User) -> str:
        return self._marked(user.display_name, user.id, user.name)

    def _marked(self, display_name: str, user: int, user_name: str) -> str:
        """The name that people see; with the user name, when somebody else has that name."""
        shown = display_name or user_name
        if self._core.directory.is_alike(shown, user, user_name):
            return f"{inert(shown)} (@{inert(user_name)})"
        return inert(shown)

    def rooms_named(self, name: str) -> list[Room]:
        """Those with a name, with or without `#`, or with a number; of rooms that this user is in when there are any.
        A private room may be named as any other: whoever makes one is not told of others' private rooms."""
        wanted = name_key(name.removeprefix("#").strip())
        rooms = (room for room in self._core.directory.rooms.values() if room.kind is not RoomKind.DIRECT)
        found = [room for room in rooms if name_key(room.name) == wanted or str(room.id) == wanted]
        return [room for room in found if room.joined] or found

    def find_user(self, name: str) -> User | None:
        """By the log-in name, with or without `@`."""
        wanted = name_key(name.removeprefix("@").strip())
        return next((user for user in self._core.directory.users.values() if name_key(user.name) == wanted), None)

    def direct_room(self, partner: int) -> Room | None:
        """The direct room with this user, None when none was told of."""
        rooms = self._core.directory.rooms.values()
        return next((room for room in rooms if room.kind is RoomKind.DIRECT and room.partner == partner), None)

    def display_name(self, folded: FoldedText) -> str:
        """The name of today; of somebody who is gone, the name in the certificate."""
        user = self._core.directory.users.get(folded.author.user)
        if user is not None:
            return self._shown(user)
        author = folded.author
        return self._marked(author.display_name, author.user, author.user_name)

    # --- Lines ----------------------------------------------------------------------------------------------------

    def line(self, room: int, folded: FoldedText) -> Line:
        """A stored text, with what is pending about it."""
        if self.state(room).pending.about:
            folded = self._with_pending(room, folded)
        user = self._core.directory.users.get(folded.author.user)
        line = Line(
            message_id(folded.header.key),
            room,
            folded.seq,
            folded.author.user,
            inert(user.name if user is not None else folded.author.user_name),
            self.display_name(folded),
            folded.author.user == self.me,
            folded.text,
            folded.header.sent_ms / 1000,
            folded.stored_ms / 1000,
            edited=folded.edited,
            deleted=folded.deleted,
            imported=folded.author.imported,
            pending=folded.pending,
            reactions=tuple(Reaction(emoji, users) for emoji, users in folded.reactions),
            called="@" in folded.text and self._calls_me(folded.text, folded.author.user),
            files=file_views(folded.files),
        )
        return self._with_receipts(self._with_reply(line, folded.header))

    def _with_pending(self, room: int, folded: FoldedText) -> FoldedText:
        return self.state(room).pending.shown(folded, self._role)

    def _role(self, user: int) -> Role:
        """As the log has said."""
        account = self._core.statements.accounts.get(user)
        return account.role if account is not None else Role.MEMBER

    def _with_reply(self, line: Line, header: Header) -> Line:
        if not is_shown(header.kind) or not header.ref:
            return line
        target = self.state(line.room).fold.folded(header.ref)
        if target is None:
            return replace(line, reply_to=header.ref)
        target = self._with_pending(line.room, target)
        text = summary(target.text, target.files)[:_REPLY_CHARACTERS]
        return replace(line, reply_to=header.ref, reply_text=text, reply_author=self.display_name(target))

    def _with_receipts(self, line: Line) -> Line:
        """Of those who were members when the message was stored: who comes later is not waited for."""
        room = self._core.directory.rooms.get(line.room)
        others = max(0, room.members - 1) if room is not None else 0
        state = self.state(line.room)
        if not state.listed or not state.cursors or line.seq is None:
            return replace(line, members=others)
        stored_ms = round(line.stored_at * 1000)
        places = [
            place
            for user, place in state.cursors.items()
            if user != line.author and (place.joined_ms <= stored_ms or not stored_ms)
        ]
        received = sum(1 for place in places if place.received >= line.seq)
        read = sum(1 for place in places if place.read >= line.seq)
        return replace(line, members=len(places), received=received, read=read)

    def waiting_line(self, item: OutboxItem, seq: int | None = None) -> Line:
        """One's own text that is not in the local copy of the log yet."""
        header = decode(item)
        body = shown_body(header.kind, item.message.body)
        me = self._core.directory.users.get(self.me)
        name, shown = (inert(me.name), self._shown(me)) if me is not None else ("", "")
        line = Line(
            message_id(item.key),
            item.key.room,
            seq,
            self.me,
            name,
            shown,
            mine=True,
            text=body.text,
            sent_at=header.sent_ms / 1000,
            stored_at=0.0,
            files=file_views(body.files),
            waits=self.waits[item.key][1] if seq is None and item.key in self.waits else None,
        )
        return self._with_receipts(self._with_reply(line, header))

    def carried_line(self, header: Header, message: Message, author: int) -> Line:
        """Somebody's text that came without the server and is not stored yet."""
        body = shown_body(header.kind, message.body)
        user = self._core.directory.users.get(author)
        name, shown = (inert(user.name), self._shown(user)) if user is not None else ("", "")
        line = Line(
            message_id(header.key),
            header.room,
            None,
            author,
            name,
            shown,
            mine=author == self.me,
            text=body.text,
            sent_at=header.sent_ms / 1000,
            stored_at=0.0,
            files=file_views(body.files),
        )
        return self._with_receipts(self._with_reply(line, header))

    def unstored_lines(self, room: int) -> list[Line]:
        """Texts that are not in the local copy of the log: one's own that are refused, wait, or are stored while their
        record is on its way; others' that peers brought. Those that wait in the order in which they were made, as far
        as anybody can tell."""
        state = self.state(room)
        stored = {item.key: (item, seq) for item, seq in self._core.stored_unseen(room)}
        items = {item.key: item for item in self._outbox.outgoing() if item.key.room == room}
        made = {key: item for key, item in items.items() if key not in stored and _is_text(item)}
        unstored = [(decode(item).lamport, self.waiting_line(item)) for item in made.values()]
        unstored += [
            (item.header.lamport, self.carried_line(item.header, item.message, item.author))
            for item in self._core.carried(room)
            if is_shown(item.header.kind)
        ]
        waiting = [line for _lamport, line in sorted(unstored, key=lambda entry: (entry[0], entry[1].id))]
        fresh = [self.waiting_line(item, seq) for item, seq in stored.values() if _is_text(item)]
        cursor = self._core.cursor(room)
        return [
            *(line for line in fresh if line.seq is not None and line.seq > cursor),
            *merge(state.refused.values(), waiting, key=lambda line: line.sent_at),
        ]


def _after_all(state: RoomInfo) -> int:
    """A time later than that of all texts of the room that are here."""
    return state.last.stored_ms + 1 if state.last is not None else 0


def numbered(name: str, number: int) -> str:
    """A room's name and number; commands take the number."""
    return f"{inert(name)} (#{number})"


def decode(item: OutboxItem) -> Header:
    """The header of a message in the outbox; raises ProtocolError for one that this version cannot read."""
    header: Header = decode_header_untrusted(item.message.header)
    return header


def _is_text(item: OutboxItem) -> bool:
    return is_shown(decode(item).kind)
