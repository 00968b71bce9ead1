"""A client with a scripted server over real sockets, for tests of `lanchat.app`: `run` runs a scenario with both."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path as File
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.core.config import ClientConfig
from lanchat.protocol import wire
from lanchat.store.profile import ProfileStore
from lanchat.wording.problems import error_text
from tests.support.fake_log import FakeLog, key_of
from tests.support.fake_server import FakeServer
from tests.support.ports import free_port
from tests.support.waiting import patient

ROOM = 1
# Quick tries: the times themselves are tested with the core.
QUICK = ClientConfig(reconnect_first=0.05, reconnect_longest=0.1, away_after=0.3)


class Person:
    """A client, its profile, and every event that it emitted."""

    def __init__(self, folder: File, **options: Any) -> None:
        self.events: list[api.Event] = []
        given: dict[str, Any] = {"use_zeroconf": False, "config": QUICK, "discovery_port": free_port()} | options
        self.profile = ProfileStore.open(folder)
        self.client = Client(self.profile, self.events.append, **given)

    async def call(self, command: api.Command[Any]) -> Any:
        return await self.client.call(command)

    async def fails(self, command: api.Command[Any]) -> api.CommandError:
        with pytest.raises(api.CommandError) as caught:
            await self.client.call(command)
        assert error_text(caught.value)
        return caught.value

    async def register(self, server: FakeServer, name: str = "anna") -> "Person":
        await self.call(api.ConnectCommand(address=server.address, fingerprint=server.fingerprint))
        await self.call(api.RegisterCommand(name, "a password"))
        await self.call(api.WaitLiveCommand(100))
        return self

    async def state(self, state: api.LinkState) -> None:
        await until(lambda: [e.state for e in self.events if isinstance(e, api.StateChanged)][-1] is state)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def say(self, text: str) -> int:
        line = await self.call(api.SendCommand(ROOM, text))
        return int(await self.call(api.WaitDecidedCommand(line.id, patient(5))))


async def until(done: Callable[[], Any], seconds: float = 8.0) -> None:
    async with asyncio.timeout(patient(seconds)):
        while not done():
            await asyncio.sleep(0.01)


def first_by_udp(server: FakeServer) -> int:
    """How many messages arrived by UDP first. An unanswered message is sent again, the third time over TLS, which is
    no fault on a busy computer."""
    first = {
        message.header: frame
        for frame in reversed(server.heard)
        if isinstance(frame, wire.Submit)
        for message in frame.messages
    }
    by_udp = {id(frame) for frame in server.heard_by_udp}
    return sum(id(frame) in by_udp for frame in first.values())


Scenario = Callable[[FakeServer, Person], Awaitable[None]]


@pytest.fixture
def run(tmp_path: File) -> Callable[[Scenario], None]:
    """Runs a scenario with a server and a person; the client is closed at the end."""

    def start(scenario: Scenario, *, log: FakeLog | None = None, **options: Any) -> None:
        async def everything() -> None:
            async with FakeServer(log) as server:
                server.log.enrol(key_of(9), 99, "other")
                person = Person(tmp_path / "anna", **options)
                try:
                    await scenario(server, person)
                finally:
                    await person.client.close()

        asyncio.run(everything())

    return start
