"""Tables of attacks in the document: each run replaces its own, and says how it was made."""

from pathlib import Path

from tests.attacks.outcome import made_by, publish, title

DOCUMENT = "# Title\n\n<!-- attacks: written by a command -->\n<!-- end of attacks -->\n\nThe end.\n"
PARTS = ["floods", "unread"]


def test_a_run_replaces_its_own_tables_and_keeps_the_others(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(DOCUMENT)
    publish(document, PARTS, {"Unread": "| first |"})
    publish(document, PARTS, {"Unread on MariaDB": "| second |"})
    publish(document, PARTS, {"Unread": "| third |", "Floods": "| fourth |"})
    text = document.read_text()
    told = [line for line in text.splitlines() if line.startswith(("####", "|"))]
    assert told == ["#### Floods", "| fourth |", "#### Unread", "| third |", "#### Unread on MariaDB", "| second |"]
    assert text.endswith("The end.\n")


def test_figures_name_the_command_that_made_them() -> None:
    assert made_by("unread", "sqlite", quick=False) == '`make attacks ARGS="unread"`'
    assert made_by("unread", "mariadb", quick=True) == '`make attacks ARGS="unread --database mariadb --quick"`'
    assert title("unread", "mariadb") == "Unread on MariaDB"
