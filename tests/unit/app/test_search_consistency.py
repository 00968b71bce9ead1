"""A search finds the same on SQLite, on MariaDB and in a client's local copy, whatever the clocks did."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from sqlalchemy.event import listen

from lanchat.core.people.authors import Authors
from lanchat.core.ports import ChainLink
from lanchat.core.view.fold import RoomFold
from lanchat.core.view.search import LocalHit, find, place_of
from lanchat.protocol.log.messages import Header, Kind, decode_header_untrusted, make_message
from lanchat.protocol.log.records import genesis_hash
from lanchat.protocol.text.search_words import has_words, query_words, tokens
from lanchat_server.core.model import NewRecord, RoomHead
from lanchat_server.store import SqlStore
from lanchat_server.store.searching import search
from tests.support.fake_log import LOG_ID, FakeLog, device_of, key_of
from tests.support.memory_local import MemoryLocalStore
from tests.support.stores import Database, room

TEXTS = """
    я живу|Ёлка и елка|ёж|мой чай|Éric était à l'école|eric etait|Ångström|Đà Nẵng|Straße|STRASSE|ΟΔΥΣΣΕΥΣ|οδυσσεύς
    İstanbul ISPARTA ıspanak|ﬃ ﬁle office|ＬＡＮ lan|ﻣﺮﺣﺒﺎ|مَرْحَبًا|مـــرحبا|می‌خواهم|我家在上海东边|上海|海上
    東京都|京都から東京|カタカナ ｶﾀｶﾅ|ひらがな|สวัสดีครับ|ສະບາຍດີ|ភាសាខ្មែរ|မြန်မာဘာသာ|한국어 안녕하세요
    १२३ ١٢٣ 123|don't don’t|well-known snake_case|anna@example.org|https://example.org/a?b=c
    party 🎉👍🏽 ❤️|the a of|x q|𠮷野家|3.14|nothing at all|été ete
"""
SENTENCES = [text.strip() for line in TEXTS.strip().splitlines() for text in line.split("|")]
_TYPED = sorted(
    {query for text in SENTENCES for query in (text, text[:1], text[:3], text[1:3], *text.split(), text.upper())}
    | {"海东", "在上海东边", "都", "東京都", "елк", "e", "example", "i", "?", "", "👍", "🎉 party", "12"}
)
# One of those that come to the same words: both sides search for these (protocol/text/search_words.py).
QUERIES = list({tuple(query_words(query)): query for query in _TYPED}.values())
# Messages that a search looks through before it asks the index.
WINDOWS = (64, search.WINDOW)


class Conversation:
    """Messages in two rooms, on the server's time; its copies are compared."""

    _rooms = itertools.count(1000, 2)

    def __init__(self) -> None:
        self.first = next(self._rooms)
        self.rooms = (self.first, self.first + 1)
        self.log = FakeLog()
        for number in self.rooms:
            self.log.records[number] = []
            self.log.hashes[number] = [genesis_hash(LOG_ID, number)]
        self.texts: dict[tuple[int, int], str] = {}
        self.stored: list[NewRecord] = []
        self._n = itertools.count(1)

    def say(self, room: int, text: str, time_ms: int, kind: Kind = Kind.TEXT, ref: int = 0) -> None:
        key = key_of(8)
        message = make_message(key, LOG_ID, Header(room, device_of(key), 1, next(self._n), kind, ref, 5, 1), text)
        self.log.time_ms = time_ms - 1
        record = self.log.store(message)
        chain = self.log.hashes[room][-1]
        self.stored.append(NewRecord(record, decode_header_untrusted(record.header), 1, chain, text))
        if kind is Kind.DELETE:
            self.texts.pop((room, ref))
        elif kind in (Kind.TEXT, Kind.EDIT):
            self.texts[room, ref or record.seq] = text

    def store_on_server(self, store: SqlStore, batch: int) -> None:
        """Stores the messages, so many at a time."""
        with store.transaction() as tx:
            for number in self.rooms:
                tx.add_room(room(store, number, f"room {number}"))
        for start in range(0, len(self.stored), batch):
            with store.transaction() as tx:
                tx.heads(self.rooms)
                by_room: dict[int, list[NewRecord]] = {}
                for new in self.stored[start : start + batch]:
                    by_room.setdefault(new.header.room, []).append(new)
                for number, records in by_room.items():
                    last = records[-1]
                    tx.append(number, records, RoomHead(last.record.seq, last.hash, last.record.time_ms))

    def local_copy(self) -> "Copy":
        return Copy(self)


class Copy:
    """A client's local copy."""

    def __init__(self, conversation: Conversation) -> None:
        log = conversation.log
        self._store = MemoryLocalStore()
        authors = Authors(LOG_ID, log.log_key, self._store)
        authors.learn_untrusted([log.enrol(key_of(8), 1, "anna")])
        self._folds = {}
        for number in conversation.rooms:
            hashes = log.hashes[number]
            self._store.start_span(number, 0, hashes[0])
            links = [ChainLink(record, hashes[record.seq]) for record in log.records[number]]
            if links:
                self._store.append(number, links, log.head(number))
            self._folds[number] = RoomFold(number, self._store, authors, 7)

    def search(
        self, rooms: dict[int, int], words: str, *, before: int, limit: int, before_room: int = 0
    ) -> list[tuple[int, int]]:
        hits: list[tuple[int, LocalHit]] = []
        *_, behind = place_of(self._store, before_room, before) if before_room else [None]
        before = 0 if before_room else before
        for number, first in rooms.items():
            fold = self._folds[number]
            parts = find(self._store, fold, number, words, first_seq=first, before=before, limit=limit, behind=behind)
            hits += [(number, found) for part in parts for found in part]
        hits.sort(key=lambda hit: (hit[1].time_ms, hit[0], hit[1].folded.seq), reverse=True)
        return [(number, found.folded.seq) for number, found in hits[:limit]]


def search_server(
    store: SqlStore, rooms: dict[int, int], words: str, *, before: int, limit: int, before_room: int = 0
) -> list[tuple[int, int]]:
    found = store.search(rooms, words, before=before, limit=limit, before_room=before_room)
    return [(number, record.seq) for number, record in found]


def in_pages(ask: Callable[..., list[tuple[int, int]]], rooms: dict[int, int], words: str, size: int) -> list[Any]:
    """All hits of several rooms, so many at a time."""
    hits: list[tuple[int, int]] = []
    room_, seq = 0, 0
    while page := ask(rooms, words, before=seq, limit=size, before_room=room_):
        hits += page
        room_, seq = page[-1]
    return hits


def random_conversation(random: Random, count: int) -> Conversation:
    """Texts, edits and deletions while the clock jumps ahead and back."""
    messages = Conversation()
    clock = 1_000_000
    for _ in range(count):
        clock = max(1, clock + random.choice([0, 1, 7, 40, 40, 40, -30, -500, 86_400_000, -86_400_000]))
        where, text = random.choice(messages.rooms), random.choice(SENTENCES)
        known = [seq for number, seq in messages.texts if number == where]
        action = random.random()
        if known and action < 0.12:
            messages.say(where, text, clock, Kind.EDIT, random.choice(known))
        elif known and action < 0.2:
            messages.say(where, "", clock, Kind.DELETE, random.choice(known))
        elif known and action < 0.25:
            messages.say(where, "👍", clock, Kind.REACTION, random.choice(known))
        else:
            messages.say(where, text, clock)
    return messages


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    database = Database(tmp_path, request.getfixturevalue("mariadb_url") if request.param == "mariadb" else None)
    yield database.open()
    database.close()


def test_corpus_search_agrees_with_the_local_copy(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small window the full-text index answers most of it, with the large one the newest messages do: pages of
    them are like those of the small one."""
    messages = random_conversation(Random(11), 400)
    messages.store_on_server(store, 16)
    copy = messages.local_copy()
    in_first = {seq: tokens(text) for (room, seq), text in messages.texts.items() if room == messages.first}
    one, both = {messages.first: 1}, {messages.first: 30, messages.first + 1: 1}
    found = 0
    for query in QUERIES:
        wanted = query_words(query)
        hits = sorted((seq for seq, words in in_first.items() if has_words(words, wanted)), reverse=True)
        asked = ((one, 0, 500), (one, 120, 5), (both, 0, 7), (both, 0, 500))
        local = [copy.search(rooms, query, before=before, limit=limit) for rooms, before, limit in asked]
        assert [seq for _, seq in local[0]] == hits, query
        for window in WINDOWS:
            monkeypatch.setattr(search, "WINDOW", window)
            for (rooms, before, limit), answer in zip(asked, local, strict=True):
                if window == WINDOWS[0] or limit == 500:
                    assert search_server(store, rooms, query, before=before, limit=limit) == answer, (query, window)
                    found += len(answer)
    assert found > 2000


@pytest.mark.parametrize("window", WINDOWS)
def test_paged_hits_of_all_rooms_equal_one_answer(
    store: SqlStore, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clock did: each hit once, in the same order as in one answer."""
    monkeypatch.setattr(search, "WINDOW", window)
    messages = random_conversation(Random(12), 300)
    messages.store_on_server(store, 16)
    rooms = {messages.first: 20, messages.first + 1: 1}
    copy = messages.local_copy()
    for query in QUERIES[:4]:
        whole = search_server(store, rooms, query, before=0, limit=1000)
        for size in (1, 7):
            assert in_pages(partial(search_server, store), rooms, query, size) == whole, query
        assert in_pages(copy.search, rooms, query, 7) == whole, query


def test_pages_continue_after_a_deleted_hit(store: SqlStore) -> None:
    messages = Conversation()
    first_room, second_room = messages.rooms
    for time_ms in range(100, 200, 10):
        messages.say(first_room if time_ms % 20 else second_room, "apple", time_ms)
    messages.store_on_server(store, 5)
    rooms = dict.fromkeys(messages.rooms, 1)
    whole = search_server(store, rooms, "apple", before=0, limit=99)
    room_, seq = whole[3]
    with store.transaction() as tx:
        head = tx.heads([room_])[room_]
        count = len(messages.stored)
        messages.say(room_, "", 500, Kind.DELETE, seq)
        last = messages.stored[count]
        assert last.record.seq == head.seq + 1
        tx.append(room_, [last], RoomHead(last.record.seq, last.hash, last.record.time_ms))
    rest = search_server(store, rooms, "apple", before=seq, limit=99, before_room=room_)
    assert rest[-len(whole[4:]) :] == whole[4:]


def test_page_uses_a_bounded_number_of_queries(store: SqlStore) -> None:
    """However many messages are newer than its start, and however many rooms there are."""
    messages = Conversation()
    for time_ms in range(1, 400):
        messages.say(messages.rooms[time_ms % 2], "apple", time_ms)
    messages.store_on_server(store, 64)
    asked: list[str] = []
    listen(store._engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: asked.append(statement))
    search_server(store, dict.fromkeys(messages.rooms, 1), "apple", before=2, limit=5, before_room=messages.first)
    assert len(asked) <= 20


said = st.tuples(st.sampled_from([0, 1]), st.sampled_from(SENTENCES), st.integers(1, 9))


@hypothesis.settings(
    max_examples=40, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(st.lists(said, min_size=1, max_size=12), st.sampled_from(QUERIES), st.integers(1, 4))
def test_any_conversation_is_found_equally(
    store: SqlStore, sayings: list[tuple[int, str, int]], query: str, limit: int
) -> None:
    """Each in rooms of its own, all in one database."""
    messages = Conversation()
    for where, text, time_ms in sayings:
        messages.say(messages.rooms[where], text, time_ms)
    rooms = dict.fromkeys(messages.rooms, 1)
    messages.store_on_server(store, 3)
    assert search_server(store, rooms, query, before=0, limit=limit) == messages.local_copy().search(
        rooms, query, before=0, limit=limit
    )


def test_message_stored_under_a_fast_clock_is_not_newest_for_ever(store: SqlStore) -> None:
    messages = Conversation()
    first_room, second_room = messages.rooms
    year = 365 * 86_400_000
    messages.say(first_room, "apple before", 100)
    messages.say(first_room, "apple in ten years", 10 * year)
    messages.say(first_room, "apple after", 200)
    messages.say(second_room, "apple last", 300)
    messages.store_on_server(store, 1)
    rooms = dict.fromkeys(messages.rooms, 1)
    assert search_server(store, rooms, "apple", before=0, limit=9) == [
        (second_room, 1),
        (first_room, 3),
        (first_room, 2),
        (first_room, 1),
    ]
    assert messages.local_copy().search(rooms, "apple", before=0, limit=9) == [
        (second_room, 1),
        (first_room, 3),
        (first_room, 2),
        (first_room, 1),
    ]
