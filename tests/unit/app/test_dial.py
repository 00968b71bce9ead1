"""How an enrolled device finds its server again: real sockets, a scripted discovery."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.app.login import dial
from lanchat.app.login.dial import SEARCH_AFTER, Dialer, DialOptions
from lanchat.discovery.listing import DiscoveredServer
from lanchat.protocol.log.keys import private_key
from lanchat.store.profile import ProfileStore
from lanchat.transport.driver import DialFailed
from tests.support.fake_log import LOG_ID, FakeLog
from tests.support.fake_server import FakeServer
from tests.support.ports import free_port


async def enrolled(folder: Path, server: FakeServer) -> Dialer:
    """The dialer of a profile with an account at this server."""
    profile = ProfileStore.open(folder)
    client = Client(profile, lambda event: None, use_zeroconf=False, discovery_port=free_port())
    await client.call(api.ConnectCommand(address=server.address, fingerprint=server.fingerprint))
    await client.call(api.RegisterCommand("anna", "a password"))
    await client.close()
    known, device = profile.last_server(), profile.device(LOG_ID)
    assert known is not None
    assert device is not None
    options = DialOptions(free_port(), use_zeroconf=False)
    return Dialer(profile, known, device, private_key(device.private_key), options, lambda *_: None)


def test_server_returning_during_a_search_is_connected_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        server = FakeServer(FakeLog())
        async with server:
            dialer = await enrolled(tmp_path, server)
        back = FakeServer(server.log, port=server.port)
        back.accounts, back.public_keys = server.accounts, server.public_keys

        async def search(*args: Any, **options: Any) -> list[DiscoveredServer]:
            await back.__aenter__()
            found = DiscoveredServer("Test", server.host, server.port, server.fingerprint, LOG_ID, "probe")
            assert options["wanted"](found)
            return [found]

        monkeypatch.setattr(dial, "discover", search)
        for _ in range(SEARCH_AFTER - 1):
            with pytest.raises(DialFailed):
                await dialer.dial(lambda: None)
        established = await dialer.dial(lambda: None)
        established.channel.abort()
        await back.stop()

    asyncio.run(scenario())


def test_search_ignores_other_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        server = FakeServer(FakeLog())
        async with server:
            dialer = await enrolled(tmp_path, server)
        wanted: list[bool] = []

        async def search(*args: Any, **options: Any) -> list[DiscoveredServer]:
            forged = DiscoveredServer("Liar", server.host, server.port, "f" * 64, LOG_ID, "probe")
            other = DiscoveredServer("Other", server.host, server.port, server.fingerprint, bytes(16), "probe")
            wanted.extend(map(options["wanted"], (forged, other)))
            return [forged, other]

        monkeypatch.setattr(dial, "discover", search)
        for _ in range(SEARCH_AFTER):
            with pytest.raises(DialFailed):
                await dialer.dial(lambda: None)
        assert wanted == [False, False]

    asyncio.run(scenario())
