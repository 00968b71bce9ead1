"""Server storage with SQLAlchemy Core: SQLite, MariaDB, MySQL. `open_store` is the way in."""

from lanchat_server.store.opening import open_store
from lanchat_server.store.sqlstore import SqlStore

__all__ = ["SqlStore", "open_store"]
