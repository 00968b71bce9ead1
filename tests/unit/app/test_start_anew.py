"""A server in the place of a known one with another key: starting anew with it, and the local copy of the old one."""

from pathlib import Path as File
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.login import entry as login_entry
from lanchat.core.policy import Policy
from lanchat.protocol import wire
from lanchat.protocol.limits import Limits
from lanchat.protocol.text.identity import InviteLink
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import ROOM, Person, run

__all__ = ["run"]


async def anew(anna: Person, successor: FakeServer) -> api.ServerOffer:
    """Meets the successor, compares its words and starts anew with it."""
    error = await anna.fails(api.ConnectCommand())
    assert isinstance(error, api.ChangedIdentity)
    assert error.server is not None
    assert (error.server.fingerprint, error.server.trust) == (successor.fingerprint, api.Trust.CHANGED)
    assert successor.heard == []
    offer: api.ServerOffer = await anna.call(api.StartAnewCommand(error.server.fingerprint))
    return offer


def successor_at(port: int) -> FakeServer:
    """Another key and another log; it serves nothing after its welcome."""
    successor = FakeServer(identity=41, port=port)
    welcome = wire.Welcome(
        1, "Test", b"\x31" * 16, 1, b"\x32" * 32, bytes(32), wire.Registration.OPEN, False, Limits(), 0
    )
    successor.answers[wire.Hello] = lambda operation: welcome
    return successor


def test_new_server_is_used_and_old_messages_stay_readable(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.say("said at the old server")
        await anna.call(api.DisconnectCommand())
        await server.stop()
        async with successor_at(server.port) as successor:
            offer = await anew(anna, successor)
            assert (offer.server.trust, offer.remembered) == (api.Trust.PINNED, "")
            (old,) = await anna.call(api.ListReplacedCommand())
            assert old.fingerprint == server.fingerprint
            opened = await anna.call(api.ConnectCommand(fingerprint=old.fingerprint))
            assert opened.fingerprint == server.fingerprint
            lines = await anna.call(api.LoadLinesCommand(ROOM))
            assert "said at the old server" in [line.text for line in lines]
            assert (await anna.call(api.ConnectCommand())).fingerprint == successor.fingerprint

    run(scenario)


def test_old_server_is_trusted_again_when_it_returns(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        await server.stop()
        async with successor_at(server.port) as successor:
            await anew(anna, successor)
            await anna.call(api.DisconnectCommand())
        async with FakeServer(server.log, port=server.port) as returned:
            seen = await anna.call(api.ConnectCommand(address=returned.address))
            assert seen.trust is api.Trust.PINNED
            assert await anna.call(api.ListReplacedCommand()) == []

    run(scenario)


def test_third_key_in_the_same_place_is_refused(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        await server.stop()
        async with successor_at(server.port) as successor:
            await anew(anna, successor)
            await anna.call(api.DisconnectCommand())
        async with FakeServer(identity=42, port=server.port) as impostor:
            for accept in (False, True):
                command = api.ConnectCommand(address=impostor.address, accept_new=accept, accept_own=True)
                assert isinstance(await anna.fails(command), api.ChangedIdentity)
            assert impostor.heard == []

    run(scenario)


def test_server_that_claims_the_same_log_is_refused(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        await server.stop()
        async with FakeServer(identity=41, port=server.port) as impostor:
            error = await anna.fails(api.ConnectCommand())
            assert isinstance(error, api.ChangedIdentity)
            assert (await anna.fails(api.StartAnewCommand(impostor.fingerprint))).kind is api.ErrorKind.IDENTITY
            assert isinstance(await anna.fails(api.ConnectCommand()), api.ChangedIdentity)
            assert impostor.requests(wire.LoginDevice) == []

    run(scenario)


def test_only_the_fingerprint_that_was_shown_is_taken(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        assert (await anna.fails(api.StartAnewCommand("0" * 64))).kind is api.ErrorKind.INVALID
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        await server.stop()
        async with successor_at(server.port) as successor:
            await anna.fails(api.ConnectCommand())
            assert (await anna.fails(api.StartAnewCommand("0" * 64))).kind is api.ErrorKind.IDENTITY
            assert successor.heard == []

    run(scenario)


def test_server_of_a_policy_is_not_replaced(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        error = await anna.fails(api.StartAnewCommand("0" * 64))
        assert error.kind is api.ErrorKind.REFUSED

    policy = Policy("policy.toml", InviteLink("127.0.0.1", 1, "ab" * 32))
    run(scenario, policy=policy)


@pytest.mark.parametrize("trusted", [True, False])
def test_server_on_the_same_computer_needs_no_comparison(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: File, trusted: bool
) -> None:
    monkeypatch.setattr(login_entry, "is_trusted_end", lambda own, peer: trusted and own[0] == peer[0])

    async def scenario(server: FakeServer, anna: Person) -> None:
        assert (await anna.call(api.ConnectCommand(address=server.address))).trust is api.Trust.NEW
        assert server.heard == []
        seen = await anna.call(api.ConnectCommand(address=server.address, accept_own=True))
        assert seen.trust is (api.Trust.PINNED if trusted else api.Trust.NEW)
        assert bool(server.heard) is trusted

    run(scenario)
