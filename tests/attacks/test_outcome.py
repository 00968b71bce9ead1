"""Tables of attacks in the document: a run replaces its own tables, and names its command."""

from pathlib import Path

from tests.attacks.outcome import made_by, publish, title

DOCUMENT = "# Title\n\n<!-- attacks: written by a command -->\n<!-- end of attacks -->\n\nThe end.\n"
PARTS = ["floods", "unread"]


def test_publish_replaces_own_tables_and_keeps_others(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(DOCUMENT)
    publish(document, PARTS, {"Unread": "| first |"})
    publish(document, PARTS, {"Unread on MariaDB": "| second |"})
    publish(document, PARTS, {"Unread": "| third |", "Floods": "| fourth |"})
    text = document.read_text()
    lines = [line for line in text.splitlines() if line.startswith(("####", "|"))]
    assert lines == ["#### Floods", "| fourth |", "#### Unread", "| third |", "#### Unread on MariaDB", "| second |"]
    assert text.endswith("The end.\n")


def test_made_by_names_the_command() -> None:
    assert made_by("unread", "sqlite", quick=False) == '`make attacks ARGS="unread"`'
    assert made_by("unread", "mariadb", quick=True) == '`make attacks ARGS="unread --database mariadb --quick"`'
    assert title("unread", "mariadb") == "Unread on MariaDB"
