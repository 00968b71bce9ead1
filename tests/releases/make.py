"""Write the fixture of a release with the version that is checked out: `python -m tests.releases.make 0.1.0`.

To be done once, when the version is released, and committed; before that as often as its tables change. Needs MariaDB.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.engine import Connection

from lanchat.protocol.codec import encode
from lanchat.protocol.log.files import encode_file_body
from lanchat.protocol.log.messages import Header, Kind, Message, MessageKey
from lanchat.protocol.wire import Cursor
from lanchat_server.core.limits.allowance import AllowanceKind, by_user
from lanchat_server.core.model import ContentsRow, QuarantinedMessage, RecoveryRow, Rejection, RoomKeyRow
from lanchat_server.store import SqlStore, dump
from lanchat_server.store.connection.literals import literal
from lanchat_server.store.tables import schema
from tests.support.mariadb import MariaDB
from tests.support.stores import Database, Log, added, device, member, octets, room
from tests.vectors.files import contents, manifest_of

FOLDER = Path(__file__).parent
ROOM = 2**63 - 1
FILE = manifest_of(contents(5))
# All but those of which each start writes something, or that are made from others.
TABLES: tuple[Table, ...] = (schema.log, *dump.TABLES, schema.used)


def fill(store: SqlStore) -> None:
    """A few rows in every table, with whatever a column may hold."""
    people = added(store, "Anna", "Zoë 😀")
    with store.transaction() as tx:
        tx.add_device(device(people[0].id))
        tx.add_room(room(store, ROOM, "Комната"))
        tx.add_members([member(ROOM, person.id) for person in people])
        tx.set_cursors({people[0].id: [Cursor(ROOM, 3, 2)]})
        tx.set_recovery(RecoveryRow(people[0].id, octets("code", 32), 5, 1), people[0].id)
        tx.add_invite(octets("invite", 32), 3, 2**62, people[0].id)
        tx.set_room_key(RoomKeyRow(ROOM, 4, octets("key", 32), 9))
        tx.set_allowances({by_user(AllowanceKind.ROOMS, people[0].id): 123_456})
        tx.keep_contents(ContentsRow(FILE.root, FILE.size, FILE.sha256, 7), people[0].id, 8)
        tx.quarantine([_quarantined(people[0].id)])
        tx.reject([Rejection(MessageKey(ROOM, octets("r", 16), 2**63 - 1, n), 101, 5) for n in (1, 2)])
    for log in (Log(store), Log(store, ROOM)):
        log.say(*(f"message {i} ' \\ 😀 \u2028" for i in range(20)))
        log.say("changed apple", kind=Kind.EDIT, ref=1)
        log.say("", kind=Kind.DELETE, ref=2)
        log.say(encode_file_body("a file", [FILE]), kind=Kind.FILE)


def _quarantined(author: int) -> QuarantinedMessage:
    header = Header(ROOM, octets("q", 16), 2**63 - 1, 3, Kind.TEXT, 0, 5, 6)
    message = Message(encode(header), "waits ' \\ 😀".encode(), octets("signature", 64))
    return QuarantinedMessage(message, header, author, 4711, 2**53)


def rows_of(connection: Connection, columns: dict[str, list[str]] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Table to rows, octets in hex; `columns`: these of them only."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        names = table.columns.keys() if columns is None else columns[table.name]
        chosen = select(*(table.c[name] for name in names)).order_by(*table.primary_key)
        found[table.name] = [
            {name: value.hex() if isinstance(value, bytes) else value for name, value in zip(names, row, strict=True)}
            for row in connection.execute(chosen)
        ]
    return found


def _mysql_dump(server: MariaDB, database: str) -> str:
    """Statements, one a line, without the names of database and administrator."""
    statements = []
    kinds = dict(server.execute("SHOW FULL TABLES", database=database))
    for name in sorted(kinds, key=lambda name: (kinds[name] == "VIEW", *_order(name))):
        [made] = server.execute(f"SHOW CREATE TABLE {name}", database=database)
        text = str(made[1]).replace(f"`{database}`.", "")
        if kinds[name] == "VIEW":
            text = "CREATE VIEW" + text.partition(" VIEW")[2]
        statements.append(" ".join(text.split()))
        if kinds[name] != "VIEW":
            for row in server.execute(f"SELECT * FROM {name}", database=database):
                values = ", ".join(literal(bytes(v) if isinstance(v, bytearray) else v) for v in row)
                statements.append(f"INSERT INTO {name} VALUES ({values})")
    return ";\n".join(statements) + ";\n"


def _order(name: str) -> tuple[int, str]:
    """Tables that others refer to come first."""
    names = [table.name for table in dump.TABLES]
    return (names.index(name) if name in names else len(names), name)


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(gzip.compress(content, mtime=0))


def main(version: str) -> None:
    """Write the three files."""
    folder = FOLDER / version
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, MariaDB() as server:
        embedded = Database(Path(name), None)
        store = embedded.open()
        fill(store)
        with store.reading() as connection:
            rows = rows_of(connection)
        embedded.close()
        _write(folder / "lanchat.sqlite3.gz", (Path(name) / "lanchat.sqlite3").read_bytes())
        other = Database(Path(name), server.create_database("fixture"))
        fill(other.open())
        other.close()
        _write(folder / "mysql.sql.gz", _mysql_dump(server, "fixture").encode())
    _write(folder / "rows.json.gz", json.dumps(rows, ensure_ascii=False, indent=1).encode())
    print(f"{folder}: schema {schema.REVISION}")


if __name__ == "__main__":
    main(sys.argv[1])
