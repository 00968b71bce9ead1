"""A simulated server process: the real sequencer and core on a database in memory, commits that take time and fail."""

import itertools
from collections.abc import Callable
from random import Random
from typing import Any

from lanchat.protocol import seal, wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.wire import (
    FrameReader,
    decode_client_datagram_untrusted,
    decode_from_client_untrusted,
    pack_frame,
)
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory import Directory
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.model import LogState
from lanchat_server.core.outbound import Fetch, Send
from lanchat_server.core.pages import read_page
from lanchat_server.core.ports import CommitUnknown, Fenced, StoreError
from lanchat_server.core.sequencer import Sequencer, Submission
from lanchat_server.core.sessions import Path
from tests.sim.network import Clock, Network, Stream
from tests.support.memory_store import Fault, MemoryDatabase, MemoryStore
from tests.support.rig import LOG_ID, LOG_KEY

CONFIG = CoreConfig(message_rate=200.0, message_burst=200, recent_per_room=16)


class Peer:
    """The server's end of one client's connection."""

    def __init__(self, server: "SimServer", number: int, client: int, to_client: Callable[[bytes], None]) -> None:
        self.server = server
        self.number = number
        self.client = client
        self.down = Stream(server.network, client, to_client)
        self.reader = FrameReader()
        self.sealer: seal.Sealer | None = None
        self.opener: seal.Opener | None = None
        self.has_address = False
        self.closed = False
        self.on_closed: Callable[[], None] = lambda: None

    def received(self, octets: bytes) -> None:
        """TLS octets of the client."""
        if self.closed:
            return
        for frame in self.reader.feed_untrusted(octets):
            self.server.frame(self, decode_from_client_untrusted(frame))
        self.server.step()

    def datagram(self, octets: bytes) -> None:
        if self.closed or self.opener is None:
            return
        try:
            frames = decode_client_datagram_untrusted(self.opener.open_untrusted(octets))
        except ProtocolError as error:
            self.server.count(str(error))
            return
        self.has_address = True
        for frame in frames:
            self.server.core.receive(self.number, frame, Path.UDP, self.server.clock.now)
        self.server.step()


class SimServer:
    """From start to crash. A new one is made for each start on the same database."""

    numbers = itertools.count(1)

    def __init__(self, clock: Clock, network: Network, random: Random, database: MemoryDatabase, world: Any) -> None:
        self.clock = clock
        self.network = network
        self.random = random
        self.world = world
        self.alive = True
        self.fenced = False
        self.store = MemoryStore(database, self._fault)
        self.store.take_lease("sim", 0)
        self.directory = Directory(self.store.snapshot())
        self.sequencer = Sequencer(self.directory, LOG_KEY, CONFIG.progress_max)
        heads = [self.sequencer.sign(room.id, room.head) for room in self.directory.rooms.values()]
        self.core = ServerCore(CONFIG, self.directory, heads, clock.now)
        self.peers: dict[int, Peer] = {}
        self._stale = False
        self._armed: float | None = None
        self.step()

    @property
    def log(self) -> LogState:
        return self.directory.log

    def count(self, what: str) -> None:
        self.world.counters[what] += 1

    def _fault(self) -> Fault:
        return self.world.commit_fault()

    # --- Life ------------------------------------------------------------------------------------------------------

    def crash(self) -> None:
        """Everything in memory is gone; connections break."""
        self.alive = False
        for peer in list(self.peers.values()):
            self.close(peer)

    def close(self, peer: Peer) -> None:
        if not peer.closed:
            peer.closed = True
            peer.down.open = False
            self.peers.pop(peer.number, None)
            self.core.remove_session(peer.number, self.clock.now)
            peer.on_closed()

    def accept(self, client: int, user: int, device: bytes, to_client: Callable[[bytes], None]) -> tuple[Peer, Any]:
        """TLS and log-in in one step (what they do is tested elsewhere); the peer and the LoggedIn."""
        peer = Peer(self, next(self.numbers), client, to_client)
        self.peers[peer.number] = peer
        keys = wire.SessionKeys(peer.number, self.random.randbytes(32), self.random.randbytes(32), 3_600_000)
        peer.opener = seal.Opener(keys.to_server, keys.key_id, LOG_ID, self.log.epoch)
        peer.sealer = seal.Sealer(keys.to_client, keys.key_id, LOG_ID, self.log.epoch)
        self.core.add_session(peer.number, user, device, self.clock.now)
        certificate = self.directory.devices[device].certificate
        view = self.core.user_view(user)
        return peer, wire.LoggedIn(view, device, certificate, keys, self.rooms_for(user))

    def rooms_for(self, user: int) -> list[wire.Room]:
        rooms = []
        for room_id in sorted(self.directory.rooms_of(user)):
            room, member = self.directory.rooms[room_id], self.directory.membership(room_id, user)
            assert member is not None
            rooms.append(wire.Room(room.id, room.name, room.kind, room.history, member.first_seq, True, 3))
        return rooms

    # --- Frames and requests -----------------------------------------------------------------------------------------

    def frame(self, peer: Peer, frame: Any) -> None:
        if isinstance(frame, wire.Request):
            self._reply(peer, frame)
        else:
            self.core.receive(peer.number, frame, Path.TLS, self.clock.now)

    def _reply(self, peer: Peer, request: wire.Request) -> None:
        """Subscriptions at once, pages after a read that takes time: what is committed meanwhile must not matter."""
        operation = request.operation
        if isinstance(operation, wire.Subscribe):
            heads = self.core.subscribe(peer.number, operation.rooms)
            peer.down.write(pack_frame(wire.Response(request.id, wire.Subscribed(heads, []))))
        elif isinstance(operation, wire.History):
            session = self.core.sessions.get(peer.number)
            member = self.directory.membership(operation.room, session.user) if session else None
            head = self.core.heads[operation.room]
            self.core.pulled(peer.number, operation.room)
            self.clock.after(self.random.uniform(0, 0.02), lambda: self._page(peer, request, member, head))
        elif isinstance(operation, wire.GetCertificates):
            found = [self.directory.devices[device].certificate for device in operation.devices]
            peer.down.write(pack_frame(wire.Response(request.id, wire.Certificates(found))))
        else:
            raise AssertionError(f"the simulator answers no {type(operation).__name__}")

    def _page(self, peer: Peer, request: wire.Request, member: Any, head: Any) -> None:
        if peer.closed:
            return
        operation = request.operation
        assert isinstance(operation, wire.History)
        if member is None:
            peer.down.write(pack_frame(wire.Failure(request.id, wire.Code.NOT_FOUND, "no such room")))
            return
        page = read_page(self.store, self.directory, member, head, operation, self.sequencer.sign)
        peer.down.write(pack_frame(wire.Response(request.id, page)))

    # --- Driving the core --------------------------------------------------------------------------------------------

    def step(self) -> None:
        if not self.alive:
            return
        now = self.clock.now
        due = self.core.timer()
        if due is not None and due <= now:
            self.core.handle_timer(now)
        batch = self.core.next_batch(now)
        if batch is not None:
            self.clock.after(self.world.commit_latency(), lambda: self._commit(batch))
        for output in self.core.take_outputs():
            if isinstance(output, Send):
                self._send(output)
            else:
                self.clock.after(self.random.uniform(0, 0.01), lambda fetch=output: self._fetch(fetch))
        self._arm()

    def _arm(self) -> None:
        due = self.core.timer()
        if due is not None and (self._armed is None or due < self._armed or self._armed <= self.clock.now):
            self._armed = due
            self.clock.at(due, self._tick)

    def _tick(self) -> None:
        if self._armed is not None and self._armed <= self.clock.now:
            self._armed = None
        self.step()

    def _commit(self, batch: list[Submission]) -> None:
        if not self.alive:
            return
        try:
            if self._stale:
                self._refresh()
            outcome = self.sequencer.commit(self.store, batch, self.world.wall_ms())
        except Fenced:
            self.count("fenced")
            self.world.fenced(self)
            return
        except StoreError as error:
            self.count(type(error).__name__)
            self._stale = isinstance(error, CommitUnknown) or self._stale
            self.core.commit_failed(batch, self.clock.now)
        else:
            self.world.checker.gaps.update(outcome.gaps)
            # The commit is durable; a crash may come before anybody is told.
            self.clock.after(self.random.uniform(0, 0.003), lambda: self._committed(outcome))
            return
        self.step()

    def _committed(self, outcome: Any) -> None:
        if self.alive:
            self.core.committed(outcome, self.clock.now)
            self.step()

    def _refresh(self) -> None:
        self.directory.load(self.store.snapshot())
        rooms = self.directory.rooms.values()
        self.core.reload_heads({room.id: self.sequencer.sign(room.id, room.head) for room in rooms}, self.clock.now)
        self._stale = False

    def _fetch(self, fetch: Fetch) -> None:
        if self.alive:
            self.core.fetched(fetch, self.store.records(fetch.room, fetch.seqs), self.clock.now)
            self.step()

    def _send(self, send: Send) -> None:
        for number in send.sessions:
            peer = self.peers.get(number)
            if peer is None:
                continue
            if send.path is Path.TLS:
                peer.down.write(send.payload)
            elif peer.has_address and peer.sealer is not None:
                datagram = peer.sealer.seal(send.payload)
                self.network.datagram(peer.client, lambda p=peer, d=datagram: self.world.to_client(p, d))
