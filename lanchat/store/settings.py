"""What a person chose: a TOML file that people may edit. A broken one is set aside and the defaults hold.

Keys that this version does not know stay in the file. Each save writes only what changed here, so window and command
line do not undo each other's choices.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomli_w

from lanchat.platform.disk.files import read_private, replace_file, set_aside
from lanchat.protocol.codec import Positive
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.protocol.text.cleaning import decode_text_untrusted
from lanchat.store.file_lock import guarded

T = TypeVar("T")
# Key and value; then for each entry of a table its value and name.
IsUsable = Callable[[str, Any, str | None], bool]
_Where = tuple[str, str | None]  # a key; and the name of an entry, when its value is a table
Value = str | int | float | bool | list[Any] | dict[str, Any]

GEOMETRY = "geometry"
LAST_ROOMS = "last_rooms"
_SET_ASIDE = "set_aside"  # the table for values that cannot be used

# Generous for choices, small enough to read at each start whatever somebody put there.
_SETTINGS_MAX = 1 << 20


def fits(value: object, kind: Any) -> bool:
    """Whether msgspec takes a value for this type as it is."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


class Settings:
    """Read once, at construction; `set` changes the memory, `save` the file. One thread. Raises LocalStoreError."""

    def __init__(self, path: Path, lock: Path) -> None:
        """`lock`: the file that is locked while `path` is read or replaced. A broken file is set aside (`notice`)."""
        self._path = path
        self._lock = lock
        self._changed: dict[str, Any] = {}
        # Key, and entry of its table, to what was there: another process may have put something better in its place.
        self._removed: dict[_Where, str] = {}
        self._notice: ProblemDetails | None = None
        with guarded(lock, path):
            self._values = self._read()

    @property
    def notice(self) -> ProblemDetails | None:
        """What a person is told once, when the file was broken; else None."""
        return self._notice

    def get(self, key: str, default: T) -> T:
        """The value when it has the type of `default`, else `default`."""
        value = self._values.get(key, default)
        return value if fits(value, type(default)) else default

    def set(self, key: str, value: Value) -> None:
        """Takes effect now, and in the file with `save`. A table is merged into the one that is there."""
        self._values = _merged(self._values, {key: value})
        self._changed = _merged(self._changed, {key: value})

    def set_aside(self, is_usable: IsUsable) -> bool:
        """Moves what cannot be used into a table of its own, where a person finds it; returns whether there was
        something. The notice names it."""
        aside: dict[str, Any] = {}
        for key, value in self._values.items():
            if key == _SET_ASIDE:
                continue
            if not is_usable(key, value, None):
                aside[key] = value
                self._removed[key, None] = repr(value)
            elif isinstance(value, dict):
                broken = {entry: value[entry] for entry in value if not is_usable(key, value[entry], entry)}
                aside |= {key: broken} if broken else {}
                self._removed.update(((key, entry), repr(was)) for entry, was in broken.items())
        if aside:
            self._values = _without(self._values, self._removed)
            self.set(_SET_ASIDE, aside)
            names = tuple(sorted(key[:30] for key in aside))
            self._notice = ProblemDetails.of(Problem.SETTINGS_UNUSABLE, names=names)
        return bool(aside)

    def save(self) -> None:
        """Write what was set since the last save over what the file says now."""
        with guarded(self._lock, self._path):
            values = _merged(_without(self._read(), self._removed), self._changed)
            replace_file(self._path, tomli_w.dumps(values).encode())
        self._values = values
        self._changed = {}
        self._removed = {}

    def last_room(self, log_id: bytes) -> int:
        """The room that was open last on this server; 0: none."""
        room = self.get(LAST_ROOMS, dict[str, Any]()).get(log_id.hex(), 0)
        return room if fits(room, Positive) else 0

    def set_last_room(self, log_id: bytes, room: int) -> None:
        """Notes the room that is open on this server, for the next start; in the file with `save`."""
        self.set(LAST_ROOMS, {log_id.hex(): room})

    def _read(self) -> dict[str, Any]:
        """The file's values; none when it is not there or broken. Under the lock. Raises OSError."""
        try:
            octets = read_private(self._path, _SETTINGS_MAX + 1)
        except FileNotFoundError:
            return {}
        try:
            if len(octets) > _SETTINGS_MAX:
                raise ValueError("too long")
            values = tomllib.loads(decode_text_untrusted(octets))
            # Nested so deeply that it could be read and not be written again, it would make every save fail.
            tomli_w.dumps(values)
            return values
        except (ValueError, RecursionError, ProtocolError) as error:  # TOMLDecodeError is a ValueError
            aside = set_aside(self._path)
            if str(error) == "text is UTF-16":
                self._notice = ProblemDetails.of(Problem.SETTINGS_IN_UTF16, file=aside.name)
            else:
                self._notice = ProblemDetails.of(Problem.SETTINGS_UNREADABLE, file=aside.name)
        return {}


def _without(values: dict[str, Any], removed: Mapping[_Where, str]) -> dict[str, Any]:
    """The values without these, where they are still the same."""
    kept = dict(values)
    for (key, entry), was in removed.items():
        value = kept.get(key)
        if entry is None and key in kept and repr(value) == was:
            del kept[key]
        elif entry is not None and isinstance(value, dict) and entry in value and repr(value[entry]) == was:
            kept[key] = {name: value[name] for name in value if name != entry}
    return kept


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`new` over `old`; a table in both is merged, as another process may have changed another line of it."""
    return {key: _merged_value(old.get(key), new.get(key, old.get(key))) for key in old | new}


def _merged_value(old: Any, new: Any) -> Any:
    return old | new if isinstance(old, dict) and isinstance(new, dict) else new
