"""How values are written into statements for MySQL and MariaDB: text and octets in hexadecimal, never as they are.

The connector puts values into the statement itself. Its own quoting depends on the server's sql_mode, and before it
sends a statement it looks for the word "delimiter" in all of it, values included: a message that contains that word
would be cut up as if it were a script, and crafted quotes make that search take for ever. In hexadecimal no character
that a person typed ever reaches either parser. It is also quicker than escaping.
"""

from typing import Any


def literal(value: Any) -> str:
    """The SQL literal for None, bool, int, bytes or str; raises TypeError for others, which no table here has."""
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return f"_utf8mb4 x'{value.encode().hex()}'"
    if value is None:
        return "NULL"
    raise TypeError(f"no literal for {type(value).__name__}")
