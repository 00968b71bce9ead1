"""Server storage with SQLAlchemy Core: SQLite, MariaDB, MySQL."""
