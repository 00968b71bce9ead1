"""Search in the local copy: what the server would find, in the same order (see
lanchat/protocol/text/search_words.py)."""

from collections.abc import Callable, Iterator

import msgspec

from lanchat.core.ports import LogReader
from lanchat.core.view.fold import CHUNK, FoldedText, RoomFold
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.text.search_words import has_words, query_words, tokens

# Time, room and number of a hit: what hits of several rooms are sorted by.
Place = tuple[int, int, int]


class LocalHit(msgspec.Struct, frozen=True):
    """`time_ms` never goes down from one number to the next: the server's time of the text, or of the earliest later
    record where the clock was set back since. Hits of several rooms are merged by it."""

    folded: FoldedText
    time_ms: int


def place_of(store: LogReader, room: int, seq: int) -> Iterator[Place]:
    """Where a hit stands among those of all rooms: an estimate for each part of the room that was looked through, the
    last one is exact. Raises LocalStoreError."""
    span, earliest = store.span(room), 1 << 63
    top = span.cursor if span is not None else 0
    yield earliest, room, seq
    while top >= seq:
        bottom = max(seq, top - CHUNK + 1)
        earliest = min([earliest, *(record.time_ms for record in store.records(room, bottom, top))])
        top = bottom - 1
        yield earliest, room, seq


def find(
    store: LogReader,
    fold: RoomFold,
    room: int,
    words: str,
    *,
    first_seq: int,
    before: int,
    limit: int,
    behind: Place | None = None,
    takes: Callable[[FoldedText], bool] | None = None,
) -> Iterator[list[LocalHit]]:
    """Up to `limit` texts from `first_seq` up and below `before` (0: no bound), newest first, a list for each part of
    the room that was looked through; of those only what follows `behind` in the order of hits, and only what `takes`
    says; with it no words are needed. Raises LocalStoreError."""
    wanted, span = query_words(words), store.span(room)
    if not (wanted or takes) or span is None:
        return
    lowest = max(span.base + 1, first_seq)
    top = min(before - 1, span.cursor) if before else span.cursor
    earliest = 1 << 63
    while top >= lowest and limit > 0:
        bottom = max(lowest, top - CHUNK + 1)
        times = {record.seq: record.time_ms for record in store.records(room, bottom, top)}
        for seq in sorted(times, reverse=True):
            earliest = times[seq] = min(times[seq], earliest)
        found = [
            LocalHit(folded, times.get(folded.seq, folded.stored_ms))
            for folded in reversed(fold.between(bottom, top))
            if folded.header.kind is Kind.TEXT and not folded.deleted
            if (has_words(tokens(folded.text), wanted) if wanted else True)
            if takes is None or takes(folded)
            if behind is None or (times.get(folded.seq, folded.stored_ms), room, folded.seq) < behind
        ][:limit]
        limit -= len(found)
        yield found
        top = bottom - 1
