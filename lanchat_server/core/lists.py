"""Lists that may grow beyond one frame: they are handed out in pages, bounded in octets and in number, each of which
says where the next one begins.

The place is what the entries are sorted by, so that an entry that is there all the time is in exactly one page,
whatever comes and goes meanwhile.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from lanchat.protocol.codec import encode
from lanchat.protocol.limits import LIST_ENTRIES_MAX, LIST_OCTETS_MAX

T = TypeVar("T")


def place_of(number: int) -> bytes:
    """Where an entry with this number stands in a list that is sorted by numbers."""
    return number.to_bytes(8, "big")


def listed(
    entries: Iterable[T],
    place: Callable[[T], bytes],
    view: Callable[[T], Any],
    after: bytes,
    octets: int = LIST_OCTETS_MAX,
) -> tuple[list[Any], bytes]:
    """Views of the entries whose place is behind `after`, as many as `octets` hold (one always) and as a
    page may have, and the place of the last one; empty when nothing follows."""
    behind = sorted((where, number, entry) for number, entry in enumerate(entries) if (where := place(entry)) > after)
    views: list[Any] = []
    last = b""
    for where, _number, entry in behind:
        shown = view(entry)
        octets -= len(encode(shown))
        if views and (octets < 0 or len(views) == LIST_ENTRIES_MAX):
            return views, last
        views.append(shown)
        last = where
    return views, b""
