"""The choice of emoji, and names that are typed: with real keys."""

from pathlib import Path

import pytest

from lanchat.i18n.emoji import all_emoji
from lanchat.ui.model.emoji_rows import COLUMNS, RECENT_MAX, emoji_rows, recent_of, with_recent
from tests.support.ui_window import fake_window


def test_rows_have_recent_ones_first_and_all_by_category() -> None:
    rows = emoji_rows("", ["🎉"])
    assert rows[1] == ("🎉",)
    shown = [emoji for row in rows[2:] if not isinstance(row, str) for emoji in row]
    assert sorted(shown) == sorted(emoji.text for emoji in all_emoji())
    assert sum(isinstance(row, str) for row in rows) == 10
    assert all(len(row) <= COLUMNS for row in rows if not isinstance(row, str))


def test_query_shows_what_it_finds() -> None:
    assert emoji_rows("tada", ["👍"])[0] == ("🎉",)
    assert emoji_rows("no such thing", ["👍"]) == []


def test_recent_emoji_are_the_newest_once_each() -> None:
    recent: list[str] = []
    for emoji in [found.text for found in all_emoji()[: RECENT_MAX + 5]] + ["🎉", "x", "🎉"]:
        recent = with_recent(recent, emoji)
    assert recent[0] == "🎉"
    assert len(recent) == len(set(recent)) == RECENT_MAX
    assert recent_of(" ".join([*recent, "x", "[1;2]"])) == recent


@pytest.mark.display
def test_names_and_the_choice_write_emoji(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.write("well :tada: :thum")
        window.see(" :thumbsup:" if window.probe.find(" :thumbsup:") else " :+1:", "Label")
        window.keys("Tab")
        window.write(" 10:30:")
        window.keys("Return")
        assert window.wait_command("Send")["text"] == "well 🎉 👍 10:30:"
        window.write(":tada:")
        window.keys("ctrl+z", "Return")
        assert window.wait_command("Send", 2)["text"] == ":tada:"
