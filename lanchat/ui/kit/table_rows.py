"""Rows of a table as plain values. No Tk."""

from collections.abc import Hashable

import msgspec


class TableRow(msgspec.Struct, frozen=True):
    """A row: what names it, its texts from left to right, whether it is shown as one of less weight."""

    key: Hashable
    texts: tuple[str, ...]
    dim: bool = False


def shown_rows(rows: list[TableRow], most: int) -> tuple[list[TableRow], int]:
    """The first `most` rows, and how many more there are."""
    return rows[:most], max(0, len(rows) - most)
