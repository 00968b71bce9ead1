"""Rooms that are archived, taken back and deleted, in some runs. Drawn apart from everything else of a seed: runs
without such rooms go on as they did."""

from collections.abc import Callable
from random import Random
from typing import Any

from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.model import DeletedRoom
from lanchat_server.core.ports import StoreError, Transaction
from lanchat_server.core.refusals import Refused
from tests.sim.scene import PRIVATE
from tests.support.rig import GENERAL


class Endings:
    """What the administrator does at the server's computer."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._random = Random(f"endings {world.seed}")
        self._wanted = self._random.random() < 0.3

    def plan(self) -> None:
        random, duration = self._random, self._world.scene.duration
        for _ in range(random.randint(1, 5) if self._wanted else 0):
            act = random.choice([self._archive, self._archive, self._delete])
            self._world.clock.at(random.uniform(0.1, 1.0) * duration, act)

    def _room(self) -> int:
        """Any but `general`; often the one in which most is said."""
        rooms = [room for room in self._world.database.rooms if room != GENERAL]
        return PRIVATE if PRIVATE in rooms and self._random.random() < 0.5 else self._random.choice(rooms or [0])

    def _archive(self) -> None:
        room, archived = self._room(), self._random.random() < 0.6
        for server in self._world.servers[-1:]:
            server.run(_begin, _archive, self._world, server.service, room, archived)

    def _delete(self) -> None:
        room = self._room()
        for server in self._world.servers[-1:]:
            server.run(_begin, _delete, self._world, server.service, room)


def _begin(act: Callable[..., Any], world: Any, service: Any, *arguments: Any) -> None:
    """The coroutine is made where it begins: a server that was killed before leaves none behind."""
    service.background(act(world, service, *arguments))


async def _archive(world: Any, service: Any, room: int, archived: bool) -> None:
    def job(tx: Transaction) -> DirectoryChange[bool]:
        if room not in service.context.directory.rooms:
            return DirectoryChange(False, lambda: None)
        return accounts.set_archived(tx, service.context.directory, room, archived)

    if await _done(service, job):
        world.counters["room archived" if archived else "room taken out of the archive"] += 1
        service.context.notices.room_archived(room)
        service.wake()


async def _delete(world: Any, service: Any, room: int) -> None:
    def job(tx: Transaction) -> DirectoryChange[list[DeletedRoom]]:
        rooms = [room] if room in service.context.directory.rooms else []
        return accounts.delete_rooms(tx, service.context.directory, rooms)

    deleted = await _done(service, job)
    if deleted:
        world.counters["room deleted"] += 1
        service.context.rooms_deleted(deleted)
        service.wake()


async def _done(service: Any, job: Callable[[Transaction], Any]) -> Any:
    """What it came to; None when the database was away, or the room is one that stays."""
    try:
        return await service.writer.transact(job)
    except (StoreError, Refused):
        return None
