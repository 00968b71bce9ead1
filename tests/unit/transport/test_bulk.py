"""The connection for contents over real sockets: the pin first, parts whole, buffers bounded both ways."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import BULK_ALPN, CHUNK_OCTETS
from lanchat.protocol.wire.bulk import pack_bulk, part_head
from lanchat.transport import bulk
from lanchat.transport.bulk import BulkChannel, Chunk, PartReader, open_bulk
from lanchat.transport.tls import ChannelClosed
from tests.support.fake_log import key_of
from tests.support.fake_server import server_context
from tests.support.waiting import patient

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CHUNK = bytes(range(256)) * (CHUNK_OCTETS // 256)


def with_server(serve: Serve, scenario: Callable[[int, str], Awaitable[None]], alpn: str = BULK_ALPN) -> None:
    """`scenario` gets port and fingerprint."""

    async def run() -> None:
        context, fingerprint = server_context(key_of(40), alpn=alpn)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        try:
            await scenario(server.sockets[0].getsockname()[1], fingerprint)
        finally:
            server.close()

    asyncio.run(run())


async def open_to(port: int, fingerprint: str) -> BulkChannel:
    return await open_bulk("127.0.0.1", port, fingerprint, patient(5))


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("alpn", [BULK_ALPN, "http/1.1"])
def test_nothing_is_sent_to_another_server(alpn: str) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append(await reader.read(100))
        except OSError:
            heard.append(b"")
        writer.close()

    async def scenario(port: int, fingerprint: str) -> None:
        pin = "0" * 64 if alpn == BULK_ALPN else fingerprint
        with pytest.raises(ProtocolError):
            await open_to(port, pin)
        async with asyncio.timeout(patient(5)):
            while not heard:
                await asyncio.sleep(0.01)

    with_server(serve, scenario, alpn)
    assert b"".join(heard) == b""


def test_parts_come_whole_and_in_order() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = pack_bulk(wire.TransferDone()) + part_head(len(CHUNK), 7) + CHUNK + part_head(1, 8) + b"x"
        for first in range(0, len(stream), 300_001):
            writer.write(stream[first : first + 300_001])
            await writer.drain()
        writer.close()

    async def scenario(port: int, fingerprint: str) -> None:
        channel = await open_to(port, fingerprint)
        parts = [await channel.read(patient(5)) for _ in range(3)]
        assert parts == [wire.TransferDone(), Chunk(7, bytearray(CHUNK)), Chunk(8, bytearray(b"x"))]
        with pytest.raises(ChannelClosed):
            await channel.read(patient(5))

    with_server(serve, scenario)


@pytest.mark.parametrize(
    "octets", [part_head(1, 0) + b"\xff", b"\xff" * 8, part_head(0, 1), part_head(CHUNK_OCTETS + 1, 1)]
)
def test_what_breaks_the_protocol_ends_the_connection(octets: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await reader.read()

    async def scenario(port: int, fingerprint: str) -> None:
        channel = await open_to(port, fingerprint)
        with pytest.raises(ChannelClosed) as caught:
            await channel.read(patient(5))
        assert isinstance(caught.value.__cause__, ProtocolError)

    with_server(serve, scenario)


def test_unread_chunks_are_bounded() -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for number in range(1, 41):
            writer.write(part_head(len(CHUNK), number) + CHUNK)
            await writer.drain()
            sent = number
        await reader.read()

    async def scenario(port: int, fingerprint: str) -> None:
        channel = await open_to(port, fingerprint)
        before = -1
        while sent != before or not channel._resting:  # until nothing moves any more
            before = sent
            await asyncio.sleep(0.2)
        assert channel._unread <= bulk.UNREAD_MAX + CHUNK_OCTETS
        assert sent < 40
        numbers = [(await channel.read(patient(5)))[0] for _ in range(40)]  # type: ignore[index]
        assert numbers == list(range(1, 41))
        channel.close()

    with_server(serve, scenario)


def test_server_that_does_not_read_is_waited_for() -> None:
    async def scenario(port: int, fingerprint: str) -> None:
        channel = await open_to(port, fingerprint)

        async def send_on(timeout: float) -> None:
            for _ in range(100):
                await channel.send_chunk(1, CHUNK, timeout)

        with pytest.raises(TimeoutError):
            await send_on(0.5)
        assert channel._transport is not None
        assert channel._transport.get_write_buffer_size() <= bulk.WRITE_BUFFER_MAX + 2 * CHUNK_OCTETS
        channel.close()
        channel.close()
        with pytest.raises(ChannelClosed):
            await send_on(patient(5))

    with_server(hold, scenario)


def test_silent_server_is_not_waited_for_longer() -> None:
    async def scenario(port: int, fingerprint: str) -> None:
        channel = await open_to(port, fingerprint)
        with pytest.raises(TimeoutError):
            await channel.read(0.05)
        channel.close()

    with_server(hold, scenario)


def test_octets_go_straight_into_their_chunk() -> None:
    reader = PartReader()
    head, view = part_head(CHUNK_OCTETS, 3), reader.buffer()
    assert len(view) == len(head)
    view[:] = head
    assert reader.filled_untrusted(len(head)) is None
    room: Any = reader.buffer()
    assert len(room) == CHUNK_OCTETS
    room[:] = CHUNK
    part = reader.filled_untrusted(CHUNK_OCTETS)
    assert isinstance(part, Chunk)
    assert part.octets is room.obj
