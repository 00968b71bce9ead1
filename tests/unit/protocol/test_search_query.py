"""Operators of a search, and where in a text its words stand."""

import pytest

from lanchat.protocol.text.search_query import SearchQuery, hit_spans, parse_query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("red boat", SearchQuery("red boat")),
        ("boat from:anna", SearchQuery("boat", author="anna")),
        ('from:"Anna Smirnova" boat', SearchQuery("boat", author="Anna Smirnova")),
        ("лодка от:анна в:общая", SearchQuery("лодка", author="анна", room="общая")),
        ("FROM:anna In:general", SearchQuery("", author="anna", room="general")),
        ("a after:2026-11-01 before:30.11.2026 b", SearchQuery("a b", after=(2026, 11, 1), before=(2026, 11, 30))),
        ("before:2024-2-29", SearchQuery("", before=(2024, 2, 29))),
        ("before:2026-2-29", SearchQuery("", no_day="2026-2-29")),
        ("hello after:yesterday", SearchQuery("hello", no_day="yesterday")),
        ("after:soon", SearchQuery("", no_day="soon")),
        ("https://example.org is:x from:", SearchQuery("https://example.org is:x from:")),
        ('from:""', SearchQuery('from:""')),
        ("from:anna from:bob", SearchQuery("", author="bob")),
    ],
)
def test_operators_are_taken_out_of_the_words(text: str, query: SearchQuery) -> None:
    assert parse_query(text) == query


@pytest.mark.parametrize(
    ("text", "empty"), [("", True), ("in:general", True), ("?!", True), ("from:anna", False), ("after:soon", False)]
)
def test_query_without_anything_to_find_is_empty(text: str, empty: bool) -> None:
    assert parse_query(text).is_empty == empty


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("The kettle, kettles and a pot", "kettle pot", ["kettle", "kettles", "pot"]),
        ("Ёлка и ЕЛКИ", "елк", ["Ёлка", "ЕЛКИ"]),
        ("caf\u00e9 cafe\u0301", "cafe", ["caf\u00e9", "cafe\u0301"]),
        ("私は東京都に住む", "東京", ["東京都"]),
        ("nothing here", "kettle", []),
        ("nothing here", "", []),
    ],
)
def test_words_are_marked_where_they_stand(text: str, words: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in hit_spans(text, words)] == marked
