"""Outages of a database, and the course of each run: before, during, after."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lanchat.protocol import wire
from lanchat_server.maintenance.initdb import init_db
from tests.chaos.audit import Audit
from tests.chaos.crowd import RATE, ClientCrowd
from tests.chaos.disks import SmallDisk
from tests.chaos.flood import Flood
from tests.chaos.server_with_clients import ServerWithClients
from tests.support.mariadb import MariaDB


@dataclass(frozen=True, slots=True)
class Outage:
    """How it begins and ends, called in a thread, and how many seconds it lasts. `total`: nothing at all can be stored
    meanwhile. `holds`: whether it is in force; one that is not says nothing about the server, and is an error."""

    name: str
    begin: Callable[[], Any]
    end: Callable[[], Any]
    seconds: float
    total: bool = True
    holds: Callable[[], bool] = lambda: True


def prepared(server: MariaDB) -> str:
    """The URL of a database as an administrator makes it: with an account that may do little."""
    url = server.url("chat", "chat", "secret")
    init_db(url, server.url())
    return url


def killed(server: MariaDB, seconds: float) -> Outage:
    """SIGKILL; away for so long, and then for as long as its recovery takes."""
    return Outage("killed", server.kill, server.start, seconds)


def stopped(server: MariaDB, seconds: float) -> Outage:
    """SIGSTOP: connections stay, nothing answers."""
    return Outage("stopped", server.pause, server.resume, seconds, holds=lambda: server.is_paused)


def read_only(server: MariaDB, seconds: float) -> Outage:
    """As a replica is, or a server in maintenance; an administrator's account would be exempt."""

    def switch(on: int) -> None:
        server.execute(f"SET GLOBAL read_only={on}")

    return Outage("read-only", lambda: switch(1), lambda: switch(0), seconds)


def full_disk(disk: SmallDisk, seconds: float, server: MariaDB | None = None) -> Outage:
    """Not one octet more. What is there already may be written over, so some messages still find room. A database
    server on that disk may break down (10.11 does, in the middle of an INSERT); when there is room it is started."""

    def end() -> None:
        disk.empty()
        if server is not None:
            server.revive()

    return Outage("disk full", disk.fill, end, seconds, total=False)


@dataclass(slots=True)
class OutageReport:
    """What was seen of one trouble. `back`: seconds from its end to the first acknowledgement; `caught_up`: until all
    that waited then was acknowledged. `growth`: octets of the server's memory, at most, while it lasted. What was
    stored before and acknowledged, or seen as a record, only then does not count as acknowledged meanwhile. `began`,
    `ended`: by the wall clock and by that of the acknowledgements."""

    outage: Outage
    busy: int = 0
    flooded: int = 0
    acknowledged_meanwhile: int = 0
    waited: int = 0
    back: float = 0.0
    caught_up: float = 0.0
    growth: int = 0
    began: tuple[int, float] = (0, 0.0)
    ended: float = 0.0

    def complaints(self, *, growth_max: int, back_max: float) -> list[str]:
        """What is not as it should be."""
        found = []
        if self.outage.total and self.acknowledged_meanwhile:
            found.append(f"{self.acknowledged_meanwhile} messages were acknowledged meanwhile")
        if self.growth > growth_max:
            found.append(f"the server grew by {self.growth >> 20} MiB")
        if self.back > back_max:
            found.append(f"the first acknowledgement came after {self.back:.1f} s")
        return [f"{self.outage.name}: {text}" for text in found]


async def run_outages(
    scene: ServerWithClients, outages: Sequence[Outage], rate: float = RATE
) -> tuple[list[OutageReport], Audit]:
    """The crowd writes before, during and after each trouble, and somebody floods during it."""
    async with scene:
        scene.crowd.start_writing(rate)
        reports = [await _run_outage(scene, outage, number) for number, outage in enumerate(outages)]
        await scene.settle()
        audit = await scene.audit()
    for report in reports:
        report.acknowledged_meanwhile = acknowledged_meanwhile(report, scene.crowd, audit)
    return reports, audit


def acknowledged_meanwhile(report: OutageReport, crowd: ClientCrowd, audit: Audit) -> int:
    """Messages that were both stored and acknowledged while the trouble lasted."""
    stored_ms = {id: room.records[seq - 1].time_ms for room in audit.rooms.values() for id, seq in room.ids.items()}
    wall_ms, began = report.began
    return sum(
        began < when < report.ended and stored_ms.get(id, 0) > wall_ms
        for person in crowd.people
        for id, when in person.memory.acknowledged_at.items()
    )


async def _run_outage(scene: ServerWithClients, outage: Outage, number: int) -> OutageReport:
    report, crowd = OutageReport(outage), scene.crowd
    acknowledged = crowd.acknowledged()
    await crowd.until(lambda: crowd.acknowledged() >= acknowledged + 10, 20, "messages are acknowledged before")
    flood = await asyncio.to_thread(Flood, scene.server.port, f"flooder{number}")
    memory = scene.server_memory()
    await asyncio.to_thread(outage.begin)
    report.began = time.time_ns() // 1_000_000, time.monotonic()
    end = time.monotonic() + outage.seconds
    with flood:
        await crowd.until(lambda: flood.answers[wire.Busy], 30, "the server says that it is busy")
        while time.monotonic() < end:
            report.growth = max(report.growth, scene.server_memory() - memory)
            await asyncio.sleep(0.05)
            if not outage.holds():
                raise RuntimeError(f"{outage.name}: the database was not in trouble all the time")
    report.busy, report.flooded = flood.answers[wire.Busy], flood.submitted
    await _wait_for_recovery(crowd, report)
    return report


async def _wait_for_recovery(crowd: ClientCrowd, report: OutageReport) -> None:
    report.ended = time.monotonic()
    await asyncio.to_thread(report.outage.end)
    over = time.monotonic()
    acknowledged = crowd.acknowledged()
    memories = [person.memory for person in crowd.people]
    waiting = [(memory, id) for memory in memories for id in memory.made.keys() - memory.acknowledged.keys()]
    report.waited = len(waiting)
    await crowd.until(lambda: crowd.acknowledged() > acknowledged, 60, "the first acknowledgement afterwards")
    report.back = time.monotonic() - over
    await crowd.until(
        lambda: all(id in memory.acknowledged for memory, id in waiting), 60, "what waited is acknowledged"
    )
    report.caught_up = time.monotonic() - over
