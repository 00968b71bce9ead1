"""Packets that are read ahead from a database server are the same, however their octets arrive."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mysql.connector.errors import InterfaceError, OperationalError
from mysql.connector.network import MySQLTCPSocket, NetworkBrokerPlain

from lanchat_server.store.connection.connector import DatabaseConnection, PacketBuffer, ReadAhead, _read_ahead


class Wire:
    """A socket whose octets arrive in pieces of these sizes, repeated."""

    def __init__(self, octets: bytes, pieces: list[int]) -> None:
        self._octets = octets
        self._pieces = pieces
        self._turn = 0
        self.limits: list[float | None] = []

    def gettimeout(self) -> float | None:
        return 5.0

    def settimeout(self, seconds: float | None) -> None:
        self.limits.append(seconds)

    def recv_into(self, into: memoryview, size: int = 0) -> int:
        count = min(self._pieces[self._turn % len(self._pieces)], size or len(into), len(self._octets))
        self._turn += 1
        into[:count] = self._octets[:count]
        self._octets = self._octets[count:]
        return count


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number % 256]) + payload


def numbers(broker: Any, sock: Any, count: int) -> list[tuple[bytes, int]]:
    return [(bytes(broker.recv(sock, "here")), broker._pktnr) for _ in range(count)]


SIZES = st.one_of(st.integers(0, 300), st.integers(65_000, 70_000))


@given(st.lists(SIZES, min_size=1, max_size=12), st.lists(st.integers(1, 70_000), min_size=1, max_size=6))
def test_packets_equal_those_read_by_the_connector(sizes: list[int], pieces: list[int]) -> None:
    sent = b"".join(packet(number, bytes([number]) * size) for number, size in enumerate(sizes))
    read = numbers(PacketBuffer(), ReadAhead(Wire(sent, pieces)), len(sizes))
    assert read == numbers(NetworkBrokerPlain(), Wire(sent, [len(sent)]), len(sizes))


@given(st.binary(max_size=200))
def test_invalid_octets_end_as_a_lost_connection(octets: bytes) -> None:
    sock = ReadAhead(Wire(octets, [7]))
    with pytest.raises(InterfaceError):
        numbers(PacketBuffer(), sock, len(octets) // 4 + 1)


def test_time_limit_is_set_only_when_it_changes() -> None:
    wire = Wire(b"", [1])
    sock = ReadAhead(wire)
    for seconds in (5.0, 15.0, 15.0, None, None, 15.0):
        sock.settimeout(seconds)
    assert wire.limits == [15.0, None, 15.0]


class FailingWire(Wire):
    """A socket whose first reads fail with the error of another connection."""

    errors = 0

    def recv_into(self, into: memoryview, *rest: int) -> int:
        if self.errors:
            self.errors -= 1
            raise BrokenPipeError
        return super().recv_into(into, *rest)


def test_error_of_another_connection_is_tolerated() -> None:
    sent = packet(1, b"value")
    for errors in (0, 1):
        wire = FailingWire(sent, [len(sent)])
        wire.errors = errors
        assert numbers(PacketBuffer(), ReadAhead(wire), 1) == numbers(NetworkBrokerPlain(), Wire(sent, [len(sent)]), 1)


def test_permanently_failing_connection_is_lost() -> None:
    wire = FailingWire(packet(1, b"value"), [9])
    wire.errors = 9
    with pytest.raises(OperationalError):
        numbers(PacketBuffer(), ReadAhead(wire), 1)


def test_connector_reads_from_the_read_ahead_buffer() -> None:
    connection, channel = DatabaseConnection(), MySQLTCPSocket()
    assert not connection.is_connected()
    sent = packet(3, b"value") + packet(4, b"more")
    channel.sock = wire = Wire(sent, [len(sent)])
    connection._socket = channel
    assert connection.is_connected()
    _read_ahead(connection)
    assert [bytes(channel.recv()[4:]) for _ in range(2)] == [b"value", b"more"]
    assert type(channel._netbroker) is PacketBuffer
    assert wire._turn == 1
