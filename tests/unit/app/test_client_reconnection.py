"""The client against a scripted server over real sockets: disconnection, discovery, its thread, broken protocols."""

import asyncio
import threading
import time
from pathlib import Path as File
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.app.commands import entry as commands_entry
from lanchat.app.login import dial
from lanchat.app.thread import ClientThread
from lanchat.discovery.listing import DiscoveredServer
from lanchat.protocol import wire
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.store.profile import ProfileStore
from lanchat.wording.problems import error_text
from tests.support.fake_log import LOG_ID
from tests.support.fake_server import FakeServer
from tests.support.ports import free_port
from tests.support.scripted_client import QUICK, ROOM, Person, first_by_udp, run, until
from tests.support.waiting import patient

__all__ = ["run"]


# --- The server goes away ---------------------------------------------------------------------------------------------


def test_messages_written_while_disconnected_are_sent_later(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.say("before")
        await server.stop()
        await anna.state(api.LinkState.AWAY)
        line = await anna.call(api.SendCommand(ROOM, "while away"))
        assert (await anna.fails(api.WaitDecidedCommand(line.id, 0.1))).kind is api.ErrorKind.TIMEOUT
        assert (await anna.fails(api.ListDevicesCommand())).kind is api.ErrorKind.OFFLINE
        assert [person.state for person in await anna.call(api.ListPeopleCommand())] == [wire.PresenceState.OFFLINE]
        texts = [(line.seq, line.text) for line in await anna.call(api.LoadLinesCommand(ROOM))]
        assert texts == [(1, "before"), (None, "while away")]
        again = FakeServer(server.log, port=server.port)
        again.accounts, again.public_keys = server.accounts, server.public_keys
        async with again:
            await anna.state(api.LinkState.LIVE)
            assert await anna.call(api.WaitDecidedCommand(line.id, patient(5))) == 2

    run(scenario)


def test_start_without_server_reads_the_copy_and_keeps_messages(run: Any, tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.say("before")
        await anna.client.close()
        await server.stop()
        again = Person(tmp_path / "anna")
        assert (await again.fails(api.ConnectCommand(timeout=1))).kind is api.ErrorKind.NO_SERVER
        assert again.of(api.AccountLoggedIn)[0].account.name == "anna"
        room = await again.call(api.FindRoomCommand("#room1"))
        line = await again.call(api.SendCommand(room.room, "kept"))
        texts = [(line.seq, line.text) for line in await again.call(api.LoadLinesCommand(room.room))]
        assert texts == [(1, "before"), (None, "kept")]
        assert (await again.fails(api.WaitLiveCommand(0.2))).kind is api.ErrorKind.NO_SERVER
        back = FakeServer(server.log, port=server.port)
        back.accounts, back.public_keys = server.accounts, server.public_keys
        async with back:
            assert await again.call(api.WaitDecidedCommand(line.id, 8)) == 2
            await again.client.close()

    run(scenario)


def test_finds_the_server_at_a_new_address(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        moved = FakeServer(server.log)
        moved.accounts, moved.public_keys = server.accounts, server.public_keys
        async with moved:

            async def found(*args: Any, **options: Any) -> list[DiscoveredServer]:
                forged_server = DiscoveredServer("Liar", "127.0.0.1", free_port(), "f" * 64, LOG_ID, "probe")
                return [
                    forged_server,
                    DiscoveredServer("Test", moved.host, moved.port, moved.fingerprint, LOG_ID, "probe"),
                ]

            monkeypatch.setattr(dial, "discover", found)
            await server.stop()
            await anna.state(api.LinkState.LIVE)
            await until(lambda: moved.sessions)
            await until(lambda: (known := anna.profile.last_server()) is not None and known.port == moved.port)

    run(scenario)


def test_reconnects_after_a_protocol_violation(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        first = server.sessions[0]
        first._transport.write(b"\x00\x00\x00\x02\xff\xff")
        await until(lambda: first not in server.sessions)
        await anna.state(api.LinkState.LIVE)

    run(scenario)


@pytest.mark.parametrize("way", ["blocked", "unused"])
def test_uses_tls_alone_without_udp(run: Any, way: str) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        server.udp = False
        await anna.register(server)
        assert await anna.say("over tls") == 1
        await until(lambda: len(anna.of(api.LineAdded)) == 2)
        assert all(session.address is None for session in server.sessions)

    run(scenario, use_udp=way == "blocked")


def test_sends_messages_by_udp_when_open(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        assert anna.client.member is not None
        member = anna.client.member
        await until(lambda: member.core._link.udp_open)
        assert await anna.say("by udp") == 1
        assert first_by_udp(server) == 1

    run(scenario)


def test_renewed_keys_are_used(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        assert anna.client.member is not None
        member = anna.client.member
        await until(lambda: member.core._link.udp_open)
        member.core.renew(member.now())
        member.driver.pump()
        await until(lambda: len(server.requests(wire.Renew)) == 1)
        for number in range(5):
            assert await anna.say(f"text {number}") == number + 1
        assert first_by_udp(server) == 5
        assert member.core.counters == {}

    run(scenario)


def test_unknown_certificate_does_not_block_other_lines(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        del server.log.devices[next(iter(server.log.devices))]
        server.relay(ROOM, server.log.say(text="by a ghost"))
        await anna.say("mine")
        await until(lambda: [e.line.text for e in anna.of(api.LineAdded) if e.line.seq] == ["mine"])

    run(scenario)


# --- Discovery, thread ------------------------------------------------------------------------------------------------


def test_several_servers_found_require_a_choice(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        one = DiscoveredServer("One", server.host, server.port, server.fingerprint, LOG_ID, "probe")
        two = DiscoveredServer("Two", server.host, free_port(), "e" * 64, bytes(16), "zeroconf")
        listed = [one, two]

        async def found(timeout: float, *, on_found: Any = None, **options: Any) -> list[DiscoveredServer]:
            for entry in listed:
                if on_found is not None:
                    on_found(entry)
            return list(listed)

        monkeypatch.setattr("lanchat.app.login.entry.discover", found)
        servers = await anna.call(api.DiscoverCommand(0.1))
        assert [(s.name, s.via, s.trust) for s in servers] == [
            ("One", "probe", api.Trust.NEW),
            ("Two", "zeroconf", api.Trust.NEW),
        ]
        assert len(anna.of(api.ServerFound)) == 2
        error = await anna.fails(api.ConnectCommand(timeout=0.2))
        assert error.kind is api.ErrorKind.INVALID
        assert "One" in error_text(error)
        chosen = await anna.call(api.ConnectCommand(timeout=0.2, fingerprint=server.fingerprint))
        assert chosen.trust is api.Trust.PINNED
        listed.clear()

    run(scenario)


def test_thread_runs_commands_and_stops(tmp_path: File) -> None:
    loop = asyncio.new_event_loop()
    server = FakeServer()
    loop.run_until_complete(server.__aenter__())
    events: list[api.Event] = []
    thread = ClientThread(ProfileStore.open(tmp_path / "p"), events.append, use_zeroconf=False, config=QUICK)
    assert isinstance(thread.call(api.ListRoomsCommand()).exception(), api.CommandError)
    thread.start()

    async def converse() -> None:
        async def call(command: api.Command) -> Any:
            return await asyncio.wrap_future(thread.call(command))

        await call(api.ConnectCommand(address=server.address, accept_new=True))
        await call(api.RegisterCommand("anna", "a password"))
        await call(api.WaitLiveCommand(100))
        line = await call(api.SendCommand(ROOM, "from a thread"))
        assert await call(api.WaitDecidedCommand(line.id, patient(5))) == 1
        with pytest.raises(api.CommandError):
            await call(api.SendCommand(77, "nowhere"))

    loop.run_until_complete(converse())
    under_way = thread.call(api.WaitDecidedCommand("1.00.1.1", 60))
    thread.stop(3)
    assert not thread._thread.is_alive()
    assert under_way.cancelled() or under_way.exception() is not None
    assert isinstance(thread.call(api.ListRoomsCommand()).exception(), api.CommandError)
    thread.stop(1)
    loop.run_until_complete(server.stop())
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()
    assert any(isinstance(event, api.LineStored) for event in events)


def test_thread_is_interrupted_when_its_client_does_not_close(
    tmp_path: File, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closing, interrupted = threading.Event(), threading.Event()

    async def close(client: Client) -> None:
        closing.set()
        try:
            await asyncio.sleep(patient(600))
        finally:
            interrupted.set()
            # Even what goes on after it was interrupted disturbs nothing.
            await asyncio.to_thread(time.sleep, 0.05)

    monkeypatch.setattr(Client, "close", close)
    thread = ClientThread(ProfileStore.open(tmp_path / "p"), lambda event: None, use_zeroconf=False, config=QUICK)
    thread.start()
    failures: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    thread._thread.join(0.05)
    thread.stop(0.2)
    thread._thread.join(patient(8))
    assert not thread._thread.is_alive()
    assert closing.is_set()
    assert interrupted.is_set()
    assert failures == []
    assert [record.getMessage() for record in caplog.records] == ["the network did not end in time"]


def test_thread_whose_client_fails_to_start_refuses_commands(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(client: Client, *args: Any, **options: Any) -> None:
        raise OSError("no sockets")

    monkeypatch.setattr(Client, "__init__", fail)
    failures: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    thread = ClientThread(ProfileStore.open(tmp_path / "p"), lambda event: None)
    thread.start()
    assert isinstance(thread.call(api.ListRoomsCommand()).exception(), api.CommandError)
    thread._thread.join(patient(8))
    thread.stop(1)
    assert len(failures) == 1


def test_every_command_has_a_handler() -> None:

    from lanchat.app.client import HANDLERS

    assert set(HANDLERS) == set(api.Command.__subclasses__())
    assert commands_entry.device_name()


# --- A server that breaks the protocol --------------------------------------------------------------------------------


def test_oversized_frame_is_reported_and_retried_with_delay(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.answers[wire.ListUsers] = lambda operation: server.sessions[-1].send_raw(b"\x7f\xff\xff\xff")

        def is_reported() -> bool:
            reported = [
                event
                for event in anna.of(api.StateChanged)
                if event.reason == ProblemDetails.of(Problem.SERVER_UNREADABLE)
            ]
            return any(event.retry_in > 0.04 for event in reported[1:])

        error = await anna.fails(api.ListPeopleCommand(certain=True))
        assert error.kind is api.ErrorKind.OFFLINE
        await until(is_reported)

    run(scenario)


def test_users_are_listed_from_memory_unless_certain(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.ListPeopleCommand(certain=True))
        await server.stop()
        await until(lambda: anna.events[-1] and not anna.client.logged_in().in_session)
        assert [person.name for person in await anna.call(api.ListPeopleCommand())] == ["anna"]
        assert (await anna.fails(api.ListPeopleCommand(certain=True))).kind is api.ErrorKind.OFFLINE

    run(scenario)
