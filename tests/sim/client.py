"""A simulated client process: the real client core, driven as lanchat/transport/driver.py does, on a store in
memory."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from lanchat.core.core import ClientCore, LogIdentity
from lanchat.core.endpoints import SERVER, ServerEndpoint
from lanchat.core.events import (
    Answered,
    CarriedRefused,
    CertificateRenewed,
    ConnectionGivenUp,
    KeysChanged,
    MessageRefused,
    MessagesCarried,
    MessageStored,
    Output,
    PeersReached,
    ReconnectDue,
    RecordsStored,
    RoomStopped,
    RoomWentLive,
    SearchDue,
)
from lanchat.core.ports import LocalStoreError
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.datagram import seal
from lanchat.protocol.datagram.packer import pack_datagrams
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import decode_server_datagram_untrusted
from tests.sim.dialing import Dial
from tests.sim.server import Link
from tests.sim.signing import signing_key
from tests.sim.store import ProcessDied
from tests.support.rig import LOG_ID, LOG_PUBLIC

if TYPE_CHECKING:
    from tests.sim.profile import Profile

# What comes within this time is taken in together, as a real process drains its socket.
_TURN = 0.0005
_FINAL = frozenset((wire.Code.BAD_CREDENTIALS, wire.Code.ACCOUNT_DISABLED, wire.Code.DEVICE_REVOKED, wire.Code.VERSION))
# The address of a socket that is bound to one which the computer no longer has.
NOWHERE = (0, 0)
# Fresh keys are asked for when this part of the packets is left.
_RESERVE = 0.3


class Process:
    """From start to crash: a run of its own."""

    def __init__(self, profile: "Profile") -> None:
        world = profile.world
        self.profile = profile
        self.world = world
        self.clock = world.clock
        self.alive = True
        self.run = world.random.getrandbits(62)
        self.core = ClientCore(
            config=world.scene.client_config,
            identity=LogIdentity(LOG_ID, 0, LOG_PUBLIC),
            device_key=signing_key(profile.author.key),
            user=profile.user,
            store=profile.store,
            random=world.random.random,
            run=self.run,
            now_ms=partial(world.wall_ms, profile.number),
            peers=world.peers.start(profile.certificate) if world.scene.peers else None,
        )
        self.peer_address: Any = None
        # Messages that peers brought, by name.
        self.told_by_peers: set[Any] = set()
        self.address = NOWHERE
        self._session: Dial | None = None
        self._dialing: Dial | None = None
        self.operations: dict[int, Any] = {}
        self.session_began: float | None = None
        self._sealer: seal.Sealer | None = None
        self._openers: dict[int, seal.Opener] = {}
        self._armed: float | None = None
        self._woken = False
        self._udp_was_open = False
        self._had_udp = False

    @property
    def name(self) -> str:
        return f"client {self.profile.number} (user {self.profile.user})"

    def begin(self) -> None:
        if self.world.scene.peers:
            self.world.peers.watch(self)
            self.world.peers.listen(self)
        self.core.start(self.clock.now)
        self.pump()

    def sleeps(self, what: Callable[..., None], *arguments: Any) -> bool:
        """Whether the computer is asleep; then `what` happens when it wakes up."""
        until = self.profile.asleep_until
        if self.clock.now >= until:
            return False
        self.clock.at(until, what, *arguments)
        return True

    # --- The end ---------------------------------------------------------------------------------------------------

    def crash(self, *, power: bool = False) -> None:
        """Killed. What the store has is all that is left. `power`: the network says nothing of it."""
        if self.alive:
            self.alive = False
            self.profile.processes.remove(self)
            self.world.peers.close(self)
            self.count_what_it_did()
            if self._dialing is not None:
                self._dialing.hang_up(power=power)
            self._end_session(power=power)

    def count_what_it_did(self) -> None:
        """Into the run's counters."""
        for name, number in self.core.counters.items():
            self.world.counters[f"client: {name}"] += number

    def _end_session(self, *, power: bool = False) -> None:
        session, self._session = self._session, None
        self.session_began = None
        self._sealer = None
        self._openers.clear()
        self.world.sockets.pop(self.address, None)
        if session is not None:
            session.hang_up(power=power)

    # --- Connecting ------------------------------------------------------------------------------------------------

    @property
    def link(self) -> Link | None:
        """The present connection."""
        connection = self._session or self._dialing
        return connection.link if connection is not None else None

    def _begin_try(self, *, beside: bool) -> None:
        if self._dialing is None:
            self._dialing = Dial(self, beside=beside)
            self._dialing.begin()

    def dial_failed(self, dial: Dial, code: int) -> None:
        """No session this time."""
        if self._dialing is dial:
            self._dialing = None
        if self.core.in_session:
            return
        if code in _FINAL:
            self.world.counters["log-in refused for good"] += 1
            self.core.refused(self.clock.now, code=code)
        else:
            self.core.disconnected(self.clock.now)
        self.pump()

    def session_lost(self, dial: Dial) -> None:
        """The connection ended."""
        if self._session is dial:
            self._end_session()
            self.core.disconnected(self.clock.now)
            self.pump()

    def take_session(self, dial: Dial, logged_in: wire.LoggedIn) -> None:
        """Logged in. A session that lives and was heard meanwhile is kept, a silent one gives way."""
        self._dialing = None
        if self.core.in_session:
            if not self.core.silent:
                self.world.counters["second connection not needed"] += 1
                dial.hang_up()
                return
            self.world.counters["second connection beside a silent one"] += 1
            self._end_session()
            self.core.disconnected(self.clock.now)
        self._session = dial
        self._had_udp = False
        for receiver in self.core._rooms._receivers.values():
            self.world.counters["room with records of an earlier session"] += receiver.top > receiver.cursor
        self.session_began = self.clock.now
        self.new_address()
        assert dial.welcome is not None
        self.core.connected(
            logged_in,
            self.clock.now,
            epoch=dial.welcome.log_epoch,
            limits=dial.welcome.limits,
            use_udp=self.world.scene.use_udp,
            time_ms=dial.welcome.time_ms,
        )

    def new_address(self) -> None:
        """The computer's address is another from now on, or its port is, behind a NAT."""
        self.world.sockets.pop(self.address, None)
        self.address = self.world.new_socket(self.profile.number, self)

    def move(self) -> None:
        """Into another network: nothing reaches the connection any more, and nobody is told. The process sees within a
        second that its address is gone."""
        session = self._session
        if session is not None:
            session.die()
            self.world.sockets.pop(self.address, None)
            self.address = NOWHERE
            self.clock.after(self.world.random.random(), self._notice_move, session)

    def forget_tls(self) -> None:
        """The connection dies without a word."""
        if self._session is not None:
            self._session.die()

    def _notice_move(self, session: Dial) -> None:
        if self.alive and self._session is session and not self.sleeps(self._notice_move, session):
            self.core.cut_off(self.clock.now)
            self.pump()

    # --- Receiving ---------------------------------------------------------------------------------------------------

    def receive(self, frame: Any, path: Transport = Transport.TLS) -> None:
        """A frame of the session."""
        self.world.counters[f"got {type(frame).__name__}"] += 1
        try:
            self.core.receive(SERVER, path, frame, self.clock.now)
        except ProcessDied:
            self._die()

    def datagram(self, datagram: bytes) -> None:
        """As lanchat/transport/udp.py opens it."""
        if not self.alive or self.sleeps(self.datagram, datagram):
            return
        try:
            opener = self._openers.get(seal.key_id_untrusted(datagram))
            if opener is None:
                raise ProtocolError("unknown key")
            frames = decode_server_datagram_untrusted(opener.open_untrusted(datagram))
        except ProtocolError as error:
            self.core.drop(str(error))
            return
        self.take(frames)

    def peer_datagram(self, source: wire.PeerAddress, datagram: bytes) -> None:
        """From another client."""
        if self.alive and not self.sleeps(self.peer_datagram, source, datagram):
            self.core.receive_datagram(source, datagram, self.clock.now)
            self.wake()

    def take(self, frames: list[Any]) -> None:
        """What an opened datagram had."""
        try:
            for frame in frames:
                self.receive(frame, Transport.UDP)
                if not self.alive:
                    return
        except ProtocolError as error:
            raise self.world.fail_now("protocol", f"{self.name}: {error}") from error
        self.wake()

    # --- Driving the core --------------------------------------------------------------------------------------------

    def wake(self) -> None:
        if not self._woken:
            self._woken = True
            self.clock.after(_TURN, self._turn)

    def _turn(self) -> None:
        if self.sleeps(self._turn):
            return
        self._woken = False
        self.pump()

    def pump(self) -> None:
        """Take what the core has, until there is nothing more."""
        if not self.alive:
            return
        try:
            self._pump()
        except ProcessDied:
            self._die()

    def finish_turn(self) -> None:
        """Hear what the core has to say of what it was told before; what it sends waits."""
        for event in self.core.take_events() if self.alive else []:
            self._handle(event)

    def _die(self) -> None:
        """In the middle of a write to its store; somebody starts it again."""
        self.world.counters["torn write"] += 1
        self.crash()
        self.world.revive(self.profile)

    def _pump(self) -> None:
        core = self.core
        while self.alive:
            events, outputs = core.take_events(), core.take_outputs()
            for address, datagram in core.take_datagrams():
                self.world.peers.send(self, address, datagram)
            if not events and not outputs:
                break
            for event in events:
                self._handle(event)
            self._send(outputs)
        if self.alive:
            self.world.checker.bounds_of_client(self)
            self._note_path()
            self._arm()

    def _note_path(self) -> None:
        if self.core._link.udp_open != self._udp_was_open:
            self._udp_was_open = self.core._link.udp_open
            if self._udp_was_open:
                self.world.counters["switch to TLS and back" if self._had_udp else "switch to UDP"] += 1
                self._had_udp = True
            elif self._session is not None:
                self.world.counters["switch to TLS"] += 1

    def _arm(self) -> None:
        due = self.core.timer()
        if due is not None and (self._armed is None or due < self._armed or self._armed <= self.clock.now):
            self._armed = due
            self.clock.at(due, self._tick, due)

    def _tick(self, armed: float) -> None:
        if self.sleeps(self._tick, armed):
            return
        if self.alive and self._armed == armed:
            self._armed = None
            try:
                self.core.handle_timer(self.clock.now)
            except ProcessDied:
                self._die()
            self.pump()

    # --- Sending -----------------------------------------------------------------------------------------------------

    def _write(self, frame: Any) -> None:
        if self._session is not None:
            self._session.write(frame)

    def _send(self, outputs: list[Output]) -> None:
        datagrams = []
        for destination, path, frame in outputs:
            if not isinstance(destination, ServerEndpoint):
                self.core.drop("output to an unreachable peer")
                continue
            self.world.checker.sent(self, frame)
            if path is Transport.TLS:
                self._write(frame)
            else:
                datagrams.append(frame)
        if datagrams:
            self.send_datagrams(datagrams)

    def send_datagrams(self, frames: list[Any]) -> None:
        for payload in pack_datagrams(frames):
            link = self._session.link if self._session is not None else None
            if self._sealer is None or link is None or self.address == NOWHERE:
                return
            try:
                datagram = self._sealer.seal(payload)
            except OverflowError:
                self.core.drop("keys used up")
                continue
            self.world.to_server(datagram, self.address, link.server)
        if self._sealer is not None and self._sealer.counter >= self.world.scene.seal.packets_per_key * (1 - _RESERVE):
            self.core.renew(self.clock.now)

    # --- Events ------------------------------------------------------------------------------------------------------

    def _handle(self, event: Any) -> None:
        checker = self.world.checker
        match event:
            case ReconnectDue():
                self._begin_try(beside=False)
            case SearchDue():
                self.world.counters["search beside a silent session"] += 1
                self._begin_try(beside=True)
            case ConnectionGivenUp():
                self._end_session()
                if self.core.state is LinkState.REFUSED:
                    self.world.counters["session ended by the server for good"] += 1
            case KeysChanged():
                self._use_keys(event.keys)
            case RecordsStored():
                checker.records_stored(self, event)
                if not self.core.in_session:
                    self.world.counters["peers: records without the server"] += len(event.held)
            case MessageStored() | MessageRefused():
                checker.decided(self, event)
            case MessagesCarried():
                self.world.peers.carried(self, event)
            case CarriedRefused():
                self.world.peers.refused(event)
            case PeersReached() if event.users:
                self.world.counters["peers: somebody is reached"] += 1
            case CertificateRenewed():
                self.profile.certificate = event.certificate
            case RoomWentLive():
                checker.went_live(self, event)
            case RoomStopped():
                checker.stopped(self, event)
            case Answered():
                self._answered(event)

    def _use_keys(self, session_keys: wire.SessionKeys) -> None:
        if self._openers:
            self.world.counters["keys renewed"] += 1
        epoch = self.core.identity.epoch
        for key_id in list(self._openers):
            self.clock.after(self.world.scene.seal.old_key_grace, self._openers.pop, key_id, None)
        self._sealer = seal.Sealer(session_keys.to_server, session_keys.key_id, LOG_ID, epoch, self.world.scene.seal)
        self._openers[session_keys.key_id] = self.world.sealing.opener(
            session_keys.to_client, session_keys.key_id, epoch
        )

    def _answered(self, event: Answered) -> None:
        operation = self.operations.pop(event.id, None)
        result = event.result
        outcome = (
            "lost" if result is None else wire.Code(result.code).name if isinstance(result, wire.Failure) else "ok"
        )
        self.world.counters[f"{type(operation).__name__}: {outcome}"] += 1

    # --- What a person does ------------------------------------------------------------------------------------------

    def say(self, room: int, kind: Kind, body: str, ref: int = 0) -> None:
        """Type something; a full disk is told to the person, who loses nothing that was promised."""
        try:
            self.core.send(room, kind, body, ref, self.clock.now)
        except LocalStoreError:
            self.world.counters["full disk"] += 1
            return
        except ProcessDied:
            self._die()
            return
        self.pump()

    def ask(self, operation: Any) -> None:
        """A request, when there is a session."""
        number = self.core.request(operation, self.clock.now)
        if number is not None:
            self.operations[number] = operation
            self.pump()

    def submit(self, message: Any) -> None:
        """Hand in a message that somebody else made, past the core."""
        if self._session is not None:
            if self.core._link.udp_open and len(message.body) < 900:
                self.send_datagrams([wire.Submit([message])])
            else:
                self._write(wire.Submit([message]))
