"""How far the search has each room: it is filled behind the log. Frozen: later changes are later revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_heads = sa.Table(
    "search_heads",
    sa.MetaData(),
    sa.Column("room_id", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger(), nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_unicode_ci",
    mariadb_engine="InnoDB",
    mariadb_charset="utf8mb4",
    mariadb_collate="utf8mb4_unicode_ci",
)
# Until now records were indexed in the transaction that stored them.
_ALL = """
    INSERT INTO search_heads (room_id, seq) SELECT r.id, r.head_seq FROM rooms r
    WHERE r.head_seq > 0 AND NOT EXISTS (SELECT 1 FROM search_heads h WHERE h.room_id = r.id)
"""


def upgrade() -> None:
    _heads.create(op.get_bind(), checkfirst=True)
    op.execute(_ALL)
