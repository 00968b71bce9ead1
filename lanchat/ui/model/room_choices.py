"""What a person chose for the list of rooms: what stands above, what stays quiet, the order. Pure."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from lanchat.ui.model.parts import WindowPart


class RoomChoices(msgspec.Struct):
    """`pinned`, `muted`: rooms. `by_name`: in the order of names, else the last activity first. `unread_only`: rooms
    without anything new are left out until the end of this run. `quiet`: nothing is notified on the desktop."""

    pinned: set[int] = set()
    muted: set[int] = set()
    by_name: bool = False
    unread_only: bool = False
    quiet: bool = False

    def noted(self) -> dict[int, str]:
        """As it is kept, room by room: `pinned`, `muted` or both."""
        rooms = sorted(self.pinned | self.muted)
        names = (("pinned", self.pinned), ("muted", self.muted))
        return {room: " ".join(name for name, chosen in names if room in chosen) for room in rooms}


def choices_from(noted: dict[int, str], *, by_name: bool, quiet: bool = False) -> RoomChoices:
    """What `noted` returned."""
    pinned = {room for room, text in noted.items() if "pinned" in text.split()}
    muted = {room for room, text in noted.items() if "muted" in text.split()}
    return RoomChoices(pinned, muted, by_name, quiet=quiet)


class HasChoices(Protocol):
    """What keeps the choices of the account that is logged in."""

    choices: RoomChoices


class RoomListing:
    """Changes the choices of `model`; `changed` is told what to draw."""

    def __init__(self, model: HasChoices, changed: Callable[[WindowPart], None]) -> None:
        """Nothing changes."""
        self._model = model
        self._changed = changed

    def pin(self, room: int) -> None:
        """A room stands above the others from now on, or no longer."""
        self._model.choices.pinned ^= {room}
        self._changed(WindowPart.ROOMS)

    def mute(self, room: int) -> None:
        """What is new in a room asks for no attention from now on, or does again."""
        self._model.choices.muted ^= {room}
        self._changed(WindowPart.ROOMS)

    def switch_quiet(self) -> None:
        """Nothing is notified on the desktop from now on, or something is again."""
        self._model.choices.quiet = not self._model.choices.quiet

    def order_by_name(self, by_name: bool) -> None:
        """The order of the rooms: by name, else by last activity."""
        self._model.choices.by_name = by_name
        self._changed(WindowPart.ROOMS)

    def show_unread_only(self, only: bool) -> None:
        """Leaves rooms without anything new out of the list, or shows all of them."""
        self._model.choices.unread_only = only
        self._changed(WindowPart.ROOMS)
