"""A server that falls silent during a session: where the client searches for it, and when the session moves."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path as File
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.limits import CLIENT_LIMITS, ClientLimits
from lanchat.app.login import dial
from lanchat.discovery.listing import DiscoveredServer
from lanchat.protocol import wire
from lanchat.transport import connecting, driver
from tests.support.fake_log import LOG_ID, FakeLog
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import QUICK, ROOM, Person, until


def twin(server: FakeServer, **options: Any) -> FakeServer:
    """The same server at another address."""
    other = FakeServer(server.log, **options)
    other.accounts, other.public_keys = server.accounts, server.public_keys
    return other


def fall_silent(server: FakeServer) -> None:
    """The connection stays open, nothing is answered by TLS or UDP, and no connection is accepted."""
    server.deaf, server.udp = True, False
    assert server._server is not None
    server._server.close()


def discoverable(monkeypatch: pytest.MonkeyPatch, *servers: FakeServer, after: float = 0.0) -> list[float]:
    """Searches find these servers; returns the times of the searches."""
    searches: list[float] = []
    seen = [DiscoveredServer("Test", each.host, each.port, servers[0].fingerprint, LOG_ID, "probe") for each in servers]

    async def search(*args: Any, **options: Any) -> list[DiscoveredServer]:
        searches.append(time.monotonic())
        await asyncio.sleep(after)
        return [each for each in seen if options["wanted"](each)]

    monkeypatch.setattr(dial, "discover", search)
    return searches


def port_of(person: Person) -> int:
    """The port that the session is connected to."""
    assert person.client.member is not None
    channel = person.client.member.driver.channel
    return int(channel.peer[1]) if channel is not None else 0


def play(
    scenario: Callable[[FakeServer, Person], Any],
    folder: File,
    log: FakeLog | None = None,
    limits: ClientLimits = CLIENT_LIMITS,
) -> None:
    """A registered user beside a server, in an event loop. The connection to a silent server is never closed: what
    these tests check happens before that, however slow the computer is."""

    async def everything() -> None:
        async with FakeServer(log or FakeLog()) as server:
            anna = Person(folder / "anna", config=replace(QUICK, silence_max=1000.0), limits=limits)
            try:
                await anna.register(server)
                await scenario(server, anna)
            finally:
                await anna.client.close()

    asyncio.run(everything())


def test_session_moves_to_the_new_address_of_the_server(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        async with twin(server) as moved:
            discoverable(monkeypatch, moved)
            fall_silent(server)
            line = await anna.call(api.SendCommand(ROOM, "where are you"))
            assert await anna.call(api.WaitDecidedCommand(line.id, 100)) == 1
            assert port_of(anna) == moved.port
            known = anna.profile.last_server()
            assert known is not None
            assert known.port == moved.port
            await until(lambda: not server.sessions)
        assert api.LinkState.AWAY not in [event.state for event in anna.of(api.StateChanged)]

    play(scenario, tmp_path)


def test_other_server_answering_the_search_receives_nothing(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        async with FakeServer(FakeLog(), identity=41) as other_server:
            seen = DiscoveredServer("Test", other_server.host, other_server.port, server.fingerprint, LOG_ID, "probe")
            searches: list[int] = []

            async def search(*args: Any, **options: Any) -> list[DiscoveredServer]:
                searches.append(1)
                return [seen]

            monkeypatch.setattr(dial, "discover", search)
            fall_silent(server)
            line = await anna.call(api.SendCommand(ROOM, "not for strangers"))
            await until(lambda: bool(searches))
            await asyncio.sleep(0.3)
            assert port_of(anna) == server.port
            server.deaf, server.udp = False, True
            assert await anna.call(api.WaitDecidedCommand(line.id, 100)) == 1
            assert port_of(anna) == server.port
            assert other_server.heard == []

    play(scenario, tmp_path)


def test_session_that_recovers_in_time_is_kept(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        async with twin(server) as moved:
            searches = discoverable(monkeypatch, moved, after=1.5)
            fall_silent(server)
            line = await anna.call(api.SendCommand(ROOM, "a moment"))
            await until(lambda: bool(searches))
            server.deaf, server.udp = False, True
            assert await anna.call(api.WaitDecidedCommand(line.id, 100)) == 1
            await until(lambda: bool(moved.requests(wire.LoginDevice)))
            await until(lambda: not moved.sessions)
            assert port_of(anna) == server.port

    play(scenario, tmp_path)


def test_removed_local_address_starts_a_new_session(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        assert anna.client.member is not None
        before = anna.client.member.driver.channel
        monkeypatch.setattr(driver, "still_ours", lambda address: False)
        server.udp = False
        server.sessions[0].live = lambda frame, reply: None  # type: ignore[method-assign]
        discoverable(monkeypatch, server)
        await until(lambda: anna.client.member.driver.channel not in (before, None))

    play(scenario, tmp_path)


# --- Connecting -------------------------------------------------------------------------------------------------------


def test_still_ours_checks_local_addresses() -> None:
    assert connecting.still_ours(("127.0.0.1", 4000))
    assert connecting.still_ours(("::1", 4000, 0, 0))
    # TEST-NET-1 (RFC 5737) is nobody's.
    assert not connecting.still_ours(("192.0.2.1", 4000))


def listening() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


def names(monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop, *ports: int) -> None:
    async def look_up(*args: Any, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]

    monkeypatch.setattr(loop, "getaddrinfo", look_up)


def test_connects_by_the_one_good_address_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        with listening() as sock:
            port = sock.getsockname()[1]
            names(monkeypatch, asyncio.get_running_loop(), 1, port)
            (await connecting.connect("office", 0)).close()
        names(monkeypatch, asyncio.get_running_loop(), 1, 2)
        with pytest.raises(ConnectionRefusedError):
            await connecting.connect("office", 0)

    asyncio.run(scenario())


def test_unanswered_connect_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(connecting, "NEXT_ROUND", 0.05)
        knocks: list[socket.socket] = []
        loop = asyncio.get_running_loop()

        async def connect(sock: socket.socket, address: Any) -> None:
            knocks.append(sock)
            if len(knocks) < 4:
                await asyncio.sleep(3600)

        monkeypatch.setattr(loop, "sock_connect", connect)
        async with asyncio.timeout(5):
            sock = await connecting.connect("127.0.0.1", 9)
        assert sock is knocks[3]
        assert [knock.fileno() for knock in knocks[:3]] == [-1, -1, -1]
        sock.close()

    asyncio.run(scenario())


def test_first_success_wins_and_other_results_are_discarded() -> None:
    async def after(seconds: float, result: str) -> str:
        await asyncio.sleep(seconds)
        if result.startswith("fails"):
            raise OSError(result)
        return result

    async def scenario() -> None:
        discarded: list[str] = []
        first = await connecting.first_of([after(5, "late"), after(0, "fails"), after(0.02, "good")], discarded.append)
        assert (first, discarded) == ("good", [])
        both = await connecting.first_of([after(0, "one"), after(0, "two")], discarded.append)
        assert {both, *discarded} == {"one", "two"}
        with pytest.raises(OSError, match="fails first"):
            await connecting.first_of([after(0.02, "fails first"), after(0, "fails second")], discarded.append)

    asyncio.run(scenario())
