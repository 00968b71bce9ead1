"""Deliberate faults in giving a log back to a server that has lost some of it."""

from typing import Any

from msgspec import structs

from lanchat.core.core import ClientCore
from lanchat.core.rooms.giving import LogGiver
from lanchat.protocol.log.records import Head, Record, chain_hash
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import NewRecord, RoomHead, RunKey
from lanchat_server.core.ports import Transaction
from lanchat_server.core.reseeding import reseeding
from lanchat_server.core.reseeding.reseeding import TakenBack
from lanchat_server.service.requests import reseeding as requests
from tests.support.planting import Change, Plant


def returned_records_get_new_numbers() -> list[Change]:
    """A server numbers anew what comes back, as if it had been said now."""

    def take(tx: Transaction, directory: Directory, room: int, records: list[Record], _head: Head) -> TakenBack:
        last = tx.heads([room])[room]
        new: list[NewRecord] = []
        for record in records[1:] or records:
            again = structs.replace(record, seq=last.seq + 1)
            last = RoomHead(again.seq, chain_hash(directory.log.log_id, room, last.hash, again), again.time_ms)
            new.append(reseeding._checked(directory, room, again, last.hash))
        tx.append(room, new, last)
        return TakenBack(last, len(new), frozenset(RunKey(room, it.header.device, it.header.run) for it in new))

    return [(requests, "take_back", take)]


def nothing_is_given_back() -> list[Change]:
    """A client that has more than its server offers nothing."""
    return [(LogGiver, "_offer", lambda self, room: self._offer_at.pop(room))]


def room_stays_stopped_when_it_is_whole() -> list[Change]:
    """A client whose room the server has again does not go on."""

    def never(self: Any, *arguments: Any) -> None:
        """Nothing."""

    return [(ClientCore, "_subscribe_anew", never)]


BUGS: tuple[Plant, ...] = (
    returned_records_get_new_numbers,
    nothing_is_given_back,
    room_stays_stopped_when_it_is_whole,
)
