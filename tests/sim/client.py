"""A simulated client process: the real client core on a store in memory."""

from random import Random
from typing import Any

from lanchat.protocol import seal
from lanchat.protocol.client.config import ClientConfig
from lanchat.protocol.client.core import ClientCore, LogIdentity
from lanchat.protocol.client.events import (
    ConnectionGivenUp,
    KeysChanged,
    MessageRefused,
    MessageStored,
    Path,
    ReconnectDue,
    RecordsStored,
    RoomStopped,
    RoomWentLive,
)
from lanchat.protocol.client.packer import pack_datagrams
from lanchat.protocol.client.ports import LocalStoreError
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.messages import Kind
from lanchat.protocol.wire import (
    FrameReader,
    decode_from_server_untrusted,
    decode_server_datagram_untrusted,
    pack_frame,
)
from tests.sim.network import Clock, Network, Stream
from tests.support.memory_local import MemoryLocalStore
from tests.support.rig import LOG_ID, LOG_PUBLIC, Author


class SimClient:
    """One profile: its store survives `crash`, everything else does not."""

    def __init__(self, number: int, author: Author, clock: Clock, network: Network, random: Random, world: Any) -> None:
        self.number = number
        self.author = author
        self.clock = clock
        self.network = network
        self.random = random
        self.world = world
        self.store = MemoryLocalStore()
        self.core: ClientCore | None = None
        self.gone = False  # crashed and never to come back
        self._peer: Any = None
        self._up: Stream | None = None
        self._reader = FrameReader()
        self._sealer: seal.Sealer | None = None
        self._opener: seal.Opener | None = None
        self._armed: float | None = None
        self._life = 0
        self.start()

    # --- Life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A process begins: a new run, the old store."""
        self._life += 1
        self._armed = None
        self.core = ClientCore(
            config=ClientConfig(first_page=self.random.choice([5, 100]), page=self.random.choice([7, 200])),
            identity=LogIdentity(LOG_ID, 1, LOG_PUBLIC),
            device_key=self.author.key,
            user=self.author.user,
            store=self.store,
            random=self.random.random,
            run=self.random.getrandbits(62),
            now_ms=self.world.wall_ms,
        )
        self.core.start(self.clock.now)
        self._connect()
        self.step()

    def crash(self) -> None:
        """The process is killed: what the store has is all that is left."""
        self.core = None
        self._hang_up()

    def _hang_up(self) -> None:
        peer, self._peer = self._peer, None
        if self._up is not None:
            self._up.open = False
            self._up = None
        if peer is not None:
            peer.on_closed = lambda: None
            # The server learns of it when the octets that say so arrive.
            self.clock.after(self.network.delay(), lambda: peer.server.close(peer))

    # --- The connection ----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        life = self._life
        self.clock.after(self.network.delay() * 2, lambda: self._dial(life))

    def _dial(self, life: int) -> None:
        if self.core is None or life != self._life or self._peer is not None:
            return
        server = self.world.server
        if server is None or not server.alive or self.number in self.network.blocked:
            self.core.disconnected(self.clock.now)
            self.step()
            return
        self._reader = FrameReader()
        peer, logged_in = server.accept(self.number, self.author.user, self.author.device, self._tls_for(life))
        self._peer = peer
        self._up = Stream(self.network, self.number, peer.received)
        peer.on_closed = lambda: self.clock.after(self.network.delay(), lambda: self._lost(life, peer))
        self.core.opened(self.clock.now)
        self.core.connected(logged_in, self.clock.now, use_udp=True)
        self.step()

    def _tls_for(self, life: int) -> Any:
        peers: list[Any] = []

        def deliver(octets: bytes) -> None:
            peers or peers.append(self._peer)
            if life == self._life and self._peer is peers[0]:
                self._received(octets)

        return deliver

    def _lost(self, life: int, peer: Any) -> None:
        if self.core is not None and life == self._life and self._peer is peer:
            self._peer = None
            self._up = None
            self.core.disconnected(self.clock.now)
            self.step()

    def _received(self, octets: bytes) -> None:
        for frame in self._reader.feed_untrusted(octets):
            if self.core is not None:
                self.core.receive(decode_from_server_untrusted(frame), Path.TLS, self.clock.now)
        self.step()

    def datagram(self, octets: bytes) -> None:
        if self.core is None or self._opener is None:
            return
        try:
            frames = decode_server_datagram_untrusted(self._opener.open_untrusted(octets))
        except ProtocolError as error:
            self.world.counters[str(error)] += 1
            return
        for frame in frames:
            self.core.receive(frame, Path.UDP, self.clock.now)
        self.step()

    # --- Driving the core --------------------------------------------------------------------------------------------

    def step(self) -> None:
        core = self.core
        if core is None:
            return
        due = core.timer()
        if due is not None and due <= self.clock.now:
            core.handle_timer(self.clock.now)
        outputs = core.take_outputs()
        self._handle(core.take_events())
        self._send(outputs)
        if self.core is core:
            self._arm()

    def _arm(self) -> None:
        assert self.core is not None
        due = self.core.timer()
        if due is not None and (self._armed is None or due < self._armed or self._armed <= self.clock.now):
            self._armed = due
            life = self._life
            self.clock.at(due, lambda: self._tick(life))

    def _tick(self, life: int) -> None:
        if life == self._life and self.core is not None:
            if self._armed is not None and self._armed <= self.clock.now:
                self._armed = None
            self.step()

    def _send(self, outputs: list[Any]) -> None:
        datagrams = [output.frame for output in outputs if output.path is Path.UDP]
        for output in outputs:
            if output.path is Path.TLS and self._up is not None:
                self._up.write(pack_frame(output.frame))
        for payload in pack_datagrams(datagrams):
            if self._sealer is not None and self._peer is not None:
                datagram, peer = self._sealer.seal(payload), self._peer
                self.network.datagram(self.number, lambda p=peer, d=datagram: p.datagram(d))

    def _handle(self, events: list[Any]) -> None:
        for event in events:
            match event:
                case ReconnectDue():
                    self._connect()
                case ConnectionGivenUp():
                    self._hang_up()
                case KeysChanged():
                    keys = event.keys
                    self._sealer = seal.Sealer(keys.to_server, keys.key_id, LOG_ID, 1)
                    self._opener = seal.Opener(keys.to_client, keys.key_id, LOG_ID, 1)
                case RecordsStored():
                    self.world.checker.records_stored(self, event)
                case MessageStored() | MessageRefused():
                    self.world.checker.decided(self, event)
                case RoomWentLive():
                    self.world.checker.went_live(self, event)
                case RoomStopped():
                    self.world.checker.stopped(self, event)

    # --- What a person does ----------------------------------------------------------------------------------------

    def say(self, room: int, kind: Kind, body: str, ref: int = 0) -> None:
        """Type something; a full disk is told to the person, who loses nothing that was promised."""
        if self.core is None:
            return
        try:
            item = self.core.send(room, kind, body, ref, self.clock.now)
        except LocalStoreError:
            self.world.counters["full disk"] += 1
            return
        self.world.checker.made(self, item)
        self.step()
