"""A driver that is held because its shell is busy: received frames stay on the channel, also on a new one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from lanchat.core.config import ClientConfig
from lanchat.core.core import ClientCore, LogIdentity
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.limits import Limits
from lanchat.protocol.wire import FrameReader, pack_frame
from lanchat.transport.connecting import still_ours
from lanchat.transport.driver import DialFailed, Driver, EstablishedSession
from lanchat.transport.tls import Closed, Receiver, TlsChannel
from tests.support.fake_log import LOG_ID, FakeLog, key_of
from tests.support.memory_local import MemoryLocalStore

KEY = key_of(7)
FRAMES = 5000


class FakeChannel:
    """A channel without a network. `deliver` does what its transport would do with received frames."""

    peer = own = ("127.0.0.1", 1)

    def __init__(self) -> None:
        self.paused = False
        self.sent: list[Any] = []
        self._receiver: Receiver | None = None

    def attach(self, receiver: Receiver, on_closed: Closed) -> None:
        self._receiver = receiver

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def send(self, frame: Any) -> None:
        self.sent.append(frame)

    def close(self) -> None:
        self._receiver = None

    def abort(self, error: Exception) -> None:
        raise error

    def deliver(self, frames: list[Any]) -> int:
        """The number of frames that were passed on before the channel was paused."""
        octets = FrameReader(1 << 20).feed_untrusted(b"".join(map(pack_frame, frames)))
        for number, frame in enumerate(octets):
            if self.paused or self._receiver is None:
                return number
            self._receiver([frame])
        return len(octets)


class _NoServer:
    async def dial(self, opened: Callable[[], None]) -> EstablishedSession:
        raise DialFailed

    async def dial_beside(self) -> EstablishedSession:
        raise DialFailed


def play(scenario: Callable[[Driver, Callable[[], FakeChannel]], Awaitable[None]]) -> None:
    """`scenario` gets a driver that was started and what makes a session on a new channel."""
    assert still_ours(FakeChannel.own)
    log = FakeLog()
    log.enrol(KEY, 7, "me")
    core = ClientCore(
        config=ClientConfig(),
        identity=LogIdentity(LOG_ID, log.epoch, log.log_key),
        device_key=KEY,
        user=7,
        store=MemoryLocalStore(),
        random=lambda: 0.5,
        run=1,
        now_ms=lambda: 0,
    )
    welcome = wire.Welcome(
        1, "Test", LOG_ID, log.epoch, log.log_key, bytes(32), wire.Registration.OPEN, False, Limits(), log.time_ms
    )

    async def run() -> None:
        driver = Driver(core, _NoServer(), lambda event: None, use_udp=False)

        def connect() -> FakeChannel:
            channel = FakeChannel()
            established = EstablishedSession(cast(TlsChannel, channel), welcome, log.logged_in(KEY))
            if driver.channel is None:
                driver.start_with(established)
            else:
                driver.begin_again()
                core.opened(driver.now())
                driver._adopt(established)
            return channel

        try:
            await scenario(driver, connect)
        finally:
            driver.stop()

    asyncio.run(run())


def pongs() -> list[wire.Pong]:
    return [wire.Pong(number) for number in range(FRAMES)]


def test_connection_made_while_held_is_paused_until_the_hold_ends() -> None:
    async def scenario(driver: Driver, connect: Callable[[], FakeChannel]) -> None:
        driver.hold(True)
        channel = connect()
        assert channel.deliver(pongs()) == 0
        assert len(driver._frames) == 0
        driver.hold(False)
        assert not channel.paused
        assert driver.core.state in (LinkState.AUTHENTICATING, LinkState.SYNCING)

    play(scenario)


def test_connection_replacing_another_while_held_is_paused() -> None:
    async def scenario(driver: Driver, connect: Callable[[], FakeChannel]) -> None:
        first = connect()
        assert first.deliver([wire.Pong(1)]) == 1
        driver.hold(True)
        assert first.paused
        second = connect()
        assert second.deliver(pongs()) == 0
        driver.hold(False)
        assert second.deliver([wire.Pong(1)]) == 1

    play(scenario)


def test_connection_is_not_paused_without_a_hold() -> None:
    async def scenario(driver: Driver, connect: Callable[[], FakeChannel]) -> None:
        driver.hold(True)
        driver.hold(False)
        assert not connect().paused

    play(scenario)
