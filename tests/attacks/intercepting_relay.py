"""A relay between one client and the server, in the client's event loop, and a UDP path that counts how the client
processes each datagram. Attacks on clients are in attacked_clients.py.

TLS is forwarded unchanged. Datagrams are recorded, and may be held, duplicated and injected: what an attacker on the
path without keys can do.
"""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from lanchat.protocol.wire import SessionKeys
from lanchat.transport.udp import UdpRelay
from tests.attacks.recording_client import udp_socket
from tests.support.ports import free_port

# Read in one turn of the event loop, so that the client reads, too, before its socket's buffer is full.
_TURN = 64
_BUFFER_OCTETS = 1 << 20


class InterceptingRelay:
    """Clients connect to `address`; the newest one's datagrams are carried. `up`, `down`: datagrams as they were sent.
    `sent` to the client in this session, `delivered` of them for the server; `copies` of each arrive."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.port = free_port()
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.copies = 1
        self.sent = self.delivered = 0
        self.client: Any = None
        self._held: list[bytes] | None = None
        self._whole = asyncio.Event()
        self._whole.set()
        self._ends: list[asyncio.StreamWriter] = []
        self._carrying: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """As `ConnectCommand` takes it."""
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._near.bind(("127.0.0.1", self.port))
        self._far = udp_socket(self.server_port)
        for sock, read in ((self._near, self._from_client), (self._far, self._from_server)):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
            asyncio.get_running_loop().add_reader(sock, read)
        self._door = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._door.close()
        self.unblock()
        self.cut()
        await asyncio.gather(*self._carrying)
        for sock in (self._near, self._far):
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    # --- Datagrams --------------------------------------------------------------------------------------------------

    def _from_client(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(_TURN):
                datagram, peer = self._near.recvfrom(65536)
                if peer != self.client:
                    self.client, self.sent, self.delivered = peer, 0, 0
                if self._whole.is_set():
                    self.up.append(datagram)
                    self._far.send(datagram)

    def _from_server(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(_TURN):
                datagram = self._far.recv(65536)
                if not self._whole.is_set():
                    continue
                self.down.append(datagram)
                if self._held is None:
                    self._deliver(datagram)
                else:
                    self._held.append(datagram)

    def _deliver(self, datagram: bytes) -> None:
        self.delivered += 1
        for _ in range(self.copies):
            self.inject(datagram)

    def inject(self, datagram: bytes) -> None:
        """To the client, from where it hears the server."""
        self._near.sendto(datagram, self.client)
        self.sent += 1

    def hold_datagrams(self) -> list[bytes]:
        """From now on the server's datagrams wait; the list that they wait in."""
        self._held = []
        return self._held

    def release_datagrams(self) -> None:
        """Let them go."""
        held, self._held = self._held or [], None
        for datagram in held:
            self._deliver(datagram)

    # --- TLS --------------------------------------------------------------------------------------------------------

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        self._ends += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                await self._whole.wait()
                writer.write(octets)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        """The connection ends; the next one is carried again."""
        ends, self._ends = self._ends, []
        for end in ends:
            end.transport.abort()

    def block(self) -> None:
        """Nothing gets through any more, though the connection stays; `unblock` ends it."""
        self._whole.clear()

    def unblock(self) -> None:
        self._whole.set()


class CountedRelay(UdpRelay):
    """The client's own, which says what became of datagrams. `opened`: how many; `keys`: those it was given, in order;
    the newest last."""

    def __init__(
        self,
        peer: tuple[Any, ...],
        log_id: bytes,
        epoch: int,
        on_frames: Callable[[list[Any]], None],
        on_idle: Callable[[], None],
    ) -> None:
        self.opened = 0
        self.keys: list[SessionKeys] = []
        self.context = (log_id, epoch)

        def count(frames: list[Any]) -> None:
            self.opened += 1
            on_frames(frames)

        super().__init__(peer, log_id, epoch, count, on_idle)

    def use_keys(self, keys: SessionKeys) -> None:
        self.keys.append(keys)
        super().use_keys(keys)

    def refused(self) -> Counter[str]:
        """How many datagrams were dropped, by reason."""
        return Counter({why: n for why, n in self.dropped.items() if not why.startswith(("send_", "receive_"))})

    @property
    def processed(self) -> int:
        """How many datagrams it has dealt with."""
        return self.opened + self.refused().total()
