"""The internal parts of asyncio's TLS that the server uses exist and behave as expected."""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Iterator
from typing import Any

import pytest

from lanchat_server.service.net.tls_internals import READ_BUFFER, shrink_read_buffers, waiting_octets
from tests.support.fake_server import key_of, server_context

MIB = 1 << 20


@pytest.fixture(autouse=True)
def usual_buffers() -> Iterator[None]:
    before = SSLProtocol.max_size
    SSLProtocol.max_size = 256 * 1024
    yield
    SSLProtocol.max_size = before


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_shrunk_connections_read_into_a_small_buffer() -> None:
    async def size() -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        protocol = SSLProtocol(asyncio.get_running_loop(), asyncio.Protocol(), context, None, server_side=True)
        return len(protocol.get_buffer(-1))

    assert asyncio.run(size()) > READ_BUFFER
    shrink_read_buffers()
    assert asyncio.run(size()) == READ_BUFFER


def test_octets_below_tls_count_as_waiting() -> None:
    async def scenario() -> tuple[int, int]:
        made: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        class Server(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                made.set_result(transport)

        context, _fingerprint = server_context(key_of(40))
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        _reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
        transport = await made
        writer.transport.pause_reading()
        transport.write(bytes(32 * MIB))
        await asyncio.sleep(0)
        seen = waiting_octets(transport), transport.get_write_buffer_size()
        transport.abort()
        writer.transport.abort()
        server.close()
        return seen

    waiting, reported = asyncio.run(scenario())
    # The kernel takes some of it.
    assert waiting > 16 * MIB > reported


def test_transport_without_tls_reports_its_own_buffer() -> None:
    class Plain(asyncio.Transport):
        def get_write_buffer_size(self) -> int:
            return 7

    assert waiting_octets(Plain()) == 7
