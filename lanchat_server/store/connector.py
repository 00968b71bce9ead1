"""What is different here from the MySQL connector as it comes: how it writes values, and that it does not ask twice."""

from typing import Any

from mysql.connector.connection import MySQLConnection
from mysql.connector.conversion import MySQLConverter

from lanchat_server.store.literals import literal


class Connection(MySQLConnection):
    """A connection that pings the server when it is told to, and not again before every statement."""

    def is_connected(self) -> bool:
        """As far as is known. A statement on a broken connection fails by itself."""
        return self._socket is not None


class HexConverter(MySQLConverter):
    """Values to literals in one step; `escape` and `quote` have nothing left to do."""

    def to_mysql(self, value: Any) -> bytes:
        return literal(value).encode()

    @staticmethod
    def escape(value: Any, sql_mode: object = None) -> Any:
        return value

    @staticmethod
    def quote(buf: Any) -> Any:
        return buf


def connect(arguments: dict[str, Any]) -> Connection:
    """With arguments as for `mysql.connector.connect`."""
    return Connection(**arguments)
