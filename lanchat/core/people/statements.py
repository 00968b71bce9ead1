"""What the log has said of accounts, rooms and revoked devices: checked, and kept for when the server is away.

In each session the core asks for what is newer than what it was told before, and the server tells what becomes new. A
list that a statement has the hash of (members of one's rooms, revoked devices) is kept as long as it fits; else it is
asked for.
"""

from collections.abc import Callable, Iterable, Sequence

from lanchat.core.config import ClientConfig
from lanchat.core.context import CoreContext
from lanchat.core.ports import StatementStore
from lanchat.core.session.pages import PagedRequest
from lanchat.core.session.requests import Answer
from lanchat.core.timers import earliest
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import CertificateBody
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    Statement,
    StatementBody,
    StatementKind,
    devices_hash,
    members_hash,
    open_statement_untrusted,
    read_statement_untrusted,
    subject_of,
)

Subject = tuple[StatementKind, int]
# Seconds between a change and a look at its list.
_PATIENCE = 1.0
# Lists that are asked for within that time: of all its requests a session has 50 a second.
_LISTS_AT_ONCE = 20
# Until what was refused or not answered is asked for again.
_RETRY = 5.0
_REVOCATIONS: Subject = (StatementKind.REVOCATIONS, 0)


class KnownStatements:
    """The newest statement about each subject, and the lists that belong to it. `accounts`: by user; `rooms`: by room,
    those of which the user is or may become a member."""

    def __init__(
        self, config: ClientConfig, core_context: CoreContext, log_id: bytes, log_key: bytes, store: StatementStore
    ) -> None:
        """Takes what the store has. Raises LocalStoreError."""
        self._config = config
        self._core_context = core_context
        self._log_id = log_id
        self._log_key = log_key
        self._store = store
        stored = store.statements()
        self.accounts: dict[int, AccountBody] = {}
        self.rooms: dict[int, RoomBody] = {}
        # Counts changes after which `refuses` may say yes where it said no.
        self.refusals = 0
        self._revocations: RevocationsBody | None = None
        # Statement and list of a room, and whether they fit: hashing 2,000 members takes a millisecond.
        self._fitting: dict[int, tuple[RoomBody, dict[int, int], bool]] = {}
        self._members = {
            room: {member.user: member.first_seq for member in listing} for room, listing in stored.members.items()
        }
        self._revoked = frozenset(stored.revoked)
        # Of accounts and revoked devices; None: to be made anew.
        self._people_digest: bytes | None = None
        self._number = stored.number
        for statement in stored.statements:
            self._put(read_statement_untrusted(statement))
        self._unsaved: dict[Subject, Statement] = {}
        self._unsaved_members: set[int] = set()
        self._revoked_unsaved = False
        self._number_unsaved: int | None = None
        self._in_session = False
        self._sync_at: float | None = None
        self._joined: set[int] = set()
        # Whose lists may not fit any more, when that is looked at, and those that were asked for since their statement
        # came.
        self._doubtful: set[Subject] = set()
        self._look_at: float | None = None
        # How many lists may be asked for until then.
        self._window_ends, self._left_in_window = 0.0, 0
        self._asked: set[Subject] = set()

    # --- What is known --------------------------------------------------------------------------------------------

    def members(self, room: int) -> dict[int, int] | None:
        """Users of a room, with the lowest number that each may read; None when the present list is not here."""
        said = self.rooms.get(room)
        listing = self._members.get(room)
        if said is None or listing is None:
            return None
        fitting = self._fitting.get(room)
        if fitting is None or fitting[0] is not said or fitting[1] is not listing:
            fitting = self._fitting[room] = said, listing, _fits(said, listing)
        return listing if fitting[2] else None

    def is_closed(self, room: int) -> bool:
        """Whether nothing can be said in a room: archived or deleted."""
        said = self.rooms.get(room)
        return said is not None and (said.archived or said.deleted)

    def is_revoked(self, device: bytes) -> bool:
        """Whether this device was revoked, as far as is known here."""
        return device in self._revoked

    def refuses(self, device: bytes, user: int) -> bool:
        """Whether nothing is taken from this device of this user, as far as is known here."""
        account = self.accounts.get(user)
        return self.is_revoked(device) or (account is not None and account.disabled)

    def refuses_owner(self, owner: CertificateBody) -> bool:
        """The same of a certificate's device."""
        return self.refuses(owner.device, owner.user)

    # --- Among clients --------------------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """Everything up to there was told by the server."""
        return self._number

    def digest(self, rooms: Iterable[int]) -> int:
        """Of what is known here of accounts, revoked devices and these rooms, in ascending order; never 0."""
        if self._people_digest is None:
            people = [(user, body.number) for user, body in sorted(self.accounts.items())]
            said = self._revocations if self._revoked_fits() else None
            self._people_digest = sha256(encode([people, said.number if said is not None else 0]))
        numbers = [(room, self.rooms[room].number) for room in rooms if self.members(room) is not None]
        return int.from_bytes(sha256(self._people_digest, encode(numbers))[:4], "big") or 1

    def open_untrusted(self, statement: Statement) -> StatementBody:
        """What it says; raises ProtocolError unless the log signed it."""
        return open_statement_untrusted(self._log_key, self._log_id, statement)

    def lacks(self, body: StatementBody) -> bool:
        """Whether it is newer than what is known here, or its list is not here."""
        match body:
            case AccountBody():
                known: StatementBody | None = self.accounts.get(body.user)
            case RoomBody():
                known = self.rooms.get(body.room)
            case RevocationsBody():
                known = self._revocations
        if known is None or known.number != body.number:
            return self._has_room(body) and (known is None or known.number < body.number)
        if isinstance(body, RoomBody):
            return not body.deleted and self.members(body.room) is None
        return isinstance(body, RevocationsBody) and not self._revoked_fits()

    def revoked_of(self, said: RevocationsBody) -> list[bytes] | None:
        """The devices that this statement is about; None when they are not here."""
        return sorted(self._revoked) if said == self._revocations and self._revoked_fits() else None

    def take_given_untrusted(self, statement: Statement, members: dict[int, int], devices: Sequence[bytes]) -> None:
        """One that `lacks` names, of another client, with all of its list. Raises ProtocolError: the list does not
        fit; then nothing is kept."""
        body = self.open_untrusted(statement)
        if isinstance(body, RoomBody) and (body.deleted or not _fits(body, members)):
            raise ProtocolError("list of members that does not fit")
        if isinstance(body, RevocationsBody) and devices_hash(devices) != body.devices_hash:
            raise ProtocolError("list of devices that does not fit")
        self.take_untrusted([statement])
        if isinstance(body, RoomBody):
            self._set_members(body.room, members)
        elif isinstance(body, RevocationsBody):
            self._revoke(devices)

    def _revoke(self, devices: Iterable[bytes]) -> None:
        # Nothing is taken back: of a restored backup the list may be shorter than the one that was known.
        self._revoked |= frozenset(devices)
        self._people_digest = None
        self.refusals += 1
        self._revoked_unsaved = True

    # --- A session ------------------------------------------------------------------------------------------------

    def begin_session(self) -> None:
        """`ask` asks for what is newer."""
        self._in_session = True
        self._sync_at, self._look_at = self._core_context.now, None
        self._asked.clear()
        self._doubt(_REVOCATIONS, *((StatementKind.ROOM, room) for room in self._joined))

    def end_session(self) -> None:
        """Nothing can be asked for."""
        self._in_session = False

    def _note(self, answer: Answer) -> None:
        if isinstance(answer, wire.StatementList):
            self.take_untrusted(answer.statements)

    def _listed(self, answer: Answer) -> None:
        if not isinstance(answer, wire.StatementList):
            self._sync_at = self._core_context.now + _RETRY
        elif answer.number > self._number:
            self._number = self._number_unsaved = answer.number

    def take_untrusted(self, statements: Iterable[Statement]) -> None:
        """Keep those that the log signed and that are newer; `save` makes them durable."""
        for statement in statements:
            try:
                body = open_statement_untrusted(self._log_key, self._log_id, statement)
            except ProtocolError:
                continue
            if self._has_room(body) and self._put(body):
                subject = subject_of(body)
                self.refusals += isinstance(body, AccountBody) and body.disabled
                self._unsaved[subject] = statement
                self._asked.discard(subject)
                if isinstance(body, RoomBody) and body.deleted:
                    self._set_members(body.room, {})
                elif subject[0] is not StatementKind.ACCOUNT:
                    self._doubt(subject)

    def _has_room(self, body: StatementBody) -> bool:
        match body:
            case AccountBody():
                return body.user in self.accounts or len(self.accounts) < self._config.users_max
            case RoomBody():
                return body.room in self.rooms or len(self.rooms) < self._config.rooms_max
            case RevocationsBody():
                return True

    def _put(self, body: StatementBody) -> bool:
        """Whether it is newer than what was known."""
        self._people_digest = None
        match body:
            case AccountBody():
                return _newer(self.accounts, body.user, body)
            case RoomBody():
                return _newer(self.rooms, body.room, body)
            case RevocationsBody():
                if self._revocations is not None and self._revocations.number >= body.number:
                    return False
                self._revocations = body
                return True

    def take_members_changed(self, frame: wire.MembersChanged) -> None:
        """The list as it is then; its statement comes apart from it, earlier or later."""
        listing = self._members.get(frame.room)
        if listing is not None:
            joined = {member.user: member.first_seq for member in frame.joined}
            left = set(frame.left)
            listing = {user: first for user, first in {**listing, **joined}.items() if user not in left}
            if len(listing) <= self._config.users_max:
                self._set_members(frame.room, listing)

    def _set_members(self, room: int, listing: dict[int, int]) -> None:
        self._members[room] = listing
        self._unsaved_members.add(room)
        self._doubt((StatementKind.ROOM, room))

    def joined(self, room: int) -> None:
        """The user is in this room: its members are of interest."""
        if room not in self._joined:
            self._joined.add(room)
            self._doubt((StatementKind.ROOM, room))

    def left(self, room: int) -> None:
        """The user is not in this room any more."""
        self._joined.discard(room)

    def _doubt(self, *subjects: Subject, after: float = _PATIENCE) -> None:
        """A change of members comes apart from the statement about it: what fits in a moment needs no request. A list
        that is not here at all does, and a command of a second shall leave it in the profile too."""
        self._doubtful.update(subjects)
        if after == _PATIENCE and any(
            kind is StatementKind.ROOM and room not in self._members for kind, room in subjects
        ):
            after = 0.0
        at = self._core_context.now + after
        self._look_at = at if self._look_at is None else min(self._look_at, at)

    # --- Settling -------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask for newer statements once in a session, and for lists that have not fitted theirs for a moment."""
        if not self._in_session:
            return
        if self._sync_at is not None and self._core_context.now >= self._sync_at:
            self._sync_at = None
            operation = wire.ListStatements(self._number)
            self._request(operation, self._note, self._listed)
        now = self._core_context.now
        if self._look_at is None or now < self._look_at:
            return
        if now >= self._window_ends:
            self._window_ends, self._left_in_window = now + _PATIENCE, _LISTS_AT_ONCE
        doubtful, self._doubtful, self._look_at = sorted(self._doubtful), set(), None
        for place, subject in enumerate(doubtful):
            if not self._left_in_window:
                self._doubtful.update(doubtful[place:])
                self._look_at = self._window_ends
                return
            self._left_in_window -= self._ask_about(subject)

    def _ask_about(self, subject: Subject) -> bool:
        """Whether its list did not fit and was asked for."""
        kind, room = subject
        if kind is StatementKind.REVOCATIONS:
            return not self._revoked_fits() and self._ask_once(subject, wire.ListRevoked(), self._have_revoked)
        wanted = room in self._joined and room in self.rooms and self.members(room) is None
        return wanted and self._ask_once(subject, wire.ListMembers(room), self._have_members)

    def timer(self) -> float | None:
        """When `ask` has something to ask or to look at."""
        if not self._in_session or (self._sync_at is None and self._look_at is None):
            return None
        return earliest(self._sync_at, self._look_at)

    def _revoked_fits(self) -> bool:
        said = self._revocations
        return said is None or (len(self._revoked) == said.devices and devices_hash(self._revoked) == said.devices_hash)

    def _ask_once(self, subject: Subject, operation: wire.AfterLogin, take: Callable[[Subject, Answer], None]) -> bool:
        """Whether it was asked. Once for each statement: what does not fit then has become another meanwhile, and that
        is told."""
        if subject in self._asked:
            return False
        self._asked.add(subject)
        self._request(operation, lambda _answer: None, lambda answer: take(subject, answer))
        return True

    def _request(
        self, operation: wire.AfterLogin, note: Callable[[Answer], None], handler: Callable[[Answer], None]
    ) -> None:
        PagedRequest(operation, self._core_context.request, note, handler, self._config.entries_max).begin()

    def _have_members(self, subject: Subject, answer: Answer) -> None:
        if isinstance(answer, wire.MemberList):
            self._set_members(subject[1], {member.user: member.first_seq for member in answer.members})
        else:
            self._ask_later(subject)

    def _have_revoked(self, subject: Subject, answer: Answer) -> None:
        if isinstance(answer, wire.RevokedList):
            said = self._revocations
            if said is not None and devices_hash(answer.devices) == said.devices_hash:
                self._revoke(answer.devices)
        else:
            self._ask_later(subject)

    def _ask_later(self, subject: Subject) -> None:
        """No answer, or a refusal."""
        self._asked.discard(subject)
        self._doubt(subject, after=_RETRY)

    def save(self) -> None:
        """Write what is new. Raises LocalStoreError; the next call tries again."""
        if not (self._unsaved or self._unsaved_members or self._revoked_unsaved or self._number_unsaved):
            return
        members = {
            room: [wire.Member(*member) for member in sorted(self._members[room].items())]
            for room in self._unsaved_members
        }
        revoked = sorted(self._revoked) if self._revoked_unsaved else None
        self._store.save_statements(
            list(self._unsaved.values()), members=members, revoked=revoked, number=self._number_unsaved
        )
        self._unsaved.clear()
        self._unsaved_members.clear()
        self._revoked_unsaved, self._number_unsaved = False, None


def _fits(said: RoomBody, listing: dict[int, int]) -> bool:
    return len(listing) == said.members and members_hash(listing.items()) == said.members_hash


def _newer(known: dict[int, AccountBody] | dict[int, RoomBody], subject: int, body: AccountBody | RoomBody) -> bool:
    present = known.get(subject)
    if present is not None and present.number >= body.number:
        return False
    known[subject] = body  # type: ignore[assignment]
    return True
