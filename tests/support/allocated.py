"""What a structure takes in memory, counted by the interpreter and not by the structure itself."""

import tracemalloc
from collections.abc import Callable


def taken(fill: Callable[[], object]) -> int:
    """Octets that stay taken when `fill` has run, as long as what it returned lives. It runs twice: tables
    that are made at their first use, by whichever test comes first, do not count."""
    fill()
    tracemalloc.start()
    try:
        kept = fill()
        octets_taken, _peak = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return octets_taken
