"""Tests and modules that the documents name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# `tests/folder/test_file.py` or `tests/folder/test_file.py::test_name` (with its class before, if it has one), or a
# folder.
_NAMED = re.compile(r"`(tests/[\w/]+(?:\.py)?)(?:::(?:(\w+)::)?(\w+))?`")
_SEEMS_NAMED = re.compile(r"`tests/[^`]*`")


def missing(text: str) -> list[str]:
    """Names in the text that do not exist."""
    found = []
    for path, owner, function in _NAMED.findall(text):
        file = ROOT / path
        exists = file.exists() and (not function or _defines(file.read_text(encoding="utf-8"), owner, function))
        found += [] if exists else [f"{path}::{function}"]
    return found + [name for name in _SEEMS_NAMED.findall(text) if not _NAMED.fullmatch(name)]


def _defines(text: str, owner: str, function: str) -> bool:
    if not owner:
        return f"\ndef {function}(" in text
    _, begins, body = text.partition(f"\nclass {owner}")
    return bool(begins) and re.search(rf"\n    (?:async )?def {function}\(", re.split(r"\n(?=\S)", body)[0]) is not None


@pytest.mark.parametrize("document", ["docs/THREATS.md", "docs/ARCHITECTURE.md", "SECURITY.md"])
def test_every_named_test_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert _NAMED.search(text)
    assert not missing(text)


def test_every_named_module_exists() -> None:
    text = (ROOT / "docs/THREATS.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", text))
    assert len(named) > 40
    # Paths without a package are in the server's.
    assert [
        name for name in named if not any((place / name).is_file() for place in (ROOT, ROOT / "lanchat_server"))
    ] == []


def test_missing_tests_are_reported() -> None:
    assert missing("shown by `tests/attacks/test_documents.py::test_nothing`, `tests/none/test_x.py`") == [
        "tests/attacks/test_documents.py::test_nothing",
        "tests/none/test_x.py::",
    ]


def test_missing_methods_of_classes_are_reported() -> None:
    there = "`tests/unit/platform/test_files.py::TestPrivateFiles::test_links_are_refused`"
    assert not missing(there)
    assert missing(there.replace("links", "chains"))
    assert missing(there.replace("PrivateFiles", "PublicFiles"))
    assert missing("`tests/unit/platform/test_files.py:test_links_are_refused`")


def test_each_attacker_has_a_test() -> None:
    text = (ROOT / "docs/THREATS.md").read_text(encoding="utf-8")
    rows = [line for line in text.split("## At a glance")[1].split("\n## ")[0].splitlines() if line.startswith("| ")]
    assert len(rows) > 8
    assert [row for row in rows[1:] if not _NAMED.search(row)] == []
