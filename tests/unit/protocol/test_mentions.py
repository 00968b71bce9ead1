"""Which texts mention whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol.text.mentions import calls, typed_mention


@pytest.mark.parametrize(
    "text",
    [
        "@anna",
        "@Anna, look",
        "hello @anna!",
        "(@anna)",
        "well: @anna.",
        "«@anna»",
        "@bob @anna",
        "a\n@anna\nb",
        "**@anna** see",
    ],
)
def test_user_is_mentioned(text: str) -> None:
    assert calls(text, "anna", everybody=False)


@pytest.mark.parametrize(
    "text", ["anna", "@annabel", "@ anna", "mail@anna", "x.@anna", "@@anna", "@all", "", "@", "@-"]
)
def test_user_is_not_mentioned(text: str) -> None:
    assert not calls(text, "anna", everybody=False)


@pytest.mark.parametrize("name", ["m.ali", "ivan-2", "Анна", "पूजा", "محمد", "o_o"])
def test_names_of_all_scripts_are_found(name: str) -> None:
    assert calls(f"hey @{name}, come", name, everybody=False)
    assert calls(f"hey @{name}.", name, everybody=False)


def test_everybody_is_called_by_those_who_may() -> None:
    assert calls("@all: lunch", "anna", everybody=True)
    assert calls("@ALL", "anna", everybody=True)
    assert not calls("@all: lunch", "anna", everybody=False)
    assert not calls("@alles", "anna", everybody=True)


@given(st.text(max_size=200))
def test_any_text_is_judged(text: str) -> None:
    calls(text, "anna", everybody=True)
    assert (typed_mention(text) is None) or "@" in text


def test_only_the_first_mentions_of_a_text_are_looked_at() -> None:
    assert not calls("@x " * 5000 + "@anna", "anna", everybody=False)


@pytest.mark.parametrize(
    ("before", "begun"),
    [
        ("@", ""),
        ("@an", "an"),
        ("hi @an", "an"),
        ("(@Ан", "Ан"),
        ("mail@an", None),
        ("@an ", None),
        ("@@", None),
        ("", None),
    ],
)
def test_typed_beginning_of_a_name(before: str, begun: str | None) -> None:
    assert typed_mention(before) == begun
