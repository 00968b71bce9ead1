"""Ten users at once: real client engines with profiles of their own in one event loop, which write continuously and
record their events. The audit compares the database and the copies with these records.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.store.profile import ProfileStore
from tests.support.ports import free_port
from tests.support.procs import ServerProcess
from tests.support.waiting import patient

SIZE = 10
RATE = 4.0  # messages a second of each person
PASSWORD = "correct horse"
# Ten people from one address who write more than people do.
LIMITS = """
[limits]
message_rate = 1000
message_burst = 1000
total_rate = 5000
user_octets_per_day = 0
disk_reserve_mib = 0
"""


@dataclass(slots=True)
class EventRecord:
    """The recorded events of one client. Times are those of `time.monotonic`."""

    made: dict[str, float] = field(default_factory=dict)  # `SendFrames` returned: durable in the outbox
    acknowledged: dict[str, int] = field(default_factory=dict)
    acknowledged_at: dict[str, float] = field(default_factory=dict)
    shown: list[tuple[int, str]] = field(default_factory=list)
    shown_at: dict[str, float] = field(default_factory=dict)
    states: list[tuple[float, api.LinkState]] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def take(self, event: api.Event) -> None:
        now = time.monotonic()
        match event:
            case api.StateChanged():
                self.states.append((now, event.state))
            case api.LineStored():
                self._acknowledge(event.id, event.seq, now)
            case api.LineRefused():
                self.contradictions.append(f"{event.id} was refused: {event.code!r} {event.details}")
            case api.LineAdded() if event.line.seq is not None:
                self.shown.append((event.line.seq, event.line.id))
                self.shown_at.setdefault(event.line.id, now)

    def _acknowledge(self, id: str, seq: int, now: float) -> None:
        if self.acknowledged.setdefault(id, seq) != seq:
            self.contradictions.append(f"{id} was stored as {self.acknowledged[id]} and as {seq}")
        self.acknowledged_at.setdefault(id, now)

    def live_since(self, moment: float) -> float | None:
        """When the state became live for good after `moment`; None when it is not live now."""
        if not self.states or self.states[-1][1] is not api.LinkState.LIVE:
            return None
        when = self.states[-1][0]
        return when if when >= moment else None


class CrowdClient:
    """One client engine and its recorded events."""

    def __init__(self, folder: Path, name: str, discovery_port: int) -> None:
        self.name = name
        self.profile = ProfileStore.open(folder)
        self.memory = EventRecord()
        self.client = Client(self.profile, self.memory.take, discovery_port=discovery_port, use_zeroconf=False)
        self.room = 0
        self._count = 0

    async def enter(self, server: ServerProcess, address: str = "") -> None:
        """Register; at `address` when the way to the server leads over something else."""
        await self.client.call(api.ConnectCommand(address=address or server.address, fingerprint=server.fingerprint))
        await self.client.call(api.RegisterCommand(self.name, PASSWORD))
        await self.client.call(api.WaitLiveCommand(60))
        self.room = (await self.client.call(api.FindRoomCommand("general"))).room

    async def say(self) -> str:
        """The id of a new message."""
        self._count += 1
        line = await self.client.call(api.SendCommand(self.room, f"{self.name} says {self._count}"))
        self.memory.made[line.id] = time.monotonic()
        return str(line.id)


class ClientCrowd:
    """All clients, in the running event loop. Without `discovery_port` they know the server by its address alone."""

    def __init__(self, folder: Path, *, size: int = SIZE, seed: int = 1, discovery_port: int | None = None) -> None:
        names = [f"person{number}" for number in range(size)]
        self.people = [CrowdClient(folder / name, name, discovery_port or free_port()) for name in names]
        self._random = random.Random(seed)
        self._writing: list[asyncio.Task[None]] = []

    async def enter(self, server: ServerProcess) -> None:
        for person in self.people:
            await person.enter(server)

    def start_writing(self, rate: float = RATE, unseen_max: int | None = None) -> None:
        """Each client writes `rate` messages a second, at random times, until `stop_writing`. All pause while one of
        them has `unseen_max` messages of all to come: on a computer that needs minutes for a restart, or cannot show
        as fast as they write, the rest would keep everybody away for good."""
        self._writing = [asyncio.create_task(self._write(person, rate, unseen_max)) for person in self.people]

    def unseen(self) -> int:
        """How many messages the client that is furthest behind has not shown."""
        made = sum(len(person.memory.made) for person in self.people)
        return made - min((len(person.memory.shown_at) for person in self.people), default=0)

    async def _write(self, person: CrowdClient, rate: float, unseen_max: int | None) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(0.2, 1.8) / rate)
            if unseen_max is None or self.unseen() < unseen_max:
                await person.say()

    async def stop_writing(self) -> None:
        """Raises what a writer died of: a message that could not even be made durable."""
        tasks, self._writing = self._writing, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    # --- Waiting --------------------------------------------------------------------------------------------------

    async def until(self, done: Callable[[], Any], timeout: float, what: str) -> None:
        """Raises TimeoutError that names what was waited for, and shows how everybody is doing."""
        end = time.monotonic() + patient(timeout)
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not within {patient(timeout):g} s\n{self.describe()}")
            await asyncio.sleep(0.01)

    async def live_after(self, moment: float, timeout: float = 60.0) -> list[float]:
        """When each became live (again) after `moment`."""

        def since() -> list[float | None]:
            return [person.memory.live_since(moment) for person in self.people]

        await self.until(lambda: None not in since(), timeout, "everybody is live again")
        return [when for when in since() if when is not None]

    def undecided(self) -> int:
        return sum(len(p.memory.made.keys() - p.memory.acknowledged.keys()) for p in self.people)

    def acknowledged(self) -> int:
        """How many messages were acknowledged so far."""
        return sum(len(person.memory.acknowledged) for person in self.people)

    async def all_acknowledged(self, timeout: float = 60.0) -> None:
        await self.until(lambda: not self.undecided(), timeout, "everything that was written is acknowledged")

    async def all_shown(self, timeout: float = 60.0) -> None:
        """Whether all clients display all messages."""
        wanted = {id for person in self.people for id in person.memory.made}
        await self.until(
            lambda: all(wanted <= person.memory.shown_at.keys() for person in self.people),
            timeout,
            "everybody has seen everything",
        )

    def describe(self) -> str:
        return "\n".join(
            f"{person.name}: {person.memory.states[-1:]} made {len(person.memory.made)}"
            f" acknowledged {len(person.memory.acknowledged)} shown {len(person.memory.shown)}"
            for person in self.people
        )

    async def close(self) -> None:
        await self.stop_writing()
        await asyncio.gather(*(person.client.close() for person in self.people))
