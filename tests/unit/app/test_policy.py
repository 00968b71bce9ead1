"""A client under an administrator's policy connects to the server that is set, and to no other one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.app.login import dial
from lanchat.app.login import entry as login_entry
from lanchat.app.login.dial import Dialer, DialOptions
from lanchat.core.policy import Policy
from lanchat.discovery.listing import DiscoveredServer
from lanchat.protocol.log.keys import private_key
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.identity import InviteLink
from lanchat.store.identities import KnownServer
from lanchat.store.profile import ProfileStore
from lanchat.transport.driver import DialFailed
from tests.support.fake_log import LOG_ID, FakeLog
from tests.support.fake_server import FakeServer
from tests.support.ports import free_port

OTHER_LINK = f"lanchat://127.0.0.1:9/#{'cd' * 32}"


def policy_of(server: FakeServer | InviteLink, discovery: bool = False) -> Policy:
    return Policy("policy.toml", InviteLink(server.host, server.port, server.fingerprint), discovery)


def client_of(folder: Path, policy: Policy) -> Client:
    return Client(
        ProfileStore.open(folder), lambda event: None, use_zeroconf=False, discovery_port=free_port(), policy=policy
    )


def test_connects_to_the_set_server_without_a_question(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            client = client_of(tmp_path, policy_of(server))
            reached = await client.call(api.ConnectCommand())
            assert (reached.fingerprint, reached.trust) == (server.fingerprint, api.Trust.PINNED)
            await client.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "command",
    [
        api.ConnectCommand(invite=OTHER_LINK),
        api.ConnectCommand(fingerprint="cd" * 32),
        api.ConnectCommand(address="127.0.0.1:9", fingerprint="cd" * 32, accept_new=True),
    ],
    ids=["link", "fingerprint", "address with fingerprint"],
)
def test_other_server_is_refused(tmp_path: Path, command: api.ConnectCommand) -> None:
    async def scenario() -> None:
        client = client_of(tmp_path, policy_of(InviteLink("127.0.0.1", 9, "ab" * 32)))
        with pytest.raises(api.CommandError) as caught:
            await client.call(command)
        assert (caught.value.kind, caught.value.details.problem) == (api.ErrorKind.REFUSED, Problem.SERVER_FIXED)
        await client.close()

    asyncio.run(scenario())


def test_other_server_at_a_typed_address_is_not_accepted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            set_server = InviteLink("127.0.0.1", free_port(), "ab" * 32)
            client = client_of(tmp_path, policy_of(set_server))
            with pytest.raises(api.CommandError) as caught:
                await client.call(api.ConnectCommand(address=server.address, accept_new=True))
            assert caught.value.kind is api.ErrorKind.IDENTITY
            assert client.profile.servers() == []
            await client.close()

    asyncio.run(scenario())


def test_set_server_may_be_reached_at_another_address(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            moved = InviteLink("127.0.0.1", free_port(), server.fingerprint)
            client = client_of(tmp_path, policy_of(moved))
            reached = await client.call(api.ConnectCommand(address=server.address))
            assert reached.trust is api.Trust.PINNED
            await client.close()

    asyncio.run(scenario())


def test_policy_stands_above_the_server_used_last(tmp_path: Path) -> None:
    """Also where that one had the same address: the administrator set the server up anew."""

    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            profile = ProfileStore.open(tmp_path)
            profile.pin(KnownServer("cd" * 32, "Old", server.host, server.port, bytes(16), bytes(32), 1))
            profile.set_last("cd" * 32)
            client = client_of(tmp_path, policy_of(server))
            assert (await client.call(api.ConnectCommand())).fingerprint == server.fingerprint
            await client.close()

    asyncio.run(scenario())


def test_new_address_in_the_policy_finds_a_known_server(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            client = client_of(tmp_path, policy_of(server))
            await client.call(api.ConnectCommand())
            await client.close()
            profile = ProfileStore.open(tmp_path)
            known = profile.last_server()
            assert known is not None
            profile.pin(replace(known, port=free_port()))
            client = client_of(tmp_path, policy_of(server))
            assert (await client.call(api.ConnectCommand())).port == server.port
            await client.close()

    asyncio.run(scenario())


def test_enrolled_device_tries_the_addresses_of_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the search is off: nothing is sent to look for the server."""

    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            client = client_of(tmp_path, policy_of(server))
            await client.call(api.ConnectCommand())
            await client.call(api.RegisterCommand("anna", "a password"))
            await client.close()
            profile = ProfileStore.open(tmp_path)
            known, device = profile.last_server(), profile.device(LOG_ID)
            assert known is not None
            assert device is not None
            monkeypatch.setattr(dial, "discover", _no_search)
            options = DialOptions(free_port(), use_zeroconf=False, policy=policy_of(server))
            elsewhere = replace(known, port=free_port())
            key = private_key(device.private_key)
            dialer = Dialer(profile, elsewhere, device, key, options, lambda *_: None)
            established = await _dialled(dialer)
            assert dialer.known.port == server.port
            established.channel.abort()

    asyncio.run(scenario())


async def _dialled(dialer: Dialer) -> Any:
    for _ in range(dial.SEARCH_AFTER):
        try:
            return await dialer.dial(lambda: None)
        except DialFailed:
            continue
    raise AssertionError("the set address was not tried")


async def _no_search(*args: Any, **options: Any) -> list[DiscoveredServer]:
    raise AssertionError("servers are searched for")


@pytest.mark.parametrize("command", [api.DiscoverCommand(0.1), api.ConnectCommand()], ids=["discover", "connect"])
def test_nothing_is_searched_where_the_search_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: api.Command[Any]
) -> None:
    monkeypatch.setattr(login_entry, "discover", _no_search)

    async def scenario() -> None:
        client = client_of(tmp_path, Policy("policy.toml", discovery=False))
        with pytest.raises(api.CommandError) as caught:
            await client.call(command)
        assert (caught.value.kind, caught.value.details.problem) == (api.ErrorKind.NO_SERVER, Problem.SEARCH_OFF)
        await client.close()

    asyncio.run(scenario())


def test_set_server_that_moved_is_found_by_its_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:

            async def search(*args: Any, **options: Any) -> list[DiscoveredServer]:
                return [DiscoveredServer("Test", server.host, server.port, server.fingerprint, LOG_ID, "probe")]

            monkeypatch.setattr(login_entry, "discover", search)
            link = InviteLink("127.0.0.1", free_port(), server.fingerprint)
            client = client_of(tmp_path, policy_of(link, discovery=True))
            assert (await client.call(api.ConnectCommand())).port == server.port
            await client.close()

    asyncio.run(scenario())
