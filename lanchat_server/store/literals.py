"""How values are written into statements for MySQL and MariaDB: text and octets in hexadecimal, never as they are.

The connector puts values into the statement itself. Its own quoting depends on the server's sql_mode, and before it
sends a statement it looks for the word "delimiter" in all of it, values included: a message that contains that word
would be cut up as if it were a script, and crafted quotes make that search take for ever. In hexadecimal no character
that a person typed ever reaches either parser. It is also quicker than escaping.
"""

from typing import Any

from mysql.connector.conversion import MySQLConverter


class HexConverter(MySQLConverter):
    """Values to SQL literals in one step; `escape` and `quote` have nothing left to do."""

    def to_mysql(self, value: Any) -> bytes:
        """The literal for None, bool, int, bytes or str; raises TypeError for others, which no table here has."""
        if value is None:
            return b"NULL"
        if isinstance(value, int):
            return b"%d" % value
        if isinstance(value, str):
            return b"_utf8mb4 x'%b'" % value.encode().hex().encode()
        if isinstance(value, bytes | bytearray):
            return b"x'%b'" % value.hex().encode()
        raise TypeError(f"no literal for {type(value).__name__}")

    @staticmethod
    def escape(value: Any, sql_mode: object = None) -> Any:
        return value

    @staticmethod
    def quote(buf: Any) -> Any:
        return buf
