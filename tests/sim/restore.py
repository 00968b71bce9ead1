"""After the run proper, in some runs: the database is put back to an earlier state, as from a backup.

What was said since is lost to the log, so the promises about it do not hold. What must hold is that nobody mixes the
two histories: a client either goes on with the restored log, or stops, says why, and keeps what it has.
"""

from collections import Counter
from dataclasses import fields, replace
from typing import Any

from lanchat.core.events import StopReason
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.log.records import sign_head
from lanchat_server.core.model import LogState
from tests.sim.ledger import Ledger, require
from tests.sim.network import BOTH
from tests.sim.store import SimLocalStore
from tests.support.memory_store import MemoryDatabase
from tests.support.rig import LOG_ID, LOG_KEY

# Virtual seconds in which everybody has met the restored log.
_PATIENCE = 40.0


def copied(database: MemoryDatabase) -> MemoryDatabase:
    """A backup."""
    values = {field.name: getattr(database, field.name) for field in fields(database)}
    copy = MemoryDatabase(database.log, database.general)
    for name, value in values.items():
        setattr(copy, name, value.copy() if isinstance(value, (dict, set)) else value)
    copy.records = {room: [replace(item) for item in stored] for room, stored in database.records.items()}
    return copy


class Restore:
    """One restore at the end of a run."""

    def __init__(self, world: Any) -> None:
        self._world = world
        random = world.random
        self._wanted = random.random() < 0.1
        self._at = random.uniform(0.3, 1.0) * world.scene.duration
        self._by_hand = random.random() < 0.3  # without a new epoch: somebody copied files
        self._backup: MemoryDatabase | None = None

    def plan(self) -> None:
        if self._wanted:
            self._world.clock.at(self._at, self._back_up)

    def _back_up(self) -> None:
        self._backup = copied(self._world.database)

    def run(self) -> None:
        """Put it back, let people talk, and look who stands where."""
        backup = self._backup
        if backup is None or backup.rooms.keys() != self._world.database.rooms.keys():
            return
        world, old = self._world, self._world.ledger
        world.counters["restore from a backup"] += 1
        held = self._held(backup)
        self._put_back(backup)
        self._new_computer()
        for _ in range(5):
            self._talk()
            world.run_for(1.0)
        self._replay_old_heads(old)
        end = world.clock.now + _PATIENCE
        while world.clock.now < end and self._undecided():
            world.run_for(1.0)
        require(not self._undecided(), "I13", f"after a restore: {self._undecided()}")
        for profile in world.profiles:
            self._check_copy(profile, old)
        if not self._by_hand:
            self._check_returned(held, old)

    def _held(self, backup: MemoryDatabase) -> dict[int, tuple[int, Any]]:
        """Of each room the highest number that somebody can give back, and the copy that holds it."""
        found: dict[int, tuple[int, Any]] = {}
        for profile in self._world.profiles:
            if not any(process.alive for process in profile.processes):
                continue
            for room, row in backup.rooms.items():
                span = profile.store.span(room)
                if span is None or span.base > row.head.seq or not self._is_member(backup, room, profile.user):
                    continue
                if span.cursor > found.get(room, (row.head.seq, None))[0]:
                    found[room] = span.cursor, profile
        return {room: (cursor, (profile, profile.store)) for room, (cursor, profile) in found.items()}

    def _is_member(self, backup: MemoryDatabase, room: int, user: int) -> bool:
        """Then and now."""
        return all((room, user) in database.memberships for database in (backup, self._world.database))

    def _check_returned(self, held: dict[int, tuple[int, Any]], old: Ledger) -> None:
        """What a client could give back has its old place, or the client has stopped and says so."""
        world = self._world
        for room, (cursor, (profile, store)) in held.items():
            truth = world.ledger.rooms[room].hashes[: cursor + 1]
            if truth == old.rooms[room].hashes[: cursor + 1]:
                world.counters["log came back from clients"] += 1
                continue
            span = store.span(room)
            stops = {process.core.stopped(room) for process in profile.processes if process.alive}
            lost = store is not profile.store or span is None or span.cursor < cursor or stops <= {StopReason.FORKED}
            require(lost, "I1", f"client {profile.number} holds {cursor} of room {room}, which did not come back")

    def _put_back(self, backup: MemoryDatabase) -> None:
        world = self._world
        world.may_fork = True
        for server in list(world.servers):
            server.crash()
        # An answer that came just before is of the log as it was.
        for process in [process for profile in world.profiles for process in profile.processes]:
            process.finish_turn()
        backup.incarnation = world.database.incarnation
        if not self._by_hand:
            backup.log = LogState(LOG_ID, backup.log.epoch + 1)
        world.reopened_ms = world.wall_ms()
        # What was refused before them is forgotten.
        returning = {key for key, decision in world.database.decisions.items() if decision.seq}
        world.database = backup
        world.checker.log_put_back(world.ledger)
        world.ledger = Ledger(world.clock, backup, world.ledger)
        world.ledger.may_skip(returning)
        world.ledger.returning = returning
        world.start_server()

    def _new_computer(self) -> None:
        """Somebody begins with an empty copy, and goes on talking before the others are back."""
        world = self._world
        living = [profile for profile in world.profiles if profile.lives]
        if living:
            fresh = world.random.choice(living)
            for process in list(fresh.processes):
                process.crash()
            fresh.store = SimLocalStore(world, fresh.user)
            fresh.start()
            for other in living:
                if other is not fresh:
                    world.network.block(other.number, BOTH, world.random.uniform(0.0, 8.0))

    def _talk(self) -> None:
        world = self._world
        for profile in world.profiles:
            for process in profile.processes[:1]:
                joined = [room.id for room in process.core.directory.rooms.values() if room.joined]
                for _ in range(world.random.choice([0, 1, 4])):
                    if joined and process.alive:
                        process.say(world.random.choice(joined), Kind.TEXT, "after the restore")

    def _replay_old_heads(self, old: Ledger) -> None:
        """Heads of the epoch before are genuine, and say nothing about this log."""
        world = self._world
        if self._by_hand:
            return
        for profile in world.profiles:
            for process in profile.processes:
                for room, truth in old.rooms.items():
                    head = sign_head(LOG_KEY, LOG_ID, world.epoch - 1, room, truth.head, truth.hashes[-1], 0)
                    process.take([wire.Heads([head])])

    # --- Where everybody stands --------------------------------------------------------------------------------------

    def _undecided(self) -> str:
        """Who neither follows the restored log nor has stopped; empty for nobody."""
        for profile in self._world.profiles:
            for process in profile.processes if profile.lives else ():
                left = self._undecided_process(process)
                if left:
                    return left
        return ""

    def _undecided_process(self, process: Any) -> str:
        ledger, user = self._world.ledger, process.profile.user
        if process.session_began is None:
            return f"{process.name} has no session"
        if process.core.identity.epoch != self._world.epoch:
            return f"{process.name} has not met the restored log"
        for room, truth in ledger.rooms.items():
            if not ledger.is_member(room, user):
                continue
            span = process.profile.store.span(room)
            stop = process.core.stopped(room)
            behind = stop is StopReason.SERVER_BEHIND and not self._by_hand and span is not None
            if behind:
                return f"{process.name} has not given back room {room}"
            if span is None or stop is not None:
                self._count(stop)
                continue
            readable = truth.head >= ledger.memberships[room, user][-1].first_seq
            if readable and (span.cursor != truth.head or span.cursor_hash != truth.hashes[-1]):
                return f"{process.name} stands at {span.cursor} of room {room}, the log at {truth.head}"
        return ""

    def _count(self, stop: Any) -> None:
        if stop is not None:
            counters: Counter[str] = self._world.counters
            counters[f"fork seen: {stop.name.lower()}"] += 1

    def _check_copy(self, profile: Any, old: Ledger) -> None:
        """One history or the other, from end to end."""
        for room, truth in self._world.ledger.rooms.items():
            span = profile.store.span(room)
            if span is None:
                continue
            histories = (truth.hashes, old.rooms[room].hashes)
            ends = [(hashes[span.base : span.base + 1], hashes[span.cursor : span.cursor + 1]) for hashes in histories]
            mine = ([span.base_hash], [span.cursor_hash])
            require(mine in ends, "I4", f"client {profile.number} mixes two histories of room {room}")
