"""The servers that people would use instead, as Debian ships them: ngircd (IRC) and mosquitto (MQTT).

Each runs on loopback in a temporary folder with its limits on rates and connections off. They relay to whoever is
connected: nothing is stored, signed, sealed or acknowledged. `IrcTraffic` and `MqttTraffic` speak as much of the two
protocols as it takes to join one room and talk in it: RFC 2812, and MQTT 3.1.1 with QoS 0.
"""

import contextlib
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks.generator import Times
from tests.benchmarks.measure import program
from tests.support.ports import free_port
from tests.support.waiting import wait_until

SAMPLE = 10


@contextlib.contextmanager
def _running(name: str, options: Sequence[str], configuration: str, file: str, port: int) -> Iterator[int]:
    """The process id of a server that accepts connections; ended with the block."""
    found = program(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed: make bench does that")
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder:
        (Path(folder) / file).write_text(configuration)
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen([found, *options, file], cwd=folder, stdout=log, stderr=log)
            try:
                wait_until(lambda: _accepts(port), 10, f"{name} accepts connections")
                yield process.pid
            finally:
                process.terminate()
                process.wait(10)


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def ngircd(port: int) -> Iterator[int]:
    configuration = f"""
[Global]
    Name = bench.example.net
    Info = benchmark
    Listen = 127.0.0.1
    Ports = {port}
[Limits]
    MaxConnections = 0
    MaxConnectionsIP = 0
    MaxPenaltyTime = 0
    PingTimeout = 3600
    PongTimeout = 3600
[Options]
    DNS = no
    Ident = no
    PAM = no
"""
    with _running("ngircd", ["-n", "-f"], configuration, "ngircd.conf", port) as pid:
        yield pid


@contextlib.contextmanager
def mosquitto(port: int) -> Iterator[int]:
    configuration = f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\n"
    with _running("mosquitto", ["-c"], configuration, "mosquitto.conf", port) as pid:
        yield pid


class _StreamTraffic:
    """What both have in common: TCP clients of which the first one talks and the others count octets."""

    def __init__(self, port: int, pid: int, clients: int, text: Callable[[int], bytes], times: Times | None) -> None:
        self.pids = (pid,)
        self._text = text
        self._times = times
        self._octets = 0
        self._size = 0
        self._sockets = [self._enter(port, number) for number in range(clients)]
        for sock in self._sockets:
            sock.setblocking(False)

    def _enter(self, port: int, number: int) -> socket.socket:
        raise NotImplementedError

    def _packet(self, index: int) -> bytes:
        raise NotImplementedError

    def _indexes(self, octets: bytes) -> Iterator[int]:
        """The numbers of the messages that begin in what was read."""
        marker = b"no."
        at = octets.find(marker)
        while at >= 0:
            digits = octets[at + 3 : at + 11]
            if len(digits) == 8:
                yield int(digits)
            at = octets.find(marker, at + 11)

    def publish(self, index: int) -> None:
        self._sockets[0].sendall(self._packet(index))

    def tick(self, now: float) -> None:
        """These clients do nothing by themselves."""

    def readers(self) -> dict[int, Callable[[], None]]:
        sampled = self._sockets[1::SAMPLE] if self._times is not None else []
        others = [sock for sock in self._sockets if sock not in sampled]
        found = {sock.fileno(): self._reader(sock, sampled=True) for sock in sampled}
        return found | {sock.fileno(): self._reader(sock, sampled=False) for sock in others}

    def _reader(self, sock: socket.socket, *, sampled: bool) -> Callable[[], None]:
        times = self._times

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                octets = sock.recv(65536)
                if not octets:
                    raise RuntimeError("the server closed a connection")
                self._octets += len(octets)
                if sampled and times is not None:
                    for index in self._indexes(octets):
                        times.got(index)

        return read

    def deliveries(self) -> float:
        return self._octets / self._size

    def problem(self) -> str:
        return ""

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


class IrcTraffic(_StreamTraffic):
    """One channel. The octets of a line are the same for all lines, so octets say how many there were."""

    def _enter(self, port: int, number: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(f"NICK u{number:05}\r\nUSER u{number:05} 0 * :bench\r\n".encode())
        _read_until(sock, b" 376 ", b" 422 ")
        sock.sendall(b"JOIN #bench\r\n")
        _read_until(sock, b" 366 ")
        return sock

    def _packet(self, index: int) -> bytes:
        return b"PRIVMSG #bench :" + self._text(index) + b"\r\n"

    def settle(self) -> None:
        """Everybody sees everybody else join; find out how long a line is for a receiver."""
        _drain(self._sockets)
        self.publish(0)
        last = self._sockets[-1]
        last.setblocking(True)
        last.settimeout(5)
        line = last.recv(65536)
        assert line.count(b"\n") == 1, line
        assert line.endswith(b"\r\n"), line
        self._size = len(line)
        _drain(self._sockets)


class MqttTraffic(_StreamTraffic):
    """One topic, QoS 0."""

    _TOPIC = b"bench"

    def _enter(self, port: int, number: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = f"c{number:05}".encode()
        connect = b"\0\4MQTT\4\2" + struct.pack(">H", 0) + struct.pack(">H", len(name)) + name
        sock.sendall(b"\x10" + _length(len(connect)) + connect)
        assert _exactly(sock, 4)[0] == 0x20
        if number:
            subscribe = b"\0\1" + struct.pack(">H", len(self._TOPIC)) + self._TOPIC + b"\0"
            sock.sendall(b"\x82" + _length(len(subscribe)) + subscribe)
            assert _exactly(sock, 5)[0] == 0x90
        return sock

    def _packet(self, index: int) -> bytes:
        body = struct.pack(">H", len(self._TOPIC)) + self._TOPIC + self._text(index)
        return b"\x30" + _length(len(body)) + body

    def settle(self) -> None:
        """A packet is the same for receivers."""
        self._size = len(self._packet(0))


def _length(number: int) -> bytes:
    """MQTT's remaining length."""
    octets = bytearray()
    while True:
        number, low = divmod(number, 128)
        octets.append(low | (0x80 if number else 0))
        if not number:
            return bytes(octets)


def _exactly(sock: socket.socket, size: int) -> bytes:
    octets = b""
    while len(octets) < size:
        octets += sock.recv(size - len(octets))
    return octets


def _read_until(sock: socket.socket, *endings: bytes) -> None:
    octets = b""
    while not any(ending in octets for ending in endings):
        part = sock.recv(65536)
        if not part:
            raise RuntimeError(f"the server closed the connection: {octets[-200:]!r}")
        octets += part


def _drain(sockets: Sequence[socket.socket]) -> None:
    quiet = 0
    while quiet < 3:
        time.sleep(0.1)
        quiet += 1
        for sock in sockets:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while sock.recv(1 << 20):
                    quiet = 0


@contextlib.contextmanager
def irc_traffic(clients: int, text: Callable[[int], bytes], times: Times | None = None) -> Iterator[IrcTraffic]:
    port = free_port()
    with ngircd(port) as pid:
        traffic = IrcTraffic(port, pid, clients, text, times)
        traffic.settle()
        with contextlib.closing(traffic):
            yield traffic


@contextlib.contextmanager
def mqtt_traffic(clients: int, text: Callable[[int], bytes], times: Times | None = None) -> Iterator[MqttTraffic]:
    port = free_port()
    with mosquitto(port) as pid:
        traffic = MqttTraffic(port, pid, clients, text, times)
        traffic.settle()
        with contextlib.closing(traffic):
            yield traffic
