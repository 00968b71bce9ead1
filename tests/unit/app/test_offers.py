"""The offer of a server before log-in: that of the requested server, never of one connected before."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path as File

import pytest
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.protocol import wire
from lanchat.store.profile import ProfileStore
from tests.support.fake_server import FakeServer
from tests.support.ports import free_port
from tests.support.scripted_client import QUICK

Scenario = Callable[[Client, FakeServer, FakeServer], Awaitable[None]]


def another_log(server: FakeServer) -> FakeServer:
    """A server with a log of its own and closed registration."""

    def welcome(operation: wire.Hello) -> wire.Welcome:
        greeting = server.welcome(bytes(32))
        return replace(greeting, log_id=b"x" * 16, server_name="Other", registration=wire.Registration.CLOSED)

    server.answers[wire.Hello] = welcome
    return server


def run(folder: File, scenario: Scenario) -> None:
    async def everything() -> None:
        async with FakeServer() as first, FakeServer(identity=41) as second:
            options = {"use_zeroconf": False, "config": QUICK, "discovery_port": free_port()}
            client = Client(ProfileStore.open(folder), lambda event: None, **options)  # type: ignore[arg-type]
            try:
                await scenario(client, first, another_log(second))
            finally:
                await client.close()

    asyncio.run(everything())


async def error_kind_of(client: Client, command: api.Command) -> api.ErrorKind:
    with pytest.raises(api.CommandError) as caught:
        await client.call(command)
    return caught.value.kind


async def accepted(client: Client, server: FakeServer) -> api.ServerOffer:
    await client.call(api.ConnectCommand(address=server.address, accept_new=True))
    offer: api.ServerOffer = await client.call(api.GetOfferCommand(5))
    return offer


def test_previous_offer_is_not_returned_for_unaccepted_server(tmp_path: File) -> None:
    async def scenario(client: Client, first: FakeServer, second: FakeServer) -> None:
        assert (await accepted(client, first)).registration is wire.Registration.OPEN
        looked_at = await client.call(api.ConnectCommand(address=second.address))
        assert looked_at.trust is api.Trust.NEW
        assert await error_kind_of(client, api.GetOfferCommand(0.2)) is api.ErrorKind.NO_SERVER
        offer = await client.call(api.AcceptIdentityCommand(second.fingerprint))
        assert (offer.server.fingerprint, offer.registration) == (second.fingerprint, wire.Registration.CLOSED)
        assert await client.call(api.GetOfferCommand(5)) == offer

    run(tmp_path, scenario)


def test_unreachable_server_has_no_offer_and_receives_no_password(tmp_path: File) -> None:
    async def scenario(client: Client, first: FakeServer, second: FakeServer) -> None:
        await accepted(client, first)
        unreachable = f"127.0.0.1:{free_port()}"
        assert (
            await error_kind_of(client, api.ConnectCommand(address=unreachable, accept_new=True, timeout=2))
            is api.ErrorKind.NO_SERVER
        )
        assert await error_kind_of(client, api.GetOfferCommand(0.2)) is api.ErrorKind.NO_SERVER
        assert await error_kind_of(client, api.LoginCommand("anna", "meant for the other one")) is api.ErrorKind.INVALID
        assert not first.requests(wire.LoginPassword)

    run(tmp_path, scenario)


def test_password_is_not_sent_to_previous_server_after_mismatch(tmp_path: File) -> None:
    async def scenario(client: Client, first: FakeServer, second: FakeServer) -> None:
        await accepted(client, first)
        command = api.ConnectCommand(address=second.address, fingerprint="ab" * 32, timeout=2)
        assert await error_kind_of(client, command) is api.ErrorKind.IDENTITY
        assert await error_kind_of(client, api.GetOfferCommand(0.2)) is api.ErrorKind.NO_SERVER
        assert await error_kind_of(client, api.LoginCommand("anna", "meant for the other one")) is api.ErrorKind.INVALID
        assert not first.requests(wire.LoginPassword)
        assert not second.requests(wire.LoginPassword)

    run(tmp_path, scenario)


def test_disconnect_removes_the_offer(tmp_path: File) -> None:
    async def scenario(client: Client, first: FakeServer, second: FakeServer) -> None:
        await accepted(client, first)
        await client.call(api.DisconnectCommand())
        assert await error_kind_of(client, api.GetOfferCommand(0.2)) is api.ErrorKind.NO_SERVER
        assert await error_kind_of(client, api.LoginCommand("anna", "secret secret")) is api.ErrorKind.INVALID

    run(tmp_path, scenario)


def test_unreachable_known_server_does_not_return_another_offer(tmp_path: File) -> None:
    async def scenario(client: Client, first: FakeServer, second: FakeServer) -> None:
        await accepted(client, first)
        await client.call(api.RegisterCommand("anna", "a password"))
        assert (await accepted(client, second)).registration is wire.Registration.CLOSED
        await first.stop()
        command = api.ConnectCommand(address=first.address, timeout=2)
        assert await error_kind_of(client, command) is api.ErrorKind.NO_SERVER
        assert client.member is not None
        assert await error_kind_of(client, api.GetOfferCommand(0.2)) is api.ErrorKind.NO_SERVER

    run(tmp_path, scenario)


def test_offer_can_be_requested_by_fingerprint(tmp_path: File) -> None:
    async def scenario(client: Client, first: FakeServer, second: FakeServer) -> None:
        await accepted(client, first)
        assert await error_kind_of(client, api.GetOfferCommand(0.2, second.fingerprint)) is api.ErrorKind.NO_SERVER
        waiting = asyncio.ensure_future(client.call(api.GetOfferCommand(10, second.fingerprint)))
        await client.call(api.ConnectCommand(address=second.address, accept_new=True))
        assert (await waiting).server.fingerprint == second.fingerprint

    run(tmp_path, scenario)


def test_expected_fingerprint_is_not_replaced_by_known_account(tmp_path: File) -> None:
    async def scenario(client: Client, first: FakeServer, second: FakeServer) -> None:
        await accepted(client, first)
        await client.call(api.RegisterCommand("anna", "a password"))
        await first.stop()
        command = api.ConnectCommand(address=first.address, fingerprint=second.fingerprint, timeout=2)
        assert await error_kind_of(client, command) is api.ErrorKind.NO_SERVER
        assert client.member is None

    run(tmp_path, scenario)
