"""Beacon and probe after an error of a socket: on Windows the event loop reads no more, so they open it anew."""

import asyncio
import logging
import socket
from collections.abc import Callable
from ipaddress import IPv4Interface
from typing import Any

import pytest

from lanchat.discovery import probe
from lanchat.discovery.probe import Prober
from lanchat.platform.network.interfaces import Interface
from lanchat.protocol.datagram.beacon import Advert
from lanchat_server.service.net import beacon
from lanchat_server.service.net.beacon import Beacon
from tests.support.ports import free_port
from tests.support.waiting import patient

ADVERT = Advert(bytes(range(16)), "ab" * 32, 4242, "Office")
LOOPBACK = Interface("lo", 1, (IPv4Interface("127.0.0.1/8"),))


@pytest.fixture
def stops_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (beacon, probe):
        monkeypatch.setattr(module, "STOPS_READING", True)
        monkeypatch.setattr(module, "REOPEN_PAUSE", 0.01)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(patient(5)):
        while not done():
            await asyncio.sleep(0.005)


async def answers(port: int) -> bool:
    """Whether the beacon on this port answers a search."""
    found = asyncio.Event()
    prober = Prober(lambda _advert, _host: found.set(), port)
    await prober.open([], ["127.0.0.1"])
    try:
        async with asyncio.timeout(patient(5)):
            while not found.is_set():
                prober.send()
                await asyncio.sleep(0.05)
    finally:
        prober.close()
    return True


@pytest.mark.usefixtures("stops_reading")
def test_the_beacon_answers_again_after_an_error() -> None:
    async def run() -> None:
        port = free_port()
        server = Beacon(ADVERT, port, None, logging.getLogger("test"))
        await server.reconcile([LOOPBACK])
        first = server._transport
        assert first is not None
        server.error_received(OSError(64, "network name is gone"))
        await until(lambda: server._transport not in (None, first))
        assert server._joined == {(1, "127.0.0.1")}
        assert await answers(port)
        server.close()

    asyncio.run(run())


@pytest.mark.usefixtures("stops_reading")
def test_the_beacon_of_ipv6_is_opened_again() -> None:
    async def run() -> None:
        server = Beacon(ADVERT, free_port(), None, logging.getLogger("test"))
        server.speak_ipv6()
        await server.reconcile([LOOPBACK])
        ipv6 = server._ipv6
        assert ipv6 is not None
        if (first := ipv6._transport) is None:
            pytest.skip("no IPv6 here")
        ipv6.error_received(OSError(64, "network name is gone"))
        await until(lambda: ipv6._transport not in (None, first))
        server.close()

    asyncio.run(run())


@pytest.mark.usefixtures("stops_reading")
def test_an_answer_that_cannot_be_sent_does_not_close_the_beacon() -> None:
    async def run() -> None:
        server = Beacon(ADVERT, free_port(), None, logging.getLogger("test"))
        await server.reconcile([LOOPBACK])
        first = server._transport
        server._sending = True
        server.error_received(OSError(65, "no route"))
        server._sending = False
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert server._transport is first
        server.close()

    asyncio.run(run())


@pytest.mark.usefixtures("stops_reading")
def test_a_closed_beacon_stays_closed() -> None:
    async def run() -> None:
        server = Beacon(ADVERT, free_port(), None, logging.getLogger("test"))
        await server.reconcile([LOOPBACK])
        server.error_received(OSError(64, "network name is gone"))
        server.close()
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert server._transport is None

    asyncio.run(run())


@pytest.mark.usefixtures("stops_reading")
def test_the_probe_opens_a_path_anew_after_an_error() -> None:
    async def run() -> None:
        port = free_port()
        server = Beacon(ADVERT, port, None, logging.getLogger("test"))
        found: list[Any] = []
        prober = Prober(lambda advert, _host: found.append(advert), port)
        await prober.open([LOOPBACK], [])
        before = list(prober._paths)
        for transport, _hosts in before:
            protocol = transport.get_protocol()  # type: ignore[attr-defined,unused-ignore]
            protocol.error_received(OSError(64, "network name is gone"))
        await until(lambda: len(prober._paths) == len(before))
        assert not {transport for transport, _ in prober._paths} & {transport for transport, _ in before}
        await server.reconcile([LOOPBACK])
        prober.send()
        await until(lambda: bool(found))
        prober.close()
        server.close()

    asyncio.run(run())


@pytest.mark.usefixtures("stops_reading")
def test_a_closed_probe_opens_nothing() -> None:
    async def run() -> None:
        prober = Prober(lambda _advert, _host: None, free_port())
        await prober.open([LOOPBACK], [])
        transport, _hosts = prober._paths[0]
        transport.get_protocol().error_received(OSError(64, "gone"))  # type: ignore[attr-defined,unused-ignore]
        prober.close()
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert prober._paths == []

    asyncio.run(run())


def test_elsewhere_an_error_changes_nothing() -> None:
    async def run() -> None:
        server = Beacon(ADVERT, free_port(), None, logging.getLogger("test"))
        await server.reconcile([LOOPBACK])
        first = server._transport
        server.error_received(OSError(64, "network name is gone"))
        await asyncio.sleep(0)
        assert server._transport is first
        assert server.dropped["socket error"] == 1
        server.close()

    if not beacon.STOPS_READING:
        asyncio.run(run())


def test_the_port_is_shared_with_other_servers_only() -> None:
    """SO_REUSEADDR is what lets several servers of one computer hear a broadcast."""
    with beacon._bound_socket(socket.AF_INET, ("", 0)) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
