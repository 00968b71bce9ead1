"""What a search has found, in the order in which it is shown, and which hit one is at. No Tk."""

from collections.abc import Sequence

from lanchat.app.api import Line
from lanchat.i18n import _, ngettext


class SearchResults:
    """`here`: hits where was searched, the newest first; `elsewhere`: those of other rooms, which stand below. `more`:
    there are older ones. `at`: the number of the hit that was gone to, from 0; -1 before the first."""

    def __init__(self) -> None:
        """Nothing was searched for."""
        self.here: list[Line] = []
        self.elsewhere: list[Line] = []
        self.more = False
        self.at = -1

    @property
    def all(self) -> list[Line]:
        """Every hit, as they stand one below the other."""
        return self.here + self.elsewhere

    def take(self, here: Sequence[Line], more: bool) -> None:
        """These are the hits where was searched; one stays at the hit where one is."""
        place = self._place()
        self.here, self.more = list(here), more
        self._stay(place)

    def take_elsewhere(self, lines: Sequence[Line]) -> None:
        """And these are in other rooms."""
        place = self._place()
        self.elsewhere = list(lines)
        self._stay(place)

    def step(self, direction: int) -> Line | None:
        """The next hit (1) or the one before (-1), around the ends; None when there is none."""
        lines = self.all
        if not lines:
            return None
        self.at = (self.at + direction) % len(lines) if self.at >= 0 or direction > 0 else len(lines) - 1
        return lines[self.at]

    def go(self, room: int, seq: int) -> None:
        """One is at this hit now."""
        self.at = next((number for number, line in enumerate(self.all) if (line.room, line.seq) == (room, seq)), -1)

    def says(self) -> str:
        """How many there are, and which one this is; empty for none."""
        count = len(self.all)
        if not count:
            return ""
        if self.at >= 0:
            text = _("{n} of more than {all}") if self.more else _("{n} of {all}")
            return text.format(n=self.at + 1, all=count)
        if self.more:
            return _("More than {n} hits").format(n=count)
        return ngettext("{n} hit", "{n} hits", count).format(n=count)

    def _place(self) -> Line | None:
        return self.all[self.at] if 0 <= self.at < len(self.all) else None

    def _stay(self, line: Line | None) -> None:
        self.at = -1
        if line is not None and line.seq:
            self.go(line.room, line.seq)
