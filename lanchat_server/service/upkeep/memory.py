"""What the server asks of the allocator of glibc, so that its memory stays as it is for months."""

import contextlib
import ctypes
import sys

# M_ARENA_MAX of malloc.h.
_M_ARENAS = -8
# By default each thread has an arena, up to eight for each processor. Python's threads allocate one after the other
# anyway; two keep a long query from holding up the rest.
_ARENAS = 2


def share_arenas() -> None:
    """Before threads are started: all of them allocate from a few arenas. In one for each thread, what one has freed
    is of no use to the others."""
    _call_allocator("mallopt", _M_ARENAS, _ARENAS)


def free_pages() -> None:
    """Give free pages back to the system, in up to 20 ms. glibc keeps those that lie between SQLite's pages and the
    like: two thirds of what a server still grew by once its caches were full."""
    _call_allocator("malloc_trim", 0)


def _call_allocator(function: str, *arguments: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library
            getattr(ctypes.CDLL(None), function)(*arguments)
