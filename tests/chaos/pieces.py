"""Long runs in pieces that add up: what a piece found is kept in `.cache`, and the next start goes on after it.

A piece is small enough to be repeated when it was interrupted, and its figures are plain values, so that tables are
made of all pieces, whichever start played them.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CACHE = Path(__file__).parents[2] / ".cache"
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """`name` is unique in its run, such as `kills/SQLite/3`; `play` returns its figures."""

    name: str
    play: Callable[[], Figures]


class Kept:
    """Figures of the pieces that were played, in a file."""

    def __init__(self, name: str, folder: Path = CACHE) -> None:
        self._file = folder / f"{name}.json"
        self._figures: dict[str, Figures] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def __contains__(self, name: str) -> bool:
        return name in self._figures

    def __getitem__(self, name: str) -> Figures:
        return self._figures[name]

    def under(self, prefix: str) -> list[Figures]:
        """Of all pieces whose name begins so, in the order in which they were played."""
        return [figures for name, figures in self._figures.items() if name.startswith(prefix)]

    def keep(self, name: str, figures: Figures) -> None:
        """On disk when it returns."""
        self._figures[name] = figures
        self._write()

    def forget(self, prefix: str = "") -> None:
        """Play these again."""
        self._figures = {name: value for name, value in self._figures.items() if not name.startswith(prefix)}
        self._write()

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(self._figures))
        draft.replace(self._file)


def play(pieces: Iterator[Piece], kept: Kept, minutes: float | None, after: Callable[[], None]) -> bool:
    """Play what is not kept yet, and call `after` each time; True when nothing is left. No piece is begun later than
    `minutes` from now."""
    began = time.monotonic()
    for piece in pieces:
        if piece.name in kept:
            continue
        if minutes is not None and time.monotonic() - began > 60 * minutes:
            print(f"{piece.name} and what follows are left for the next start", flush=True)
            return False
        print(f"{time.strftime('%H:%M:%S')} {piece.name} …", end=" ", flush=True)
        start = time.monotonic()
        kept.keep(piece.name, piece.play())
        faults = kept[piece.name].get("faults", [])
        print(f"{time.monotonic() - start:.0f} s, {len(faults)} faults", flush=True)
        for fault in faults:
            print(f"  {fault}", flush=True)
        after()
    return True


def bound(count: int) -> int:
    """The rule of three: what did not happen in `count` tries happens, with 95 % confidence, less often than once in so
    many."""
    return count // 3
