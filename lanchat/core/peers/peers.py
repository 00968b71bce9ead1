"""This client's part among its peers: it says where it takes datagrams, and keeps the links that the server names."""

from collections.abc import Callable, Sequence

import msgspec

from lanchat.core.context import CoreContext
from lanchat.core.events import CarriedRefused, PeersReached
from lanchat.core.peers.carried import CarriedMessages
from lanchat.core.peers.handing_in import HandIn
from lanchat.core.peers.links import DEAD_AFTER, PeerLinks
from lanchat.core.peers.talk import PeerTalk
from lanchat.core.people.statements import KnownStatements
from lanchat.core.ports import KnownPeers, RosterStore
from lanchat.core.session.requests import Answer
from lanchat.core.timers import earliest
from lanchat.protocol import wire
from lanchat.protocol.limits import PEER_ADDRESSES_MAX, PEERS_MAX, Limits
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.protocol.log.peers import PeerEnd, PeerInfo

# Who only says something and leaves is no neighbour.
_ANNOUNCE_AFTER = 2.0
# The roster is asked for anew: neighbours of long ago need no open links any longer. A few hundred octets each time.
_ANNOUNCE_EVERY = 600.0
_ANNOUNCE_RETRY = 10.0


class PeerStart(msgspec.Struct, frozen=True):
    """What is drawn for one start of a client: 63 random bits, 32 random octets; `token_bytes`: more of them.
    `certificate`: the last one of this device."""

    boot: int
    exchange_key: bytes
    token_bytes: Callable[[int], bytes]
    certificate: Certificate | None = None


class PeerReach(msgspec.Struct, frozen=True):
    """A device of somebody. `live`: it is heard without the server; `silent_for`: seconds since it was heard last,
    None: never."""

    user: int
    device: bytes
    live: bool
    silent_for: float | None


def _sooner(silent: float | None, other: float | None) -> bool:
    """Whether one was heard after the other."""
    return silent is not None and (other is None or silent < other)


class Peers:
    """Without a socket of the shell (`listening`) there are no links."""

    def __init__(
        self,
        core_context: CoreContext,
        links: PeerLinks,
        statements: KnownStatements,
        talk: PeerTalk,
        carried: CarriedMessages,
        hand_in: HandIn,
        store: RosterStore,
    ) -> None:
        """Nothing is announced yet; whom an earlier start knew is taken from the store. Raises LocalStoreError."""
        self._core_context = core_context
        self._links = links
        self.talk = talk
        self.carried = carried
        self.hand_in = hand_in
        self._store = store
        self._known: dict[PeerInfo, wire.Peer] = {}
        self._secret = b""
        self._saved_port = 0
        self._statements = statements
        self._port = 0
        self._hosts: tuple[bytes, ...] = ()
        self._in_session = False
        # Whether `settle` has something to look at, and when `handle_timer` is due.
        self.unsettled = True
        self.next_at: float | None = None
        self._announce_at: float | None = None
        self._unsaved = False
        # Of the statements: how many were looked at.
        self.refusals = statements.refusals
        self._reached: frozenset[int] = frozenset()
        self._changes = 0

    def remember(self, certificate: Certificate) -> None:
        """Whom an earlier start of this device, which has this certificate, had links to: for the time until the server
        is there. Raises LocalStoreError."""
        self.unsettled = True
        roster = self._store.roster()
        if roster is None:
            return
        self._secret, self._saved_port = roster.secret, roster.port
        self._links.use_certificate(certificate, roster.secret)
        self._known = {peer.info: peer for peer in roster.peers}
        cold = [msgspec.structs.replace(peer, warm=False) for peer in roster.peers]
        self._links.take_roster(cold, self._core_context.now, complete=False)

    @property
    def wanted_port(self) -> int:
        """Where others look for this device: the port of its last start, 0 when there was none."""
        return self._saved_port

    @property
    def links(self) -> PeerLinks:
        """Where datagrams are handed in and taken."""
        return self._links

    def listening(self, port: int, hosts: Sequence[bytes]) -> None:
        """The shell takes datagrams at this port, at these addresses of the computer; told to the server."""
        self.unsettled = True
        self._port, self._hosts = port, tuple(hosts[: PEER_ADDRESSES_MAX - 1])
        self._announce_at = self._core_context.now + _ANNOUNCE_AFTER

    def known(self, now: float) -> list[PeerReach]:
        """Devices that links are kept to, or may be; of one that was started several times that start which was heard
        last."""
        found: dict[bytes, PeerReach] = {}
        for end, user, heard_at in self._links.ends():
            silent = now - heard_at if heard_at is not None else None
            before = found.get(end.device)
            if before is None or _sooner(silent, before.silent_for):
                found[end.device] = PeerReach(user, end.device, silent is not None and silent < DEAD_AFTER, silent)
        return list(found.values())

    # --- A session ----------------------------------------------------------------------------------------------------

    def begin_session(self, certificate: Certificate, secret: bytes, limits: Limits, people: int) -> None:
        """The server is there, with its present certificate for this device. `people`: accounts."""
        self.unsettled = True
        self._secret = secret
        self._links.use_certificate(certificate, secret)
        self._links.set_away(False, self._core_context.now)
        self.talk.set_away(False)
        self.hand_in.begin_session(limits, people)
        self._in_session = True
        self._announce_at = self._core_context.now + _ANNOUNCE_AFTER if self._port else None

    def end_session(self) -> None:
        """The server is not there; links stay as they are."""
        self.unsettled = True
        self._in_session = False
        self.hand_in.end_session()

    def went_away(self) -> None:
        """It has not been there for long enough to do without."""
        self.unsettled = True
        self._links.set_away(True, self._core_context.now)
        self._unsaved = bool(self._known and self._port)
        self.talk.set_away(True)

    def say(self, message: Message) -> None:
        """This device made a message, which is in its outbox; peers get it while there is no session."""
        self.unsettled = True
        if not self._in_session and self._port:
            self.talk.say(message)

    def decided(self, key: MessageKey, code: int = 0) -> None:
        """A message is stored, or refused with `code`. Raises LocalStoreError."""
        self.unsettled = True
        for item in self.talk.forget([key]):
            if code and item.header.device != self._links.end.device:
                self._core_context.emit(CarriedRefused(key, code))

    def take_changed(self, frame: wire.PeersChanged) -> None:
        """What the server says of further peers."""
        self.unsettled = True
        if self._port:
            known = {**self._known, **{peer.info: peer for peer in frame.peers}}
            self._known = dict(list(known.items())[-PEERS_MAX:])
            self._links.take_roster(frame.peers, self._core_context.now, complete=False)

    def _take_roster(self, answer: Answer) -> None:
        self.unsettled = True
        wait = _ANNOUNCE_RETRY
        if isinstance(answer, wire.Roster):
            self._known = {peer.info: peer for peer in answer.peers}
            self._links.take_roster(answer.peers, self._core_context.now, complete=True)
            self._unsaved = True
            wait = _ANNOUNCE_EVERY
        self._announce_at = self._core_context.now + wait

    # --- Settling -----------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Keep what came, announce and hand in what is due, end what lost its right, and say who is reached. Raises
        LocalStoreError."""
        self.unsettled = False
        try:
            self._settle()
        finally:
            announce_at = self._announce_at if self._in_session else None
            self.next_at = earliest(announce_at, self._links.timer(), self.talk.timer(), self.hand_in.timer())

    def _settle(self) -> None:
        now = self._core_context.now
        if self.talk.settle() and self._in_session:
            self.hand_in.news()
        self.hand_in.settle()
        if self._in_session and self._announce_at is not None and now >= self._announce_at:
            self._announce_at = None
            self._core_context.request(
                wire.AnnouncePeer(self._links.info, self._port, list(self._hosts)), self._take_roster
            )
        if self._unsaved:
            self._store.save_roster(KnownPeers(self._secret, self._port, list(self._known.values())))
            self._unsaved = False
        if self._statements.refusals != self.refusals:
            self.refusals = self._statements.refusals
            self._links.drop_refused(self._is_refused)
        if self._links.changes == self._changes:
            return
        self._changes = self._links.changes
        reached = frozenset(self._links.live_ends(now).values())
        if reached != self._reached:
            self._reached = reached
            self._core_context.emit(PeersReached(tuple(sorted(reached))))

    def _is_refused(self, end: PeerEnd, user: int) -> bool:
        return self._statements.refuses(end.device, user)

    # --- Datagrams and time -------------------------------------------------------------------------------------------

    def receive_untrusted(self, address: wire.PeerAddress, datagram: bytes) -> None:
        """A datagram that came in at the shell's socket. Never raises."""
        self.unsettled = True
        got = self._links.receive_untrusted(address, datagram, self._core_context.now)
        if got is not None:
            self.talk.take_untrusted(*got)

    def handle_timer(self) -> None:
        """Everything that is due."""
        self.unsettled = True
        self._links.handle_timer(self._core_context.now)
        self.talk.handle_timer()
