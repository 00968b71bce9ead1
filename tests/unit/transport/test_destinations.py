"""Frames between the client core and the transport: each has a destination or a source."""

import asyncio
from collections.abc import Callable

from lanchat.core.config import ClientConfig
from lanchat.core.core import ClientCore, LogIdentity
from lanchat.core.endpoints import PeerEndpoint
from lanchat.core.events import Output
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.transport import Transport
from lanchat.transport.driver import DialFailed, Driver, EstablishedSession
from tests.support.fake_log import LOG_ID, FakeLog, Wire, device_of, key_of
from tests.support.memory_local import MemoryLocalStore

PEER = PeerEndpoint(device_of(key_of(9)))


class _PeerCore(ClientCore):
    """A core with `queued` to send."""

    queued: tuple[Output, ...] = ()

    def take_outputs(self) -> list[Output]:
        outputs, self.queued = self.queued, ()
        return [*super().take_outputs(), *outputs]


class _NoServer:
    async def dial(self, opened: Callable[[], None]) -> EstablishedSession:
        raise DialFailed

    async def dial_beside(self) -> EstablishedSession:
        raise DialFailed


def test_driver_counts_and_drops_outputs_to_peers() -> None:
    log = FakeLog()
    core = _PeerCore(
        config=ClientConfig(),
        identity=LogIdentity(LOG_ID, log.epoch, log.log_key),
        device_key=key_of(7),
        user=7,
        store=MemoryLocalStore(),
        random=lambda: 0.5,
        run=1,
        now_ms=lambda: 0,
    )
    core.queued = tuple(Output(PEER, path, wire.Ping(1)) for path in Transport)

    async def run() -> None:
        driver = Driver(core, _NoServer(), lambda event: None, use_udp=True)
        driver.start()
        driver.stop()

    asyncio.run(run())
    assert core.counters == {"output to an unreachable peer": len(Transport)}


def test_core_counts_and_drops_frames_of_peers() -> None:
    client = Wire(FakeLog(), MemoryLocalStore())
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE)
    client.core.receive(PEER, Transport.UDP, wire.Goodbye(wire.Code.DEVICE_REVOKED, ""), client.now)
    client.pump()
    assert client.core.counters["frame of a peer"] == 1
    assert client.core.state is LinkState.LIVE


def test_frames_of_peers_do_not_count_as_server_traffic() -> None:
    client = Wire(FakeLog(), MemoryLocalStore())
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE)
    client.hook = lambda direction, path, frame: False

    def receive_peer_frame() -> bool:
        client.core.receive(PEER, Transport.UDP, wire.Pong(1), client.now)
        return client.core.silent

    assert client.run_until(receive_peer_frame)
