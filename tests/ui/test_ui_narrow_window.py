"""Texts in little space: shortened with an ellipsis or moved, never clipped."""

from pathlib import Path

import pytest

from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until

pytestmark = pytest.mark.display


def open_window(display: str, folder: Path, language: str, text_size: int = 0, **scenario: object) -> UiWindow:
    folder.mkdir(mode=0o700)
    (folder / "settings.toml").write_text(f'language = "{language}"\ntheme = "light"\ntext_size = {text_size}\n')
    return fake_window(display, folder, geometry="900x640+0+0", **scenario)


def header(window: UiWindow, text: str) -> str:
    """The line below the open room's name."""
    return next(seen.text for seen in window.probe.seen("TLabel") if text in seen.text)


@pytest.mark.parametrize(("language", "word", "whole"), [("en", "member", "online"), ("ru", "участник", "участников")])
def test_room_subtitle_is_shown_whole(display: str, tmp_path: Path, language: str, word: str, whole: str) -> None:
    with open_window(display, tmp_path / "profile", language) as window:
        wait_until(lambda: header(window, word).endswith(whole), 10, "the whole line is shown")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_tabs_wrap_at_the_largest_text_size(display: str, tmp_path: Path, language: str) -> None:
    names = ("This room", "Everybody") if language == "en" else ("В комнате", "Все")
    for text_size in (0, 6):
        with open_window(display, tmp_path / f"profile{text_size}", language, text_size) as window:
            here, everybody = (window.see(name, "TButton") for name in names)
            assert everybody.x + everybody.width <= 900
            if language == "en":
                assert (everybody.y > here.y) == (text_size == 6)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_long_field_hints_end_with_an_ellipsis(display: str, tmp_path: Path, language: str) -> None:
    beginnings = ("Find a", "Message to r") if language == "en" else ("Комната", "Сообщение в ")
    with open_window(display, tmp_path / "profile", language, 6, long_names=True) as window:
        window.click("rand", "item")
        for beginning in beginnings:
            wait_until(
                lambda beginning=beginning: any(
                    seen.text.startswith(beginning) and seen.text.endswith("…") for seen in window.probe.seen("Label")
                ),
                10,
                f"{beginning} is shortened",
            )


def test_long_room_titles_end_with_an_ellipsis(display: str, tmp_path: Path) -> None:
    with open_window(display, tmp_path / "profile", "en", 6, long_names=True) as window:
        window.click("разра", "item")
        wait_until(
            lambda: [seen for seen in window.probe.seen("TLabel") if seen.text.startswith("раз") and "…" in seen.text],
            10,
            "the title is shortened",
        )


@pytest.mark.parametrize(
    ("language", "archived", "forked"),
    [
        ("en", "Archived: read only", "Cannot write here now"),
        ("ru", "Архив: только чтение", "Сейчас писать нельзя"),
    ],
)
def test_reason_not_to_write_is_shown_whole_in_half_a_screen(
    display: str, tmp_path: Path, language: str, archived: str, forked: str
) -> None:
    (tmp_path / "settings.toml").write_text(f'language = "{language}"\n')
    with fake_window(display, tmp_path, geometry="630x700+0+0") as window:
        window.send("!archive")
        window.see(archived, "Label")
        window.click("random", "item")
        window.send("!state forked")
        window.see(forked, "Label")
