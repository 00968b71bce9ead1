"""What a person chose for the list of rooms: what stands above, what stays quiet, the order. Pure."""

import msgspec


class RoomChoices(msgspec.Struct):
    """`pinned`, `muted`: rooms. `by_name`: in the order of names, else the last activity first. `unread_only`: rooms
    without anything new are left out until the end of this run."""

    pinned: set[int] = set()
    muted: set[int] = set()
    by_name: bool = False
    unread_only: bool = False

    def noted(self) -> dict[int, str]:
        """As it is kept, room by room: `pinned`, `muted` or both."""
        rooms = sorted(self.pinned | self.muted)
        names = (("pinned", self.pinned), ("muted", self.muted))
        return {room: " ".join(name for name, chosen in names if room in chosen) for room in rooms}


def choices_from(noted: dict[int, str], *, by_name: bool) -> RoomChoices:
    """What `noted` returned."""
    pinned = {room for room, text in noted.items() if "pinned" in text.split()}
    muted = {room for room, text in noted.items() if "muted" in text.split()}
    return RoomChoices(pinned, muted, by_name)
