"""Texts in little space: shortened with an ellipsis or moved, never clipped."""

from pathlib import Path

import pytest

from lanchat import i18n
from lanchat.app.api import LinkState, StateChanged
from lanchat.app.command_errors import REASONS
from lanchat.protocol.codes import Code
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.ui.texts.state_words import state_lines
from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until

pytestmark = pytest.mark.display

SMALLEST = "520x560+0+0"


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
        ("en", "Read only", "Writing is off"),
        ("ru", "Только чтение", "Писать нельзя"),
    ],
)
def test_reason_not_to_write_is_shown_whole_in_the_smallest_window(
    display: str, tmp_path: Path, language: str, archived: str, forked: str
) -> None:
    (tmp_path / "settings.toml").write_text(f'language = "{language}"\n')
    with fake_window(display, tmp_path, geometry=SMALLEST) as window:
        window.send("!archive")
        window.see(archived, "Label")
        window.click("random", "item")
        window.see("random — LAN Chat")
        window.send("!state forked")
        window.see(forked, "Label")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_state_line_shows_each_reason_in_the_smallest_window(display: str, tmp_path: Path, language: str) -> None:
    (tmp_path / "settings.toml").write_text(f'language = "{language}"\n')
    codes = (Code.BAD_REQUEST, Code.VERSION, Code.DISK_FULL, Code.LOG_FULL, Code.TOO_MANY_SESSIONS, Code.UNAVAILABLE)
    with fake_window(display, tmp_path, geometry=SMALLEST) as window:
        for reason in (*REASONS.values(), *codes, None):
            shown = {line for line in lines_in(language, reason) if not line.endswith("sent.")}
            window.send(f"!state away {reason.name if reason else ''}".strip())
            wait_until(lambda shown=shown: state_line(window) in shown, 8, f"{shown} is shown")


def lines_in(language: str, reason: Problem | Code | None) -> tuple[str, ...]:
    """What the state line may say with a reason."""
    before = i18n.language()
    i18n.set_language(language)
    details = ProblemDetails.of(reason) if reason else None
    lines = state_lines(StateChanged(LinkState.AWAY, details, peers=2, retry_in=4.0), "Office")
    i18n.set_language(before)
    return lines


def state_line(window: UiWindow) -> str:
    """The line at the bottom."""
    return max(window.probe.seen("TLabel"), key=lambda seen: seen.y).text
