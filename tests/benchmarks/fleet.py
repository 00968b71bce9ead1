"""Many light clients in one process: real TLS log-ins by device key, a UDP socket each.

What a client does: it logs in, subscribes and opens its UDP path. One in `SAMPLE` opens the seals of what it receives;
what they do with it is traffic.py's business, or a case's own.
"""

import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from lanchat.platform.network import segmentation
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram import seal
from lanchat.protocol.log import keys
from lanchat.protocol.log.records import Head
from lanchat.protocol.wire import (
    FrameReader,
    decode_from_server_untrusted,
    pack_frame,
)
from tests.benchmarks.accounts import Account, World
from tests.support.raw import tls_connect

SAMPLE = 10
_BUFFER = 4 << 20


@dataclass
class Client:
    """One logged-in session. Sampled ones keep `records`, `last_seq` (of one room, subscribed there) and `holes`."""

    account: Account
    tls: ssl.SSLSocket
    udp: socket.socket
    sealer: seal.Sealer
    opener: seal.Opener
    sampled: bool
    octets: int = 0
    records: int = 0
    last_seq: int = 0
    holes: int = 0
    reader: FrameReader = field(default_factory=FrameReader)

    def send(self, frames: Sequence[object]) -> None:
        """By UDP."""
        self.udp.send(self.sealer.seal(encode(list(frames))))

    def receive(self) -> list[bytes]:
        """Datagrams that have come; raises BlockingIOError."""
        octets, ancillary, _flags, _peer = self.udp.recvmsg(segmentation.TOGETHER_MAX, segmentation.ANCILLARY_SPACE)
        return segmentation.parted(octets, ancillary)

    def close(self) -> None:
        self.tls.close()
        self.udp.close()


class Entered:
    """A connection that has logged in and subscribed. `ask` makes further requests, before `client` takes it over."""

    def __init__(self, port: int, tls: ssl.SSLSocket) -> None:
        self.heads: list[Head] = []
        self._port = port
        self._tls = tls
        self._reader = FrameReader()
        self._number = 0

    def ask(self, operation: Any) -> Any:
        """The result. Raises RuntimeError when it is refused, OSError when the connection ends."""
        self._number += 1
        self._tls.sendall(pack_frame(wire.Request(self._number, operation)))
        while True:
            received = self._tls.recv(65536)
            if not received:
                raise ConnectionResetError("the server closed the connection")
            for octets in self._reader.feed_untrusted(received):
                frame = decode_from_server_untrusted(octets)
                if isinstance(frame, wire.Response) and frame.id == self._number:
                    return frame.result
                if isinstance(frame, wire.Failure):
                    raise RuntimeError(f"refused: {frame}")

    def log_in(self, world: World, account: Account, rooms: Sequence[int]) -> None:
        self._account, self._world = account, world
        welcome = self.ask(wire.Hello([1], "bench"))
        certificate = self._tls.getpeercert(binary_form=True)
        assert certificate is not None
        proof = keys.LOGIN_CONTEXT + world.log_id + keys.sha256(certificate) + welcome.challenge
        self._pair = self.ask(wire.LoginDevice(account.device, account.key.sign(proof))).keys
        self._epoch = welcome.log_epoch
        if rooms:
            self.heads = self.ask(wire.Subscribe(list(rooms))).heads

    def client(self, *, sampled: bool, udp: bool = True) -> Client:
        """The session, its UDP path open, its sockets not blocking."""
        pair, log_id = self._pair, self._world.log_id
        client = Client(
            self._account,
            self._tls,
            _udp_socket(self._port),
            seal.Sealer(pair.to_server, pair.key_id, log_id, self._epoch),
            seal.Opener(pair.to_client, pair.key_id, log_id, self._epoch),
            sampled,
            last_seq=max((head.seq for head in self.heads), default=0),
            reader=self._reader,
        )
        if udp:
            _open_path(client)
        self._tls.setblocking(False)
        client.udp.setblocking(False)
        return client

    def close(self) -> None:
        self._tls.close()


def enter(port: int, world: World, account: Account, rooms: Sequence[int], *, timeout: float = 60.0) -> Entered:
    """Raises OSError and RuntimeError."""
    entered = Entered(port, tls_connect(port, timeout=timeout))
    try:
        entered.log_in(world, account, rooms)
    except BaseException:
        entered.close()
        raise
    return entered


def log_in(
    port: int, world: World, account: Account, *, sampled: bool, rooms: Sequence[int], udp: bool = True
) -> Client:
    """A session that is subscribed and whose UDP path is open."""
    return enter(port, world, account, rooms).client(sampled=sampled, udp=udp)


def _udp_socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    segmentation.leave_together(sock)
    sock.connect(("127.0.0.1", port))
    return sock


def _open_path(client: Client) -> None:
    client.udp.settimeout(2.0)
    for _ in range(5):
        client.send([wire.Ping(7)])
        try:
            client.opener.open_untrusted(client.udp.recv(2048))
        except TimeoutError:
            continue
        return
    raise RuntimeError("no answer by UDP")


def log_in_all(
    port: int, world: World, accounts: Sequence[Account], rooms: Sequence[int], *, udp: bool = True
) -> list[Client]:
    """Sessions of these accounts, some at a time; the first (the author) and each tenth after it are sampled."""
    with ThreadPoolExecutor(8) as pool:
        entering = [
            pool.submit(log_in, port, world, account, sampled=number % SAMPLE == 1, rooms=rooms, udp=udp)
            for number, account in enumerate(accounts)
        ]
        return [task.result() for task in entering]
