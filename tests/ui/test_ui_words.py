"""Texts for states, refusals, times and receipts, in both languages."""

import datetime

import pytest

from lanchat import i18n
from lanchat.app.api import LinkState, Person, StateChanged
from lanchat.protocol.codes import Code, PresenceState, Role
from lanchat.ui.kit.canvas.drawing import initials
from lanchat.ui.kit.canvas.pictures import REACTIONS
from lanchat.ui.menus.keys import KEYS, help_lines, sequence
from lanchat.ui.menus.menus import reaction_name
from lanchat.ui.texts import words
from lanchat.ui.texts.state_words import state_line, state_lines
from tests.support.problem_details import details_of
from tests.support.ui_kit import line

NOW = datetime.datetime(2024, 11, 22, 15, 30, 12).astimezone().timestamp()


@pytest.fixture(params=["en", "ru"])
def language(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    i18n.set_language(request.param)
    yield request.param
    i18n.set_language("en")


def test_every_state_has_a_distinct_text(language: str) -> None:
    texts = [state_line(StateChanged(state), "Office") for state in LinkState]
    assert len(set(texts)) == len(LinkState)
    assert all(len(text) > 15 for text in texts)


def test_away_state_shows_reason_peers_and_next_try() -> None:
    text = state_line(StateChanged(LinkState.AWAY, details_of("No answer"), peers=2, retry_in=4.4), "Office")
    assert text == (
        "Office cannot be reached. No answer. Next try in 4 s. 2 colleagues can be reached directly. "
        "What you write is kept and sent when it is back."
    )


def test_narrow_state_line_keeps_the_reason() -> None:
    lines = state_lines(StateChanged(LinkState.AWAY, details_of("No answer"), peers=2, retry_in=4.4), "Office")
    assert list(lines) == sorted(lines, key=len, reverse=True)
    assert all("No answer." in text for text in lines)
    assert lines[-2:] == ("No answer. Next try in 4 s.", "No answer.")


def test_connecting_after_a_failure_shows_unreachable() -> None:
    assert "cannot be reached" in state_line(StateChanged(LinkState.CONNECTING, details_of("No answer")), "Office")


def test_every_message_refusal_has_a_distinct_text(language: str) -> None:
    message_codes = [code for code in Code if code >= 100 and code <= Code.AUTHOR_DISABLED]
    texts = [words.refusal(code) for code in message_codes]
    assert len(set(texts)) == len(texts)
    assert not any(str(int(code)) in text for code, text in zip(message_codes, texts, strict=True))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, ""),
        (NOW - 60, "15:29"),
        (NOW - 86400, "Yesterday"),
        (NOW - 86400 * 30, "23.10"),
        (NOW - 86400 * 400, "19.10.23"),
    ],
)
def test_list_times_depend_on_age(seconds: float, text: str) -> None:
    assert words.moment(seconds, NOW) == text


def test_day_names() -> None:
    today = datetime.date(2024, 11, 22)
    assert words.day(today, today) == "Today"
    assert words.day(today - datetime.timedelta(1), today) == "Yesterday"
    assert words.day(datetime.date(2024, 3, 8), today) == "8 March"
    assert words.day(datetime.date(2023, 3, 8), today) == "8 March 2023"


def test_last_seen_texts() -> None:
    def seen(seconds: float) -> str:
        return words.presence(Person(1, "a", "A", PresenceState.OFFLINE, seconds, Role.MEMBER), NOW)

    assert seen(0) == "never seen"
    assert seen(NOW - 5) == "seen just now"
    assert seen(NOW + 600) == "seen just now"
    assert seen(NOW + 10 * 365 * 86400) == f"seen {words.moment(NOW + 10 * 365 * 86400, NOW)}"
    assert seen(NOW - 60 * 5) == "seen 5 minutes ago"
    assert seen(NOW - 3600) == "seen 1 hour ago"
    assert seen(NOW - 86400 * 3) == "seen 19.11"


def test_receipt_texts() -> None:
    own = {"author": 1, "members": 3}
    assert "kept on this computer" in words.ticks(line(None, **own))
    assert words.ticks(line(1, received=2, read=1, **own)) == "Stored, received by 2 of 3, read by 1"
    assert words.ticks(line(1, received=3, read=3, **own)) == "Stored, read by everybody"
    assert words.ticks(line(1, author=1, members=0)) == "Stored on the server"
    assert words.ticks(line(None, refused=Code.TOO_LARGE, **own)) == "Not sent: it is too long"


def test_fingerprints_are_grouped() -> None:
    assert words.grouped_hex("0123456789abcdef" * 4).splitlines()[0] == "0123 4567 89ab cdef 0123 4567 89ab cdef"


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Анна Смирнова", "АС"), ("bob", "B"), ("m.ali", "MA"), ("", "?"), ("👍 team", "T"), ("ß", "SS"), ("💥", "?")],
)
def test_initials_of_names(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_reactions_have_distinct_names(language: str) -> None:
    assert len({reaction_name(emoji) for emoji in REACTIONS}) == len(REACTIONS)


def test_each_shortcut_has_one_meaning() -> None:
    bound = [sequence(key) for key in KEYS]
    assert len(bound) == len(set(bound))
    assert "<<Control-k>>" in bound
    assert len({keys for keys, _meaning in help_lines()}) == len(help_lines())
