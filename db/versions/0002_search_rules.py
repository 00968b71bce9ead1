"""By which rules the search was indexed. Frozen: later changes are later revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_state = sa.Table(
    "search_state",
    sa.MetaData(),
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer(), nullable=False),
    sa.Column("building", sa.Integer(), nullable=False),
    sa.Column("room_id", sa.BigInteger(), nullable=False),
    sa.Column("seq", sa.BigInteger(), nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_unicode_ci",
    mariadb_engine="InnoDB",
    mariadb_charset="utf8mb4",
    mariadb_collate="utf8mb4_unicode_ci",
)


def upgrade() -> None:
    _state.create(op.get_bind(), checkfirst=True)
