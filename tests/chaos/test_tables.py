"""Tables of the long runs."""

from pathlib import Path

from tests.chaos.pieces import Kept
from tests.chaos.tables import report, report_commands


def test_commands_with_a_common_prefix_are_counted_separately(tmp_path: Path) -> None:
    kept = Kept("chaos", tmp_path)
    kept.keep("commands/SQLite/users add", {"commands": 31, "faults": []})
    kept.keep("commands/SQLite/users add, the first", {"commands": 110, "faults": ["command: lost"]})
    rows = report_commands(kept).splitlines()[2:]
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in rows] == [
        ["users add, the first", "110", "", "1"],
        ["users add", "31", "", "0"],
    ]
    assert report(kept) == ""
