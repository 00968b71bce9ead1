"""What Tab completes in `lanchat chat`: commands, rooms, people, emoji. Pure."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from lanchat.i18n.emoji import suggestions, typed_name

MOST = 40
# Commands after which a room is named.
ROOM_COMMANDS = ("/room ", "/join ")


class Completion(NamedTuple):
    """The last `length` characters before the cursor become one of `words`."""

    length: int
    words: list[str]


class Completer:
    """`rooms` and `people` give the names that there are now."""

    def __init__(
        self, commands: Iterable[str], rooms: Callable[[], Iterable[str]], people: Callable[[], Iterable[str]]
    ) -> None:
        """`commands` with their slash."""
        self._commands = sorted(commands)
        self._rooms = rooms
        self._people = people

    def __call__(self, before: str) -> Completion:
        """What the end of a line before the cursor may become; without words when nothing fits."""
        for command in ROOM_COMMANDS:
            if before.startswith(command):
                return _beginning(before[len(command) :], self._rooms())
        word = before[before.rfind(" ") + 1 :]
        if before.startswith("/") and word == before:
            return _beginning(word, (f"{command} " for command in self._commands))
        if (typed := typed_name(before)) and not typed[1]:
            found = [emoji.text for emoji in suggestions(before, 1)]
            return Completion(len(typed[0]) + 1, found)
        if word.startswith("@"):
            return _beginning(word, (f"@{name} " for name in self._people()))
        return _beginning(word, (f"{name} " for name in self._people())) if len(word) > 1 else Completion(0, [])


def _beginning(word: str, names: Iterable[str]) -> Completion:
    folded = word.casefold()
    # A hostile server may name somebody by what a terminal obeys.
    fitting = (name for name in names if name.isprintable() and name.casefold().startswith(folded))
    return Completion(len(word), sorted(fitting)[:MOST])
