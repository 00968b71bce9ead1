"""The control channel over real sockets: nothing is sent before the identity is known, frames are complete, buffers
bounded."""

import asyncio
import struct
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import FRAME_MAX_UNAUTHENTICATED
from lanchat.protocol.wire import pack_frame
from lanchat.transport import tls
from lanchat.transport.tls import ChannelClosed, TlsChannel, open_channel
from tests.support.fake_server import FakeServer
from tests.support.waiting import patient

Scenario = Callable[[FakeServer], Awaitable[None]]


def with_server(scenario: Scenario, **options: Any) -> None:
    async def run() -> None:
        async with FakeServer(**options) as server:
            await scenario(server)

    asyncio.run(run())


async def until(done: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(patient(seconds)):
        while not done():
            await asyncio.sleep(0.005)


async def open_pair(server: FakeServer) -> TlsChannel:
    """A channel that the server has accepted, too."""
    channel = await open_channel(server.host, server.port, 5)
    await until(lambda: bool(server.sessions))
    return channel


def test_fingerprint_is_known_before_anything_is_sent() -> None:
    async def scenario(server: FakeServer) -> None:
        channel = await open_channel(server.host, server.port, 5)
        assert channel.fingerprint == server.fingerprint
        await asyncio.sleep(0.05)
        assert bytes(server.sessions[0].received) == b""
        channel.abort()

    with_server(scenario)


def test_another_application_protocol_is_refused() -> None:
    async def scenario(server: FakeServer) -> None:
        with pytest.raises(ProtocolError, match="not a LAN Chat server"):
            await open_channel(server.host, server.port, 5)

    with_server(scenario, alpn="http/1.1")


def test_older_tls_is_refused() -> None:
    async def scenario(server: FakeServer) -> None:
        with pytest.raises(OSError):
            await open_channel(server.host, server.port, 5)

    with_server(scenario, newest=False)


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH\r\n", b"\x16\x03\x01" * 400])
def test_another_service_on_the_port_ends_in_time(greeting: bytes) -> None:
    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(greeting)
            await reader.read(100_000)
            await asyncio.sleep(5 if not greeting else 0)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises((OSError, TimeoutError)):
            await open_channel("127.0.0.1", port, 0.5)
        server.close()

    asyncio.run(run())


def test_closed_port_raises_os_error() -> None:
    async def run() -> None:
        with pytest.raises(OSError):
            await open_channel("127.0.0.1", 1, 2)

    asyncio.run(run())


def test_fragmented_frames_arrive_complete() -> None:
    async def scenario(server: FakeServer) -> None:
        channel = await open_pair(server)
        octets = pack_frame(wire.Pong(1)) + pack_frame(wire.Pong(2)) + pack_frame(wire.Pong(3))
        for index in range(0, len(octets), 3):
            server.sessions[0]._transport.write(octets[index : index + 3])
            await asyncio.sleep(0.001)
        got = [wire.decode_from_server_untrusted(await channel.read()) for _ in range(3)]
        assert got == [wire.Pong(1), wire.Pong(2), wire.Pong(3)]
        channel.abort()

    with_server(scenario)


def test_frame_above_the_limit_ends_the_connection() -> None:
    async def scenario(server: FakeServer) -> None:
        channel = await open_pair(server)
        server.sessions[0]._transport.write(struct.pack(">I", FRAME_MAX_UNAUTHENTICATED + 1))
        with pytest.raises(ChannelClosed, match="too long"):
            await channel.read()

    with_server(scenario)


def test_frames_before_attaching_a_receiver_are_delivered() -> None:
    async def scenario(server: FakeServer) -> None:
        channel = await open_pair(server)
        server.sessions[0].send(wire.Pong(1))
        await until(lambda: bool(channel._frames))
        got: list[bytes] = []
        ended: list[Exception | None] = []
        channel.attach(got.extend, ended.append)
        server.sessions[0].send(wire.Pong(2))
        await until(lambda: len(got) == 2)
        server.sessions[0].cut()
        await until(lambda: bool(ended))
        assert not channel.open
        channel.send(wire.Ping(1))

    with_server(scenario)


def test_connection_ended_before_attaching_is_reported_at_once() -> None:
    async def scenario(server: FakeServer) -> None:
        channel = await open_pair(server)
        server.sessions[0].cut()
        await until(lambda: not channel.open)
        ended: list[Exception | None] = []
        channel.attach(lambda frames: None, ended.append)
        assert len(ended) == 1

    with_server(scenario)


def test_server_that_does_not_read_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "WRITE_BUFFER_MAX", 1 << 20)

    async def scenario(server: FakeServer) -> None:
        channel = await open_pair(server)
        server.sessions[0]._transport.pause_reading()
        ended: list[Exception | None] = []
        channel.attach(lambda frames: None, ended.append)
        sent = 0
        while channel.open and not ended and sent < 64 << 20:
            channel.send(wire.Goodbye(1, "x" * 200))  # any frame
            sent += 200
            if sent % 200_000 == 0:
                await asyncio.sleep(0)
        await until(lambda: bool(ended))
        assert "does not read" in str(ended[0])

    with_server(scenario)


def test_closing_stops_receiving_and_flushes_output() -> None:
    async def scenario(server: FakeServer) -> None:
        channel: TlsChannel = await open_pair(server)
        received: list[Any] = []
        channel.attach(received.extend, received.append)
        channel.send(wire.Ping(7))
        channel.close()
        await channel.wait_closed(2)
        await until(lambda: wire.Ping(7) in server.heard)
        assert received == []

    with_server(scenario)


@pytest.mark.parametrize("logged_in", [False, True])
def test_unread_frames_are_bounded_in_octets(logged_in: bool) -> None:
    """Small ones, of which each takes more memory than its octets."""
    most = tls.UNREAD_MAX_LOGGED_IN if logged_in else tls.UNREAD_MAX

    async def scenario(server: FakeServer) -> None:
        channel = await open_pair(server)
        if logged_in:
            channel.raise_limit()
        some = pack_frame(wire.Pong(1)) * 5_000
        for _ in range(100):
            server.sessions[0]._transport.write(some)
            await asyncio.sleep(0)
            if not channel.open:
                break
        await until(lambda: not channel.open, patient(20))
        assert 0 < sum(map(sys.getsizeof, channel._frames)) + sys.getsizeof(channel._frames) <= most
        for _ in range(len(channel._frames)):
            await channel.read()
        with pytest.raises(ChannelClosed, match="more than was asked for"):
            await channel.read()

    with_server(scenario)
