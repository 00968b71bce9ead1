"""The internal parts of python-zeroconf that are used exist and behave as expected."""

import asyncio

from zeroconf import IPVersion
from zeroconf.asyncio import AsyncZeroconf

from lanchat.discovery.mdns_sockets import sockets_of


def test_sockets_before_the_start_are_those_read_and_sent_through() -> None:
    async def scenario() -> tuple[set[int], set[int]]:
        station = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
        try:
            before = {sock.fileno() for sock in sockets_of(station.zeroconf)}
            await station.zeroconf.async_wait_for_start()
            engine = station.zeroconf.engine
            return before, {wrapped.sock.fileno() for wrapped in (*engine.readers, *engine.senders)}
        finally:
            await station.async_close()

    before, used = asyncio.run(scenario())
    assert before == used
    assert before
