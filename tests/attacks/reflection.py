"""Unauthenticated datagrams of every length and kind: no answer is larger than its request."""

import contextlib
import random
import select
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lanchat.protocol.datagram.beacon import PROBE_SIZE, TOKEN_SIZE, encode_probe
from lanchat.protocol.limits import DATAGRAM_MAX
from tests.attacks.outcome import Outcome
from tests.attacks.unauthenticated_floods import client_hello, source_address

# Questions under way at once, each from an address and a port of its own.
_AT_ONCE = 200
_LENGTH_MAX = DATAGRAM_MAX + 300


@dataclass(slots=True)
class Reflected:
    """What a port answered. `largest` is the largest answer in octets."""

    questions: int = 0
    answers: int = 0
    larger: int = 0
    asked: int = 0
    answered: int = 0
    largest: int = 0


def probe_datagrams(step: int, key: bytes, seed: int) -> Iterator[bytes]:
    """Every kind at every `step`-th length. `key`: the number of a session's key, as everybody on the cable sees it."""
    drawn = random.Random(seed)
    probe = encode_probe(bytes(range(TOKEN_SIZE)))
    kinds = (
        b"",
        probe,
        probe[:5] + b"\2",
        probe[:4] + b"\2" + probe[5:],
        b"\1" + key,
        b"\1" + key + bytes(8),
        client_hello(),
        b"\x16\xfe\xff",
        b"\0\0\x84\0\0\1",
    )
    for length in sorted({*range(0, _LENGTH_MAX, step), PROBE_SIZE, PROBE_SIZE - 1, PROBE_SIZE + 1}):
        for kind in kinds:
            yield (kind + bytes(length))[:length]
            yield (kind[:length] + drawn.randbytes(length))[:length]


def send_probes(port: int, datagrams: Iterable[bytes], wait: float = 0.25) -> Reflected:
    """Each from an address of its own, so that no limit per address hides an answer."""
    found, number = Reflected(), 20_000
    batch: dict[socket.socket, int] = {}
    for datagram in datagrams:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((source_address(number), 0))
        number += 1
        with contextlib.suppress(OSError):
            sock.sendto(datagram, ("127.0.0.1", port))
        found.questions += 1
        batch[sock] = len(datagram)
        if len(batch) == _AT_ONCE:
            _collect(batch, found, wait)
    _collect(batch, found, wait)
    return found


def _collect(batch: dict[socket.socket, int], found: Reflected, wait: float) -> None:
    totals = dict.fromkeys(batch, 0)
    while readable := select.select(list(batch), [], [], wait)[0]:
        for sock in readable:
            size = len(sock.recv(65536))
            totals[sock] += size
            found.largest = max(found.largest, size)
    for sock, total in totals.items():
        if total:
            found.answers += 1
            found.asked += batch[sock]
            found.answered += total
            found.larger += total > batch[sock]
        sock.close()
    batch.clear()


def measure_reflection(port: int, what: str, step: int, key: bytes, *, answers: bool) -> Outcome:
    """`answers`: whether the port is there to answer somebody."""
    found = send_probes(port, probe_datagrams(step, key, seed=step))
    outcome = Outcome(f"amplification: {what}", found.questions, found.larger)
    outcome.expect(bool(found.answers) == answers, f"{found.answers} questions were answered")
    outcome.seen = (
        f"{found.answers} answers, {found.answered:,} octets for {found.asked:,}" if found.answers else "no answer"
    )
    return outcome
