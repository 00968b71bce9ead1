"""What is different here from the MySQL connector as it comes: how it writes values, that it does not ask twice, and
that it reads all that has come at once.

The last two need parts that it does not document: `_channel`, `_read_ahead` and `PacketBuffer` have them all, and
`tests/unit/server/store/test_connector.py` fails where a version has changed them.
"""

import contextlib
import ssl
from typing import Any

from mysql.connector.connection import MySQLConnection
from mysql.connector.conversion import MySQLConverter
from mysql.connector.errors import InterfaceError
from mysql.connector.network import NetworkBrokerPlain

from lanchat_server.store.literals import literal


class DatabaseConnection(MySQLConnection):
    """A connection that pings the server when it is told to, and not again before every statement."""

    def is_connected(self) -> bool:
        """As far as is known. A statement on a broken connection fails by itself."""
        return _channel(self) is not None


def _channel(connection: MySQLConnection) -> Any:
    """What the connector sends and reads through, with the socket in `sock`; None when it is closed."""
    return connection._socket


def _read_ahead(connection: MySQLConnection) -> None:
    """Has an open connection read all that has come at once. One that compresses takes packets apart as it comes."""
    channel = _channel(connection)
    channel.sock = ReadAhead(channel.sock)
    if type(channel._netbroker) is NetworkBrokerPlain:
        channel._netbroker = PacketBuffer()


def clear_tls_errors() -> None:
    """Empties this thread's list of OpenSSL's errors: a handshake begins with that. This one has nobody to talk to."""
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="-")
    with contextlib.suppress(OSError):
        nobody.do_handshake()


class ReadAhead:
    """A socket that hands on from memory what it has read. For each row the connector sets a time limit, waits twice
    and reads twice: five system calls."""

    OCTETS = 1 << 16

    def __init__(self, sock: Any) -> None:
        """`sock`: connected, plain or TLS. From now on all of its reads must go through this object."""
        self._sock = sock
        self._buffer = memoryview(bytearray(self.OCTETS))
        self._start = self._end = 0
        self._seconds: float | None = sock.gettimeout()

    def recv_into(self, into: memoryview, size: int) -> int:
        """As `socket.recv_into`."""
        if self._start == self._end:
            self._start, self._end = 0, self._receive()
        count = min(size, self._end - self._start)
        into[:count] = self._buffer[self._start : self._start + count]
        self._start += count
        return count

    def _receive(self) -> int:
        try:
            count: int = self._sock.recv_into(self._buffer)
        except ConnectionError:
            # OpenSSL lists errors per thread. From 3.13 on Python takes one that the end of another connection left
            # there for this one's when there is nothing to read yet. A connection that is broken says so again.
            clear_tls_errors()
            count = self._sock.recv_into(self._buffer)
        return count

    def packet(self) -> bytearray | None:
        """The next packet of MySQL's protocol, when all of it is in memory: three octets of length, one number."""
        start, held = self._start, self._end - self._start
        size = int.from_bytes(self._buffer[start : start + 3], "little") + 4
        if held < 4 or held < size:
            return None
        self._start += size
        return bytearray(self._buffer[start : start + size])

    def settimeout(self, seconds: float | None) -> None:
        """As `socket.settimeout`."""
        if seconds != self._seconds:
            self._sock.settimeout(seconds)
            self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        """Everything else is the socket's own."""
        return getattr(self._sock, name)


class PacketBuffer(NetworkBrokerPlain):
    """Takes packets apart from what a `ReadAhead` has in memory."""

    def recv(self, sock: Any, address: str) -> bytearray:
        """As the base class: the next packet, its header of four octets included. `sock`: a `ReadAhead`."""
        packet: bytearray | None = sock.packet()
        if packet is None:
            whole: bytearray = super().recv(sock, address)
            return whole
        self._pktnr = packet[3]
        return packet


class HexConverter(MySQLConverter):
    """Values to literals in one step; `escape` and `quote` have nothing left to do."""

    def to_mysql(self, value: Any) -> bytes:
        """The literal as octets (literals.py); raises TypeError for a type that it does not know."""
        return literal(value).encode()

    @staticmethod
    def escape(value: Any, sql_mode: object = None) -> Any:
        """`value` as it is."""
        return value

    @staticmethod
    def quote(buf: Any) -> Any:
        """`buf` as it is: a literal brings its own quotation marks."""
        return buf


# CR_UNKNOWN_HOST
_UNKNOWN_HOST = 2005


def connect(arguments: dict[str, Any]) -> DatabaseConnection:
    """With arguments as for `mysql.connector.connect`."""
    try:
        connection = DatabaseConnection(**arguments)
    except UnicodeError as error:  # no resolver can be asked for such a name
        raise InterfaceError("not a host name", errno=_UNKNOWN_HOST) from error
    _read_ahead(connection)
    return connection
