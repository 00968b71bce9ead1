"""Connections to SQLite, MariaDB and MySQL: addresses, engines, drivers, errors."""
