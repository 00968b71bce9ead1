"""Neighbours on the network who answer a search with whatever they like."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Sequence

from lanchat.protocol.datagram.beacon import Advert, decode_probe, encode_answer
from lanchat.protocol.errors import ProtocolError
from tests.support.ports import free_port
from tests.support.waiting import patient


def invented(number: int) -> Advert:
    return Advert(struct.pack(">QQ", 0xBAD, number), f"{number:064x}", 1 + number % 60_000, f"Office {number}")


class Neighbours:
    """Who answer to probes at `address` and `port`, in a thread of their own: each host with its adverts, in order."""

    def __init__(self, address: str, answers: Sequence[tuple[str, Sequence[Advert]]]) -> None:
        self.port = free_port()
        self._answers = answers
        self._listener = _bound(address, self.port)
        self._sockets = {host: _bound(host, 0) for host, _ in answers}
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, addr = self._listener.recvfrom(2048)
            if data == b"end":
                return
            with contextlib.suppress(ProtocolError):
                token = decode_probe(data)
                for host, adverts in self._answers:
                    for number, advert in enumerate(adverts):
                        with contextlib.suppress(OSError):
                            self._sockets[host].sendto(encode_answer(token, advert), addr)
                        if number % 50 == 49:  # as a cable would, and not all of it within one turn of a busy processor
                            time.sleep(0.002)

    def close(self) -> None:
        address = self._listener.getsockname()
        self._listener.sendto(b"end", address)
        self._thread.join(patient(10))
        for sock in (self._listener, *self._sockets.values()):
            sock.close()


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, port))
    return sock
