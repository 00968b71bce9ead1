"""What the conversation shows from top to bottom: messages, and the marks between them. Pure.

Grouping is decided here: consecutive messages of one author within five minutes of one day make a group, in which
only the first bubble has the name and only the last one the picture.
"""

import datetime
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from lanchat.app.api import Line
from lanchat.ui.texts.today import local

GROUP_SECONDS = 300.0


class BeginningEntry(msgspec.Struct, frozen=True):
    """Above the first message: nothing is older."""

    key: str = "beginning"


class DayEntry(msgspec.Struct, frozen=True):
    """Above the first message of a day. `again`: the number of that message when the day stands further up already,
    as after the server's clock was set back; else 0."""

    day: datetime.date
    again: int = 0

    @property
    def key(self) -> str:
        """Differs from the keys of all other entries, also when the day comes again."""
        return f"day {self.day.isoformat()} {self.again}"


class UnreadMarkEntry(msgspec.Struct, frozen=True):
    """Above the first message that this person has not read."""

    key: str = "fresh"


class UnsentEntry(msgspec.Struct, frozen=True):
    """Above the messages that the server has not stored yet."""

    key: str = "waiting"


class MessageEntry(msgspec.Struct, frozen=True):
    """One message; `first` and `last` of its group. `flash`: it was jumped to just now. `unfolded`: all of it is shown
    however long it is."""

    line: Line
    first: bool
    last: bool
    flash: bool = False
    unfolded: bool = False

    @property
    def key(self) -> str:
        """The message's id: the same before and after it is stored."""
        return self.line.id


Mark = BeginningEntry | DayEntry | UnreadMarkEntry | UnsentEntry
Entry = Mark | MessageEntry


class EntryContext(msgspec.Struct, frozen=True):
    """What decides about the marks. `fresh_after`: the read cursor when the room was opened, None for no mark.
    `waiting`: whether lines that are not stored get a heading (see chat.py: not in the first moment). `unfolded`: ids
    of messages that are shown whole."""

    at_top: bool = False
    fresh_after: int | None = None
    waiting: bool = False
    flash: str = ""
    unfolded: frozenset[str] = frozenset()


def day_of(line: Line) -> datetime.date:
    """The day on which a message is shown, in this computer's time zone."""
    return local(shown_time(line)).date()


def shown_time(line: Line) -> float:
    """The server's time once there is one: an author's clock may be wrong by years. Of an imported message the time
    that the other program had."""
    return line.sent_at if line.imported else line.stored_at or line.sent_at


def arrange(stored: Sequence[Line], unstored: Sequence[Line], view: EntryContext) -> list[Entry]:
    """The entries for these lines, both ascending."""
    out: list[Entry] = [BeginningEntry()] if view.at_top and (stored or unstored) else []
    day: datetime.date | None = None
    days: set[datetime.date] = set()
    fresh = False
    for line in stored:
        if (here := day_of(line)) != day:
            day = here
            out.append(DayEntry(here, (line.seq or 0) if here in days else 0))
            days.add(here)
        if not fresh and _is_fresh(line, view):
            fresh = True
            out.append(UnreadMarkEntry())
        out.append(_message(line, view))
    if unstored and view.waiting:
        out.append(UnsentEntry())
    out += [_message(line, view) for line in unstored]
    return _grouped(out)


def _message(line: Line, view: EntryContext) -> MessageEntry:
    return MessageEntry(line, True, True, line.id == view.flash, line.id in view.unfolded)


def _is_fresh(line: Line, view: EntryContext) -> bool:
    return view.fresh_after is not None and line.seq is not None and line.seq > view.fresh_after and not line.mine


def _grouped(entries: list[Entry]) -> list[Entry]:
    grouped = list(entries)
    for index, (one, two) in enumerate(pairwise(entries)):
        if isinstance(one, MessageEntry) and isinstance(two, MessageEntry) and _together(one.line, two.line):
            above = grouped[index]
            assert isinstance(above, MessageEntry)
            grouped[index] = MessageEntry(above.line, above.first, False, above.flash, above.unfolded)
            grouped[index + 1] = MessageEntry(two.line, False, True, two.flash, two.unfolded)
    return grouped


def _together(one: Line, two: Line) -> bool:
    return one.author == two.author and abs(shown_time(two) - shown_time(one)) < GROUP_SECONDS
