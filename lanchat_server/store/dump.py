"""Whole tables out of a database and into another one, whichever kinds the two are."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, Optional

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, and_, delete, func, or_, select, update
from sqlalchemy.engine import Connection

from lanchat.protocol.limits import BODY_OCTETS_MAX
from lanchat.protocol.log.messages import Kind
from lanchat_server.core.limits import usage
from lanchat_server.core.limits.allowance import AllowanceKind
from lanchat_server.core.model import LogState
from lanchat_server.store.searching import indexing, reindexing
from lanchat_server.store.tables import schema
from lanchat_server.store.tables.bulk import StatementBatch, chunks, insert_rows
from lanchat_server.store.tables.reads import DELETED_ROOMS

# In the order in which references allow them to be filled. `log` and `lease` are set, the search is made from
# `records`; of `used` what the log takes is counted.
TABLES: tuple[Table, ...] = (
    schema.users,
    schema.devices,
    schema.rooms,
    schema.memberships,
    schema.records,
    schema.rejections,
    schema.quarantine,
    schema.contents,
    schema.content_uses,
    schema.recovery_codes,
    schema.invites,
    schema.room_keys,
)
_ROWS = 500  # read at a time: at most 8 MiB of bodies

Row = tuple[Any, ...]


def read_rows(connection: Connection, table: Table, after: Sequence[Any] | None = None) -> Iterator[Row]:
    """All rows in the order of the primary key, a few at a time; the caller's transaction makes them one state. What is
    still to be erased of deleted rooms is left out. `after`: only rows beyond this key."""
    key = list(table.primary_key)
    places = [list(table.columns).index(column) for column in key]
    while True:
        statement = select(table).where(*_present(table)).order_by(*key).limit(_ROWS)
        if after is not None:
            statement = statement.where(_after(key, after))
        found = connection.execute(statement).all()
        yield from map(tuple, found)
        if len(found) < _ROWS:
            return
        after = [found[-1][place] for place in places]


def last_key(connection: Connection, table: Table) -> Sequence[Any] | None:
    """The highest primary key; None: the table is empty."""
    key = list(table.primary_key)
    return connection.execute(select(*key).order_by(*(column.desc() for column in key)).limit(1)).first()


def count_rows(connection: Connection, table: Table) -> int:
    """How many rows `read_rows` gives."""
    return int(connection.execute(select(func.count()).select_from(table).where(*_present(table))).scalar_one())


def _present(table: Table) -> list[Any]:
    return (
        [table.c.room_id.not_in(DELETED_ROOMS)]
        if table in (schema.records, schema.rejections, schema.quarantine, schema.content_uses)
        else []
    )


def _after(key: Sequence[Column[Any]], values: Sequence[Any]) -> Any:
    """Rows beyond these values of the key. Written out, because not every database uses its index for tuples."""
    same = [column == value for column, value in zip(key, values, strict=True)]
    return or_(*(and_(*same[:i], column > values[i]) for i, column in enumerate(key)))


@cache
def row_type(table: Table) -> Any:
    """The type of a row of `table`, as msgspec checks it."""
    return tuple[tuple(map(_column_type, table.columns))]  # type: ignore[misc]


def _column_type(column: Column[Any]) -> Any:
    kind = column.type
    length: int | None = getattr(kind, "length", None)
    if isinstance(kind, Boolean):
        return bool
    if isinstance(kind, Integer):
        bits = 63 if isinstance(kind, BigInteger) else 31
        return Annotated[int, msgspec.Meta(ge=0, le=2**bits - 1)]
    if kind.python_type is bytes:
        least = length if type(kind).__name__ == "BINARY" else 0
        return Annotated[bytes, msgspec.Meta(min_length=least, max_length=length)]
    text = Annotated[str, msgspec.Meta(max_length=length or BODY_OCTETS_MAX)]
    return Optional[text] if column.nullable else text  # noqa: UP045 - built from values, not written as a type


def clear(connection: Connection) -> None:
    """Empty every table but `log` and `lease`."""
    for table in (schema.search, schema.search_heads, schema.used, *reversed(TABLES)):
        connection.execute(delete(table))


def set_log(connection: Connection, log: LogState) -> None:
    """Give the database this identity."""
    connection.execute(update(schema.log).values(log_id=log.log_id, epoch=log.epoch))
    reindexing.set_current(connection)


def write_rows(connection: Connection, table: Table, rows: Iterable[Row], times: dict[int, int] | None = None) -> None:
    """Insert rows in the order of the primary key; for `records` fills the search as well. What they take is added to
    the log's. `times`: of the last record of each room that has some already; kept up to date."""
    times = {} if times is None else times
    octets = 0
    for chunk in chunks(rows):
        insert_rows(connection, table, chunk)
        if table is schema.records:
            named = [dict(zip(schema.records.columns.keys(), row, strict=True)) for row in chunk]
            _index(connection, named, times)
            octets += sum(usage.message_octets(len(row["header"]), len((row["body"] or "").encode())) for row in named)
        elif table is schema.rejections:
            octets += len(chunk) * usage.REJECTION_OCTETS
    if octets:
        _add_log_octets(connection, octets)


def _add_log_octets(connection: Connection, octets: int) -> None:
    """To what a database that is being filled has of them."""
    table = schema.used
    before = connection.execute(select(table.c.amount).where(table.c.what == AllowanceKind.LOG)).scalar() or 0
    changes = StatementBatch(connection)
    changes.put(table, [(int(AllowanceKind.LOG), b"", before + octets)])
    changes.send()


def _index(connection: Connection, named: list[dict[str, Any]], times: dict[int, int]) -> None:
    """`times`: of the last record of each room so far."""
    changes = StatementBatch(connection)
    for room, group in groupby(named, key=itemgetter("room_id")):
        said = [
            indexing.indexed_text(row["seq"], row["time_ms"], Kind(row["kind"]), row["ref_seq"], row["body"])
            for row in group
        ]
        indexing.index(changes, [(room, said)], {room: times.get(room, 0)})
        times[room] = said[-1].time_ms
    changes.send()
