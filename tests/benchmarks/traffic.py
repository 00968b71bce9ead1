"""A room of light clients of which the first one talks: what the product's server is driven with.

Clients read everything that arrives, all in one poll. One in `SAMPLE` opens the seals, decodes the records and checks
that they come without a hole; the others count octets alone. All of them get the same datagrams, so what the sampled
ones hold says how many records the octets of the others were. Each says about once a second over TLS how far it has
received, as the real client does.
"""

import contextlib
import heapq
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any

from lanchat.core.config import ClientConfig
from lanchat.platform.network import segmentation
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Message
from lanchat.protocol.wire import decode_from_server_untrusted, decode_server_datagram_untrusted, pack_frame
from tests.benchmarks.accounts import World
from tests.benchmarks.fleet import Client, log_in_all
from tests.benchmarks.generator import Times
from tests.benchmarks.repair import Gaps

# A datagram with a record of 200 octets is longer; heads, receipts and pongs are shorter or counted apart.
CARRIER_MIN = 330
# Messages of the author that wait for their decision, and when they are sent again (a server that waits for its disk).
UNDER_WAY = 192
RETRY = 0.5


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
        self._random = Random(1)
        # All at once at first, then ever further apart, long before anything is measured.
        self._next_receipt = [(0.0, number) for number in range(len(clients))]
        self._asked = 0
        self._sent = 0
        self._decided = 0
        self._told: set[int] = set()
        self._moved = 0.0
        self._seqs: dict[int, int] = {}
        self._gaps: dict[int, Gaps] = {}
        self.stored: list[float] = []
        if drop is not None:
            for number, client in enumerate(clients):
                client.sampled = True
                self._gaps[id(client)] = Gaps(room, client.last_seq, Random(number), self._show)

    # What the generator asks

    def readers(self) -> dict[int, Callable[[], None]]:
        found: dict[int, Callable[[], None]] = {}
        for client in sorted(self.clients, key=lambda client: not (client.sampled or client is self.clients[0])):
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
        """Messages again when nothing was decided for a while; NACKs; receipts, as real clients send them."""
        if self._sent > self._decided and now - self._moved > self._retry:
            self._sent, self._moved = self._decided, now
            self._submit()
        for client in self.clients if self._gaps else ():
            nack = self._gaps[id(client)].nack(now)
            if nack is not None:
                self._send(client, nack)
        if not self._receipts:
            return
        interval = max(1.0, len(self.clients) / 100)
        while self._next_receipt[0][0] <= now:
            _, number = self._next_receipt[0]
            heapq.heapreplace(self._next_receipt, (now + interval * (0.5 + self._random.random()), number))
            self._acknowledge(self.clients[number])

    def _acknowledge(self, client: Client) -> None:
        seq = max((other.last_seq for other in self.clients if other.sampled), default=0)
        client.tls.sendall(pack_frame(wire.Cursors([wire.Cursor(self._room, seq, seq)])))

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
        buffer = bytearray(segmentation.TOGETHER_MAX)
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
                self._know(receipt.n for receipt in frame.receipts)
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
            if client is self.clients[0]:
                self._know(self._seqs[record.seq] + 1 for record in frame.records if record.body)
            head = frame.head.seq if frame.head else 0
            self._gaps[id(client)].took([record.seq for record in frame.records], head, time.perf_counter())
            client.last_seq = max(client.last_seq, head)
            return
        for record in frame.records:
            if record.seq != client.last_seq + 1:
                client.holes += 1
            client.last_seq = max(client.last_seq, record.seq)
            if self._times is not None and record.body:
                self._times.got(int(record.body[3:11]))

    def _show(self, seq: int) -> None:
        if self._times is not None and seq in self._seqs:
            self._times.got(self._seqs[seq])

    def _know(self, numbers: Iterable[int]) -> None:
        """These messages of the author are stored: a receipt came, or the record itself."""
        now = time.perf_counter()
        for n in numbers:
            if n <= self._decided or n in self._told:
                continue
            self._told.add(n)
            if self._times is not None:
                self.stored.append(now - self._times.sent[n - 1])
        while self._decided + 1 in self._told:
            self._decided += 1
            self._told.discard(self._decided)
            self._moved = now
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
