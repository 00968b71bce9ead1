"""How much a Python process holds, told by itself."""

import _sqlite3
import contextlib
import ctypes
import gc
import os
import sys
import tracemalloc
from collections import Counter
from typing import Any

# A variable: frames of each allocation that are traced; unset: none.
TRACE = "TRACE"
_KINDS = 40
_MALLINFO = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
_PLACES = 120


def trace() -> None:
    """Trace allocations from now on, where the variable says so."""
    if frames := os.environ.get(TRACE):
        tracemalloc.start(int(frames))


class _Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO]


def allocators() -> dict[str, int]:
    """Octets that SQLite has taken, and of the C library's allocator those in use (SQLite's among them), mapped one by
    one, and free but kept; without those that this platform does not tell."""
    told = {}
    with contextlib.suppress(OSError, AttributeError):
        used = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
        used.restype = ctypes.c_int64
        told["sqlite"] = used()
    with contextlib.suppress(OSError, AttributeError):
        mallinfo = ctypes.CDLL(None).mallinfo2
        mallinfo.restype = _Mallinfo
        found = mallinfo()
        told |= {"malloc": found.uordblks, "malloc mapped": found.hblkhd, "malloc free": found.fordblks}
    return told


def holdings() -> dict[str, Any]:
    """Blocks of Python's allocator, what the others hold, objects that the collector sees, and the most frequent types
    of them; where allocations are traced, the places that hold most."""
    objects = gc.get_objects()
    kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in objects)
    told = {
        "blocks": sys.getallocatedblocks(),
        "objects": len(objects),
        "kinds": dict(kinds.most_common(_KINDS)),
        **allocators(),
    }
    if tracemalloc.is_tracing():
        held = tracemalloc.take_snapshot().statistics("traceback")
        told["traced"] = sum(each.size for each in held)
        told["places"] = [(each.size, each.count, [str(frame) for frame in each.traceback]) for each in held[:_PLACES]]
    return told
