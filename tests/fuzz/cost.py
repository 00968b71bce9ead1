"""What one datagram may cost its receiver. Anybody can send one, so there is a bound for time and one for memory."""

import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

from lanchat.protocol.limits import DATAGRAM_MAX
from tests.fuzz.target import Target, rule

CPU_MAX = 0.001
MEMORY_MAX = 64 * 1024
_TRIES = 20


def check_cost(target: Target, octets: bytes) -> None:
    """Raise AssertionError when these octets, cut to a datagram, cost too much. What seems slow is measured again: the
    computer may have been busy with something else."""
    octets = octets[:DATAGRAM_MAX]
    rule(any(_cpu(target, octets) <= CPU_MAX for _ in range(_TRIES)), "more than a millisecond for a datagram")
    rule(_memory(target, octets) <= MEMORY_MAX, "more than 64 KiB for a datagram")


def _handling(target: Target, octets: bytes) -> Callable[[], object]:
    """What a receiver does with one datagram, and nothing else: everything around it is ready."""
    handle = target.receiver() if target.receiver is not None else target.run

    def run() -> None:
        with suppress(target.error):
            handle(octets)

    return run


def _cpu(target: Target, octets: bytes) -> float:
    run = _handling(target, octets)
    started = time.process_time()
    run()
    return time.process_time() - started


def _memory(target: Target, octets: bytes) -> int:
    """The most that is held at one time beyond what was there before. `_cpu` has filled the caches."""
    run = _handling(target, octets)
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
