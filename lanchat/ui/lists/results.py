"""Search results as rows of a list. Pure."""

from collections.abc import Iterable

from lanchat.app.api import Line
from lanchat.i18n import _
from lanchat.protocol.text.markup import visible
from lanchat.protocol.text.search_query import hit_spans
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import avatar_index, initials
from lanchat.ui.lists.roster import LineRowKey
from lanchat.ui.lists.rows import ListRow
from lanchat.ui.model.chat_model import ChatModel
from lanchat.ui.model.entries import shown_time
from lanchat.ui.model.search_results import SearchResults
from lanchat.ui.texts import words

# Characters of an excerpt, and of those how many stand before its first hit: some twenty have room.
_EXCERPT = 120
_BEFORE = 9


def found_in_rooms(model: ChatModel, lines: Iterable[Line]) -> list[Line]:
    """Those of rooms that this user is in."""
    return [line for line in lines if line.room in model.rooms and model.rooms[line.room].joined]


def result_rows(model: ChatModel, results: SearchResults, wanted: str) -> list[ListRow]:
    """The hits of a search for the words `wanted`; those in other rooms below a heading."""
    rows = [_row(model, line, wanted) for line in results.here]
    if results.elsewhere:
        rows.append(ListRow("elsewhere", _("In other rooms"), heading=True))
        rows += [_row(model, line, wanted) for line in results.elsewhere]
    return rows


def _row(model: ChatModel, line: Line, wanted: str) -> ListRow:
    """Author, place, time, and what stands around the hit."""
    room = model.rooms.get(line.room)
    place = f"{glyphs.flat(words.room_title(room), 40)} · " if room and room.room != model.current else ""
    text, marked = excerpt(line.text, wanted)
    hint = (words.full_moment(shown_time(line)), words.room_title(room) if room else "", line.text[:600])
    return ListRow(
        LineRowKey(line.room, line.seq or 0),
        place + glyphs.flat(words.author(line), 60),
        subtitle=text,
        marked=marked,
        right=words.moment(shown_time(line)),
        initials=initials(words.author(line)),
        index=avatar_index(line.author),
        hint=glyphs.inline("\n".join(filter(None, hint))),
    )


def excerpt(text: str, wanted: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """What stands around the first hit, in one line, and from where to where the hits in it reach; the beginning of the
    text when no hit is in what people see of it."""
    flat = " ".join(visible(text).split())
    spans = hit_spans(flat, wanted)
    start = max(spans[0][0] - _BEFORE, 0) if spans else 0
    if start:
        blank = flat.find(" ", start, spans[0][0])
        start = blank + 1 if blank >= 0 else start
    before = "…" if start else ""
    shown = flat[start : start + _EXCERPT]
    moved = len(before) - start
    marked = tuple((first + moved, last + moved) for first, last in spans if last <= start + len(shown))
    return before + shown + ("…" if start + len(shown) < len(flat) else ""), marked
