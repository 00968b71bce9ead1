"""What an import came to."""

import enum
from collections.abc import Callable

import msgspec

# Rows whose reasons are kept; the numbers count all.
SKIPPED_MAX = 10_000


class SkipReason(enum.Enum):
    """Why a row is not imported. The values stand in JSON."""

    NAME = "no name that a user can have"
    NAME_TAKEN = "another account has this name, or one that looks like it"
    MD5 = "no MD5 of a password: 32 hexadecimal digits"
    NO_AUTHOR = "no account of its author"
    NO_RECIPIENT = "no account of its recipient"
    ROOM = "no name that a room can have"
    TIME = "no time that can be read"
    TEXT = "no text that can be shown"


class SkippedRow(msgspec.Struct, frozen=True):
    """A row of the file. `about`: the name that it has, as it stands there."""

    line: int
    about: str
    reason: SkipReason


class ImportReport(msgspec.Struct):
    """`rows` of the file; of them `added` were imported and `present` were there already. `made`: rooms, or accounts of
    authors."""

    rows: int = 0
    added: int = 0
    present: int = 0
    skipped: int = 0
    made: int = 0
    reasons: list[SkippedRow] = msgspec.field(default_factory=list)

    def skip(self, line: int, about: str, reason: SkipReason) -> None:
        """Count a row that is not imported."""
        self.skipped += 1
        if len(self.reasons) < SKIPPED_MAX:
            self.reasons.append(SkippedRow(line, about, reason))


class DryRun(Exception):
    """Nothing of the transaction is kept."""


Tell = Callable[[int], None]
