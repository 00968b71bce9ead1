"""Clients give the log back: what a server takes that has an older copy of the database, or an empty one.

Whatever the log signed in an earlier epoch is proof by itself (of accounts and rooms: restoring.py). Records are taken
in the order of their numbers, from where this log stands up to a head that it signed before, and keep their numbers and
times. A room of which this log has other records than a client takes nothing more from it.
"""

from typing import TypeVar

import msgspec

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import Header, check_author, decode_header_untrusted
from lanchat.protocol.log.records import Head, Record, chain_hash, check_head
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import MembershipRow, NewRecord, RoomHead, RunKey
from lanchat_server.core.ports import Transaction
from lanchat_server.core.reseeding.beginnings import later_beginnings

T = TypeVar("T")
U = TypeVar("U")
# New messages wait so long in the beginning: whoever numbers one before the last client has come forks the log.
HOLD = 10.0
# A client that was asked for records and sends none for so long gives way to another.
GIVER_PATIENCE = 10.0
# When a client offers again that is not needed at the moment.
RETRY = 1.0
# Records of one client that no signed head covers yet. Honest ones have a page of history between two heads.
UNPROVEN_MAX = 4 << 20
# About what a record takes beside its body.
_RECORD_OCTETS = 300


# --- Records ----------------------------------------------------------------------------------------------------------


class Forks(Exception):
    """The log has other records than these under the same numbers, or goes on otherwise."""


class TakenBack(msgspec.Struct, frozen=True):
    """`head`: where the room stands after it. `count` records are new, of these `runs`. `later`: memberships that begin
    after these records instead of before them."""

    head: RoomHead
    count: int
    runs: frozenset[RunKey]
    later: tuple[MembershipRow, ...] = ()


def take_back(tx: Transaction, directory: Directory, room: int, records: list[Record], head: Head) -> TakenBack | None:
    """Store those above the room's head, with their numbers and times. `head`, which the log signed, is at the last of
    them. None when records before them are missing. Raises Forks, and ProtocolError for what no log can have stored."""
    present = tx.heads([room]).get(room)
    if present is None or records[0].seq > present.seq + 1:
        return None
    log_id = directory.log.log_id
    new: list[NewRecord] = []
    last = present
    for record in records:
        if record.seq <= present.seq:
            continue
        if record.seq != last.seq + 1:
            raise ProtocolError("records with a hole")
        last = RoomHead(record.seq, chain_hash(log_id, room, last.hash, record), record.time_ms)
        new.append(_checked(directory, room, record, last.hash))
    if (last.seq, last.hash) != (head.seq, head.hash) and last.seq >= head.seq:
        raise Forks
    if last.seq != head.seq:
        raise ProtocolError("records that do not reach their head")
    if new:
        tx.append(room, new, last)
    runs = frozenset(RunKey(room, item.header.device, item.header.run) for item in new)
    later = later_beginnings(directory, room, present.seq, last.seq)
    if later:
        tx.add_members(later)
    return TakenBack(last, len(new), runs, tuple(later))


def _checked(directory: Directory, room: int, record: Record, chain: bytes) -> NewRecord:
    header: Header = decode_header_untrusted(record.header)
    if header.room != room:
        raise ProtocolError("record of another room")
    device = directory.devices.get(header.device)
    if device is not None:
        check_author(device.public_key, directory.log.log_id, record.header, record.body_hash, record.signature)
    try:
        text = (record.body or b"").decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("text is not UTF-8") from error
    return NewRecord(record, header, device.user if device is not None else 0, chain, text)


def is_proof_untrusted(log_key: bytes, directory: Directory, head: Head) -> bool:
    """Whether the log signed it before it lost something."""
    if head.epoch >= directory.log.epoch:
        return False
    try:
        check_head(log_key, directory.log.log_id, head)
    except ProtocolError:
        return False
    return True


# --- What the running server knows ------------------------------------------------------------------------------------


class RoomReturn(msgspec.Struct):
    """How a room comes back. `goal`: the highest number that a client has shown; `lacking`: the lowest number that
    somebody holds of those above a hole which nobody fills, 0: there is none; `forks`: clients with other records."""

    taken: int = 0
    goal: int = 0
    lacking: int = 0
    forks: int = 0
    givers: set[int] = msgspec.field(default_factory=set)
    session: int = 0
    offered: int = 0
    until: float = 0.0
    parts: list[Record] = msgspec.field(default_factory=list)
    octets: int = 0


class Reseeding:
    """Whether the log is to be given back, who gives which room, and what came of it. Core's thread."""

    def __init__(self, is_open: bool, hold: bool, now: float, unproven_max: int = UNPROVEN_MAX) -> None:
        """`hold`: new messages wait in the beginning. `unproven_max`: octets that a client gives without a head."""
        self._unproven_max = unproven_max
        self.is_open = is_open
        self.rooms: dict[int, RoomReturn] = {}
        self.users: set[int] = set()
        self._hold_until = now + HOLD if is_open and hold else 0.0
        # Rooms with messages that are new since the start of this process: what is above them cannot come back.
        self._new: set[int] = set()

    def note_new(self, room: int) -> None:
        """A new message has a number."""
        if self.is_open:
            self._new.add(room)

    def is_fork(self, room: int, present: int, offered: int) -> bool:
        """Whether somebody who holds `offered` has other records than the log, which stands at `present`. Who has only
        the newest of them could not show it."""
        return room in self._new and offered > present

    def waits(self, room: int, now: float) -> float:
        """Seconds that a new message of this room has to wait, 0: it need not."""
        if not self.is_open:
            return 0.0
        state = self.rooms.get(room)
        until = max(self._hold_until, state.until if state is not None and state.session else 0.0)
        return min(RETRY, max(0.0, until - now))

    @property
    def holds_until(self) -> float:
        """Until when new messages wait in every room."""
        return self._hold_until

    def offer(self, session: int, user: int, room: int, present: int, offered: int, first: int, now: float) -> int:
        """A client of `user` shows that it holds `first` to `offered`, where the log stands at `present`: the number
        from which it is asked for them; 0: from none at the moment."""
        state = self.rooms.setdefault(room, RoomReturn())
        self.users.add(user)
        state.goal = max(state.goal, offered)
        if offered <= present:
            return 0
        if first > present + 1:
            state.lacking = min(state.lacking, first) if state.lacking else first
            return 0
        if state.session not in (0, session) and now < state.until:
            return 0
        self._assign(state, session, offered, now)
        return present + 1

    def _assign(self, state: RoomReturn, session: int, offered: int, now: float) -> None:
        state.session, state.offered, state.until = session, offered, now + GIVER_PATIENCE
        state.parts, state.octets = [], 0

    def add_part(self, session: int, room: int, records: list[Record], now: float) -> list[Record] | None:
        """All that this client gave since the last head; None when it was not asked, or gave too much without one."""
        state = self.rooms.get(room)
        if state is None or state.session != session:
            return None
        state.octets += sum(_RECORD_OCTETS + len(record.body or b"") for record in records)
        if state.octets > self._unproven_max or (state.parts and records[0].seq != state.parts[-1].seq + 1):
            self._release(state)
            return None
        state.parts += records
        state.until = now + GIVER_PATIENCE
        return state.parts

    def taken(self, session: int, user: int, room: int, taken: TakenBack, now: float) -> bool:
        """So many records came back; whether this client is asked for more."""
        state = self.rooms[room]
        state.taken += taken.count
        if taken.count:
            state.givers.add(user)
        if state.session != session:
            return False
        self._assign(state, session, state.offered, now)
        if taken.head.seq >= state.offered:
            self._release(state)
            return False
        return True

    def failed(self, session: int, room: int, *, forked: bool = False) -> None:
        """What this client offered or gave is not taken."""
        state = self.rooms.setdefault(room, RoomReturn())
        state.forks += forked
        if state.session == session:
            self._release(state)

    def end_session(self, session: int) -> None:
        """Somebody else is asked for what this client was giving."""
        for state in self.rooms.values():
            if state.session == session:
                self._release(state)

    @staticmethod
    def _release(state: RoomReturn) -> None:
        state.session, state.until, state.parts, state.octets = 0, 0.0, [], 0
