"""A DNS-SD endpoint receives from its own interface only, from its first datagram on, and nothing of the endpoint that
it replaces."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from ipaddress import IPv4Interface
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.discovery import mdns
from lanchat.discovery.mdns_sockets import limit_to_own_interface
from lanchat.platform.network.interfaces import Interface


@pytest.mark.skipif(sys.platform != "linux", reason="other systems deliver by interface")
def test_datagrams_received_before_interface_choice_are_discarded() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        ours.bind(("127.0.0.1", 0))
        ours.setblocking(False)
        for _ in range(3):
            sender.sendto(b"an announcement on another interface", ours.getsockname())
        zeroconf: Any = SimpleNamespace(engine=SimpleNamespace(_listen_socket=None, _respond_sockets=[ours]))
        limit_to_own_interface(zeroconf, 1)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        sender.sendto(b"later", ours.getsockname())
        assert ours.recv(16) == b"later"


def test_endpoint_opens_after_its_predecessor_on_the_interface_has_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    async def scenario() -> None:
        goodbye = asyncio.Event()

        @contextlib.asynccontextmanager
        async def station(place: mdns.MdnsEndpoint) -> AsyncIterator[Any]:
            events.append(f"open {place.interface.address}")
            try:
                yield None
            finally:
                await goodbye.wait()
                events.append(f"closed {place.interface.address}")

        async def serve(station: Any, place: mdns.MdnsEndpoint) -> None:
            await asyncio.Event().wait()

        async def pause() -> None:
            for _ in range(10):
                await asyncio.sleep(0)

        monkeypatch.setattr(mdns, "_station", station)
        stations = mdns._Stations(serve, lambda place, error: events.append(repr(error)))
        stations.reconcile([Interface("eth0", 1, (IPv4Interface("10.0.0.1/24"),))])
        await pause()
        changed = Interface("eth0", 1, (IPv4Interface("10.0.0.9/24"),))
        stations.reconcile([changed, Interface("wlan0", 2, (IPv4Interface("10.0.0.2/24"),))])
        await pause()
        assert events == ["open 10.0.0.1", "open 10.0.0.2"]
        goodbye.set()
        await pause()
        assert events[2:] == ["closed 10.0.0.1", "open 10.0.0.9"]
        await stations.close()

    asyncio.run(scenario())
