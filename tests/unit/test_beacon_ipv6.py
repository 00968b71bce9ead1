"""Discovery over IPv6: a probe to the group of the cable, and an answer with the address and its zone."""

import asyncio
import logging
import socket

import pytest

from lanchat.net.connecting import connect
from lanchat.net.discovery import discover
from lanchat.net.interfaces import ipv6_indexes
from lanchat.protocol.beacon import Advert
from lanchat_server.service.beacon import Beacon
from tests.support.ports import free_port
from tests.support.waiting import patient, wait_until

ADVERT = Advert(b"l" * 16, "ab" * 32, 47400, "Office")


def _can_speak() -> bool:
    """An interface has a link-local address: a datagram to its group goes out."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        for index in ipv6_indexes():
            try:
                sock.sendto(b"", ("ff02::1", 9, 0, index))
            except OSError:
                continue
            return True
    return False


def test_a_server_is_found_by_ipv6_alone() -> None:
    try:
        wait_until(_can_speak, 3, "an address of the cable that nobody else has")
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
            found = await discover(patient(5), discovery_port=port, use_zeroconf=False, stop_after_first=True)
            assert [(server.name, server.via) for server in found] == [("Office", "probe")]
            address, percent, zone = found[0].host.partition("%")
            assert address.startswith("fe80")
            assert percent
            assert zone in {name for _index, name in socket.if_nameindex()}
            (await connect(found[0].host, listener.getsockname()[1])).close()
        finally:
            listener.close()
            beacon.close()

    asyncio.run(scenario())
