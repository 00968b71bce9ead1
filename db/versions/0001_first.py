"""The first tables. Frozen: later changes are later revisions.

MySQL and MariaDB commit after each statement, so a start that was cut off in the middle leaves some of them; what is
there already is left alone. SQLite makes all of them or none.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_metadata = sa.MetaData()
_big = sa.BigInteger()
_serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_exact_text = sa.Text(collation="utf8mb4_bin").with_variant(sa.Text(), "sqlite")


def _fixed(octets: int) -> sa.types.TypeEngine[bytes]:
    return sa.BINARY(octets).with_variant(sa.LargeBinary(), "sqlite")


def _octets(most: int) -> sa.types.TypeEngine[bytes]:
    return sa.VARBINARY(most).with_variant(sa.LargeBinary(), "sqlite")


def _table(name: str, *parts: sa.schema.SchemaItem, **options: bool) -> None:
    sa.Table(
        name,
        _metadata,
        *parts,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_ci",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_unicode_ci",
        **options,
    )


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _key(name: str, kind: sa.types.TypeEngine[Any], *more: sa.ForeignKey) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, primary_key=True, autoincrement=False)


def _serial_key() -> sa.Column[int]:
    return sa.Column("id", _serial, primary_key=True, autoincrement=True)


_table(
    "log",
    _key("id", sa.Integer()),
    _required("log_id", _fixed(16)),
    _required("epoch", _big),
)

_table(
    "lease",
    _key("id", sa.Integer()),
    _required("incarnation", _big),
    _required("changes", _big),
    _required("holder", sa.String(255)),
    _required("taken_ms", _big),
    _required("renewed_ms", _big),
    _required("identity", _octets(32)),
    _required("serves_ms", _big),
    _required("standby", sa.String(255)),
    _required("standby_ms", _big),
)

_table(
    "users",
    _key("id", _serial),
    _required("name", sa.String(64)),
    _required("name_key", _octets(3072)),
    _required("display_name", sa.String(128)),
    _required("email", sa.String(320)),
    _required("password_hash", sa.String(255)),
    _required("role", sa.SmallInteger()),
    _required("disabled", sa.Boolean()),
    _required("created_ms", _big),
    _required("last_seen_ms", _big),
    _required("pending_email", sa.String(320)),
    _required("email_from_ms", _big),
    _required("number", _big),
    sa.UniqueConstraint("name_key", name="users_name_key"),
)

_table(
    "devices",
    _key("id", _fixed(16)),
    sa.Column("user_id", _serial, sa.ForeignKey("users.id", name="devices_user"), nullable=False),
    _required("public_key", _fixed(32)),
    _required("name", sa.String(128)),
    _required("created_ms", _big),
    _required("last_seen_ms", _big),
    _required("revoked_ms", _big),
    _required("certificate", _octets(1024)),
    _required("certificate_signature", _fixed(64)),
    _required("revoked_number", _big),
    sa.UniqueConstraint("public_key", name="devices_public_key"),
    sa.Index("devices_user_id", "user_id"),
)

_table(
    "rooms",
    _key("id", _big),
    _required("name", sa.String(128)),
    _required("name_key", _octets(3072)),
    _required("kind", sa.SmallInteger()),
    _required("history", sa.SmallInteger()),
    _required("creator_id", _big),
    _required("created_ms", _big),
    _required("head_seq", _big),
    _required("head_hash", _fixed(32)),
    _required("head_ms", _big),
    _required("state", sa.SmallInteger()),
    _required("number", _big),
    sa.UniqueConstraint("name_key", name="rooms_name_key"),
)

_table(
    "memberships",
    _key("room_id", _big, sa.ForeignKey("rooms.id", name="memberships_room")),
    _key("user_id", _serial, sa.ForeignKey("users.id", name="memberships_user")),
    _required("joined_ms", _big),
    _required("first_seq", _big),
    _required("received_seq", _big),
    _required("read_seq", _big),
    sa.Index("memberships_user_id", "user_id"),
)

_table(
    "records",
    _key("room_id", _big),
    _key("seq", _big),
    _required("time_ms", _big),
    _required("author_id", _big),
    _required("device_id", _fixed(16)),
    _required("run", _big),
    _required("n", _big),
    _required("kind", sa.SmallInteger()),
    _required("ref_seq", _big),
    _required("header", _octets(128)),
    _required("signature", _fixed(64)),
    sa.Column("body", _exact_text, nullable=True),
    _required("body_hash", _fixed(32)),
    _required("hash", _fixed(32)),
    sa.UniqueConstraint("room_id", "device_id", "run", "n", name="records_message"),
    sa.Index("records_ref", "room_id", "ref_seq", "kind"),
    sqlite_with_rowid=False,
)

_table(
    "rejections",
    _key("room_id", _big),
    _key("device_id", _fixed(16)),
    _key("run", _big),
    _key("n", _big),
    _required("code", sa.Integer()),
    _required("time_ms", _big),
    sqlite_with_rowid=False,
)

_table(
    "quarantine",
    _key("room_id", _big),
    _key("device_id", _fixed(16)),
    _key("run", _big),
    _key("n", _big),
    _required("author_id", _big),
    _required("brought_id", _big),
    _required("brought_ms", _big),
    _required("header", _octets(128)),
    _required("signature", _fixed(64)),
    _required("body", _exact_text),
    sqlite_with_rowid=False,
)

_table(
    "recovery_codes",
    _key("user_id", _serial, sa.ForeignKey("users.id", name="recovery_codes_user")),
    _required("code_hash", _octets(64)),
    _required("not_after_ms", _big),
    _required("tries", sa.Integer()),
)

_table(
    "invites",
    _key("code_hash", _octets(64)),
    _required("uses_left", sa.Integer()),
    _required("not_after_ms", _big),
    _required("creator_id", _big),
)

_table("used", _key("what", sa.SmallInteger()), _key("name", _octets(64)), _required("amount", _big))

_table(
    "room_keys",
    _key("room_id", _big, sa.ForeignKey("rooms.id", name="room_keys_room")),
    _required("number", _big),
    _required("room_key", _octets(64)),
    _required("not_after_ms", _big),
)

_table(
    "search",
    _serial_key(),
    _required("room_id", _big),
    _required("seq", _big),
    _required("time_ms", _big),
    _required("tokens", _exact_text),
    sa.UniqueConstraint("room_id", "seq", name="search_record"),
)

# What an administrator reads: `SELECT * FROM messages WHERE room = 'general' ORDER BY seq`.
_VIEW = """
    CREATE VIEW messages AS
    SELECT rooms.name AS room, records.seq AS seq, {time} AS time_utc, users.name AS author,
           CASE records.kind WHEN 1 THEN 'text' WHEN 2 THEN 'edit' WHEN 3 THEN 'delete'
                             WHEN 4 THEN 'reaction' WHEN 5 THEN 'file' ELSE 'notice' END AS kind,
           records.ref_seq AS refers_to, records.body AS body
    FROM records
    JOIN rooms ON rooms.id = records.room_id AND rooms.state < 2
    LEFT JOIN users ON users.id = records.author_id
"""
_TIME_SQLITE = "strftime('%Y-%m-%d %H:%M:%f', records.time_ms / 1000.0, 'unixepoch')"
_TIME_MYSQL = "TIMESTAMP '1970-01-01 00:00:00.000' + INTERVAL records.time_ms * 1000 MICROSECOND"

# The words live in `search` alone; the index only points there. No positions: no query asks for a phrase. Whoever
# inserts into `search` inserts into `search_words` as well: a trigger would make FTS5 write a segment for each row.
_SQLITE_SEARCH = (
    """CREATE VIRTUAL TABLE search_words USING fts5(
        tokens, content='search', content_rowid='id', tokenize='ascii', detail='none', columnsize=0)""",
    """CREATE TRIGGER search_deleted AFTER DELETE ON search BEGIN
        INSERT INTO search_words(search_words, rowid, tokens) VALUES ('delete', old.id, old.tokens); END""",
    """CREATE TRIGGER search_updated AFTER UPDATE OF tokens ON search BEGIN
        INSERT INTO search_words(search_words, rowid, tokens) VALUES ('delete', old.id, old.tokens);
        INSERT INTO search_words(rowid, tokens) VALUES (new.id, new.tokens); END""",
)


def upgrade() -> None:
    bind = op.get_bind()
    _metadata.create_all(bind)
    for table in _metadata.tables.values():
        for index in table.indexes:
            index.create(bind, checkfirst=True)
    if bind.dialect.name == "sqlite":
        for statement in (*_SQLITE_SEARCH, _VIEW.format(time=_TIME_SQLITE)):
            bind.exec_driver_sql(statement)
        return
    if not any(index["name"] == "search_words" for index in sa.inspect(bind).get_indexes("search")):
        bind.exec_driver_sql("CREATE FULLTEXT INDEX search_words ON search (tokens)")
    bind.exec_driver_sql("DROP VIEW IF EXISTS messages")
    bind.exec_driver_sql(_VIEW.format(time=_TIME_MYSQL))
