"""What the documents name as shown is there to be run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# `tests/folder/test_file.py` or `tests/folder/test_file.py::test_name`, or a folder.
_NAMED = re.compile(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`")


def missing(text: str) -> list[str]:
    """What is named and is not there."""
    found = []
    for path, function in _NAMED.findall(text):
        file = ROOT / path
        exists = file.exists() and (not function or f"\ndef {function}(" in file.read_text(encoding="utf-8"))
        found += [] if exists else [f"{path}::{function}"]
    return found


@pytest.mark.parametrize("document", ["docs/THREATS.md", "docs/ARCHITECTURE.md", "SECURITY.md"])
def test_every_test_that_is_named_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert _NAMED.search(text)
    assert not missing(text)


def test_one_that_does_not_exist_is_seen() -> None:
    assert missing("shown by `tests/attacks/test_documents.py::test_nothing`, `tests/none/test_x.py`") == [
        "tests/attacks/test_documents.py::test_nothing",
        "tests/none/test_x.py::",
    ]


def test_each_attacker_has_a_test() -> None:
    text = (ROOT / "docs/THREATS.md").read_text(encoding="utf-8")
    rows = [line for line in text.split("## At a glance")[1].split("\n## ")[0].splitlines() if line.startswith("| ")]
    assert len(rows) > 8
    assert [row for row in rows[1:] if not _NAMED.search(row)] == []
