"""The client against a scripted server over real sockets: trust and log-in."""

import asyncio
from pathlib import Path as File
from typing import Any

import pytest

from lanchat.app import api
from lanchat.protocol import wire
from lanchat.protocol.limits import Limits
from lanchat.wording.problems import details_text
from tests.support.fake_log import LOG_ID
from tests.support.fake_server import FakeServer
from tests.support.ports import free_port
from tests.support.scripted_client import Person, run, until

__all__ = ["run"]


# --- Trust ------------------------------------------------------------------------------------------------------------


def test_connect_shows_new_server_without_sending_anything(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        seen = await anna.call(api.ConnectCommand(address=server.address))
        assert (seen.trust, seen.fingerprint, seen.via) == (api.Trust.NEW, server.fingerprint, "typed")
        assert len(seen.words.split()) == 8
        assert seen.name == server.address.partition(":")[0]
        # Chosen from a list it keeps the name of the list; nothing was asked of it.
        named = await anna.call(api.ConnectCommand(address=server.address, name="Off\u202eice"))
        assert named.name == "Off\ufffdice"
        assert server.heard == []
        assert (await anna.fails(api.LoginCommand("anna", "secret"))).kind is api.ErrorKind.INVALID
        offer = await anna.call(api.AcceptIdentityCommand(server.fingerprint))
        assert (offer.server.trust, offer.server.name, offer.remembered) == (api.Trust.PINNED, "Test", "")
        assert offer == await anna.call(api.GetOfferCommand())
        known = anna.profile.known_by_fingerprint(server.fingerprint)
        assert known is not None
        assert (known.log_id, known.log_key) == (LOG_ID, server.log.log_key)

    run(scenario)


def test_fingerprint_mismatch_is_refused(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.ConnectCommand(address=server.address))
        assert (await anna.fails(api.AcceptIdentityCommand("0" * 64))).kind is api.ErrorKind.IDENTITY
        wrong = api.ConnectCommand(address=server.address, fingerprint="1" * 64)
        assert (await anna.fails(wrong)).kind is api.ErrorKind.IDENTITY
        assert server.heard == []

    run(scenario)


@pytest.mark.parametrize("how", ["invite", "fingerprint", "accept_new"])
def test_ways_to_accept_a_server_without_confirmation(run: Any, how: str) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        command = {
            "invite": api.ConnectCommand(invite=f"lanchat://{server.address}/#{server.fingerprint}"),
            "fingerprint": api.ConnectCommand(address=server.address, fingerprint=server.fingerprint.upper()),
            "accept_new": api.ConnectCommand(address=server.address, accept_new=True),
        }[how]
        assert (await anna.call(command)).trust is api.Trust.PINNED
        assert len(server.requests(wire.Hello)) == 1

    run(scenario)


def test_changed_key_is_refused_by_every_way_to_connect(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        await server.stop()
        async with FakeServer(identity=41, port=server.port) as impostor:
            for command in (
                api.ConnectCommand(),
                api.ConnectCommand(address=impostor.address),
                api.ConnectCommand(address=impostor.address, accept_new=True),
                api.ConnectCommand(address=impostor.address, fingerprint=impostor.fingerprint),
            ):
                assert (await anna.fails(command)).kind is api.ErrorKind.IDENTITY
            assert impostor.heard == []

    run(scenario)


def test_changed_key_is_noticed_on_reconnect(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await server.stop()
        async with FakeServer(identity=41, port=server.port) as impostor:
            await until(lambda: "Another server" in details_text(anna.of(api.StateChanged)[-1].reason))
            await anna.state(api.LinkState.AWAY)
            assert impostor.heard == []

    run(scenario)


def test_server_claiming_a_known_log_id_is_not_pinned(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        async with FakeServer(identity=41) as impostor:
            command = api.ConnectCommand(address=impostor.address, accept_new=True)
            assert (await anna.fails(command)).kind is api.ErrorKind.IDENTITY
            assert impostor.requests(wire.LoginDevice) == []

    run(scenario)


def test_invalid_addresses_and_links_are_refused(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        for command in (
            api.ConnectCommand(address="no such:thing:1"),
            api.ConnectCommand(address=server.address, fingerprint="abc"),
            api.ConnectCommand(invite="https://example.org/"),
        ):
            assert (await anna.fails(command)).kind is api.ErrorKind.INVALID
        assert (
            await anna.fails(api.ConnectCommand(address=f"127.0.0.1:{free_port()}"))
        ).kind is api.ErrorKind.NO_SERVER
        assert (await anna.fails(api.ConnectCommand(timeout=0.3))).kind is api.ErrorKind.NO_SERVER

    run(scenario)


# --- Logging in -------------------------------------------------------------------------------------------------------


def test_remembered_device_logs_in_without_password(run: Any, tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.client.close()
        again = Person(tmp_path / "anna")
        await again.call(api.ConnectCommand())
        assert (await again.call(api.GetOfferCommand())).remembered == "anna"
        assert (await again.call(api.WaitLiveCommand(100))).name == "anna"
        assert len(server.requests(wire.LoginDevice)) == 1
        await again.client.close()

    run(scenario)


def test_login_succeeds_after_a_wrong_password(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.LogoutCommand())
        await anna.call(api.ConnectCommand())
        error = await anna.fails(api.LoginCommand("anna", "wrong"))
        assert (error.kind, error.code) == (api.ErrorKind.REFUSED, wire.Code.BAD_CREDENTIALS)
        assert (await anna.call(api.LoginCommand("anna", "a password"))).name == "anna"

    run(scenario)


def test_registers_after_the_server_closed_an_idle_connection(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.ConnectCommand(address=server.address, accept_new=True))
        # The server gives a connection ten seconds to log in.
        await until(lambda: bool(server.sessions))
        server.sessions[0].cut()
        await until(lambda: not server.sessions)
        assert (await anna.call(api.RegisterCommand("anna", "a password"))).name == "anna"

    run(scenario)


def test_unremembered_device_is_revoked_on_close(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.ConnectCommand(address=server.address, accept_new=True))
        await anna.call(api.RegisterCommand("anna", "a password", remember=False))
        await anna.call(api.WaitLiveCommand(100))
        assert anna.profile.device(LOG_ID) is None
        await anna.client.close()
        assert len(server.requests(wire.Logout)) == 1

    run(scenario)


def test_refused_device_reports_the_reason_and_logs_in_again(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        server.refuse = wire.Code.DEVICE_REVOKED
        await anna.call(api.ConnectCommand())
        error = await anna.fails(api.WaitLiveCommand(100))
        assert (error.kind, error.code) == (api.ErrorKind.REFUSED, wire.Code.DEVICE_REVOKED)
        await anna.state(api.LinkState.REFUSED)
        tries = len(server.requests(wire.LoginDevice))
        await asyncio.sleep(0.3)
        assert len(server.requests(wire.LoginDevice)) == tries
        await anna.call(api.LoginCommand("anna", "a password"))
        assert (await anna.call(api.WaitLiveCommand(100))).name == "anna"

    run(scenario)


def test_refused_device_can_be_removed(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.sessions[0].send(wire.Goodbye(wire.Code.DEVICE_REVOKED, "revoked"))
        await anna.state(api.LinkState.REFUSED)
        await anna.call(api.LogoutCommand())
        assert anna.profile.device(LOG_ID) is None
        assert server.requests(wire.Logout) == []

    run(scenario)


def test_new_certificate_is_stored_in_the_profile(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        device = anna.profile.device(LOG_ID)
        assert device is not None
        fresh = server.log.enrol_public(server.public_keys[device.device_id][1], 1, "anna")
        server.sessions[0].send(wire.NewCertificate(fresh))
        await until(lambda: (stored := anna.profile.device(LOG_ID)) and stored.certificate == fresh)

    run(scenario)


def test_concurrent_connects_are_serialised(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        command = api.ConnectCommand(address=server.address, accept_new=True)
        first, second = await asyncio.gather(anna.call(command), anna.call(command))
        assert first.fingerprint == second.fingerprint
        await until(lambda: len(server.sessions) == 1)
        assert (await anna.call(api.RegisterCommand("anna", "a password"))).name == "anna"

    run(scenario)


def test_disconnect_ends_pending_commands(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.answers[wire.ListDevices] = lambda operation: None
        asked = asyncio.create_task(anna.fails(api.ListDevicesCommand()))
        waits = asyncio.create_task(anna.fails(api.WaitDecidedCommand("1.00.1.1", 60)))
        await until(lambda: server.requests(wire.ListDevices))
        await anna.call(api.DisconnectCommand())
        assert (await asked).kind is api.ErrorKind.OFFLINE
        assert (await waits).kind is api.ErrorKind.TIMEOUT

    run(scenario)


def test_client_continues_after_an_error_in_the_core(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        assert anna.client.member is not None
        core = anna.client.member.core
        genuine, failures = core.take_events, iter([True, True])

        def fail_twice() -> Any:
            if next(failures, False):
                raise RuntimeError("a bug")
            return genuine()

        core.take_events = fail_twice  # type: ignore[method-assign]
        assert await anna.say("still here") == 1

    run(scenario)


def test_failing_listener_does_not_stop_the_network(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        def fail(event: api.Event) -> None:
            raise RuntimeError("a bug in the window")

        anna.client._on_event = fail
        await anna.register(server)
        assert await anna.say("still here") == 1

    run(scenario)


def test_server_with_another_log_is_refused(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        other = wire.Welcome(1, "Test", bytes(16), 1, server.log.log_key, bytes(32), wire.Registration.OPEN, False,
                             Limits(), 0)  # fmt: skip
        server.answers[wire.Hello] = lambda operation: other
        server.sessions[0].cut()
        await anna.state(api.LinkState.REFUSED)
        assert server.requests(wire.LoginDevice) == []

    run(scenario)


def test_commands_that_need_an_account_are_refused_without_one(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        for command in (
            api.ListRoomsCommand(),
            api.SendCommand(1, "x"),
            api.WaitLiveCommand(1),
            api.LogoutCommand(),
            api.ListDevicesCommand(),
        ):
            assert (await anna.fails(command)).kind is api.ErrorKind.REFUSED

    run(scenario)


def test_recovery_works_without_an_account(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.ConnectCommand(address=server.address, accept_new=True))
        await anna.call(api.RecoverCommand("anna"))
        server.answers[wire.RecoverConfirm] = lambda operation: wire.Failure(0, wire.Code.RECOVERY_INVALID, "")
        error = await anna.fails(api.RecoverConfirmCommand("anna", "CODE", "new password"))
        assert error.code is wire.Code.RECOVERY_INVALID
        assert "secret" not in repr(api.LoginCommand("anna", "secret"))

    run(scenario)
