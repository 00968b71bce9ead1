"""What is different here from the MySQL connector as it comes: how it writes values, that it does not ask twice, that
it reads all that has come at once, and that it finds a usable node of a cluster.

Some of it needs parts that it does not document: `_channel`, `_read_ahead` and `PacketBuffer` have them all, and
`tests/unit/server/store/test_connector.py` fails where a version has changed them.
"""

import contextlib
import logging
import socket
import ssl
from typing import Any

from mysql.connector.connection import MySQLConnection
from mysql.connector.conversion import MySQLConverter
from mysql.connector.errors import Error, InterfaceError, OperationalError, ReadTimeoutError
from mysql.connector.network import NetworkBrokerPlain

from lanchat_server.store.connection.literals import literal
from lanchat_server.store.connection.nodes import DatabaseHost, NodeChoice

# CR_UNKNOWN_HOST, CR_SERVER_GONE_ERROR, ER_UNKNOWN_COM_ERROR: what a node of a cluster says that is not ready.
_UNKNOWN_HOST = 2005
_GONE = 2006
NOT_READY = 1047
# ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_BAD_DB_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR: accounts and
# databases are the same on all nodes.
_ALIKE = frozenset({1044, 1045, 1049, 1698})
# Milliseconds in which a node's computer confirms that something came: one that is cut off is given up sooner than one
# that works for long.
_CONFIRMED_MS = 4000
# Seconds for the first read of a connection, which waits for what the cluster has committed: while the nodes agree that
# one is gone it may wait for longer than they take.
_SYNC_PATIENCE = 2

log = logging.getLogger(__name__)


class DatabaseConnection(MySQLConnection):
    """A connection that pings the server when it is told to, and not again before every statement. `nodes` and `host`,
    `generation`: the node that it leads to (nodes.py)."""

    nodes: NodeChoice | None = None
    host: DatabaseHost | None = None
    generation = 0

    def is_connected(self) -> bool:
        """As far as is known. A statement on a broken connection fails by itself."""
        return _channel(self) is not None

    @property
    def is_present(self) -> bool:
        """Whether it leads to the node in use."""
        return self.nodes is None or self.generation == self.nodes.generation

    def note_lost(self) -> None:
        """It broke, or its node is of no use: the next connection is tried elsewhere first."""
        if self.nodes is not None and self.host is not None and self.is_present:
            self.nodes.failed(self.host)

    def ping(self, reconnect: bool = False, attempts: int = 1, delay: int = 0) -> None:
        """As the base class; one to another node than that in use is gone without a question."""
        if not self.is_present:
            raise OperationalError("another node is in use", errno=_GONE)
        super().ping(reconnect, attempts, delay)

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        """Of a statement without values. Raises the connector's errors."""
        self.cmd_query(question)
        return [tuple(row) for row in self.get_rows()[0]]


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


class NodeBehind(OperationalError):
    """A node did not have in time what its cluster has committed."""


def connect(nodes: NodeChoice, arguments: dict[str, Any]) -> DatabaseConnection:
    """A connection to a node that is ready. With arguments as for `mysql.connector.connect`, but for the host. Raises
    the connector's errors: of a cluster that of the node that was tried last."""
    failure: Error | None = None
    behind: list[DatabaseHost] = []
    for host in nodes.candidates():
        try:
            return _connect(nodes, host, arguments, _SYNC_PATIENCE if nodes.is_cluster else None)
        except NodeBehind as error:
            behind.append(host)
            failure = error
        except Error as error:
            if error.errno in _ALIKE:
                raise
            nodes.failed(host)
            log.debug("%s is not usable: error %s", host, error.errno)
            failure = error
    for host in behind:
        try:
            return _connect(nodes, host, arguments, None)
        except Error as error:
            failure = error
    assert failure is not None, "an address has a host"
    raise failure


def _connect(
    nodes: NodeChoice, host: DatabaseHost, arguments: dict[str, Any], patience: int | None
) -> DatabaseConnection:
    """To this host. `patience`: seconds for what its cluster has committed; None: as for any answer."""
    connection = _open({**arguments, "host": host.name or "localhost", "port": host.port})
    try:
        if nodes.is_cluster:
            _give_up_unconfirmed(connection)
        _read_ahead(connection)
        if not _check_node(connection, patience) and nodes.is_cluster:
            # What was committed at one of two servers by themselves is not at the other: it would be lost unseen.
            raise OperationalError("no node of a Galera cluster", errno=NOT_READY)
    except BaseException:
        connection.shutdown()
        raise
    connection.nodes, connection.host = nodes, host
    before, connection.generation = nodes.generation, nodes.taken(host)
    if connection.generation != before:
        log.warning("the database node %s is used from now on", host)
    return connection


def _open(arguments: dict[str, Any]) -> DatabaseConnection:
    try:
        return DatabaseConnection(**arguments)
    except UnicodeError as error:  # no resolver can be asked for such a name
        raise InterfaceError("not a host name", errno=_UNKNOWN_HOST) from error


def _give_up_unconfirmed(connection: DatabaseConnection) -> None:
    """Where the system can: it breaks when nobody confirms what was sent."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        _channel(connection).sock.setsockopt(socket.IPPROTO_TCP, option, _CONFIRMED_MS)


def _check_node(connection: DatabaseConnection, patience: int | None) -> bool:
    """Whether it is a Galera node: one of the majority, and with all that is committed in the cluster by now, so that
    whoever comes from another node misses nothing. `patience` as of `_connect`. Raises the connector's errors."""
    if not _is_on(connection, "VARIABLES", "wsrep_on"):
        return False
    if not _is_on(connection, "STATUS", "wsrep_ready"):
        raise OperationalError("WSREP is not ready", errno=NOT_READY)
    connection.cmd_query("SET SESSION wsrep_sync_wait = 1")
    seconds = connection.read_timeout
    try:
        connection.read_timeout = patience or seconds
        connection.rows("SELECT 1 FROM DUAL")
    except ReadTimeoutError as error:
        raise NodeBehind(error.msg, errno=error.errno) from error
    finally:
        connection.read_timeout = seconds
    connection.cmd_query("SET SESSION wsrep_sync_wait = DEFAULT")
    return True


def _is_on(connection: DatabaseConnection, kind: str, name: str) -> bool:
    """MySQL has no such variable, MariaDB has it without a cluster too."""
    return [str(row[1]) for row in connection.rows(f"SHOW GLOBAL {kind} LIKE '{name}'")] == ["ON"]
