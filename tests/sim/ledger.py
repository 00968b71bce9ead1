"""What truly happened: every commit of the database, kept beside it and compared with it at once.

The ledger is told after each transaction, whatever its outcome looked like to the server, and checks what must hold of
the log itself: I1 and I2 (numbers, chain, nothing changed), I3 (each message once), I5 (an author's order), I13 (the
newest lease alone writes), I14 (a decision never changes), and that the log has nothing that its author did not sign.
"""

from dataclasses import dataclass, field
from typing import Any

from lanchat.protocol.log.messages import Header, Kind, Message, MessageKey, decode_header_untrusted
from lanchat.protocol.log.records import Record, chain_hash, genesis_hash
from lanchat_server.core.model import Decision, RunKey
from tests.sim.clock import Clock
from tests.support.memory_store import MemoryDatabase, StoredRecord
from tests.support.rig import LOG_ID


class Broken(AssertionError):
    """An invariant does not hold; the message begins with its name."""


def require(condition: bool, invariant: str, detail: Any) -> None:
    if not condition:
        raise Broken(f"{invariant}: {detail}")


@dataclass
class Membership:
    """From when on somebody might read what. `end_seq`: the room's head when it ended."""

    first_seq: int
    ended: float | None = None
    end_seq: int = 0


@dataclass
class RoomLedger:
    """One room as it was committed. `hashes` begins with that before record 1."""

    hashes: list[bytes]
    records: list[Record] = field(default_factory=list)
    edits: dict[int, list[int]] = field(default_factory=dict)
    # When the bodies of these were erased.
    erased: dict[int, float] = field(default_factory=dict)
    # Stored by commits whose outcome the server did not learn.
    unannounced: set[int] = field(default_factory=set)

    @property
    def head(self) -> int:
        return len(self.records)


class Ledger:
    """The truth about one database."""

    def __init__(self, clock: Clock, database: MemoryDatabase, before: "Ledger | None" = None) -> None:
        self.clock = clock
        self.database = database
        self.rooms: dict[int, RoomLedger] = {}
        self.decisions: dict[MessageKey, Decision] = {}
        # Of the same log, before its database was put back.
        self.made: dict[MessageKey, Message] = before.made if before is not None else {}
        # Messages that were stored before the database was put back.
        self.returning: set[MessageKey] = set()
        self.gaps: set[RunKey] = before.gaps if before is not None else set()
        self.memberships: dict[tuple[int, int], list[Membership]] = {}
        self.revoked: dict[bytes, float] = {}
        self._decided_before = before.decisions if before is not None else {}
        self._last: dict[RunKey, int] = {}
        self._said: set[bytes] = set()
        # Up to here everything of a run is decided.
        self._whole: dict[RunKey, int] = {}
        self._begun = False
        self.observe(database.incarnation)
        # What was there before was judged by who was a member then.
        self._begun = True

    # --- What clients make -------------------------------------------------------------------------------------------

    def was_made(self, key: MessageKey, message: Message) -> None:
        """A client kept a message in its outbox."""
        require(self.made.setdefault(key, message) == message, "I3", f"{key} names two messages")

    def may_skip(self, keys: set[MessageKey]) -> None:
        """The predecessors of these were waited for long enough: their runs may have gaps."""
        self.gaps.update(RunKey(key.room, key.device, key.run) for key in keys)

    def was_decided(self, key: MessageKey) -> bool:
        """Also before the database was put back."""
        return key in self.decisions or key in self._decided_before

    # --- After a transaction -----------------------------------------------------------------------------------------

    def observe(self, incarnation: int | None, *, told: bool = True) -> None:
        """The database as it is now; `incarnation` is that of the server whose transaction ended, `told` whether it
        learnt how."""
        database = self.database
        changed = self._observe_records(told)
        changed |= self._observe_decisions()
        changed |= self._observe_members()
        require(not changed or incarnation == database.incarnation, "I13", "a server without the lease has written")

    def _observe_records(self, told: bool) -> bool:
        changed = False
        for room, stored in self.database.records.items():
            mine = self.rooms.get(room)
            if mine is None:
                mine = self.rooms[room] = RoomLedger([genesis_hash(LOG_ID, room)])
            require(len(stored) >= mine.head, "I1", f"room {room} lost records")
            for item in stored[mine.head :]:
                self._append(room, mine, item)
                changed = True
                if not told:
                    mine.unannounced.add(item.record.seq)
            if room in self.database.deleted:
                continue
            head = self.database.rooms[room].head
            require((head.seq, head.hash) == (mine.head, mine.hashes[-1]), "I2", f"head of room {room} is {head}")
        return changed

    def _append(self, room: int, mine: RoomLedger, item: StoredRecord) -> None:
        record = item.record
        require(record.seq == mine.head + 1, "I2", f"room {room}: {record.seq} after {mine.head}")
        chain = chain_hash(LOG_ID, room, mine.hashes[-1], record)
        require(chain == item.hash, "I2", f"room {room}: the chain breaks at {record.seq}")
        header = decode_header_untrusted(record.header)
        key: MessageKey = header.key
        require(key not in self.decisions, "I3", f"{key} stored, though it was decided: {self.decisions.get(key)}")
        message = self.made.get(key)
        require(message is not None, "I9", f"nobody made {key}")
        assert message is not None
        same = message.header == record.header and message.signature == record.signature
        require(same and record.body in (None, message.body), "I9", f"{key} is not what its author signed")
        if self._begun and key not in self.returning:
            self._check_rights(header, mine)
        self._keep_order(key)
        self._decide(key, Decision(record.seq, 0))
        self._is_said_once(message)
        mine.records.append(record)
        mine.hashes.append(chain)
        if header.kind is Kind.EDIT:
            mine.edits.setdefault(header.ref, []).append(record.seq)
        if header.kind is Kind.DELETE:
            for seq in (header.ref, *mine.edits.get(header.ref, ())):
                mine.erased.setdefault(seq, self.clock.now)

    def _check_rights(self, header: Header, mine: RoomLedger) -> None:
        """I10, for writing: as a member, by a device that is not revoked, an edit by the author alone."""
        devices = self.database.devices
        user = devices[header.device].user
        require(self.is_member(header.room, user), "I10", f"user {user} is no member, and writes into {header.room}")
        require(header.device not in self.revoked, "I10", f"a revoked device of user {user} writes")
        if header.kind is Kind.EDIT:
            edited: Header = decode_header_untrusted(mine.records[header.ref - 1].header)
            require(devices[edited.device].user == user, "I10", f"user {user} edits somebody else's {header.ref}")

    def _is_said_once(self, message: Message) -> None:
        """What a person typed once is in the log once, under whatever name: each text begins with its own number."""
        text = message.body.split(b" ")[0]
        if text.isdigit():
            require(text not in self._said, "I3", f"said once, stored twice: {text.decode()}")
            self._said.add(text)

    def _keep_order(self, key: MessageKey) -> None:
        """I5: after its predecessor, unless that was waited for in vain."""
        run = RunKey(key.room, key.device, key.run)
        if run in self.gaps:
            return
        # Refusals of the same transaction are decisions as well.
        decided = self.database.decisions
        missing = [n for n in range(self._whole.get(run, 0) + 1, key.n) if (*run, n) not in decided]
        require(not missing, "I5", f"{key} is stored before {missing}")
        require(key.n > self._last.get(run, 0), "I5", f"{key} is stored after {self._last.get(run)}")
        self._whole[run] = self._last[run] = key.n

    def _decide(self, key: MessageKey, decision: Decision) -> None:
        known = self.decisions.setdefault(key, decision)
        require(known == decision, "I14", f"{key}: first {known}, then {decision}")

    def _observe_decisions(self) -> bool:
        """The newest are last."""
        database = self.database
        fresh = left = len(database.decisions) - len(self.decisions)
        for key in reversed(database.decisions) if fresh else ():
            if key not in self.decisions:
                require(bool(database.decisions[key].code), "I1", f"{key} was decided, but is not in the log")
                self._decide(key, database.decisions[key])
                left -= 1
            if not left:
                break
        return fresh > 0

    def _observe_members(self) -> bool:
        deleted = self.database.deleted
        present = {place: row for place, row in self.database.memberships.items() if place[0] not in deleted}
        changed = False
        for place, row in present.items():
            known = self.memberships.get(place)
            if known is None or known[-1].ended is not None:
                self.memberships.setdefault(place, []).append(Membership(row.first_seq))
                changed = True
            elif known[-1].first_seq != row.first_seq:
                # The log came back, with what was said before; or an older membership did.
                known[-1].first_seq = row.first_seq
                changed = True
        for place, all_of_them in self.memberships.items():
            if place not in present and all_of_them[-1].ended is None:
                all_of_them[-1].ended = self.clock.now
                all_of_them[-1].end_seq = self.rooms[place[0]].head
                changed = True
        for device, known_device in self.database.devices.items():
            if known_device.revoked_ms and device not in self.revoked:
                self.revoked[device] = self.clock.now
                changed = True
        return changed

    # --- Looking up --------------------------------------------------------------------------------------------------

    def hash_at(self, room: int, seq: int) -> bytes | None:
        hashes = self.rooms[room].hashes
        return hashes[seq] if seq < len(hashes) else None

    def record(self, room: int, seq: int) -> Record | None:
        """As it was stored, with its body."""
        records = self.rooms[room].records
        return records[seq - 1] if 1 <= seq <= len(records) else None

    def is_member(self, room: int, user: int) -> bool:
        known = self.memberships.get((room, user))
        return known is not None and known[-1].ended is None

    def may_read(self, room: int, user: int, seq: int) -> bool:
        """Whether any membership of this user, past or present, covers the record."""
        return any(
            entry.first_seq <= seq and (entry.ended is None or seq <= entry.end_seq)
            for entry in self.memberships.get((room, user), ())
        )
