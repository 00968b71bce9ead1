"""The invariants between server and clients: checked at each event, each frame that is handed over, and at the end.

The ledger knows what was committed; here is what somebody was told, shown or sent, compared with it.
"""

from typing import Any

from lanchat.core.events import StopReason
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import MessageKey, decode_header_untrusted
from lanchat.protocol.wire import FrameReader, decode_from_server_untrusted
from lanchat_server.core.model import Decision
from lanchat_server.core.sequencing.quarantine import SHUT_OUT
from lanchat_server.core.sequencing.sequencer import FORGERIES
from tests.sim.bounds import client_bounds, server_bounds
from tests.sim.disclosure import Disclosure
from tests.sim.ledger import Broken, Ledger, require
from tests.sim.telling import Telling

# A server that lost its lease, or does not know what became of a commit, looks after it this often; see
# lanchat_server/service/upkeep/housekeeping.py.
STALE_MAX = 14.0


class Checker:
    """Of one run."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._disclosure = Disclosure(world)
        self._telling = Telling(world)
        self._answers: dict[MessageKey, Decision] = {}
        # Messages that were answered with the deletion of their room.
        self._went: set[MessageKey] = set()
        # What was answered of messages that were kept for an administrator.
        self._quarantined: set[tuple[MessageKey, Decision]] = set()
        self._shown: dict[tuple[int, int], int] = {}
        # Store, room, and the hashes from the first record on that its copy had when the log was put back.
        self._kept: list[tuple[Any, int, list[bytes]]] = []
        self._runs: dict[tuple[bytes, int], Any] = {}
        self._decoded: dict[bytes, list[Any]] = {}
        self._lease_lost: dict[int, float] = {}
        self._servers: list[Any] = []

    def _fail(self, invariant: str, detail: Any) -> None:
        raise self._world.fail_now(invariant, detail)

    # --- What the server hands over ----------------------------------------------------------------------------------

    def handed_stream(self, server: Any, connection: Any, octets: bytes) -> None:
        """Octets for a client's TLS connection."""
        self._world.clock.note(octets)
        frames = self._decoded.get(octets)
        if frames is None:
            reader = FrameReader()
            frames = [decode_from_server_untrusted(encoded) for encoded in reader.feed_untrusted(octets)]
            self._remember(octets, frames)
        self._disclosure.check(server, connection, frames)
        self._telling.handed(server, connection.session, frames)

    def handed_datagram(self, server: Any, session: int, payload: bytes) -> None:
        """What a datagram for a session will seal."""
        frames = self._decoded.get(payload)
        if frames is None:
            frames = wire.decode_server_datagram_untrusted(payload)
            self._remember(payload, frames)
        link = server.links.get(session)
        if link is not None:
            self._disclosure.check(server, link.connection, frames)
            self._telling.handed(server, session, frames)

    def _remember(self, octets: bytes, frames: list[Any]) -> None:
        if len(self._decoded) > 32:
            self._decoded.clear()
        self._decoded[octets] = frames

    # --- Servers -----------------------------------------------------------------------------------------------------

    def server_started(self, server: Any) -> None:
        self._servers = [known for known in self._servers if known.alive] + [server]

    def old_servers(self) -> None:
        """I13: one that lost its lease is gone before long."""
        now = self._world.clock.now
        for server in self._servers:
            if server.alive and server.store.fenced:
                since = max(self._lease_lost.setdefault(server.number, now), server.loop.asleep_until)
                late = STALE_MAX + 20 * self._world.scene.latency
                require(now - since < late, "I13", f"server {server.number} lives on without the lease")

    def forced(self, server: Any, keys: set[MessageKey]) -> None:
        """I5: a gap is accepted only when nobody can be expected to fill it."""
        now = self._world.clock.now
        for key in keys:
            before = key._replace(n=key.n - 1)
            if key.n > 1 and before not in self._world.ledger.decisions:
                self._world.counters["gap in an author's numbers"] += 1
                author = self._world.profile_of(key.device)
                fills = author is not None and author.lives and author.store.has(before)
                online = author.online_since(server) if author is not None else None
                if fills and online is not None and now - online > 5.0:
                    self._fail("I5", f"{key} goes before {key.n - 1}, which its author has and offers")

    # --- What clients say, and what they are told --------------------------------------------------------------------

    def kept(self, user: int, room: int, seq: int) -> None:
        """A copy of a user goes up to here."""
        self._telling.kept(user, room, seq)

    def sent(self, process: Any, frame: Any) -> None:
        """I6: durable before the first send. And no run is two processes'."""
        if isinstance(frame, wire.Cursors):
            self._telling.says(process.profile.user, frame.cursors)
        if isinstance(frame, wire.Submit):
            for message in frame.messages:
                key: MessageKey = decode_header_untrusted(message.header).key
                store = process.profile.store
                kept = store.has(key) or store.carries(key) or key in store.damaged
                if not kept and not self._world.ledger.was_decided(key) and key not in self._went:
                    self._fail("I6", f"{process.name} sends {key}, which it does not keep")

    def started(self, process: Any) -> None:
        key = (process.profile.device, process.core.run)
        if self._runs.setdefault(key, process) is not process:
            self._fail("I3", f"{process.name} uses run {key[1]:x} again")

    def decided(self, process: Any, event: Any) -> None:
        answer = Decision(getattr(event, "seq", 0), getattr(event, "code", 0))
        if event.key in self._went and self._answers.get(event.key) == answer:
            return  # Said before the room was deleted, and late on its way.
        if (event.key, answer) in self._quarantined:
            return  # Said before it was decided, perhaps otherwise.
        self.told(event.key, answer)

    def log_put_back(self, old: Ledger) -> None:
        """The log is another one: what it said before does not bind it. What somebody holds of it stays his, and may be
        shown when its room comes back."""
        self._answers.clear()
        self._went.clear()
        self._quarantined.clear()
        self._shown.clear()
        for profile in self._world.profiles:
            for room, truth in old.rooms.items():
                span = profile.store.span(room)
                if span is not None:
                    self._kept.append((profile.store, room, truth.hashes[: span.cursor + 1]))

    def _kept_before(self, process: Any, room: int, seq: int, found: bytes) -> bool:
        """Whether this was in the copy when the log was put back."""
        return any(
            store is process.profile.store and kept == room and hashes[seq : seq + 1] == [found]
            for store, kept, hashes in self._kept
        )

    def was_answered(self, key: MessageKey) -> bool:
        """With the deletion of its room."""
        return key in self._went

    def told(self, key: MessageKey, answer: Decision) -> None:
        """I1, I14: what somebody is told was decided, and stays so; or it waits for an administrator."""
        if answer.code in FORGERIES:
            return
        if answer.code == Code.ROOM_DELETED or key in self._went:
            require(answer == Decision(0, Code.ROOM_DELETED), "I14", f"{key} went with its room, then {answer}")
            require(
                key.room in self._world.database.deleted or self._world.may_fork, "I14", f"{key}: its room is there"
            )
            self._went.add(key)
            return
        truth = self._world.ledger.decisions.get(key)
        if truth is None and answer.code in SHUT_OUT and key in self._world.database.quarantine:
            self._world.counters["message kept for an administrator"] += 1
            self._quarantined.add((key, answer))
            return
        if truth != answer:
            self._fail("I1", f"told {answer} of {key}, decided was {truth}")
        known = self._answers.setdefault(key, answer)
        if known != answer:
            self._fail("I14", f"first {known}, then {answer}")

    def records_stored(self, process: Any, event: Any) -> None:
        """I8, I9: in order, without a hole, nothing but what the log has, in their authors' names."""
        ledger = self._world.ledger
        place = (id(process), event.room)
        stored = process.profile.store.span(event.room)
        for held in event.held:
            seq = held.record.seq
            found = held.link.hash
            if found != ledger.hash_at(event.room, seq) and not self._kept_before(process, event.room, seq, found):
                self._fail("I9", f"{process.name} shows {seq} of room {event.room}, which the log does not have")
            last = self._shown.get(place)
            if last is not None and seq != last + 1 and not self._may_jump(process, event.room, last, seq):
                self._fail("I8", f"{process.name} shows {seq} of room {event.room} after {last}")
            self._shown[place] = seq
            self._world.counters["records shown"] += 1
            self._check_author(process, held)
        if stored is None or stored.cursor < event.held[-1].record.seq:
            self._fail("I9", f"{process.name} shows {event.held[-1].record.seq}, stored is {stored}")

    def _may_jump(self, process: Any, room: int, last: int, to: int) -> bool:
        """Whether what lies between was never to be read: somebody was away from the room, and came back to the part
        after that."""
        memberships = self._world.ledger.memberships[room, process.profile.user]
        return to > last + 1 and any(entry.first_seq > last + 1 for entry in memberships)

    def _check_author(self, process: Any, held: Any) -> None:
        record = held.record
        if process.core.authors.owner(held.header.device) is not None:
            try:
                process.core.authors.check(held.header, record.header, record.body_hash, record.signature)
            except ProtocolError as error:
                self._fail("I9", f"{process.name} shows {record.seq}, whose author did not sign it: {error}")

    def went_live(self, process: Any, event: Any) -> None:
        span = process.profile.store.span(event.room)
        if span is None or span.cursor < event.head:
            self._fail("I8", f"live at {event.head}, but stored is {span}")

    def stopped(self, process: Any, event: Any) -> None:
        """I13: a server that lost its lease is behind; whoever meets it says so."""
        fenced = process.link is not None and process.link.server.store.fenced
        if not self._world.may_fork and not (fenced and event.stop is StopReason.SERVER_BEHIND):
            self._fail("I4", f"{process.name} thinks that the log forked: {event}")
        self._world.counters[f"room stopped: {event.stop.name}"] += 1

    # --- Bounds ------------------------------------------------------------------------------------------------------

    def bounds_of_server(self, server: Any) -> None:
        held, server.held = server.held, server.core._intake.held
        self._world.counters["message held for its predecessor"] += max(0, server.held - held)
        self._world.sealing.check_relay(server)
        wrong = server_bounds(server)
        if wrong:
            self._fail("I12", wrong)

    def bounds_of_client(self, process: Any) -> None:
        wrong = client_bounds(process)
        if wrong:
            self._fail("I12", wrong)
        for room, subscription in process.core._rooms._rooms.items():
            receiver = subscription.receiver
            span = process.profile.store.span(room)
            # Another process of the profile may have heard sooner that a room was deleted.
            erased = span is None and room in self._world.database.deleted
            if receiver.cursor > (span.cursor if span is not None else 0) and not erased:
                self._fail("I9", f"{process.name} stands at {receiver.cursor} of room {room}, stored is {span}")

    # --- At the end --------------------------------------------------------------------------------------------------

    def incomplete(self) -> str:
        """Empty when everything has converged, else what has not."""
        for profile in self._world.profiles:
            left = self._incomplete_profile(profile)
            if left:
                return left
        return ""

    def _incomplete_profile(self, profile: Any) -> str:
        waiting = [item for item in profile.store.outgoing() if item.key not in profile.store.damaged]
        if profile.lives and waiting:
            return f"client {profile.number} has {len(waiting)} messages in its outbox, first {waiting[0].key}"
        for process in profile.processes if profile.lives else ():
            left = self._incomplete_process(process)
            if left:
                return left
        return ""

    def _incomplete_process(self, process: Any) -> str:
        ledger, user = self._world.ledger, process.profile.user
        if process.core.state is not LinkState.LIVE:
            return f"{process.name} is {process.core.state.value}"
        if process.link is None or process.link.dead:
            return f"{process.name} has a connection through which nothing passes"
        joined = {room.id for room in process.core.directory.rooms.values() if room.joined}
        mine = {room for room, member in ledger.memberships if member == user and ledger.is_member(room, user)}
        if joined != mine:
            return f"{process.name} thinks that it is in {sorted(joined)}, and is in {sorted(mine)}"
        for room in mine:
            span, head = process.profile.store.span(room), ledger.rooms[room].head
            readable = head >= ledger.memberships[room, user][-1].first_seq
            if readable and (span is None or span.cursor != head):
                return f"{process.name} stands at {span and span.cursor} in room {room}, the log at {head}"
            if process.core.cursor(room) != (span.cursor if span else 0):
                return f"{process.name} knows {process.core.cursor(room)} of room {room}, stored is {span}"
            shown = self._shown.get((id(process), room))
            if shown is not None and shown != head and not self._may_jump(process, room, shown, head + 1):
                return f"{process.name} showed {shown} of room {room}, the log is at {head}"
        if process.core.peers is not None and (left := self._world.peers.incomplete(process)):
            return left
        return self._other_statements(process, mine)

    def _other_statements(self, process: Any, mine: set[int]) -> str:
        """Empty when the client has the present statement about everything that it may see."""
        database, known = self._world.database, process.core.statements
        for user in database.users.values():
            said = known.accounts.get(user.id)
            if said is None or (said.role, said.disabled) != (user.role, user.disabled):
                return f"{process.name} has {said} about user {user.id}"
        for room in mine:
            members = {row.user: row.first_seq for row in database.memberships.values() if row.room == room}
            if known.members(room) != members:
                return f"{process.name} has {known.members(room)} as members of room {room}, not {members}"
        for device in database.devices.values():
            if device.revoked_number and not known.is_revoked(device.id):
                return f"{process.name} does not know that {device.id.hex()} was revoked"
        return ""

    def at_the_end(self) -> None:
        ledger = self._world.ledger
        for profile in self._world.profiles:
            self._check_copy(profile)
            if profile.lives:
                for key in ledger.made:
                    if key.device == profile.device and key not in profile.store.damaged:
                        require(key in ledger.decisions or key in self._went, "I6", f"{key} was never decided")
                self._check_known_rooms(profile)
        self._world.peers.at_the_end()
        for key, answer in self._answers.items():
            require(ledger.decisions.get(key) == answer, "I1", f"{key} was told {answer}")

    def _check_known_rooms(self, profile: Any) -> None:
        """I10: nobody knows of a closed room that he never was in, from whomever he heard of it."""
        for process in profile.processes:
            for room, said in process.core.statements.rooms.items():
                allowed = said.kind is RoomKind.PUBLIC or said.deleted
                was_there = (room, profile.user) in self._world.ledger.memberships
                require(allowed or was_there, "I10", f"{process.name} was told of room {room}, where he never was")

    def _check_copy(self, profile: Any) -> None:
        """I4, also of those who are gone; of them bodies deleted since may still be in the copy."""
        for room, truth in self._world.ledger.rooms.items():
            span = profile.store.span(room)
            if span is None:
                continue
            copy = profile.store.records(room, span.base + 1, span.cursor)
            stored = [item.record for item in self._world.database.records[room][span.base : span.cursor]]
            if profile.lives and span.cursor == truth.head:
                require(copy == stored, "I4", f"client {profile.number}, room {room}: copy and log differ")
            same = [(a.seq, a.header, a.body_hash) for a in copy] == [(b.seq, b.header, b.body_hash) for b in stored]
            require(same, "I4", f"client {profile.number}, room {room}: copy and log differ")


__all__ = ["Broken", "Checker"]
