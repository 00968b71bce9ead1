"""Messages between clients: taken after they are proven, kept before they are shown, handed on, compared.

A message that comes over a link is believed only when its author's certificate, membership and signature hold, by what
the log has signed; so it does not matter who handed it on. It is stored, then shown, then passed on to the other links
whose users are in the room.

Every few seconds each link compares what both carry of the rooms that they share: one digest, then one for each room,
then the names. Each end asks for what it lacks; of one message one holder is asked at a time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from lanchat.core.context import CoreContext
from lanchat.core.events import CarriedRefused, MessagesCarried
from lanchat.core.peers.carried import Carried, CarriedMessages
from lanchat.core.peers.comparing import NAMES_AT_ONCE, Comparison
from lanchat.core.peers.hearsay import StatementExchange
from lanchat.core.peers.introductions import Introductions
from lanchat.core.peers.links import PeerLinks
from lanchat.core.peers.missed import MissedRecords
from lanchat.core.peers.partners import Partner
from lanchat.core.peers.pieces import PieceCollector
from lanchat.core.peers.records import RecordExchange
from lanchat.core.people.authors import Authors, UnknownDevice
from lanchat.core.people.statements import KnownStatements
from lanchat.core.ports import LocalStoreError, StatementStore
from lanchat.core.timers import earliest
from lanchat.protocol import wire
from lanchat.protocol.datagram.packer import pack_datagrams
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import INLINE_BODY_MAX
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import (
    HEADER_MAX,
    Header,
    Kind,
    Message,
    MessageKey,
    body_text_untrusted,
    decode_header_untrusted,
)
from lanchat.protocol.log.peers import PeerEnd
from lanchat.protocol.wire.peers import HOPS_MAX, PIECE_OCTETS

COMPARE_EVERY = 5.0
# Ends that get a new message at once, and with which is compared at a time: the neighbours, which connect everybody.
_FANOUT = 16
_LIST_COST = 0.25
_PIECE_COST = 0.2
# Messages of authors whose certificate is asked for.
_UNPROVEN_MAX = 64
_KINDS = frozenset((Kind.TEXT, Kind.EDIT, Kind.DELETE, Kind.REACTION))


class Forgery(ProtocolError):
    """The author did not sign this."""


def _frame_of(item: Carried, hops: int) -> wire.Carry | wire.OfferMessage:
    """The message, or what is known of it without its body."""
    message = item.message
    if len(message.body) <= INLINE_BODY_MAX:
        return wire.Carry([message], hops)
    return wire.OfferMessage(message.header, message.signature, sha256(message.body), len(message.body), hops)


class PeerTalk:
    """`counters`: what was dropped, by reason."""

    def __init__(
        self,
        core_context: CoreContext,
        links: PeerLinks,
        statements: KnownStatements,
        authors: Authors,
        carried: CarriedMessages,
        records: RecordExchange,
        missed: MissedRecords,
        store: StatementStore,
        user: int,
        random: Callable[[], float],
        now_ms: Callable[[], int],
        recent: Callable[[int], Iterable[MessageKey]],
    ) -> None:
        """`user`: this client's. `recent(room)`: names of its last stored records; raises LocalStoreError."""
        self.counters: Counter[str] = Counter()
        self._core_context = core_context
        self._links = links
        self._statements = statements
        self._authors = authors
        self._carried = carried
        self.records, self._missed = records, missed
        self._user = user
        self._random = random
        self._now_ms = now_ms
        self._store = store
        self._recent = recent
        # Rooms whose last records were looked at.
        self._looked: set[int] = set()
        self._partners: dict[PeerEnd, Partner] = {}
        self._compare_at: float | None = None
        self._round, self._away = 0, False
        # What came and is to be stored, with where from and through how many ends.
        self._taken: list[tuple[Carried, PeerEnd | None, int]] = []
        self._unproven: dict[MessageKey, tuple[Message, PeerEnd]] = {}
        self._comparison = Comparison(carried, self._is_shared)
        self._pieces = PieceCollector()
        self._introductions = Introductions(links, random)
        self._hearsay = StatementExchange(statements, store, self._is_shared)

    # --- Life ---------------------------------------------------------------------------------------------------------

    def set_away(self, away: bool) -> None:
        """Whether the server is away. What is carried is compared in any case."""
        if away is not self._away:
            self._introductions.set_away(away, self._core_context.now)
        self._away = away
        self.records.set_away(away)
        self._hearsay.set_away(away)
        self._plan()

    def say(self, message: Message) -> None:
        """This device made it, and it waits in the outbox: what is carried beside that is compared, too. What was said
        before is not said again."""
        item = Carried(decode_header_untrusted(message.header), message, self._user)
        fresh = [item]
        with suppress(LocalStoreError):
            fresh = self._carried.add(fresh)
        for said in fresh:
            self._hand_on(said, None, 0)
        self._plan()

    def forget(self, keys: Iterable[MessageKey]) -> list[Carried]:
        """They are decided. Raises LocalStoreError."""
        gone = self._carried.remove(keys)
        self._plan()
        return gone

    def ask_for(self, nack: wire.Nack) -> None:
        """The server did not give these records in time: somebody else may."""
        live = self._links.live_ends(self._core_context.now).items()
        ends = [end for end, user in live if self._missed.may_read(nack.room, user, max(nack.missing))]
        if ends:
            end = ends[int(self._random() * len(ends))]
            self._send(end, self._missed.ask(end, nack.room, nack.missing, self._core_context.now))

    # --- Receiving ----------------------------------------------------------------------------------------------------

    def take_untrusted(self, end: PeerEnd, user: int, payload: bytes) -> None:
        """What came over the link to `end`, of `user`. Never raises."""
        try:
            if self._partner(end).forged.wait(self._core_context.now):
                raise ProtocolError("datagram of an end that forges")
            for frame in wire.decode_peer_datagram_untrusted(payload):
                self._take_frame(end, user, frame)
        except ProtocolError as error:
            self._note_error(end, error)
        except LocalStoreError as error:
            self._core_context.store_failed(error)

    def _note_error(self, end: PeerEnd, error: ProtocolError) -> None:
        self.counters[str(error)] += 1
        if isinstance(error, Forgery):
            self._partner(end).forged.take(self._core_context.now)

    def _take_frame(self, end: PeerEnd, user: int, frame: wire.PeerFrame) -> None:
        match frame:
            case wire.Carry():
                for message in frame.messages:
                    self._take_message(end, user, message, frame.hops)
            case wire.Digest() | wire.RoomDigests():
                self._compare(end, user, frame)
            case wire.Stored() | wire.WantHead() | wire.StoredHead() | wire.WantRecords() | wire.RecordsPiece():
                self._send(end, self.records.take(end, user, frame, self._core_context.now))
            case wire.WantMissed():
                self._send(end, self._missed.hand_out(end, user, frame, self._core_context.now))
            case wire.Missed():
                self._missed.take(end, frame, self._core_context.now)
            case wire.WantPeers() | wire.Introduce():
                self._send_all(self._introductions.take(end, frame, self._core_context.now))
            case wire.WantStatements() | wire.Told():
                self._send(end, self._hearsay.take(end, user, frame, self._core_context.now))
            case wire.Holds():
                self._take_names(end, user, frame)
            case wire.Want():
                self._hand_out(end, user, frame.names)
            case wire.WantAuthors():
                self._hand_out_authors(end, frame.devices)
            case wire.PeerCertificates():
                self._learn(end, frame.certificates)
            case wire.OfferMessage():
                self._take_offer(end, user, frame)
            case wire.WantPiece():
                self._hand_out_piece(end, user, frame)
            case wire.Piece():
                self._take_piece(end, frame)

    def _take_message(self, end: PeerEnd, user: int, message: Message, hops: int) -> None:
        if len(message.header) > HEADER_MAX:
            raise ProtocolError("header too long")
        key = decode_header_untrusted(message.header).key
        if self._is_shared(key.room, user):
            self._look_at_log(key.room)
        if not self._carried.wants(key):
            return
        try:
            item = self._prove(user, message)
        except UnknownDevice:
            self._unproven[key] = message, end
            if len(self._unproven) > _UNPROVEN_MAX:
                del self._unproven[next(iter(self._unproven))]
            self._send(end, [wire.WantAuthors([key.device])])
            return
        self._taken.append((item, end, hops))

    def _take_offer(self, end: PeerEnd, user: int, offer: wire.OfferMessage) -> None:
        header = decode_header_untrusted(offer.header)
        if self._is_shared(header.room, user):
            self._look_at_log(header.room)
        if not self._carried.wants(header.key) or header.key in self._pieces:
            return
        try:
            self._prove_author(user, header, offer.header, offer.body_hash, offer.signature)
        except UnknownDevice:
            # It is offered again when the next comparison finds it missing.
            self._send(end, [wire.WantAuthors([header.device])])
            return
        self._send(end, self._pieces.begin(header.key, end, user, offer, self._core_context.now))

    def _take_piece(self, end: PeerEnd, piece: wire.Piece) -> None:
        fetched, wanted = self._pieces.take(end, piece, self._core_context.now)
        self._send(end, wanted)
        if fetched is not None:
            self._take_message(end, fetched.user, fetched.message, fetched.hops)

    def _hand_out_piece(self, end: PeerEnd, user: int, frame: wire.WantPiece) -> None:
        name = frame.name
        item = self._carried.get(MessageKey(name.room, name.device, name.run, name.n))
        if item is None or not self._is_shared(name.room, user) or frame.offset >= len(item.message.body):
            return
        if self._partner(end).handed.take(self._core_context.now, _PIECE_COST):
            raise ProtocolError("too many messages asked for")
        octets = item.message.body[frame.offset : frame.offset + PIECE_OCTETS]
        self._send(end, [wire.Piece(name, frame.offset, octets)])

    def _look_at_log(self, room: int) -> None:
        """Who was away for a while carries what is in the log by now."""
        if room not in self._looked:
            with suppress(LocalStoreError):
                self._carried.note_decided(self._recent(room))
                self._looked.add(room)

    def _prove(self, sender: int, message: Message) -> Carried:
        """Raises ProtocolError unless the log's statements and the author's signature say that it may be there."""
        header = decode_header_untrusted(message.header)
        author = self._prove_author(sender, header, message.header, sha256(message.body), message.signature)
        body_text_untrusted(header.kind, message.body)
        return Carried(header, message, author)

    def _prove_author(self, sender: int, header: Header, octets: bytes, body_hash: bytes, signature: bytes) -> int:
        """The author. Raises ProtocolError, UnknownDevice."""
        members = self._statements.members(header.room)
        if members is None or self._user not in members or sender not in members:
            raise ProtocolError("message of a room that is not shared")
        if self._statements.is_closed(header.room):
            raise ProtocolError("message of a closed room")
        owner = self._authors.owner(header.device)
        if owner is None:
            raise UnknownDevice("unknown device")
        if owner.imported or owner.not_after_ms < self._now_ms() or self._statements.refuses(header.device, owner.user):
            raise ProtocolError("author without a right")
        if owner.user not in members:
            raise ProtocolError("author is no member")
        if header.kind not in _KINDS:
            raise ProtocolError("kind that is not carried")
        try:
            self._authors.check(header, octets, body_hash, signature)
        except ProtocolError as error:
            raise Forgery(str(error)) from error
        return owner.user

    def _learn(self, end: PeerEnd, certificates: Iterable[Certificate]) -> None:
        self._authors.learn_untrusted(certificates)
        following = self.records.take_authors(self._core_context.now)
        if following is not None:
            self._send(*following)
        waiting, self._unproven = self._unproven, {}
        for key, (message, source) in waiting.items():
            user = self._links.live_ends(self._core_context.now).get(source)
            if user is None or self._authors.owner(key.device) is None:
                self._unproven[key] = message, source
                continue
            try:
                self._taken.append((self._prove(user, message), source, HOPS_MAX // 2))
            except ProtocolError as error:
                self._note_error(source, error)

    # --- Keeping and handing on ---------------------------------------------------------------------------------------

    def settle(self) -> bool:
        """Store what came, say so, and pass it on; whether there was anything new. Raises LocalStoreError: what came is
        as if it had not."""
        taken, self._taken = self._taken, []
        if not taken:
            return False
        fresh = self._carried.add([item for item, _end, _hops in taken])
        if not fresh:
            return False
        self._core_context.emit(MessagesCarried(tuple((item.header, item.message, item.author) for item in fresh)))
        for gone in self._carried.take_pushed_out():
            if gone.header.device != self._links.end.device:
                self._core_context.emit(CarriedRefused(gone.header.key, 0))
        sources = {item.header.key: (end, hops) for item, end, hops in reversed(taken)}
        for item in fresh:
            self._hand_on(item, *sources[item.header.key])
        self._plan()
        return True

    def _hand_on(self, item: Carried, source: PeerEnd | None, hops: int) -> None:
        members = self._statements.members(item.header.room)
        if members is None or hops >= HOPS_MAX:
            return
        frame = _frame_of(item, hops + 1 if source is not None else 0)
        live = self._links.live_ends(self._core_context.now)
        ends = [end for end, user in live.items() if end != source and user in members]
        for end in ends[:_FANOUT]:
            self._send(end, [frame])

    def _send(self, end: PeerEnd, frames: Sequence[Any]) -> None:
        for payload in pack_datagrams(frames):
            self._links.send(end, payload, self._core_context.now)

    def _send_all(self, frames: Iterable[tuple[PeerEnd, Sequence[Any]]]) -> None:
        for end, part in frames:
            self._send(end, part)

    # --- Comparing ----------------------------------------------------------------------------------------------------

    def _is_shared(self, room: int, user: int) -> bool:
        members = self._statements.members(room)
        return members is not None and self._user in members and user in members

    def _compare(self, end: PeerEnd, user: int, frame: wire.Digest | wire.RoomDigests) -> None:
        if self._partner(end).compared.take(self._core_context.now):
            raise ProtocolError("too many comparisons")
        if isinstance(frame, wire.RoomDigests):
            self._send(end, self._comparison.names(user, frame.rooms))
            return
        self._send(end, self.records.compare(user, frame.stored))
        digest = self._comparison.digest(user)
        self._send(end, self._hearsay.compare(end, user, frame.said, digest, self._core_context.now))
        if frame.digest != digest:
            self._send(end, self._comparison.rooms(user))

    def _take_names(self, end: PeerEnd, user: int, frame: wire.Holds) -> None:
        partner, now = self._partner(end), self._core_context.now
        names = 8 * sum(len(run.mask) for run in frame.runs)
        if partner.named.take(now, 1 + names) or (frame.answer and partner.compared.take(now, _LIST_COST)):
            raise ProtocolError("too many comparisons")
        most = 0 if partner.asked.wait(now, NAMES_AT_ONCE) else NAMES_AT_ONCE
        missing = self._comparison.missing(user, frame, now, most)
        partner.asked.spend(len(missing))
        self._send(end, self._comparison.reply(frame, missing))

    def _hand_out(self, end: PeerEnd, user: int, names: Iterable[wire.MessageName]) -> None:
        for name in names:
            item = self._carried.get(MessageKey(name.room, name.device, name.run, name.n))
            if item is None or not self._is_shared(name.room, user):
                continue
            if self._partner(end).handed.take(self._core_context.now):
                raise ProtocolError("too many messages asked for")
            self._send(end, [_frame_of(item, HOPS_MAX // 2)])

    def _hand_out_authors(self, end: PeerEnd, devices: Sequence[bytes]) -> None:
        if self._partner(end).handed.take(self._core_context.now, len(devices) or 1):
            raise ProtocolError("too many messages asked for")
        try:
            found = list(self._store.certificates(devices).values())
        except LocalStoreError:
            return
        for certificate in found:
            self._send(end, [wire.PeerCertificates([certificate])])

    def _partner(self, end: PeerEnd) -> Partner:
        if end not in self._partners:
            live = self._links.live_ends(self._core_context.now)
            self._partners = {known: partner for known, partner in self._partners.items() if known in live}
            self._partners[end] = Partner()
        return self._partners[end]

    # --- Time ---------------------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        if not (self._away or len(self._carried)):
            self._compare_at = None
        elif self._compare_at is None:
            self._compare_at = self._core_context.now + COMPARE_EVERY * (0.8 + 0.4 * self._random())

    def timer(self) -> float | None:
        """When `handle_timer` is due."""
        return earliest(self._compare_at, self._pieces.timer(), self.records.timer(), self._introductions.timer())

    def handle_timer(self) -> None:
        """Begin to compare with everybody who is heard."""
        now = self._core_context.now
        self._send_all([*self._pieces.due(now), *self.records.due(now), *self._introductions.due(now)])
        if self._compare_at is None or now < self._compare_at:
            return
        self._compare_at = None
        self._plan()
        live = list(self._links.live_ends(now).items())
        self.records.forget(dict(live))
        self._hearsay.forget(dict(live))
        self._round += _FANOUT
        for place in range(min(_FANOUT, len(live))):
            end, user = live[(self._round + place) % len(live)]
            stored, said = (self.records.digest(user), self._hearsay.digest(user)) if self._away else (0, 0)
            self._send(end, [wire.Digest(self._comparison.digest(user), stored, said)])
