"""What a target is: a reader of octets, the one error that it may raise, inputs that it takes gladly.

`run` also holds what must be true of an input that was taken or refused: a broken rule is an AssertionError, and an
AssertionError is never the one error.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from lanchat.protocol.errors import ProtocolError
from tests.fuzz.mutate import mutate
from tests.fuzz.picture import FIGURES, picture


class Never(Exception):
    """The one error of a reader that takes everything."""


@dataclass(frozen=True)
class Target:
    """`run(octets)` returns when the octets were taken, raises `error` when they were refused. `datagram`: anybody or a
    client can send it in one datagram, so time and memory are bounded; `receiver()` is then something fresh that does
    what a datagram costs and nothing else, `run` when there is none. `live`: the octets are the decimal seed of a run
    against whole processes. `examples`: how many make sense in a quick test."""

    name: str
    run: Callable[[bytes], object]
    error: type[Exception]
    seeds: Callable[[], list[bytes]]
    datagram: bool = False
    receiver: Callable[[], Callable[[bytes], object]] | None = None
    live: bool = False
    examples: int = 300
    octets_max: int = 1 << 16
    change: Callable[[bytes, Random, int], bytes] = mutate


def rule(holds: bool, what: str) -> None:
    """Raise AssertionError unless it holds; for where an error is being handled."""
    if not holds:
        raise AssertionError(what)


def attempt(target: Target, octets: bytes) -> bool:
    """Whether the input was taken; anything but the one error goes through."""
    try:
        target.run(octets)
    except target.error:
        return False
    return True


@contextmanager
def unchanged_when_refused(*parts: Any, leave_out: frozenset[str] = FIGURES) -> Iterator[None]:
    """The state of `parts` is the same after a ProtocolError as before."""
    before = picture(parts, leave_out)
    try:
        yield
    except ProtocolError:
        assert picture(parts, leave_out) == before, "a refused input changed the receiver's state"
        raise
