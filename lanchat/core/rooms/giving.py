"""A server that has lost some of the log gets it back: statements first, then the records of rooms that are behind.

Each room is offered with the newest signed head that is kept; the server says from which number on it wants records,
and gets them a frame at a time, each up to a head that proves it where there is one. A room that the server has again
is subscribed anew.
"""

from collections.abc import Callable, Iterable

from lanchat.core.context import CoreContext
from lanchat.core.events import StopReason
from lanchat.core.ports import LocalStore, StoredSpan
from lanchat.core.session.requests import Answer
from lanchat.core.timers import earliest
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import decode_header_untrusted
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.log.statements import RevocationsBody, RoomBody, Statement, read_statement_untrusted

# A frame to the server has 80 KiB at most: the records of one, and what goes with them.
_RECORDS_OCTETS = 48 << 10
_RECORDS_MAX = 400
_AUTHORS_MAX = 16
_STATEMENTS_OCTETS = 60 << 10
# Rooms that are under way at once, and seconds until what was refused is tried again.
_ROOMS_AT_ONCE = 4
_RETRY = 5.0
# Around a record or a member.
_RECORD_OCTETS = 32


class LogGiver:
    """`on_whole(room)`: the server has everything that is here; `on_forked(room)`: it has other records."""

    def __init__(
        self,
        core_context: CoreContext,
        store: LocalStore,
        on_whole: Callable[[int], None],
        on_forked: Callable[[int], None],
    ) -> None:
        """Gives nothing before a session asks for it."""
        self._core_context = core_context
        self._store = store
        self._on_whole = on_whole
        self._on_forked = on_forked
        # The server of this session wants its log back.
        self.asked_for = False
        # What is still to be given; None: not read yet.
        self._statements: list[wire.GiveStatements] | None = None
        self._giving_statements = False
        self._again_at: float | None = None
        # Rooms to the time of their next offer, and those that are under way, to the number that is wanted.
        self._offer_at: dict[int, float] = {}
        self._under_way: dict[int, int] = {}
        self._known_authors: set[bytes] = set()

    def begin_session(self, asked_for: bool) -> None:
        """`asked_for`: the server wants its log back."""
        self.end_session()
        self.asked_for = asked_for

    def end_session(self) -> None:
        """What is under way is lost with the session."""
        self.asked_for = self._giving_statements = False
        self._statements = self._again_at = None
        self._offer_at.clear()
        self._under_way.clear()
        self._known_authors.clear()

    def settle(self, stopped: Iterable[tuple[int, StopReason]]) -> None:
        """Give what is due. `stopped`: rooms and why. Raises LocalStoreError; then it is still due."""
        if not self.asked_for:
            return
        now = self._core_context.now
        if self._statements is None:
            self._statements = list(_statement_frames(self._store))
        if self._give_statements(self._statements):
            return
        for room, reason in list(stopped):
            if reason is StopReason.SERVER_BEHIND:
                self._offer_at.setdefault(room, now)
        for room, at in list(self._offer_at.items()):
            if room not in self._under_way and at <= now and len(self._under_way) < _ROOMS_AT_ONCE:
                self._offer(room)
        for room, first in list(self._under_way.items()):
            if first:
                self._give(room, first)

    def timer(self) -> float | None:
        """When `settle` has something."""
        if not self.asked_for:
            return None
        free = len(self._under_way) < _ROOMS_AT_ONCE
        offers = [at for room, at in self._offer_at.items() if room not in self._under_way] if free else []
        return earliest(self._again_at, *offers)

    # --- Statements ---------------------------------------------------------------------------------------------------

    def _give_statements(self, left: list[wire.GiveStatements]) -> bool:
        """Whether there are more to give."""
        now, again_at = self._core_context.now, self._again_at
        if left and not self._giving_statements and (again_at is None or now >= again_at):
            self._giving_statements, self._again_at = True, None
            self._core_context.request(left[0], self._gave_statements)
        return bool(left)

    def _gave_statements(self, answer: Answer) -> None:
        self._giving_statements = False
        if isinstance(answer, wire.Done) and self._statements:
            del self._statements[0]
        elif self.asked_for:
            self._again_at = self._core_context.now + _patience(answer)

    # --- Records ------------------------------------------------------------------------------------------------------

    def _offer(self, room: int) -> None:
        span = self._store.span(room)
        head = _proof(self._store, room, span) if span is not None else None
        del self._offer_at[room]
        if span is None or head is None:
            # Others may have given it back.
            self._offer_at[room] = self._core_context.now + _RETRY
            self._on_whole(room)
            return
        self._under_way[room] = 0
        operation = wire.OfferRecords(head, span.base + 1)
        self._core_context.request(operation, lambda answer: self._answered(room, answer))

    def _give(self, room: int, first: int) -> None:
        span = self._store.span(room)
        frame = self._records(room, first, span) if span is not None else None
        if frame is None:
            del self._under_way[room]
            self._offer_at[room] = self._core_context.now + _RETRY
            return
        self._under_way[room] = 0
        self._core_context.request(frame, lambda answer: self._answered(room, answer))

    def _records(self, room: int, first: int, span: StoredSpan) -> wire.GiveRecords | None:
        """The frame that begins with `first`; None when it is not here."""
        if not span.base < first <= span.cursor:
            return None
        records, devices = self._fitting(self._store.records(room, first, min(span.cursor, first + _RECORDS_MAX - 1)))
        if not records:
            return None
        proofs = self._store.proofs(room, first, records[-1].seq)
        head = proofs[-1] if proofs else None
        if head is not None:
            records = records[: head.seq - first + 1]
        certificates = self._store.certificates(devices)
        self._known_authors.update(devices)
        return wire.GiveRecords(room, records, head, list(certificates.values()))

    def _fitting(self, records: list[Record]) -> tuple[list[Record], list[bytes]]:
        """The first of them that one frame holds, and their authors that the server may not know yet."""
        octets, authors = 0, dict[bytes, None]()
        for index, record in enumerate(records):
            octets += _RECORD_OCTETS + len(record.header) + len(record.signature) + len(record.body or b"")
            try:
                device = decode_header_untrusted(record.header).device
            except ProtocolError:
                return records[:index], list(authors)
            new = device not in self._known_authors and device not in authors
            if index and (octets > _RECORDS_OCTETS or (new and len(authors) >= _AUTHORS_MAX)):
                return records[:index], list(authors)
            if new:
                authors[device] = None
        return records, list(authors)

    def _answered(self, room: int, answer: Answer) -> None:
        if self._under_way.pop(room, None) is None:
            return
        if not isinstance(answer, wire.RecordsWanted):
            self._offer_at[room] = self._core_context.now + _patience(answer)
        elif answer.forked:
            self._on_forked(room)
        elif answer.first:
            self._under_way[room] = answer.first
        elif answer.retry_ms:
            self._offer_at[room] = self._core_context.now + answer.retry_ms / 1000
        else:
            self._on_whole(room)


def _patience(answer: Answer) -> float:
    refused = answer.retry_ms / 1000 if isinstance(answer, wire.Failure) else 0.0
    return max(_RETRY, min(refused, 60.0))


def _proof(store: LocalStore, room: int, span: StoredSpan) -> Head | None:
    """The newest signed head up to which everything is here."""
    head = store.head(room)
    if head is not None and head.seq == span.cursor:
        return head
    proofs = store.proofs(room, span.base + 1, span.cursor)
    return proofs[-1] if proofs else None


def _statement_frames(store: LocalStore) -> Iterable[wire.GiveStatements]:
    """Everything that the log has said, each list with its statement. Raises LocalStoreError."""
    stored = store.statements()
    part, lists, octets = list[Statement](), list[wire.RoomMembers](), 0
    for statement in stored.statements:
        body = read_statement_untrusted(statement)
        if isinstance(body, RevocationsBody):
            revoked = sorted(stored.revoked)
            if len(encode(revoked)) < _STATEMENTS_OCTETS:
                yield wire.GiveStatements([statement], [], revoked)
            continue
        listing = stored.members.get(body.room) if isinstance(body, RoomBody) else None
        mine = [wire.RoomMembers(body.room, listing)] if isinstance(body, RoomBody) and listing is not None else []
        size = len(encode(statement)) + len(encode(mine))
        if size > _STATEMENTS_OCTETS:
            continue  # of a room with thousands of members: who joined it is lost
        if octets + size > _STATEMENTS_OCTETS:
            yield wire.GiveStatements(part, lists)
            part, lists, octets = [], [], 0
        part.append(statement)
        lists += mine
        octets += size
    if part:
        yield wire.GiveStatements(part, lists)
