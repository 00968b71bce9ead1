"""The client core: everything a client decides, without I/O, clock or randomness.

The shell (lanchat/transport, or a simulator) drives it:

    start(now)                          begin; `ReconnectDue` says when to connect
    opened / connected / disconnected   how the connection fares; `connected` takes the server's LoggedIn
    cut_off(now)                        the connection's own address is gone; `SearchDue` says when to make a second one
    receive(source, path, frame, now)   each decoded frame after log-in, and which end it came from; raises
                                        ProtocolError: a datagram is then dropped, a TLS connection closed
    timer() / handle_timer(now)         when it wants to be called, and the call
    take_outputs() / take_events()      what to send where and what happened; also settle what `receive` brought

`receive` only takes in; storing, asking and sending are done when outputs or events are taken. So the shell feeds all
datagrams that are there, then takes once: one transaction and one signature check for all of them.

A failure of the local store never loses anything: the room stays where it was, `LocalStoreFailed` says so once, and
it is tried again. Everything is deterministic: ordered containers only, and every drawn number comes from `random`.

The parts: link.py (connection, UDP, silence, tries), rooms/room_set.py with room.py, subscription.py, chain.py,
heads.py and repair.py (receiving), composer.py and outbox.py (sending), certificates.py and authors.py (who signed),
directory.py and receipts.py (rooms, people, how far everybody is), core/context.py (what the parts share).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from lanchat.core.config import ClientConfig
from lanchat.core.context import CoreContext
from lanchat.core.endpoints import SERVER, Endpoint, PeerEndpoint, ServerEndpoint
from lanchat.core.events import (
    Answered,
    CertificateRenewed,
    ConnectionGivenUp,
    CursorsChanged,
    Event,
    KeysChanged,
    LinkStateChanged,
    MessagesDelayed,
    Output,
    ReconnectDue,
    RecordsStored,
    RoomAccessEnded,
    RoomInfoChanged,
    RoomMembersChanged,
    SearchDue,
    StopReason,
    UsersChanged,
)
from lanchat.core.peers.assembly import make_peers
from lanchat.core.peers.carried import Carried
from lanchat.core.peers.links import Datagram
from lanchat.core.peers.peers import Peers, PeerStart
from lanchat.core.people.authors import Authors
from lanchat.core.people.certificates import CertificateRequests
from lanchat.core.people.directory import ClientDirectory
from lanchat.core.people.statements import KnownStatements
from lanchat.core.ports import LocalStore, LocalStoreError, OutboxItem
from lanchat.core.rooms.deleted import DeletedRooms
from lanchat.core.rooms.delivery import DeliveryCursor
from lanchat.core.rooms.giving import LogGiver
from lanchat.core.rooms.room import RoomContext
from lanchat.core.rooms.room_set import RoomSet
from lanchat.core.rooms.source import ServerSource
from lanchat.core.session.composer import MessageBuilder
from lanchat.core.session.link import DueAction, LinkController
from lanchat.core.session.outbox import AuthorRun, Outbox, StoredItem
from lanchat.core.session.pages import PagedRequest
from lanchat.core.session.receipts import ReceiptTracker
from lanchat.core.session.requests import Answer, Handler
from lanchat.core.session.states import LinkEvent, LinkState, Reason
from lanchat.core.timers import earliest
from lanchat.core.view.pending import PendingChange, pending_change
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import Limits
from lanchat.protocol.log.messages import Kind, MessageKey, decode_header_untrusted
from lanchat.protocol.log.records import Head, check_head
from lanchat.protocol.problems import ProblemDetails
from lanchat.protocol.transport import Transport

# The refusals after which a client must not come back by itself.
_FINAL = frozenset((wire.Code.BAD_CREDENTIALS, wire.Code.ACCOUNT_DISABLED, wire.Code.DEVICE_REVOKED, wire.Code.VERSION))


class LogIdentity(msgspec.Struct, frozen=True):
    """Which log this is; `epoch` is the server's present one, told at each connection, 0 before the first."""

    log_id: bytes
    epoch: int
    log_key: bytes


class ClientCore:
    """One device of one user at one log, over all connections of one process. Raises LocalStoreError on creation."""

    def __init__(
        self,
        *,
        config: ClientConfig,
        identity: LogIdentity,
        device_key: Ed25519PrivateKey,
        user: int,
        store: LocalStore,
        random: Callable[[], float],
        run: int,
        now_ms: Callable[[], int],
        peers: PeerStart | None = None,
    ) -> None:
        """`random` returns values from 0 to below 1. `run`: 63 random bits, drawn for each core; no two cores of a
        device may share them. `now_ms`: the wall clock, which goes into messages and decides nothing; all other times
        are those that the methods are given, seconds of one clock that never goes back. Without `peers` there are no
        links to other clients."""
        self.config = config
        self.identity = identity
        self.user = user
        self.run = run
        self.limits = Limits()
        # What was dropped, by reason.
        self.counters: Counter[str] = Counter()
        self.directory = ClientDirectory(store, config)
        self.authors = Authors(identity.log_id, identity.log_key, store)
        self._store = store
        self._random = random
        self._now_ms = now_ms
        self._core_context = CoreContext(config)
        self._link = LinkController(config, random)
        self._composer = MessageBuilder(device_key, run, identity.log_id, store)
        self._outbox = Outbox(config, store, self.limits)
        self._receipts = ReceiptTracker(config, random)
        self._certificates = CertificateRequests(self._core_context, self.authors)
        self.statements = KnownStatements(config, self._core_context, identity.log_id, identity.log_key, store)
        self._rooms = RoomSet(
            RoomContext(identity.log_id, config, store, random, self._check_head),
            self._core_context,
            ServerSource(self._core_context, self._live_path),
            self.authors,
            DeliveryCursor(identity.log_id, store, list(self.directory.rooms)),
            self._note_stored,
            self._receipts.received,
            self._not_subscribed,
        )
        for room, read in self.directory.marks.items():
            self._receipts.read(room, read)
        # What the server's clock shows beyond this one, in milliseconds.
        self._ahead_ms = 0
        self.peers = self._make_peers(device_key, peers) if peers is not None else None
        self._giver = LogGiver(self._core_context, store, self._subscribe_anew, self._rooms.forked)
        self._gone = DeletedRooms(self._core_context, store, self._room_deleted)
        # Rooms as they were when they went from the list, until it is known whether they were deleted.
        self._last_seen: dict[int, wire.Room] = {}
        self._adopt_at: float | None = None
        self._save_marks_at: float | None = None
        self._fresh_session = True
        self._users_emitted = False
        # Rooms that the server told of in this session.
        self._listed: set[int] = set()
        self._listing = False
        self._renew_at: float | None = None
        self._renewing = False
        self._end_reason = Reason.LOST
        self._handlers = self._table()
        self._composer.read_store(store, list(self.directory.rooms))

    def _make_peers(self, device_key: Ed25519PrivateKey, start: PeerStart) -> Peers:
        return make_peers(
            start,
            self.user,
            device_key,
            (self.identity.log_id, self.identity.log_key),
            core_context=self._core_context,
            store=self._store,
            statements=self.statements,
            authors=self.authors,
            rooms=self._rooms,
            check_head=self._check_head,
            waits=self._outbox.waits,
            random=self._random,
            now_ms=lambda: self._now_ms() + self._ahead_ms,
        )

    def _table(self) -> dict[type, Callable[[Any], None]]:
        """What a frame means; Pong alone is handled before."""
        return {
            wire.Records: self._rooms.take_records,
            wire.Heads: self._rooms.take_heads,
            wire.Lagging: lambda frame: self._rooms.take_lagging(),
            wire.Decided: self._on_decided,
            wire.Expect: self._on_expect,
            wire.Busy: self._on_busy,
            wire.RoomCursors: self._on_room_cursors,
            wire.Users: lambda frame: self._take_users(frame.users),
            wire.RoomChanged: lambda frame: self._take_room(frame.room),
            wire.RoomGone: self._on_room_access_ended,
            wire.RoomsDeleted: self._on_rooms_deleted,
            wire.Statements: lambda frame: self.statements.take_untrusted(frame.statements),
            wire.MembersChanged: self._on_members_changed,
            wire.PeersChanged: self._on_peers_changed,
            # For traffic between peers; a client that only knows the server has no use for it.
            wire.RoomKey: lambda frame: None,
            wire.SessionKeys: self._on_session_keys,
            wire.NewCertificate: self._on_new_certificate,
            wire.Goodbye: self._on_goodbye,
            wire.Response: lambda frame: self._on_answer(frame.id, frame.result),
            wire.Failure: lambda frame: self._on_answer(frame.id, frame),
        }

    # --- The connection -------------------------------------------------------------------------------------------

    @property
    def state(self) -> LinkState:
        """The state of the link; in a session, how its rooms are doing."""
        return self._link.state

    @property
    def in_session(self) -> bool:
        """Whether this device is logged in, in whichever state its rooms are."""
        return self._link.up

    @property
    def silent(self) -> bool:
        """The server was asked for a sign of life and gave none yet: another connection to it is better than this."""
        return self._link.silent

    def start(self, now: float) -> None:
        """Begin to connect (again, after a refusal)."""
        self._core_context.at(now)
        self._link.start(now)
        self._emit_state()

    def opened(self, now: float) -> None:
        """The server proved its identity; log-in is under way."""
        self._core_context.at(now)
        self._link.opened()
        self._emit_state()

    def connected(
        self,
        session: wire.LoggedIn,
        now: float,
        *,
        epoch: int | None = None,
        limits: Limits | None = None,
        use_udp: bool = True,
        time_ms: int | None = None,
    ) -> None:
        """Logged in. `epoch`, `limits` and `time_ms` are those of this connection's Welcome."""
        self._core_context.at(now)
        if time_ms is not None:
            self._ahead_ms = time_ms - self._now_ms()
        if epoch is not None:
            self.identity = replace(self.identity, epoch=epoch)
        self.limits = limits if limits is not None else self.limits
        self._link.logged_in(now, use_udp)
        self._emit_state()
        self._end_reason = Reason.LOST
        self._outbox.set_limits(self.limits)
        self._outbox.reconnected(now)
        self._adopt_at = now
        self._fresh_session = True
        self._users_emitted = False
        self._certificates.begin_session()
        self._take_keys(session.keys)
        self._on_new_certificate(wire.NewCertificate(session.certificate))
        self._take_users([session.user])
        self._giver.begin_session(session.reseeding)
        self._take_session_rooms(session.rooms, session.next)
        self.statements.begin_session()
        if self.peers is not None:
            self.peers.begin_session(session.certificate, session.peer_secret, self.limits, len(self.directory.users))

    def disconnected(self, now: float, reason: Reason | None = None, details: ProblemDetails | None = None) -> None:
        """The connection ended, or a try to connect failed; `ReconnectDue` follows."""
        self._core_context.at(now)
        if reason is None:
            reason = self._end_reason if self._link.up else Reason.NO_ANSWER
        self._end_session()
        if self._link.state is LinkState.REFUSED:
            return
        self._link.lost(now, reason, details)
        self._emit_state()

    def cut_off(self, now: float) -> None:
        """This computer no longer has the address that the connection uses; `SearchDue` follows."""
        self._core_context.at(now)
        self._core_context.send_all(self._link.cut_off(now))

    def refused(self, now: float, details: ProblemDetails | None = None, code: int = 0) -> None:
        """The server refuses this device for good."""
        self._core_context.at(now)
        self._end_session()
        self._link.refused(details, code)
        self._emit_state()

    def _end_session(self) -> None:
        self._rooms.clear()
        self._gone.end_session()
        self.statements.end_session()
        self._giver.end_session()
        if self.peers is not None:
            self.peers.end_session()
        self._core_context.requests.abandon()
        self._core_context.drop_outputs(SERVER)
        self._certificates.begin_session()
        self._renew_at = None
        self._adopt_at = None

    def _give_up(self, reason: Reason) -> None:
        self.disconnected(self._core_context.now, reason)
        self._core_context.emit(ConnectionGivenUp())

    def _not_subscribed(self) -> None:
        self._give_up(Reason.LOST)

    def _emit_state(self) -> None:
        link = self._link
        if self.peers is not None and link.state is LinkState.AWAY:
            self._go_on_with_peers(self.peers)
        self._core_context.emit(LinkStateChanged(link.state, link.reason, link.details, link.retry_at, link.code))

    def _go_on_with_peers(self, peers: Peers) -> None:
        """The server is away: what waits for it goes to peers meanwhile."""
        peers.went_away()
        with self._core_context.storing():
            self._rooms.copies.read(room for room in self.directory.rooms.values() if room.joined)
        for room in list(self.directory.rooms):
            for item in self._outbox.waiting(room):
                peers.say(item.message)

    def _on_goodbye(self, frame: wire.Goodbye) -> None:
        if frame.code in _FINAL:
            self.refused(self._core_context.now, code=frame.code)
            self._core_context.emit(ConnectionGivenUp())
        elif not frame.code:
            self._end_reason = Reason.STOPPING

    # --- Receiving ------------------------------------------------------------------------------------------------

    def receive(self, source: Endpoint, path: Transport, frame: Any, now: float) -> None:
        """A decoded frame. Raises ProtocolError when it breaks the protocol; what came before it stands. What comes
        from the server without a session is dropped, and what comes from a peer."""
        self._core_context.at(now)
        if isinstance(source, PeerEndpoint):
            self.drop("frame of a peer")
            return
        if not self._link.up:
            self.drop("frame without session")
            return
        if self._link.heard(now, path):
            self._outbox.retry_soon(now)
            self._rooms.retry_soon(now)
        if not isinstance(frame, wire.Pong):
            self._handlers[type(frame)](frame)
        elif self._link.ponged(path):
            self._core_context.send_all([self._link.ping()])

    def listen_to_peers(self, port: int, hosts: Sequence[bytes], now: float) -> None:
        """The shell takes datagrams of other clients at this port, on these addresses of the computer."""
        if self.peers is not None:
            self._core_context.at(now)
            self.peers.listening(port, hosts)

    @property
    def peer_port(self) -> int:
        """Where other clients look for this one; 0: nowhere."""
        return self.peers.wanted_port if self.peers is not None else 0

    def receive_datagram(self, source: wire.PeerAddress, datagram: bytes, now: float) -> None:
        """What came in there; never raises."""
        if self.peers is not None:
            self._core_context.at(now)
            self.peers.receive_untrusted(source, datagram)

    def take_datagrams(self) -> list[Datagram]:
        """What to send to other clients, after `take_outputs`."""
        return self.peers.links.take_datagrams() if self.peers is not None else []

    def _on_peers_changed(self, frame: wire.PeersChanged) -> None:
        if self.peers is not None:
            self.peers.take_changed(frame)

    def drop(self, reason: str) -> None:
        """The shell dropped a datagram, or an output that it cannot send."""
        self.counters[reason] += 1

    def _check_head(self, head: Head) -> bool:
        if head.epoch != (self.identity.epoch or self._rooms.copies.epoch or head.epoch):
            self.drop("head of another epoch")
            return False
        try:
            check_head(self.identity.log_key, self.identity.log_id, head)
        except ProtocolError:
            self.drop("head not signed")
            return False
        return True

    def _live_path(self) -> Transport:
        return Transport.UDP if self._link.udp_open else Transport.TLS

    def _on_answer(self, number: int, answer: Answer) -> None:
        if not self._core_context.requests.answered(number, answer):
            self.drop("answer without question")

    # --- Rooms and people -----------------------------------------------------------------------------------------

    def _take_session_rooms(self, rooms: Sequence[wire.Room], after: bytes) -> None:
        """Those that log-in told; when there are more pages, the rooms that were left meanwhile show at the end."""
        self._receipts.forget_reported()
        self._last_seen.clear()
        self._listed = {room.id for room in rooms}
        if not after:
            self._drop_unlisted()
        for room in rooms:
            self._take_room(room)
        self._listing = bool(after)
        if after:
            # What breaks the protocol ends the session with that reason, not with a list that did not come.
            self._paged(wire.ListRooms(after), self._note_session_rooms, self._listing_ended, lambda: None).begin()

    def _note_session_rooms(self, answer: Answer) -> None:
        """Each is told and subscribed, as those of the first page, whatever the local copy knows."""
        for room in answer.rooms if isinstance(answer, wire.RoomList) else ():
            self._take_room(room)

    def _listing_ended(self, answer: Answer) -> None:
        if isinstance(answer, wire.RoomList):
            self._listing = False
            self._drop_unlisted()
        elif self._link.up:
            # Without its rooms a session is none.
            self._give_up(Reason.LOST)

    def _subscribe_anew(self, room: int) -> None:
        """The server has what it lacked of this room."""
        known = self.directory.rooms.get(room)
        self._rooms.leave(room)
        if known is not None and known.joined:
            self._rooms.want(known)

    def _drop_unlisted(self) -> None:
        if self._giver.asked_for:
            return  # what the server does not tell of may come back
        unlisted = self.directory.drop_unlisted(self._listed)
        for gone in unlisted:
            self._last_seen[gone.id] = gone
            self._leave(gone.id)
            self._core_context.emit(RoomAccessEnded(gone.id))
        self._emit_retitled()
        self._gone.begin_session([gone.id for gone in unlisted if gone.joined])

    def _leave(self, room: int) -> None:
        self._rooms.leave(room)
        self.statements.left(room)
        if self.peers is not None:
            with self._core_context.storing():
                self.peers.carried.remove_room(room)

    def _take_room(self, room: wire.Room) -> None:
        self.directory.put_room(room)
        self._listed.add(room.id)
        self._core_context.emit(RoomInfoChanged(room))
        self._emit_retitled()
        if room.joined:
            self._receipts.told(room)
            self._rooms.want(room)
            self.statements.joined(room.id)
        else:
            self._leave(room.id)

    def _on_room_access_ended(self, frame: wire.RoomGone) -> None:
        self._leave(frame.room)
        if self.directory.drop_room(frame.room):
            self._core_context.emit(RoomAccessEnded(frame.room))
            self._emit_retitled()

    def _emit_retitled(self) -> None:
        for room in self.directory.take_retitled():
            self._core_context.emit(RoomInfoChanged(room))

    def _on_rooms_deleted(self, frame: wire.RoomsDeleted) -> None:
        for room in frame.rooms:
            known = self.directory.rooms.get(room)
            if known is not None and known.joined:
                self._room_deleted(room)
            elif known is not None:
                # A copy from an earlier membership is asked about in the next session.
                self.directory.drop_room(room)
                self._core_context.emit(RoomAccessEnded(room, deleted=True, known=known))
                self._emit_retitled()

    def _room_deleted(self, room: int) -> None:
        known = self.directory.rooms.get(room) or self._last_seen.pop(room, None)
        self._leave(room)
        self.directory.drop_room(room)
        self._gone.erase(room)
        self._core_context.emit(RoomAccessEnded(room, deleted=True, known=known))
        self._emit_retitled()

    def _note(self, answer: Answer) -> None:
        """What an answer to the shell tells of rooms and people. Here and not in the shell, which would come to it
        later than to an event that followed, and hold the older of the two for the newer."""
        match answer:
            case wire.RoomResult():
                self._take_other_rooms([answer.room])
            case wire.RoomList():
                self._take_other_rooms(answer.rooms)
            case wire.UserList():
                self._take_everybody(answer.users)

    def _take_other_rooms(self, rooms: Sequence[wire.Room]) -> None:
        """What is known already is not told again."""
        for room in rooms:
            if self.directory.rooms.get(room.id) != room:
                self._take_room(room)

    def _take_everybody(self, users: Sequence[wire.User]) -> None:
        """All of them once per session: whoever watches holds everybody for absent since the last one ended."""
        known = self.directory.users if self._users_emitted else {}
        self._users_emitted = True
        self._take_users([user for user in users if known.get(user.id) != user])

    def _take_users(self, users: Sequence[wire.User]) -> None:
        self.directory.put_users(users)
        self._core_context.emit(UsersChanged(tuple(users)))

    def _on_members_changed(self, frame: wire.MembersChanged) -> None:
        room = self.directory.rooms.get(frame.room)
        if room is not None:
            count = min(max(0, room.members + len(frame.joined) - len(frame.left)), self.config.users_max)
            self.directory.put_room(msgspec.structs.replace(room, members=count))
        self.statements.take_members_changed(frame)
        joined = tuple(member.user for member in frame.joined)
        self._core_context.emit(RoomMembersChanged(frame.room, joined, tuple(frame.left)))

    def _on_room_cursors(self, frame: wire.RoomCursors) -> None:
        self._core_context.emit(CursorsChanged(frame.room, tuple(frame.cursors)))

    def cursor(self, room: int) -> int:
        """The last stored number of a room, also while the server is away. Raises LocalStoreError."""
        receiver = self._rooms.get(room)
        if receiver is not None:
            return receiver.cursor
        span = self._store.span(room)
        return span.cursor if span is not None else 0

    def stopped(self, room: int) -> StopReason | None:
        """Why a room takes nothing in this session, when it does not."""
        receiver = self._rooms.get(room)
        return receiver.stop if receiver is not None else None

    def fetch_older(self, room: int, now: float) -> bool:
        """Ask for the page below what is stored; `OlderStored` follows (also when one is under way already). False when
        there is nothing below or no session."""
        self._core_context.at(now)
        return self._rooms.fetch_older(room)

    # --- Keys and certificates ------------------------------------------------------------------------------------

    def _on_session_keys(self, frame: wire.SessionKeys) -> None:
        self._take_keys(frame)
        self._link.probe(self._core_context.now)

    def _take_keys(self, session_keys: wire.SessionKeys) -> None:
        lifetime = session_keys.lifetime_ms / 1000 * self.config.renew_part
        # Keys that are said to end at once would be renewed without end.
        self._renew_at = self._core_context.now + max(lifetime, self.config.renew_retry)
        self._core_context.emit(KeysChanged(session_keys))

    def renew(self, now: float) -> None:
        """Ask for fresh keys now: the shell has nearly used up the packets of these. Once is enough."""
        self._core_context.at(now)
        if self._link.up and not self._renewing:
            self._renewing = True
            self._core_context.request(wire.Renew(), self._on_renewed)

    def _on_renewed(self, answer: Answer) -> None:
        self._renewing = False
        if not isinstance(answer, wire.Done):
            self._renew_at = self._core_context.now + self.config.renew_retry

    def _on_new_certificate(self, frame: wire.NewCertificate) -> None:
        """This device's own, which the profile keeps when it is news."""
        if self.authors.learn_own_untrusted(self._composer.device, frame.certificate):
            self._core_context.emit(CertificateRenewed(frame.certificate))

    def want_certificates(self, devices: Sequence[bytes], now: float) -> None:
        """The shell will show something that these devices signed."""
        self._core_context.at(now)
        if self._link.up:
            self._certificates.want(devices)

    @property
    def asks_for_certificates(self) -> bool:
        """Whether the server is asked, or about to be, whose any device is; False without a session."""
        return self._link.up and self._certificates.any_open

    def awaits_certificates(self, devices: Sequence[bytes]) -> bool:
        """Whether the server is still being asked whose some of these are; then `CertificatesLearned` follows."""
        return self._certificates.open_for(devices)

    # --- Sending --------------------------------------------------------------------------------------------------

    def send(self, room: int, kind: Kind, body: str, ref: int, now: float) -> OutboxItem:
        """Sign a message and keep it; it goes out as soon as it can. Raises ProtocolError for a body that breaks the
        limits, LocalStoreError when it cannot be kept: then nothing was sent and no number used."""
        self._core_context.at(now)
        item = self._composer.compose(room, kind, body, ref, self._now_ms())
        self._outbox.add(item, now)
        if self.peers is not None and not self._link.up:
            self.peers.say(item.message)
        return item

    def waiting(self, room: int) -> list[OutboxItem]:
        """Messages of this profile that are not decided, as far as this process has taken them up."""
        return self._outbox.waiting(room)

    def stored_unseen(self, room: int) -> list[StoredItem]:
        """Messages that have their number while the record is not here yet."""
        return self._outbox.stored(room)

    @property
    def awaits_records(self) -> bool:
        """Whether acknowledged messages are still to come back as records."""
        return self._outbox.awaits_records

    def mark_read(self, room: int, seq: int, now: float) -> None:
        """The person saw everything up to `seq`. Kept for the next start by `save_marks`, or a little later."""
        self._core_context.at(now)
        self._receipts.read(room, seq)
        if self.directory.mark(room, seq) and self._save_marks_at is None:
            self._save_marks_at = now + self.config.marks_after

    def read_up_to(self, room: int) -> int:
        """The last number of a room that this user has read, here or as the server told; 0 for none."""
        return self._receipts.read_up_to(room)

    def save_marks(self) -> None:
        """Write what was read to the local copy now. Raises LocalStoreError."""
        self._save_marks_at = None
        self.directory.save_marks()

    def set_activity(self, state: wire.PresenceState, now: float) -> None:
        """At the computer, or not."""
        self._core_context.at(now)
        if self._link.up:
            self._core_context.send(Transport.TLS, wire.Activity(state))

    def _on_decided(self, frame: wire.Decided) -> None:
        for receipt in [*frame.receipts, *map(self._outbox.refusal_of_unreadable, frame.unreadable)]:
            event = self._outbox.decided(receipt) if receipt is not None else None
            if event is not None:
                self._core_context.emit(event)
            if receipt is not None and self.peers is not None and self.peers.carried.note_stored(receipt.key):
                self._forget_carried(receipt.key, receipt.code)

    def _on_expect(self, frame: wire.Expect) -> None:
        self._outbox.expected(AuthorRun(frame.room, frame.device, frame.run), frame.n, self._core_context.now)

    def _on_busy(self, frame: wire.Busy) -> None:
        wait = min(frame.retry_ms / 1000, self.config.room_longest if frame.code else self.config.busy_longest)
        until = self._core_context.now + wait * (1 + 0.25 * self._random())
        if not frame.code:
            self._outbox.busy(frame.not_taken, until)
            if self.peers is not None:
                self.peers.hand_in.busy(frame.not_taken, until)
            return
        keys = self._outbox.put_off(frame.not_taken, until)
        if keys:
            self._core_context.emit(MessagesDelayed(tuple(keys), frame.code, frame.retry_ms / 1000))

    # --- Requests of the shell --------------------------------------------------------------------------------------

    def request(self, operation: wire.AfterLogin, now: float) -> int | None:
        """Send a request of the shell; `Answered` with this number follows, after what the answer tells of rooms and
        people was taken in: a list as a whole, however many pages it took. None without a session."""
        self._core_context.at(now)
        if not self._link.up:
            return None
        number = 0

        def answered(answer: Answer) -> None:
            self._core_context.emit(Answered(number, answer))

        number = self._paged(operation, self._note, answered).begin()
        return number

    def _paged(
        self, operation: Any, note: Callable[[Answer], None], handler: Handler, broken: Callable[[], None] | None = None
    ) -> PagedRequest:
        ask, entries_max = self._core_context.request, self.config.entries_max
        return PagedRequest(operation, ask, note, handler, entries_max, broken=broken)

    # --- Settling -------------------------------------------------------------------------------------------------

    def take_outputs(self) -> list[Output]:
        """What to send, in order."""
        if self._core_context.unsettled:
            self._settle()
        outputs = self._core_context.take_outputs()
        for output in outputs:
            if isinstance(output.destination, ServerEndpoint):
                self._link.sent(output.path, self._core_context.now)
        return outputs

    def take_events(self) -> list[Event]:
        """What happened, in order."""
        if self._core_context.unsettled:
            self._settle()
        return self._core_context.take_events()

    @property
    def idle(self) -> bool:
        """Nothing is to be taken."""
        return self._core_context.idle

    def _settle(self) -> None:
        """Once after everything that came from outside; what follows from it needs no second look."""
        self._core_context.unsettled = False
        peers = self.peers
        if peers is not None and (peers.unsettled or peers.refusals != self.statements.refusals):
            self._settle_peers(peers)
        if not self._link.up:
            return
        now = self._core_context.now
        if not self._core_context.store_paused:
            self._settle_store()
        self._rooms.ask()
        self._certificates.ask()
        self.statements.ask()
        self._judge()
        self._core_context.send_all(self._outbox.take_due(now, self._link.udp_open, self._rooms.held()))
        if self._outbox.pop_unanswered() or self._rooms.pop_unanswered():
            self._core_context.send_all(self._link.doubt(now))
        cursors = self._receipts.take_due(now)
        if cursors:
            self._core_context.send(Transport.TLS, wire.Cursors(cursors))

    def _settle_peers(self, peers: Peers) -> None:
        with self._core_context.storing():
            peers.settle()

    def _forget_carried(self, key: MessageKey, code: int = 0) -> None:
        """It is decided."""
        if self.peers is not None:
            with self._core_context.storing():
                self.peers.decided(key, code)

    def carried(self, room: int) -> list[Carried]:
        """Messages of other devices that came from peers and are not stored yet."""
        if self.peers is None:
            return []
        return [item for item in self.peers.carried.in_room(room) if item.header.device != self._composer.device]

    def pending_changes(self, room: int) -> list[PendingChange]:
        """Edits, deletions and reactions of a room that are not stored yet: others' that peers brought, and those of
        this profile while the server is away. Raises LocalStoreError."""
        found = [(item.header, item.message.body, item.author) for item in self.carried(room)]
        if not self._link.up:
            items = (item for item in self._store.outgoing() if item.key.room == room)
            found += [(decode_header_untrusted(item.message.header), item.message.body, self.user) for item in items]
        changes = (pending_change(header, body, author) for header, body, author in found)
        return [change for change in changes if change is not None]

    def _settle_store(self) -> None:
        """Everything that needs the local copy."""
        try:
            self._rooms.subscribe()
            self._adopt()
            self._rooms.settle()
            self._outbox.clean_up()
            self._gone.settle(self._rooms_in)
            if self._giver.asked_for:
                self._giver.settle(self._rooms.stopped())
            self.directory.save()
            self.authors.save()
            self.statements.save()
        except LocalStoreError as error:
            self._core_context.store_failed(error)
        else:
            self._core_context.store_retry_at = None

    def _adopt(self) -> None:
        """Messages that other processes of this profile left behind. At the start of a session all of them, so that
        they come before what is written now; later those whose own process had its chance. Raises LocalStoreError."""
        now = self._core_context.now
        if self._adopt_at is None or now < self._adopt_at:
            return
        self._outbox.adopt(self._store.outgoing(), self.run, now, at_once=self._fresh_session)
        self._adopt_at = now + self.config.adopt_every
        self._fresh_session = False

    def _rooms_in(self) -> set[int]:
        return {room.id for room in self.directory.rooms.values() if room.joined}

    def _note_stored(self, event: RecordsStored) -> None:
        for held in event.held:
            key = held.header.key
            self._composer.saw(held.header)
            if self.peers is not None and self.peers.carried.note_stored(key):
                self._forget_carried(key)
            known = self._outbox.seen(key, held.record.seq)
            if known is not None:
                self._core_context.emit(known)
        self._certificates.want([held.header.device for held in event.held])

    def _judge(self) -> None:
        """How the session is doing, worst first."""
        move, reason = self._judgement()
        if move is not None and self._link.settled(move, reason):
            self._emit_state()

    def _judgement(self) -> tuple[LinkEvent | None, Reason]:
        stops = self._rooms.stops()
        if StopReason.FORKED in stops:
            return LinkEvent.FORK, Reason.OTHER_HISTORY
        if stops:
            return LinkEvent.SERVER_BEHIND, Reason.SHORTER_HISTORY
        if self._rooms.lagging():
            return LinkEvent.LAGGED, Reason.OVERLOADED
        if self._rooms.all_live() and not self._listing and not self._gone.asking:
            return LinkEvent.COMPLETE, Reason.NONE
        return None, Reason.NONE

    # --- Time -----------------------------------------------------------------------------------------------------

    def timer(self) -> float | None:
        """When `handle_timer` is due; None: never, unless something else happens."""
        of_peers = self.peers.next_at if self.peers is not None else None
        if not self._link.up:
            return earliest(self._link.timer(), self._save_marks_at, of_peers)
        core_context = self._core_context
        store_retry_at = core_context.store_retry_at
        return earliest(
            self._link.timer(),
            self._save_marks_at,
            of_peers,
            core_context.requests.timer(),
            self._receipts.timer(),
            self._renew_at,
            self._rooms.timer(),
            self.statements.timer(),
            self._giver.timer() if self._giver.asked_for else None,
            self._adopt_at if store_retry_at is None else store_retry_at,
            self._gone.timer() if store_retry_at is None else None,
            self._outbox.timer(core_context.now, self._rooms.held()),
        )

    def handle_timer(self, now: float) -> None:
        """Everything that is due by `now`."""
        self._core_context.at(now)
        before = self._link.state
        outputs, due = self._link.handle_timer(now)
        self._core_context.send_all(outputs)
        if self._link.state is not before:
            self._emit_state()
        if due is DueAction.RECONNECT:
            self._core_context.emit(ReconnectDue())
        elif due is DueAction.SEARCH:
            self._core_context.emit(SearchDue())
        elif due is DueAction.GIVE_UP:
            self._give_up(Reason.SILENT)
        if self.peers is not None and self.peers.next_at is not None and now >= self.peers.next_at:
            with self._core_context.storing():
                self.peers.handle_timer()
        if self._save_marks_at is not None and now >= self._save_marks_at:
            self._save_marks_in_time(now)
        if self._link.up:
            self._core_context.requests.expire(now)
            if self._renew_at is not None and now >= self._renew_at:
                self._renew_at = None
                self.renew(now)

    def _save_marks_in_time(self, now: float) -> None:
        try:
            self.save_marks()
        except LocalStoreError as error:
            self._core_context.store_failed(error)
            self._save_marks_at = now + self.config.marks_after


def message_id(key: MessageKey) -> str:
    """The name of a message as people's programs see it: `<room hex>.<device hex>.<run hex>.<n>`."""
    return f"{key.room:x}.{key.device.hex()}.{key.run:x}.{key.n}"
