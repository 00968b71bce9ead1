"""A server that is killed repeatedly while clients write, and the times until all clients are live again."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.chaos.crowd import RATE
from tests.chaos.launcher import kill_at
from tests.chaos.points import WRITING
from tests.chaos.server_with_clients import ServerWithClients

# How long a server may take to come to the point where it is to die; the crowd's messages bring it there.
POINT_PATIENCE = 60.0


class Kill(NamedTuple):
    """At a named point, or (no point) from outside after `delay` seconds; counted from when everybody is live or,
    `early`, from the start of the server. Then the server stays away for `outage` seconds."""

    point: str = ""
    passing: int = 1
    delay: float = 0.0
    early: bool = False
    outage: float = 0.0

    @property
    def name(self) -> str:
        return self.point or "at random"


@dataclass(slots=True)
class Tally:
    """Figures of a campaign. `recoveries`: seconds from the ready line until a client was live, one per client and
    start; those whose server died before everybody was live are not among them. `returns`: the same from the kill on,
    where the next server was started at once."""

    kills: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)
    died_at: float | None = None
    made: int = 0
    told: int = 0
    stored: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        return sum(self.kills.values())


def draw_kills(count: int, seed: int, first: int = 0) -> list[Kill]:
    """Every named point in turn, from number `first` on, and as many again at random moments; two of three while
    clients are still coming back."""
    draw = random.Random(seed)
    kills = []
    for number in range(count):
        early = number % 3 != 0
        if number % 2:
            kills.append(Kill(delay=draw.uniform(0.2, 1.5) if early else draw.uniform(0.0, 0.4), early=early))
        else:
            point = WRITING[(first + number // 2) % len(WRITING)]
            kills.append(Kill(point.name, draw.randint(1, point.often), early=early or point.early))
    return kills


async def campaign(
    scene: ServerWithClients, kills: Sequence[Kill], rate: float = RATE, unseen_max: int | None = None
) -> Tally:
    """Kill at each of these, in order, while everybody writes (`ClientCrowd.start_writing`); then let everything
    settle, stop, and audit."""
    tally = Tally()
    async with scene:
        scene.crowd.start_writing(rate, unseen_max)
        scene.server.kill()
        for kill in kills:
            await _start_and_kill(scene, kill, tally)
        await _start(scene, tally)
        await scene.settle()
        audit = await scene.audit()
    tally.made = sum(len(person.memory.made) for person in scene.crowd.people)
    tally.told = scene.crowd.acknowledged()
    tally.stored = audit.stored
    tally.faults = audit.faults
    return tally


async def _start(scene: ServerWithClients, tally: Tally, env: dict[str, str] | None = None) -> None:
    """A server, and everybody live."""
    began = time.monotonic()
    server = await scene.start(env)
    live = await scene.crowd.live_after(began)
    tally.recoveries += [max(0.0, when - server.ready_at) for when in live]
    if tally.died_at is not None:
        tally.returns += [when - tally.died_at for when in live]


async def _start_and_kill(scene: ServerWithClients, kill: Kill, tally: Tally) -> None:
    env = kill_at(kill.point, kill.passing, when_told=not kill.early) if kill.point else None
    tally.kills[kill.name] += 1
    if kill.early:
        try:
            await scene.start(env)
        except RuntimeError:
            if not kill.point:
                raise
            tally.died_at = time.monotonic()
            return  # it died before it was ready
    else:
        await _start(scene, tally, env)
        if kill.point:
            scene.server.signal(signal.SIGUSR1)
    await _await_death(scene, kill)
    tally.died_at = time.monotonic() if not kill.outage else None
    await asyncio.sleep(kill.outage)


async def _await_death(scene: ServerWithClients, kill: Kill) -> None:
    server = scene.server
    if not kill.point:
        await asyncio.sleep(kill.delay)
        server.kill()
    try:
        code = await asyncio.to_thread(server.wait, POINT_PATIENCE)
    except TimeoutError:
        server.kill()
        raise
    assert code == -signal.SIGKILL, f"the server ended by itself with {code}\n{server.transcript()}"
