"""Rooms that this user is no longer in: which of them were deleted is asked once per session, and their local copies
are erased, a part at a time. What was only left is kept, for when somebody comes back.

Only the server's explicit word erases anything: a room that a server does not list may have been lost by it.
"""

from collections.abc import Callable, Container
from functools import partial

from lanchat.core.context import CoreContext
from lanchat.core.ports import LogStore
from lanchat.core.session.requests import Answer
from lanchat.protocol import wire
from lanchat.protocol.limits import ROOMS_PER_SUBSCRIPTION

# Records in one transaction of the local copy, some milliseconds; and seconds until the next part.
_PART = 500
_PAUSE = 0.05


class DeletedRooms:
    """`on_deleted` hears of each room that the server says was deleted while this user was in it."""

    def __init__(self, core_context: CoreContext, store: LogStore, on_deleted: Callable[[int], None]) -> None:
        """`on_deleted` is called while an answer is taken in; erasing begins when it calls `erase`."""
        self._core_context = core_context
        self._store = store
        self._on_deleted = on_deleted
        # Rooms that went from the list, to be asked about with those of which there is a copy; None: nothing to ask.
        self._to_ask: list[int] | None = None
        self._questions = 0
        self._erasing: dict[int, None] = {}
        self._erase_at = 0.0

    def begin_session(self, gone: list[int]) -> None:
        """All rooms of the user are known, `gone` are not among them any more: ask about these and about others of
        which there is a local copy."""
        self._to_ask = gone

    def end_session(self) -> None:
        """What was not asked yet is not asked; what is being erased goes on in the next session."""
        self._to_ask = None

    @property
    def asking(self) -> bool:
        """Whether an answer is still to come."""
        return self._questions > 0

    def erase(self, room: int) -> None:
        """It was deleted."""
        self._erasing[room] = None

    def settle(self, listed: Callable[[], Container[int]]) -> None:
        """Ask and erase what is due; `listed()`: the rooms that this user is in. Raises LocalStoreError; then it is
        still due."""
        if self._to_ask is not None:
            wanted = dict.fromkeys([*self._to_ask, *self._store.held_rooms()])
            rooms = listed()
            self._ask([room for room in wanted if room not in rooms])
            self._to_ask = None
        room = next(iter(self._erasing), None)
        if room is not None and self._core_context.now >= self._erase_at:
            if not self._store.erase_room(room, _PART):
                del self._erasing[room]
            self._erase_at = self._core_context.now + _PAUSE

    def _ask(self, rooms: list[int]) -> None:
        for start in range(0, len(rooms), ROOMS_PER_SUBSCRIPTION):
            part = rooms[start : start + ROOMS_PER_SUBSCRIPTION]
            self._questions += 1
            self._core_context.request(wire.Subscribe(part), partial(self._answered, part))

    def _answered(self, asked: list[int], answer: Answer) -> None:
        self._questions -= 1
        deleted = set(answer.deleted) if isinstance(answer, wire.Subscribed) else set()
        for room in asked:
            if room in deleted:
                self._on_deleted(room)

    def timer(self) -> float | None:
        """When `settle` has something to erase."""
        return self._erase_at if self._erasing else None
