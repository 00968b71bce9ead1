"""Lines of lists (rooms, people, servers, search results) as values. Pure."""

from collections.abc import Hashable

import msgspec

from lanchat.protocol.codes import PresenceState


class ListRow(msgspec.Struct, frozen=True):
    """A line of a list. `key` says what it stands for. A `heading` cannot be chosen.

    `initials` and `index` make the picture at the left, or `icon` names a glyph there; `presence` adds a dot.
    `strong`: something is unread. `badge`: the number in a pill at the right; `loud`: in the accent colour; `called`: a
    pill with an `@` beside it. `sign`, `marks`: glyphs before the title and at the right. `marked`: parts of the
    subtitle in the colour of a hit, from each to each offset.
    """

    key: Hashable
    title: str
    subtitle: str = ""
    right: str = ""
    badge: int = 0
    loud: bool = False
    called: bool = False
    sign: str = ""
    marks: tuple[str, ...] = ()
    strong: bool = False
    initials: str = ""
    index: int = 0
    icon: str = ""
    presence: PresenceState | None = None
    heading: bool = False
    dim: bool = False
    hint: str = ""  # the words of a tooltip
    marked: tuple[tuple[int, int], ...] = ()
