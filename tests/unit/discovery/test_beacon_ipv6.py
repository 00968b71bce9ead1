"""Discovery over IPv6: a probe to the link-local group, and an answer with the address and its zone."""

import asyncio
import contextlib
import logging
import socket
import sys

import pytest

from lanchat.discovery.probe import Prober
from lanchat.platform.network.interfaces import ipv6_indexes
from lanchat.protocol.datagram.beacon import Advert
from lanchat.transport.connecting import connect
from lanchat_server.service.net.beacon import Beacon
from tests.support.ports import free_port
from tests.support.waiting import patient, wait_until

ADVERT = Advert(b"l" * 16, "ab" * 32, 47400, "Office")


def _can_send_link_local() -> bool:
    """An interface has a link-local address: a datagram to its group can be sent."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        for index in ipv6_indexes():
            try:
                sock.sendto(b"", ("ff02::1", 9, 0, index))
            except OSError:
                continue
            return True
    return False


async def _link_local_answer(port: int) -> str:
    """The first link-local address that a probe is answered from. Loopback answers as well."""
    answers: asyncio.Queue[tuple[Advert, str]] = asyncio.Queue()
    prober = Prober(lambda advert, host: answers.put_nowait((advert, host)), port)
    await prober.open([], [])
    try:
        async with asyncio.timeout(patient(5)):
            while True:
                prober.send()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.3):
                        while True:
                            advert, host = await answers.get()
                            assert advert == ADVERT
                            if host.startswith("fe80") and "%" in host:
                                return host
    finally:
        prober.close()


def test_server_is_found_by_ipv6_alone() -> None:
    try:
        wait_until(_can_send_link_local, 3, "an address of the cable that nobody else has")
    except (OSError, TimeoutError):
        pytest.skip("no IPv6 here")

    async def scenario() -> None:
        port = free_port()
        beacon = Beacon(ADVERT, port, None, logging.getLogger("test"))
        beacon.speak_ipv6()
        await beacon.reconcile([])
        assert beacon._transport is not None
        beacon._transport.abort()  # nothing by IPv4
        listener = socket.create_server(("::", 0), family=socket.AF_INET6)
        try:
            host = await _link_local_answer(port)
            zones = {str(index) if sys.platform == "win32" else name for index, name in socket.if_nameindex()}
            assert host.partition("%")[2] in zones
            (await connect(host, listener.getsockname()[1])).close()
        finally:
            listener.close()
            beacon.close()

    asyncio.run(scenario())
