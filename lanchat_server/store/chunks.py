"""Long lists in slices that a statement can hold."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

# Keys in one statement: SQLite takes 32,766 values (500 selects in one statement), MySQL a packet of 4 MiB and more.
CHUNK = 256


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`items` in lists of at most `size`."""
    left = iter(items)
    while chunk := list(islice(left, size)):
        yield chunk
