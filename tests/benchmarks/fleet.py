"""Many light clients in one process: real TLS log-ins by device key, a UDP socket each, one poll for all of them.

What a client does: it logs in, subscribes, opens its UDP path, and reads everything that arrives. One in `SAMPLE` opens
the seals, decodes the records and checks that they come without a hole; the others count octets alone.
As the real client they read together what came together.
All of them get the same datagrams, so what the sampled ones hold says how many records the octets of the others were.
With `receipts` each says once a second how far it has received, as the real client does.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lanchat.net import segments
from lanchat.protocol import keys, seal, wire
from lanchat.protocol.client.config import ClientConfig
from lanchat.protocol.codec import encode
from lanchat.protocol.messages import Message
from lanchat.protocol.records import Head
from lanchat.protocol.wire import (
    FrameReader,
    decode_from_server_untrusted,
    decode_server_datagram_untrusted,
    pack_frame,
)
from tests.benchmarks.accounts import Account, World
from tests.benchmarks.generator import Times
from tests.benchmarks.repair import Gaps
from tests.support.raw import tls_connect

SAMPLE = 10
# A datagram with a record of 200 octets is longer; heads, receipts and pongs are shorter or counted apart.
CARRIER_MIN = 330
_BUFFER = 4 << 20
# Messages of the author that wait for their decision, and when they are sent again (a server that waits for its disk).
UNDER_WAY = 192
RETRY = 0.5


@dataclass
class Client:
    """One logged-in session. `records` and `times` are kept by sampled ones."""

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
        octets, ancillary, _flags, _peer = self.udp.recvmsg(segments.TOGETHER_MAX, segments.ANCILLARY_SPACE)
        return segments.parted(octets, ancillary)

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
    segments.leave_together(sock)
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


class ChatTraffic:
    """One room; the first client talks. Its messages are signed beforehand: making them is not the server's work.

    With `drop` every client opens everything and repairs what is lost; `drop()` says whether the next datagram is lost.
    """

    def __init__(
        self,
        pids: Sequence[int],
        room: int,
        clients: list[Client],
        messages: Sequence[Message],
        times: Times | None = None,
        *,
        receipts: bool = True,
        udp: bool = True,
        drop: Callable[[], bool] | None = None,
    ) -> None:
        self.pids = tuple(pids)
        self.clients = clients
        self._room = room
        self._messages = messages
        self._times = times
        self._receipts = receipts
        self._udp = udp
        self._drop = drop
        self._retry = RETRY if drop is None else ClientConfig().retry_first
        self._next_receipt = [time.perf_counter() + number / len(clients) for number in range(len(clients))]
        self._due = 0
        self._asked = 0
        self._sent = 0
        self._decided = 0
        self._moved = 0.0
        self._seqs: dict[int, int] = {}
        self._gaps: dict[int, Gaps] = {}
        self.stored: list[float] = []
        if drop is not None:
            for number, client in enumerate(clients):
                client.sampled = True
                self._gaps[id(client)] = Gaps(room, Random(number), self._show)

    # What the generator asks

    def readers(self) -> dict[int, Callable[[], None]]:
        found: dict[int, Callable[[], None]] = {}
        for client in self.clients:
            found[client.udp.fileno()] = self._udp_reader(client)
            found[client.tls.fileno()] = self._tls_reader(client)
        return found

    def publish(self, index: int) -> None:
        self._asked = index + 1
        self._submit()

    def _submit(self) -> None:
        """Send what is due, with no more under way than the server queues for one session."""
        while self._sent < min(self._asked, self._decided + UNDER_WAY):
            self._send(self.clients[0], wire.Submit([self._messages[self._sent]]))
            self._sent += 1

    def _send(self, client: Client, frame: Any) -> None:
        if not self._udp:
            client.tls.sendall(pack_frame(frame))
        elif self._drop is None or not self._drop():
            client.send([frame])

    def tick(self, now: float) -> None:
        """Messages again when nothing was decided for a while; NACKs; receipts, spread over the second."""
        if self._sent > self._decided and now - self._moved > self._retry:
            self._sent, self._moved = self._decided, now
            self._submit()
        for client in self.clients if self._gaps else ():
            nack = self._gaps[id(client)].nack(now)
            if nack is not None:
                self._send(client, nack)
        if not self._receipts:
            return
        for _ in range(len(self.clients)):
            number = self._due % len(self.clients)
            if self._next_receipt[number] > now:
                return
            self._next_receipt[number] = now + 1.0
            self._due += 1
            self._acknowledge(self.clients[number])

    def _acknowledge(self, client: Client) -> None:
        seq = max((other.last_seq for other in self.clients if other.sampled), default=0)
        self._send(client, wire.Cursors([wire.Cursor(self._room, seq, seq)]))

    def deliveries(self) -> float:
        sampled = [client for client in self.clients if client.sampled]
        records = sum(client.records for client in sampled)
        octets = sum(client.octets for client in sampled)
        if not octets:
            return 0.0
        return records / octets * sum(client.octets for client in self.clients[1:])

    def problem(self) -> str:
        holes = sum(client.holes for client in self.clients)
        return f"{holes} records did not come in their turn" if holes and not self._gaps else ""

    # Reading

    def _udp_reader(self, client: Client) -> Callable[[], None]:
        if client.sampled or client is self.clients[0]:
            return self._opening_reader(client)
        buffer = bytearray(segments.TOGETHER_MAX)
        receive = client.udp.recv_into

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    size = receive(buffer)
                    if size >= CARRIER_MIN:
                        client.octets += size

        return read

    def _opening_reader(self, client: Client) -> Callable[[], None]:
        drop = self._drop

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    for datagram in client.receive():
                        if drop is not None and drop():
                            continue
                        if len(datagram) >= CARRIER_MIN:
                            client.octets += len(datagram)
                        for frame in decode_server_datagram_untrusted(client.opener.open_untrusted(datagram)):
                            self._take(client, frame)

        return read

    def _tls_reader(self, client: Client) -> Callable[[], None]:
        opens = client.sampled or client is self.clients[0]

        def read() -> None:
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
                if not opens:
                    # Octets as they are on the wire: the seal of TLS is not opened.
                    octets = len(socket.socket.recv(client.tls, 1 << 16))
                    if not octets:
                        raise RuntimeError("the server closed a connection")
                    client.octets += 0 if self._udp else octets
                    return
                while True:
                    opened = client.tls.recv(1 << 16)
                    if not opened:
                        raise RuntimeError("the server closed a connection")
                    client.octets += 0 if self._udp else len(opened)
                    for encoded in client.reader.feed_untrusted(opened):
                        self._take(client, decode_from_server_untrusted(encoded))

        return read

    def _take(self, client: Client, frame: object) -> None:
        match frame:
            case wire.Decided():
                self._take_receipts(frame.receipts)
            case wire.Expect():
                self._sent = min(self._sent, max(self._decided, frame.n - 1))
                self._submit()
            case wire.Records() if client.sampled:
                self._take_records(client, frame)
            case wire.Heads() if self._gaps:
                head = max((head.seq for head in frame.heads if head.room == self._room), default=0)
                self._gaps[id(client)].took([], head, time.perf_counter())

    def _take_records(self, client: Client, frame: wire.Records) -> None:
        client.records += len(frame.records)
        if self._gaps:
            self._seqs.update((record.seq, int(record.body[3:11])) for record in frame.records if record.body)
            head = frame.head.seq if frame.head else 0
            self._gaps[id(client)].took([record.seq for record in frame.records], head, time.perf_counter())
            client.last_seq = max(client.last_seq, head)
            return
        for record in frame.records:
            if client.last_seq and record.seq != client.last_seq + 1:
                client.holes += 1
            client.last_seq = max(client.last_seq, record.seq)
            if self._times is not None and record.body:
                self._times.got(int(record.body[3:11]))

    def _show(self, seq: int) -> None:
        if self._times is not None and seq in self._seqs:
            self._times.got(self._seqs[seq])

    def _take_receipts(self, receipts: Sequence[wire.Receipt]) -> None:
        self._moved = now = time.perf_counter()
        if self._times is not None:
            self.stored += [now - self._times.sent[receipt.n - 1] for receipt in receipts if receipt.n > self._decided]
        self._decided = max(self._decided, *(receipt.n for receipt in receipts))
        self._submit()


@contextlib.contextmanager
def chat_traffic(
    port: int,
    pids: Sequence[int],
    world: World,
    clients: int,
    messages: int,
    times: Times | None = None,
    *,
    receipts: bool = True,
    udp: bool = True,
    drop: Callable[[], bool] | None = None,
) -> Iterator[ChatTraffic]:
    """Clients in `general`, logged in and settled."""
    author, room = world.accounts[0], world.general
    author.begin()
    signed = [author.message(world.log_id, room, text(index)) for index in range(messages)]
    sessions = log_in_all(port, world, world.accounts[:clients], [room], udp=udp)
    try:
        time.sleep(1.0)  # presence of all of them goes to all of them
        yield ChatTraffic(pids, room, sessions, signed, times, receipts=receipts, udp=udp, drop=drop)
    finally:
        for session in sessions:
            session.close()


def text(index: int) -> str:
    """200 octets that begin with the number."""
    return f"no.{index:08d} ".ljust(200, "x")
