"""Brings the search up to the log: a commit that somebody waits for writes the log alone, the words follow.

How far the search has each room stands in the database, changed in the transaction that adds the words. So nothing is
lost with a process that ends between the two: whoever comes next goes on there, from what the log holds. A deletion
alone is carried out in the search together with the log (`SqlTransaction.append`): words that were deleted do not stay.
"""

from typing import NamedTuple

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection

from lanchat.protocol.log.messages import Kind
from lanchat_server.store.searching import indexing
from lanchat_server.store.tables import schema
from lanchat_server.store.tables.bulk import StatementBatch

# Characters of texts that are cut into words before anything is said to the database, which ends a transaction in which
# it waits long (DatabaseTimeouts.idle_write). One text of 16 KiB takes up to 10 ms.
TEXT_MAX = 64 * 1024

_heads, _records, _rooms, _search = schema.search_heads.c, schema.records.c, schema.rooms.c, schema.search.c
_READ = (_records.seq, _records.time_ms, _records.kind, _records.ref_seq, _records.body)


class RoomLag(NamedTuple):
    """A room whose records above `done`, up to `head`, are not in the search."""

    room: int
    done: int
    head: int


def lags(connection: Connection) -> list[RoomLag]:
    """Rooms that the search does not have whole, in the order of their ids. Goes through all rooms: 1 ms for 4,000."""
    done = func.coalesce(_heads.seq, 0)
    joined = schema.rooms.outerjoin(schema.search_heads, _heads.room_id == _rooms.id)
    found = select(_rooms.id, done, _rooms.head_seq).select_from(joined).where(_rooms.head_seq > done)
    return [RoomLag(*row) for row in connection.execute(found.order_by(_rooms.id))]


def fill(connection: Connection, records: int) -> int:
    """Index at most so many records, each room from its oldest up, and less where texts are long; how many are left."""
    behind = lags(connection)
    left = sum(lag.head - lag.done for lag in behind)
    for lag in behind:
        if records <= 0:
            break
        done = _fill_room(connection, lag, records)
        records -= done
        left -= done
    return left


def set_filled(connection: Connection) -> None:
    """The search has all records of all rooms."""
    connection.execute(delete(schema.search_heads))
    present = select(_rooms.id, _rooms.head_seq).where(_rooms.head_seq > 0)
    connection.execute(insert(schema.search_heads).from_select(["room_id", "seq"], present))


def _fill_room(connection: Connection, lag: RoomLag, records: int) -> int:
    """How many records were indexed, at least one."""
    last = _last_of_part(connection, lag, records)
    # With the one before them, for its time.
    span = (_records.room_id == lag.room, _records.seq.between(max(1, lag.done), last))
    found = list(connection.execute(select(*_READ).where(*span).order_by(_records.seq)))
    before = {lag.room: found.pop(0).time_ms if lag.done else 0}
    said = [indexing.indexed_text(seq, time_ms, Kind(kind), ref, body) for seq, time_ms, kind, ref, body in found]
    # Those that were indexed anew meanwhile (reindexing.py).
    again = (_search.room_id == lag.room, _search.seq.between(lag.done + 1, last))
    connection.execute(delete(schema.search).where(*again))
    changes = StatementBatch(connection)
    indexing.index(changes, [(lag.room, said)], before)
    changes.put(schema.search_heads, [(lag.room, last)])
    changes.send()
    return last - lag.done


def _last_of_part(connection: Connection, lag: RoomLag, records: int) -> int:
    """The number up to which the next part goes, by the lengths of its texts."""
    span = (_records.room_id == lag.room, _records.seq.between(lag.done + 1, min(lag.head, lag.done + records)))
    lengths = select(_records.seq, func.length(_records.body)).where(*span).order_by(_records.seq)
    last = total = 0
    for seq, length in connection.execute(lengths):
        total += length or 0
        if last and total > TEXT_MAX:
            break
        last = seq
    return last
