"""Reading a room: moving the loaded window over its log, to the end, to one message, up and down. No Tk.

One reader belongs to one opening of a room; when another room is opened it is closed, and what still arrives for it is
dropped.
"""

from collections.abc import Callable

from lanchat.app import api
from lanchat.app.api import CommandError, Line
from lanchat.ui.model.chat_model import ChatModel, ScrollTarget
from lanchat.ui.model.engine import CommandDispatcher
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.model.timeline import FIRST_PAGE, PAGE, WINDOW, Timeline
from lanchat.wording.problems import error_text

Changed = Callable[[WindowPart], None]
Later = Callable[[int, Callable[[], None]], object]

_BEFORE_JUMP = 30  # lines above the one that is jumped to
_FLASH_MS = 1600
_RECEIPTS_MS = 400  # receipts come in bursts


class RoomReader:
    """The commands behind one open room. Main thread."""

    def __init__(
        self, model: ChatModel, timeline: Timeline, dispatcher: CommandDispatcher, changed: Changed, later: Later
    ) -> None:
        """`dispatcher` belongs to this opening of the room alone; `close` closes it."""
        self._model = model
        self._timeline = timeline
        self.dispatcher = dispatcher
        self._changed = changed
        self._later = later
        self._renewing = self._newest = False

    def close(self) -> None:
        """Another room is open: nothing that arrives is for this one any more."""
        self.dispatcher.close()

    def load_newest(self) -> None:
        """The window moves to the end of the log."""
        timeline = self._timeline
        self._newest = True

        def loaded(lines: list[Line]) -> None:
            self._newest = False
            first = not timeline.loaded
            timeline.reset(lines, at_bottom=True)
            self._model.missed = 0
            fresh = first and self._model.fresh_after is not None
            self._model.jump = ScrollTarget("fresh") if fresh else ScrollTarget(end=True)
            self._changed(WindowPart.LINES)

        # What is new must be among them.
        enough = FIRST_PAGE if self._model.fresh_after is None else PAGE
        self.dispatcher.ask(api.LoadLinesCommand(timeline.room, 0, enough), loaded, self._no_lines)

    def _no_lines(self, error: CommandError) -> None:
        """Nothing could be read: the next event that helps tries again, and the state line says why."""
        self._newest = self._timeline.loading_older = self._timeline.loading_newer = False

    def load_around(self, seq: int, flash: bool = True) -> None:
        """The window moves to where message `seq` is in it. When it cannot be loaded, that is told, and a room that was
        just opened shows its end."""
        timeline = self._timeline
        start = max(seq - _BEFORE_JUMP, 1)

        def loaded(lines: list[Line]) -> None:
            timeline.reset(lines, at_bottom=len([line for line in lines if line.seq]) < PAGE)
            self.show(seq, flash)

        def failed(error: CommandError) -> None:
            self._changed(self._model.notice(error_text(error)))
            if not timeline.stored:
                self.load_newest()

        self.dispatcher.ask(api.LoadLinesFromCommand(timeline.room, start, PAGE), loaded, failed)

    def show(self, seq: int, flash: bool) -> None:
        """The view goes to a message of the window, or, without `flash`, to what is new."""
        timeline = self._timeline
        line = timeline.find(seq)
        if line and flash:
            self._model.flash = line.id
            self._later(_FLASH_MS, lambda: self._unflash(line.id))
        self._model.jump = ScrollTarget(line.id) if line and flash else ScrollTarget("fresh")
        self._changed(WindowPart.LINES)

    def _unflash(self, identity: str) -> None:
        if self._model.flash == identity:
            self._model.flash = ""
            self._changed(WindowPart.LINES)

    def jump(self, seq: int) -> None:
        """Shows one message."""
        if self._timeline.find(seq):
            self.show(seq, True)
        else:
            self.load_around(seq)

    def to_end(self) -> None:
        """Back to the newest message."""
        timeline = self._timeline
        self._model.missed = 0
        if timeline.at_bottom:
            self._model.jump = ScrollTarget(end=True)
            self._changed(WindowPart.LINES)
        else:
            self.load_newest()

    def load_older(self) -> None:
        """The view came near the upper end of the window."""
        timeline = self._timeline
        if timeline.loading_older or timeline.at_top or not timeline.stored:
            return
        timeline.loading_older = True

        def loaded(lines: list[Line]) -> None:
            timeline.prepend(lines)
            self._changed(WindowPart.LINES)

        self.dispatcher.ask(api.LoadLinesCommand(timeline.room, timeline.first, PAGE), loaded, self._no_lines)

    def load_newer(self) -> None:
        """The view came near the lower end of the window."""
        timeline = self._timeline
        if timeline.loading_newer or timeline.at_bottom or not timeline.stored:
            return
        timeline.loading_newer = True

        def loaded(lines: list[Line]) -> None:
            stored = [line for line in lines if line.seq is not None]
            timeline.append(stored, at_bottom=len(stored) < PAGE)
            self._changed(WindowPart.LINES)

        self.dispatcher.ask(api.LoadLinesFromCommand(timeline.room, timeline.last + 1, PAGE), loaded, self._no_lines)

    def complete(self, head: int) -> None:
        """History is complete: what could not be read before can be now. What is being read stays where it is."""
        timeline = self._timeline
        if not timeline.stored:
            if not self._newest:
                self.load_newest()
            return
        if timeline.at_top and timeline.first > 1:
            timeline.at_top = False
            self._changed(WindowPart.LINES)
        if timeline.last < head:
            timeline.at_bottom = False
            self.load_newer()

    def read_again(self) -> None:
        """Something may have happened to what is shown, or been said below it. The view stays where it is."""
        timeline = self._timeline
        if not timeline.stored:
            self.load_newest()
            return

        def newest(lines: list[Line]) -> None:
            timeline.reset(lines, at_bottom=True)
            self._changed(WindowPart.LINES)

        def window(lines: list[Line]) -> None:
            timeline.reset(lines, at_bottom=len(lines) < WINDOW)
            self._changed(WindowPart.LINES)

        if timeline.at_bottom:
            self.dispatcher.ask(
                api.LoadLinesCommand(timeline.room, 0, max(PAGE, len(timeline.stored))), newest, self._no_lines
            )
        else:
            self.dispatcher.ask(api.LoadLinesFromCommand(timeline.room, timeline.first, WINDOW), window, self._no_lines)

    def renew_receipts(self) -> None:
        """Somebody has received or read more: ticks may change."""
        if not self._renewing:
            self._renewing = True
            self._later(_RECEIPTS_MS, self._read_receipts)

    def _read_receipts(self) -> None:
        self._renewing = False
        timeline = self._timeline
        if not timeline.stored:
            return

        def loaded(lines: list[Line]) -> None:
            if timeline.renew(lines):
                self._changed(WindowPart.LINES)

        first = max(timeline.first, timeline.last - PAGE + 1)
        self.dispatcher.ask(api.LoadLinesFromCommand(timeline.room, first, WINDOW), loaded)
