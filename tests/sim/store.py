"""The local store of a simulated profile: full disks, writes that a crash tears, and what the ledger says of it."""

import enum
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

from lanchat.core.ports import ChainLink, OutboxItem, StoredSpan
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.protocol.log.records import Head
from tests.sim.ledger import require
from tests.support.memory_local import MemoryLocalStore

T = TypeVar("T")


class Tear(enum.Enum):
    """What a crash in the middle of a write leaves: nothing of it, or all of it without anybody having been told."""

    BEFORE = "the last write is gone"
    AFTER = "the last write is there"


class ProcessDied(BaseException):
    """The process was killed in the middle of a write; not an error that a program could handle."""


def _may_be_torn(method: Callable[..., T]) -> Callable[..., T]:
    @wraps(method)
    def write(self: "SimLocalStore", *arguments: Any, **named: Any) -> T:
        tear, self.tear = self.tear, None
        if tear is Tear.BEFORE:
            raise ProcessDied
        result = method(self, *arguments, **named)
        if tear is Tear.AFTER:
            raise ProcessDied
        return result

    return write


class SimLocalStore(MemoryLocalStore):
    """`fail`: the disk is full; `tear`: the process that writes next dies of it."""

    def __init__(self, world: Any, user: int) -> None:
        super().__init__()
        self.tear: Tear | None = None
        self.damaged: set[MessageKey] = set()
        self._world = world
        self._user = user

    def image(self) -> "SimLocalStore":
        """A backup of this computer's disk."""
        copy = SimLocalStore(self._world, self._user)
        copy.damaged = self.damaged
        copy._order = self._order
        copy._outgoing = dict(self._outgoing)
        copy._room_list = list(self._room_list)
        copy._users = dict(self._users)
        copy._certificates = dict(self._certificates)
        copy._carried, copy._roster = dict(self._carried), self._roster
        copy._statements, copy._members = dict(self._statements), dict(self._members)
        copy._revoked, copy._told = list(self._revoked), self._told
        for room, known in self._rooms.items():
            edits = {seq: list(by) for seq, by in known.edits.items()}
            copy._rooms[room] = replace(
                known, links=dict(known.links), erased=set(known.erased), edits=edits, proofs=dict(known.proofs)
            )
        return copy

    @_may_be_torn
    def start_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        self._require_log(room, base, base_hash)
        self._world.checker.kept(self._user, room, base)
        return super().start_span(room, base, base_hash)

    @_may_be_torn
    def restart_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        self._require_log(room, base, base_hash)
        self._world.counters["span begun anew"] += 1
        self._world.checker.kept(self._user, room, base)
        return super().restart_span(room, base, base_hash)

    @_may_be_torn
    def append(self, room: int, links: Sequence[ChainLink], head: Head) -> None:
        for link in links:
            self._require_log(room, link.record.seq, link.hash)
        self._require_log(room, head.seq, head.hash)
        require(head.seq >= links[-1].record.seq, "I9", f"records up to {links[-1].record.seq}, a head of {head.seq}")
        super().append(room, links, head)
        self._world.checker.kept(self._user, room, links[-1].record.seq)

    @_may_be_torn
    def prepend(self, room: int, links: Sequence[ChainLink], base_hash: bytes, proof: Head | None = None) -> None:
        for link in links:
            self._require_log(room, link.record.seq, link.hash)
        super().prepend(room, links, base_hash, proof)

    @_may_be_torn
    def erase_room(self, room: int, count: int) -> bool:
        deleted = room in self._world.database.deleted or self._world.may_fork
        require(deleted, "I4", f"the copy of room {room} is erased, which was not deleted")
        self._world.counters["copy of a deleted room erased"] += 1
        return super().erase_room(room, count)

    @_may_be_torn
    def add_outgoing(self, key: MessageKey, message: Message, made_ms: int) -> OutboxItem:
        item = super().add_outgoing(key, message, made_ms)
        self._world.ledger.was_made(key, message)
        return item

    @_may_be_torn
    def remove_outgoing(self, keys: Collection[MessageKey]) -> None:
        super().remove_outgoing(keys)

    @_may_be_torn
    def save_rooms(self, rooms: Any) -> None:
        super().save_rooms(rooms)

    @_may_be_torn
    def save_users(self, users: Any) -> None:
        super().save_users(users)

    @_may_be_torn
    def save_certificates(self, certificates: Any) -> None:
        super().save_certificates(certificates)

    @_may_be_torn
    def add_carried(self, items: Any) -> None:
        super().add_carried(items)

    @_may_be_torn
    def remove_carried(self, keys: Any) -> None:
        super().remove_carried(keys)

    @_may_be_torn
    def save_roster(self, roster: Any) -> None:
        super().save_roster(roster)

    @_may_be_torn
    def save_statements(self, statements: Any, **lists: Any) -> None:
        super().save_statements(statements, **lists)

    def damage(self, key: MessageKey) -> None:
        """The disk loses a message that waits."""
        self._outgoing.pop(key, None)
        self.damaged.add(key)

    def has(self, key: MessageKey) -> bool:
        """Whether a message waits here."""
        return key in self._outgoing

    def carries(self, key: MessageKey) -> bool:
        """Whether it is kept for its author."""
        return key in self._carried

    def _require_log(self, room: int, seq: int, chain: bytes) -> None:
        """I9, I4: what is kept is what the log has."""
        if chain != self._world.ledger.hash_at(room, seq):
            raise self._world.fail_now("I9", f"kept {seq} of room {room}, which the log does not have")
