"""A simulated client process: the real client core, driven as lanchat/net/driver.py does, on a store in memory.

A profile is one computer of one user. Its store survives crashes; several processes may run on it at once.
"""

from typing import Any

from lanchat.protocol import keys, seal, wire
from lanchat.protocol.client.core import ClientCore, LogIdentity
from lanchat.protocol.client.events import (
    Answered,
    ConnectionGivenUp,
    KeysChanged,
    MessageRefused,
    MessageStored,
    Output,
    Path,
    ReconnectDue,
    RecordsStored,
    RoomStopped,
    RoomWentLive,
)
from lanchat.protocol.client.packer import pack_datagrams
from lanchat.protocol.client.ports import LocalStoreError
from lanchat.protocol.client.states import LinkState
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.messages import Kind
from lanchat.protocol.wire import (
    FrameReader,
    Goodbye,
    decode_from_server_untrusted,
    decode_server_datagram_untrusted,
    pack_frame,
)
from tests.sim.network import Way
from tests.sim.server import FINGERPRINT, Link
from tests.sim.signing import signing_key
from tests.sim.store import ProcessDied, SimLocalStore
from tests.support.rig import LOG_ID, LOG_PUBLIC, Author

CONNECT_TIMEOUT = 4.0
LOGIN_TIMEOUT = 10.0
# What comes within this time is taken in together, as a real process drains its socket.
_TURN = 0.0005
_FINAL = frozenset((wire.Code.BAD_CREDENTIALS, wire.Code.ACCOUNT_DISABLED, wire.Code.DEVICE_REVOKED, wire.Code.VERSION))
# Fresh keys are asked for when this part of the packets is left.
_RESERVE = 0.3


class Profile:
    """One computer of one user."""

    def __init__(self, world: Any, number: int, author: Author) -> None:
        self.world = world
        self.number = number
        self.author = author
        self.user = author.user
        self.store = SimLocalStore(world)
        self.processes: list[Process] = []
        self.gone = False  # crashed and never to come back
        self.revoked = False

    @property
    def device(self) -> bytes:
        return self.author.device

    @property
    def lives(self) -> bool:
        """Whether everything that it made must be decided in the end."""
        return bool(self.processes) and not self.revoked

    def start(self) -> "Process":
        process = Process(self)
        self.world.checker.started(process)
        self.processes.append(process)
        process.begin()
        return process

    def online_since(self, server: Any) -> float | None:
        """When the oldest session of this computer at a server began; None: there is none."""
        mine = [process for process in self.processes if process.link is not None and process.link.server is server]
        return min((process.session_began for process in mine if process.session_began is not None), default=None)


class Process:
    """From start to crash: a run of its own."""

    def __init__(self, profile: Profile) -> None:
        world = profile.world
        self.profile = profile
        self.world = world
        self.clock = world.clock
        self.alive = True
        self.run = world.random.getrandbits(62)
        self.core = ClientCore(
            config=world.scene.client_config,
            identity=LogIdentity(LOG_ID, world.database.log.epoch, LOG_PUBLIC),
            device_key=signing_key(profile.author.key),
            user=profile.user,
            store=profile.store,
            random=world.random.random,
            run=self.run,
            now_ms=world.wall_ms,
        )
        self.address = (0, 0)
        self.link: Link | None = None
        self.operations: dict[int, Any] = {}
        self.session_began: float | None = None
        self._attempt = 0
        self._logged_in = False
        self._welcome: wire.Welcome | None = None
        self._reader = FrameReader()
        self._sealer: seal.Sealer | None = None
        self._openers: dict[int, seal.Opener] = {}
        self._armed: float | None = None
        self._woken = False
        self._udp_was_open = False

    @property
    def name(self) -> str:
        return f"client {self.profile.number} (user {self.profile.user})"

    def begin(self) -> None:
        self.core.start(self.clock.now)
        self.pump()

    # --- The end -----------------------------------------------------------------------------------------------------

    def crash(self, *, power: bool = False) -> None:
        """Killed. What the store has is all that is left. `power`: the network says nothing of it."""
        if self.alive:
            self.alive = False
            self.profile.processes.remove(self)
            self._count_what_it_did()
            self._hang_up(power=power)

    def _count_what_it_did(self) -> None:
        for name, number in self.core.counters.items():
            self.world.counters[f"client: {name}"] += number

    def _hang_up(self, *, power: bool = False) -> None:
        link, self.link = self.link, None
        self._attempt += 1
        self._logged_in = False
        self.session_began = None
        self._sealer = None
        self._openers.clear()
        self.world.sockets.pop(self.address, None)
        if link is not None:
            if power:
                link.up.vanish()
                link.down.vanish()
            else:
                link.up.reset()

    # --- Connecting --------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._attempt += 1
        network, number = self.world.network, self.profile.number
        reachable = network.passes(number, Way.UP) and network.passes(number, Way.DOWN)
        self.clock.after(network.delay() * 2 if reachable else CONNECT_TIMEOUT, self._dial, self._attempt, reachable)

    def _dial(self, attempt: int, reachable: bool) -> None:
        if not self.alive or attempt != self._attempt:
            return
        server = self.world.server_to_reach() if reachable else None
        if server is None:
            self.core.disconnected(self.clock.now)
            self.pump()
            return
        self._reader = FrameReader()
        self._welcome = None
        self.link = server.accept(
            self.profile.number, lambda octets: self._arrived(attempt, octets), lambda: self._lost(attempt)
        )
        self.core.opened(self.clock.now)
        self._write(wire.Request(1, wire.Hello([1], "sim")))
        self.clock.after(LOGIN_TIMEOUT, self._login_timed_out, attempt)
        self.pump()

    def _login_timed_out(self, attempt: int) -> None:
        if self.alive and attempt == self._attempt and not self._logged_in:
            self._failed()

    def _failed(self, code: int = 0) -> None:
        self._hang_up()
        if code in _FINAL:
            self.world.counters["log-in refused for good"] += 1
            self.core.refused(self.clock.now, "", code)
        else:
            self.core.disconnected(self.clock.now)
        self.pump()

    def _lost(self, attempt: int) -> None:
        """The connection ended."""
        if self.alive and attempt == self._attempt:
            self._failed()

    def _handshake(self, frame: Any) -> None:
        match frame:
            case wire.Response(result=wire.Welcome()):
                self._log_in(frame.result)
            case wire.Response(result=wire.LoggedIn()):
                self._begin_session(frame.result)
            case wire.Failure() | Goodbye():
                self.world.counters[f"log-in: {wire.Code(frame.code).name if frame.code else 'goodbye'}"] += 1
                self._failed(frame.code)

    def _log_in(self, welcome: wire.Welcome) -> None:
        self._welcome = welcome
        proof = keys.LOGIN_CONTEXT + welcome.log_id + bytes.fromhex(FINGERPRINT) + welcome.challenge
        key = signing_key(self.profile.author.key)
        self._write(wire.Request(2, wire.LoginDevice(self.profile.device, key.sign(proof))))

    def _begin_session(self, logged_in: wire.LoggedIn) -> None:
        assert self._welcome is not None
        self._logged_in = True
        self.session_began = self.clock.now
        self.new_address()
        self.core.connected(
            logged_in,
            self.clock.now,
            epoch=self._welcome.log_epoch,
            limits=self._welcome.limits,
            use_udp=self.world.scene.use_udp,
        )

    def new_address(self) -> None:
        """The computer's address is another from now on, or its port is, behind a NAT."""
        self.world.sockets.pop(self.address, None)
        self.address = self.world.new_socket(self.profile.number, self)

    # --- Receiving ---------------------------------------------------------------------------------------------------

    def _arrived(self, attempt: int, octets: bytes) -> None:
        if not self.alive or attempt != self._attempt:
            return
        try:
            for encoded in self._reader.feed_untrusted(octets):
                frame = decode_from_server_untrusted(encoded)
                if self._logged_in:
                    self._receive(frame, Path.TLS)
                else:
                    self._handshake(frame)
                if attempt != self._attempt:
                    return
        except ProtocolError as error:
            raise self.world.fail_now("protocol", f"{self.name}: {error}") from error
        self._wake()

    def _receive(self, frame: Any, path: Path) -> None:
        self.world.counters[f"got {type(frame).__name__}"] += 1
        self.core.receive(frame, path, self.clock.now)

    def datagram(self, datagram: bytes) -> None:
        """As lanchat/net/udp.py opens it."""
        if not self.alive:
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

    def take(self, frames: list[Any]) -> None:
        """What an opened datagram had."""
        try:
            for frame in frames:
                self._receive(frame, Path.UDP)
        except ProtocolError as error:
            raise self.world.fail_now("protocol", f"{self.name}: {error}") from error
        self._wake()

    # --- Driving the core --------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self.clock.after(_TURN, self._turn)

    def _turn(self) -> None:
        self._woken = False
        self.pump()

    def pump(self) -> None:
        """Take what the core has, until there is nothing more."""
        if not self.alive:
            return
        try:
            self._pump()
        except ProcessDied:
            self.world.counters["torn write"] += 1
            self.crash()
            self.world.revive(self.profile)

    def _pump(self) -> None:
        core = self.core
        while self.alive:
            events, outputs = core.take_events(), core.take_outputs()
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
        if self.core.udp_open != self._udp_was_open:
            self._udp_was_open = self.core.udp_open
            self.world.counters["switch to UDP" if self._udp_was_open else "switch to TLS"] += 1

    def _arm(self) -> None:
        due = self.core.timer()
        if due is not None and (self._armed is None or due < self._armed or self._armed <= self.clock.now):
            self._armed = due
            self.clock.at(due, self._tick, due)

    def _tick(self, armed: float) -> None:
        if self.alive and self._armed == armed:
            self._armed = None
            self.core.handle_timer(self.clock.now)
            self.pump()

    # --- Sending -----------------------------------------------------------------------------------------------------

    def _write(self, frame: Any) -> None:
        if self.link is not None:
            self.link.up.write(pack_frame(frame))

    def _send(self, outputs: list[Output]) -> None:
        datagrams = []
        for path, frame in outputs:
            self.world.checker.sent(self, frame)
            if path is Path.TLS:
                self._write(frame)
            else:
                datagrams.append(frame)
        if datagrams:
            self.send_datagrams(datagrams)

    def send_datagrams(self, frames: list[Any]) -> None:
        for payload in pack_datagrams(frames):
            if self._sealer is None or self.link is None:
                return
            try:
                datagram = self._sealer.seal(payload)
            except OverflowError:
                self.core.drop("keys used up")
                continue
            self.world.to_server(datagram, self.address, self.link.server)
        if self._sealer is not None and self._sealer.counter >= seal.PACKETS_PER_KEY * (1 - _RESERVE):
            self.core.renew(self.clock.now)

    # --- Events ------------------------------------------------------------------------------------------------------

    def _handle(self, event: Any) -> None:
        checker = self.world.checker
        match event:
            case ReconnectDue():
                self._connect()
            case ConnectionGivenUp():
                self._hang_up()
                if self.core.state is LinkState.REFUSED:
                    self.world.counters["session ended by the server for good"] += 1
            case KeysChanged():
                self._use_keys(event.keys)
            case RecordsStored():
                checker.records_stored(self, event)
            case MessageStored() | MessageRefused():
                checker.decided(self, event)
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
            self.clock.after(seal.OLD_KEY_GRACE, self._openers.pop, key_id, None)
        self._sealer = seal.Sealer(session_keys.to_server, session_keys.key_id, LOG_ID, epoch)
        self._openers[session_keys.key_id] = seal.Opener(session_keys.to_client, session_keys.key_id, LOG_ID, epoch)

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
            self.world.counters["torn write"] += 1
            self.crash()
            self.world.revive(self.profile)
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
        if self._logged_in:
            if self.core.udp_open and len(message.body) < 900:
                self.send_datagrams([wire.Submit([message])])
            else:
                self._write(wire.Submit([message]))
