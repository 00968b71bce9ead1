"""The server core: sessions in, records out. It does no I/O; the shell feeds it and does what it asks.

The shell (service/) calls `receive` for each live frame, `next_batch` when its writer is idle, `committed` or
`commit_failed` when a batch came back, `handle_timer` when `timer()` is due, and sends what `take_outputs` returns.
Everything here runs in one thread (the event loop's); the sequencer alone runs on the writer's.

A subscription and the head that answers it are one step here: `committed` moves the head and relays the records in
the same call, so whoever subscribes between two calls gets everything after the head that he was told, exactly once.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, PresenceState
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import INLINE_BODY_MAX, NACK_MAX, SUBMIT_MAX
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import (
    Header,
    Kind,
    Message,
    SubmittedHeader,
    decode_header_untrusted,
    submitted_header_untrusted,
)
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import Receipt
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.limits.closed import Closed
from lanchat_server.core.model import RunKey
from lanchat_server.core.peers import PeerRegistry
from lanchat_server.core.relay.busy import BusyAnswers
from lanchat_server.core.relay.fetches import PendingFetches
from lanchat_server.core.relay.heartbeat import HeartbeatTimer
from lanchat_server.core.relay.outbound import (
    OutboundQueue,
    Output,
    PackedFrames,
    RecordFetch,
    merged,
    pack_frames,
    pack_records,
)
from lanchat_server.core.relay.receipts import ReceiptCollector
from lanchat_server.core.relay.recent import RecentRecords
from lanchat_server.core.reseeding.handed_in import HandedIn
from lanchat_server.core.reseeding.reseeding import Reseeding
from lanchat_server.core.sequencing.intake import Intake
from lanchat_server.core.sequencing.sequencer import FORGERIES, BatchOutcome, Submission
from lanchat_server.core.sessions import Session, SessionTable

# One is being written, one is being checked.
BATCHES_MAX = 2


class ServerCore:
    """State of a running server, apart from what the directory and the store keep."""

    def __init__(self, config: CoreConfig, directory: Directory, heads: Iterable[Head], now: float) -> None:
        """`heads`: the signed head of each room of `directory`. `now`, here as everywhere: seconds of one steady
        clock."""
        self.config = config
        self.directory = directory
        self.sessions = SessionTable(config)
        self.receipts = ReceiptCollector(config, directory)
        self.peers = PeerRegistry(config, directory)
        self.heads: dict[int, Head] = {head.room: head for head in heads}
        # Milliseconds UTC; newer than what the directory has, until that is saved.
        self.last_seen: dict[int, int] = {}
        # Counted by reason; the service publishes them.
        self.counters: Counter[str] = Counter()
        self.refusals: Counter[int] = Counter()
        self.handed_in = HandedIn(directory)
        self._intake = Intake(config)
        self._outbox = OutboundQueue(config)
        self._busy = BusyAnswers()
        self.closed = Closed(config.room_retry)
        self._fetches = PendingFetches(config)
        self._recent = RecentRecords(config)
        self.reseeding = Reseeding(False, False, now)
        self._heartbeat = HeartbeatTimer(config, now)
        self._total_rate = TokenBucket(config.total_rate, config.total_rate)
        self._under_way = 0
        self._blocked_until = 0.0
        self._stopped = False
        self._gather_until = 0.0
        self._expected: dict[RunKey, float] = {}
        self._presence: set[int] = set()
        self._presence_due: float | None = None

    # --- Sessions ----------------------------------------------------------------------------------------------

    def add_session(self, session_id: int, user: int, device: bytes, now: float) -> Session:
        """Somebody logged in."""
        before = self.sessions.user_state(user)
        session = self.sessions.add(session_id, user, device)
        self._note_presence(user, before, now)
        return session

    def remove_session(self, session_id: int, now: float) -> None:
        """A connection ended; what it handed in stays queued, so that nothing acknowledged later is lost."""
        session = self.sessions.get(session_id)
        if session is None:
            return
        before = self.sessions.user_state(session.user)
        self.peers.end_session(session_id)
        self.reseeding.end_session(session_id)
        self.sessions.remove(session_id)
        self._note_presence(session.user, before, now)

    def subscribe(self, session_id: int, rooms: Iterable[int]) -> list[Head]:
        """Register for live records; the heads after which they begin. Rooms of others are left out."""
        session = self.sessions.get(session_id)
        if session is None:
            return []
        heads: list[Head] = []
        for room in rooms:
            head = self.heads.get(room)
            if head is not None and self.directory.membership(room, session.user) is not None:
                self.sessions.subscribe(session, room)
                session.lagging.discard(room)
                heads.append(head)
        return heads

    def drop_member(self, room: int, user: int) -> None:
        """A membership ended: no record of this room goes to the user's sessions from now on."""
        for session in self.sessions.of_user(user):
            self.sessions.unsubscribe(session, room)
        self.receipts.forget(room, user)

    def add_room(self, head: Head) -> None:
        """A room was created."""
        self.heads[head.room] = head

    def drop_rooms(self, rooms: Set[int]) -> None:
        """Rooms were deleted: nothing of them goes to anybody from now on."""
        self.receipts.forget_rooms(rooms)
        for room in rooms:
            self.heads.pop(room, None)
            for session in list(self.sessions.subscribers(room)):
                self.sessions.unsubscribe(session, room)
            self._recent.forget(room)
            self._heartbeat.forget(room)

    def pulled(self, session_id: int, room: int) -> None:
        """A session asked for a page of a room: it is catching up, so live records may go there again."""
        session = self.sessions.get(session_id)
        if session is not None:
            session.lagging.discard(room)

    def announce(self, frame: Any, users: Iterable[int] | None = None) -> None:
        """An event for all sessions, or for those of some users."""
        if users is None:
            self._outbox.send_tls((session.id for session in self.sessions.all()), frame)
        else:
            self._outbox.send_tls((s.id for user in users for s in self.sessions.of_user(user)), frame)

    def announce_to(self, frame: Any, sessions: Iterable[int]) -> None:
        """An event for some sessions."""
        self._outbox.send_tls(sessions, frame)

    def stop(self) -> None:
        """Take no more messages: what is here comes to its end, the rest is told to come later."""
        self._stopped = True

    @property
    def finished(self) -> bool:
        """Whether everything that was taken is decided."""
        return not (self._under_way or len(self._intake))

    # --- Live frames -------------------------------------------------------------------------------------------

    def receive(self, session_id: int, frame: Any, path: Transport, now: float) -> None:
        """A decoded live frame of a logged-in session."""
        session = self.sessions.get(session_id)
        if session is None:
            return
        if path is Transport.UDP:
            session.udp_seen = now
        match frame:
            case wire.Submit():
                self._submit(session, frame.messages, now)
            case wire.Nack():
                self._repair(session, frame, now)
            case wire.Ping():
                if not frame.token:
                    # This client hears nothing by UDP: what goes there is lost, however well its pings arrive.
                    session.udp_seen = None
                self._outbox.send_back(session, path, wire.Pong(frame.token))
            case wire.Cursors():
                self._advance_cursors(session, frame.cursors, now)
            case wire.Activity():
                self._activity(session, frame.state, now)

    def _submit(self, session: Session, messages: list[Message], now: float) -> None:
        unreadable: list[bytes] = []
        for message in messages:
            try:
                submitted = submitted_header_untrusted(message.header)
            except ProtocolError:
                unreadable.append(sha256(message.header))
                continue
            refused = self._admit(session, message, submitted, now)
            if refused is not None:
                self.counters[refused] += 1
        if unreadable:
            self.counters["submit_malformed"] += len(unreadable)
            self._outbox.send(session, decisions([], unreadable), now)

    def _admit(self, session: Session, message: Message, submitted: SubmittedHeader, now: float) -> str | None:
        """Queue a message; the reason when it is not queued."""
        header, fault = submitted
        own = header.device == session.device
        lack = self.closed.reason(session.user, now) if own else self.closed.for_everybody(now)
        if lack is not None and header.kind is not Kind.DELETE:
            self._busy.note(session.id, header.key, lack.wait, now, lack.code)
            return f"waits_{lack.code.name.lower()}"
        if returning := self.reseeding.waits(header.room, now):
            self._busy.note(session.id, header.key, returning, now)
            return "waits_for_the_log"
        if own and self._intake.held:
            self._intake.offered(RunKey(header.room, header.device, header.run), header.n, now)
        config = self.config
        full = self._intake.full or self._intake.queued(session.id) >= config.session_queue_max
        if full or self._stopped or now < self._blocked_until:
            self._busy.note(session.id, header.key, config.busy_retry, now)
            return "submit_busy"
        wait = session.messages.wait(now) or self._total_rate.wait(now)
        if wait:
            self._busy.note(session.id, header.key, wait, now)
            return "submit_over_rate"
        session.messages.spend()
        self._total_rate.spend()
        # A deletion does not wait for those before it that wait for room.
        force = lack is not None
        by, by_device = session.user, session.device
        self._intake.put(Submission(session.id, message, header, own, force, fault=fault, by=by, by_device=by_device))
        return None

    def _advance_cursors(self, session: Session, cursors: list[wire.Cursor], now: float) -> None:
        for cursor in cursors:
            head = self.heads.get(cursor.room)
            if head is not None and self.directory.membership(cursor.room, session.user) is not None:
                self.receipts.advance(session.user, cursor, head.seq, now)

    def _activity(self, session: Session, state: PresenceState, now: float) -> None:
        if state is PresenceState.OFFLINE:
            return
        before = self.sessions.user_state(session.user)
        session.state = state
        self._note_presence(session.user, before, now)

    # --- Repair --------------------------------------------------------------------------------------------------

    def _repair(self, session: Session, nack: wire.Nack, now: float) -> None:
        head = self.heads.get(nack.room)
        member = self.directory.membership(nack.room, session.user)
        if head is None or member is None:
            return
        if session.nacks.take(now):
            self.counters["nack_over_rate"] += 1
            return
        self.counters["nack"] += 1
        wanted = [seq for seq in nack.missing[:NACK_MAX] if member.first_seq <= seq <= head.seq]
        found, missing = self._recent.find(nack.room, wanted)
        if missing:
            self._fetch(RecordFetch(session.id, nack.room, tuple(wanted)))
        elif found:
            self._send_records(session, nack.room, found, now)
        else:
            self._outbox.send(session, [wire.Heads([head])], now)

    def _fetch(self, fetch: RecordFetch) -> None:
        if self._fetches.begin(fetch):
            self._outbox.fetch(fetch)
        else:
            self.counters["nack_put_off"] += 1

    def fetched(self, fetch: RecordFetch, records: list[Record], now: float) -> None:
        """The answer to a `RecordFetch`; without records when the store could not be read."""
        self._fetches.end(fetch)
        session = self.sessions.get(fetch.session)
        if session is not None and records and self.directory.membership(fetch.room, session.user) is not None:
            self._send_records(session, fetch.room, records, now)

    def _send_records(self, session: Session, room: int, records: list[Record], now: float) -> None:
        packed = pack_records(room, records, self.heads[room], INLINE_BODY_MAX)
        self._outbox.cast([session], packed, now)

    # --- Batches -------------------------------------------------------------------------------------------------

    def next_batch(self, now: float) -> list[Submission] | None:
        """What should be committed now: a batch for an idle writer, and a second one, whose signatures are checked
        meanwhile, when enough waits. Each comes back, in order, by `committed` or `commit_failed`."""
        if not self._wants_batch() or now < self._batch_due():
            return None
        self._under_way += 1
        batch = self._intake.take(now)
        self._gather_until = now + self._gather(batch)
        return batch

    def _gather(self, batch: list[Submission]) -> float:
        """How long the next batch gathers after this one began."""
        config = self.config
        receivers = sum(len(self.sessions.subscribers(room)) for room in {item.header.room for item in batch})
        step = config.gather + max(0, receivers - config.gather_crowd) * config.gather_receiver
        return min(max(1, len(batch) // 2) * step, config.gather_longest)

    def _wants_batch(self) -> bool:
        if self._under_way:
            return self._under_way < BATCHES_MAX and len(self._intake) >= self.config.ahead_enough
        return bool(len(self._intake))

    def _batch_due(self) -> float:
        """When an idle writer may begin: at once after a pause, else when enough has gathered or has waited."""
        gathered = bool(self._under_way) or len(self._intake) >= self.config.gather_enough
        return self._blocked_until if gathered else max(self._blocked_until, self._gather_until)

    def committed(self, outcome: BatchOutcome, now: float) -> None:
        """A batch is durable: acknowledge, then relay."""
        self._under_way -= 1
        self.decided(outcome, now)

    def decided(self, outcome: BatchOutcome, now: float) -> None:
        """As `committed`, for a batch that was not one of `next_batch`."""
        self.counters["batches"] += 1
        self.counters["repeated"] += outcome.repeated
        self.counters["gaps"] += len(outcome.gaps)
        self._acknowledge(outcome, now)
        self._relay(outcome, now)
        self.handed_in.note(outcome)
        if outcome.quarantine is not None:
            self.directory.quarantined = outcome.quarantine
        for submission, expected in outcome.early:
            self._wait_for_predecessor(submission, expected, now)
        for submission, author, lack in outcome.waiting:
            self.counters[f"waits_{lack.code.name.lower()}"] += 1
            if lack.code is not Code.CONTENTS_MISSING:
                self.closed.note(author, lack, now)
            self._busy.note(submission.session, submission.header.key, lack.wait, now, lack.code)
        for submission, decision in outcome.decided:
            if decision.code not in FORGERIES:
                self._intake.release(submission.run, submission.header.n)

    def commit_failed(self, batch: list[Submission], now: float) -> None:
        """Nothing was decided, or nobody knows: forget the batch. The clients offer it again."""
        self._under_way -= 1
        self.counters["batches_failed"] += 1
        self._blocked_until = now + self.config.busy_retry
        for submission in batch:
            self._busy.note(submission.session, submission.header.key, self.config.busy_retry, now)

    def reload_heads(self, heads: Mapping[int, Head], now: float) -> None:
        """Heads read anew after a commit whose outcome was unknown: subscribers learn of them by heartbeat."""
        for room, head in heads.items():
            known = self.heads.get(room)
            if known is None or head.seq > known.seq:
                self.heads[room] = head
                # A deletion may be among what was not seen.
                self._recent.forget(room)
                self._heartbeat.recorded(room, now)
                self._outbox.cast(self.sessions.subscribers(room), pack_frames([wire.Heads([head])]), now)

    def _acknowledge(self, outcome: BatchOutcome, now: float) -> None:
        receipts: dict[int, list[Receipt]] = {}
        for submission, decision in outcome.decided:
            receipt = Receipt(*submission.header.key, decision.seq, decision.code)
            receipts.setdefault(submission.session, []).append(receipt)
            self.counters["refused" if decision.code else "stored"] += 1
            if decision.code:
                self.refusals[decision.code] += 1
        for session_id, items in receipts.items():
            session = self.sessions.get(session_id)
            if session is not None:
                self._outbox.send(session, decisions(items, []), now)

    def _relay(self, outcome: BatchOutcome, now: float) -> None:
        packed: dict[int, PackedFrames] = {}
        for room, committed in outcome.committed.items():
            self.heads[room] = committed.head
            self.reseeding.note_new(room)
            self._recent.add(room, committed.records)
            self._recent.erase(room, _erased(committed.records))
            self._heartbeat.recorded(room, now)
            packed[room] = pack_records(room, committed.records, committed.head, INLINE_BODY_MAX)
        for rooms, sessions in self._audiences(outcome.committed).items():
            self.counters["relayed"] += len(sessions) * sum(len(outcome.committed[room].records) for room in rooms)
            self._outbox.cast(sessions, merged([packed[room] for room in rooms]), now)

    def _audiences(self, rooms: Collection[int]) -> dict[tuple[int, ...], list[Session]]:
        """Sessions by those of `rooms` whose records they get: such as get the same share the octets."""
        if len(rooms) == 1:  # most batches of a quiet server
            return {(room,): self._keeping_up(room) for room in rooms}
        wanted: dict[Session, list[int]] = {}
        for room in rooms:
            for session in self._keeping_up(room):
                wanted.setdefault(session, []).append(room)
        audiences: dict[tuple[int, ...], list[Session]] = {}
        for session, mine in wanted.items():
            audiences.setdefault(tuple(mine), []).append(session)
        return audiences

    def _keeping_up(self, room: int) -> list[Session]:
        """The subscribers whose TLS queue is within its bound. The others get heads only until they pull."""
        bound = self.config.lag_octets
        keeping_up: list[Session] = []
        for session in self.sessions.subscribers(room):
            if session.tls_queued > bound:
                self._note_lagging(session, room)
            elif room not in session.lagging:
                keeping_up.append(session)
        return keeping_up

    def _note_lagging(self, session: Session, room: int) -> None:
        if room not in session.lagging:
            self.counters["lagging"] += 1
            session.lagging.add(room)
            # Over TLS: a datagram may be lost, and then the session would not know why nothing comes.
            self._outbox.send_tls([session.id], wire.Lagging())

    def _wait_for_predecessor(self, submission: Submission, expected: int, now: float) -> None:
        self._intake.hold(submission, now)
        run = submission.run
        session = self.sessions.get(submission.session)
        if session is not None and now - self._expected.get(run, -1.0) >= self.config.expect_interval:
            if len(self._expected) > self.config.hold_max:
                self._expected.clear()
            self._expected[run] = now
            self._outbox.send(session, [wire.Expect(*run, expected)], now)

    # --- Time ----------------------------------------------------------------------------------------------------

    def timer(self) -> float:
        """When `handle_timer` wants to be called."""
        soonest = self._heartbeat.timer()
        for due in (self._presence_due, self.receipts.timer(), self._intake.next_expiry()):
            if due is not None and due < soonest:
                soonest = due
        return min(soonest, self._batch_due()) if self._wants_batch() else soonest

    def handle_timer(self, now: float) -> None:
        """Everything that is due."""
        self._intake.expire(now, self.sessions.device_online)
        self._send_heads(self._heartbeat.due(now), now)
        beat = self._heartbeat.beat(now)
        if beat is not None:
            self._send_heartbeat(beat, now)
        for room, cursors in self.receipts.due(now).items():
            packed = pack_frames([wire.RoomCursors(room, cursors[i : i + 64]) for i in range(0, len(cursors), 64)])
            self._outbox.cast(self.sessions.subscribers(room), packed, now)
        if self._presence_due is not None and now >= self._presence_due:
            self._send_presence(now)

    def _send_heads(self, rooms: Iterable[int], now: float) -> None:
        for room in rooms:
            packed = pack_frames([wire.Heads([self.heads[room]])])
            self._outbox.cast(self.sessions.subscribers(room), packed, now)

    def _send_heartbeat(self, rooms: set[int], now: float) -> None:
        """To each session the heads of its lively rooms; sessions with the same rooms share the octets."""
        groups: dict[frozenset[int], list[Session]] = {}
        for session in self.sessions.all():
            groups.setdefault(frozenset(session.rooms & rooms), []).append(session)
        for group, sessions in groups.items():
            heads = [self.heads[room] for room in sorted(group)]
            parts = [heads[i : i + 8] for i in range(0, len(heads), 8)] or [[]]
            self._outbox.cast(sessions, pack_frames([wire.Heads(part) for part in parts]), now)

    # --- Presence ------------------------------------------------------------------------------------------------

    def _note_presence(self, user: int, before: PresenceState, now: float) -> None:
        if self.sessions.user_state(user) is not before:
            self.touch_user(user, now)

    def touch_user(self, user: int, now: float) -> None:
        """Something that others see of this user changed."""
        self._presence.add(user)
        if self._presence_due is None:
            self._presence_due = now + self.config.presence_interval

    def _send_presence(self, now: float) -> None:
        users = [self.user_view(user) for user in sorted(self._presence) if user in self.directory.users]
        self._presence.clear()
        self._presence_due = None
        for start in range(0, len(users), 200):
            self.announce(wire.Users(users[start : start + 200]))

    def user_view(self, user_id: int) -> wire.User:
        """An account as others see it."""
        user = self.directory.users[user_id]
        state = self.sessions.user_state(user_id)
        last_seen = self.last_seen.get(user_id, user.last_seen_ms)
        return wire.User(user.id, user.name, user.display_name, state, last_seen, user.role)

    # --- Outputs -------------------------------------------------------------------------------------------------

    def take_outputs(self) -> list[Output]:
        """What the shell must send or fetch, in order."""
        for session_id, frames, now in self._busy.take():
            session = self.sessions.get(session_id)
            if session is not None:
                self.counters["busy"] += len(frames)
                self._outbox.send(session, frames, now)
        return self._outbox.take()

    def queue_lengths(self) -> dict[str, int]:
        """For status and metrics."""
        return {"submissions": len(self._intake), "held": self._intake.held, "repairs": len(self._fetches)}


def decisions(receipts: list[Receipt], unreadable: list[bytes]) -> list[wire.Decided]:
    """Frames that fit datagrams."""
    step = SUBMIT_MAX // 8
    parts = [wire.Decided(receipts[i : i + step]) for i in range(0, len(receipts), step)]
    return parts + [wire.Decided([], unreadable[i : i + step]) for i in range(0, len(unreadable), step)]


def _erased(records: Iterable[Record]) -> list[int]:
    """The numbers whose bodies these records delete."""
    headers: list[Header] = [decode_header_untrusted(record.header) for record in records]
    return [header.ref for header in headers if header.kind is Kind.DELETE]
