"""Contents of files, who names them and who brought them. Frozen: later changes are later revisions."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_metadata = sa.MetaData()
_big = sa.BigInteger()


def _fixed(octets: int) -> sa.types.TypeEngine[bytes]:
    return sa.BINARY(octets).with_variant(sa.LargeBinary(), "sqlite")


def _table(name: str, *parts: sa.schema.SchemaItem) -> None:
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
    )


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


_table(
    "contents",
    sa.Column("root", _fixed(32), primary_key=True),
    _required("size", _big),
    _required("sha256", _fixed(32)),
    _required("stored_ms", _big),
)

_table(
    "content_uses",
    sa.Column("root", _fixed(32), primary_key=True),
    _key("room_id", _big),
    _key("seq", _big),
    _required("author_id", _big),
    sa.Index("content_uses_record", "room_id", "seq"),
    sa.Index("content_uses_author", "author_id"),
)

_table(
    "uploads",
    sa.Column("root", _fixed(32), primary_key=True),
    _key("user_id", _big),
    _required("time_ms", _big),
    sa.Index("uploads_user", "user_id"),
)


def upgrade() -> None:
    bind = op.get_bind()
    _metadata.create_all(bind)
    for table in _metadata.tables.values():
        for index in table.indexes:
            index.create(bind, checkfirst=True)
