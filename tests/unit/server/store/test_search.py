"""The store's contract: search. The same corpus gives the same answers on SQLite and on MariaDB."""

import functools
import random
from pathlib import Path

import pytest

from lanchat.protocol.log.messages import Kind
from lanchat.protocol.text.search_words import has_words, query_words, tokens
from lanchat_server.store import SqlStore
from lanchat_server.store.searching import search
from tests.support.mariadb import MariaDB
from tests.support.stores import Database, Log, room


def seqs(
    store: SqlStore, query: str, *, before: int = 0, limit: int = 50, rooms: dict[int, int] | None = None
) -> list[int]:
    where = {Log(store).room: 1} if rooms is None else rooms
    return [record.seq for _, record in store.search(where, query, before=before, limit=limit)]


@pytest.fixture
def log(store: SqlStore) -> Log:
    return Log(store)


def test_hits_are_records_newest_first(log: Log) -> None:
    made = log.say("green apple", "red apple", "green pear")
    room_ = log.room
    found = log.store.search({room_: 1}, "APPLE", before=0, limit=50)
    assert found == [(room_, made[1].record), (room_, made[0].record)]


def test_bounds_are_applied(log: Log) -> None:
    log.say(*["apple"] * 6)
    assert seqs(log.store, "apple", limit=2) == [6, 5]
    assert seqs(log.store, "apple", before=5, limit=2) == [4, 3]
    assert seqs(log.store, "apple", before=1) == []
    assert seqs(log.store, "apple", rooms={log.room: 5}) == [6, 5]
    assert seqs(log.store, "apple", rooms={log.room: 5}, before=5) == []
    assert seqs(log.store, "apple", rooms={}) == []
    assert seqs(log.store, "", limit=5) == []
    assert seqs(log.store, "?! '", limit=5) == []


def test_only_requested_rooms_are_searched(log: Log) -> None:
    with log.store.transaction() as tx:
        for id_ in (5, 6):
            tx.add_room(room(log.store, id_, f"room {id_}"))
    log.say("apple")
    other = Log(log.store, 5)
    other.say("apple", "apple pie")
    assert seqs(log.store, "pie", rooms={log.room: 1, 6: 1}) == []
    found = log.store.search({log.room: 1, 5: 2, 6: 1}, "apple", before=0, limit=50)
    assert {(room_, record.seq) for room_, record in found} == {(5, 2), (log.room, 1)}


def test_equal_times_are_ordered_by_room_and_number(store: SqlStore) -> None:
    with store.transaction() as tx:
        for id_ in (5, 6):
            tx.add_room(room(store, id_, f"room {id_}"))
    for id_ in (6, 5):
        Log(store, id_, step_ms=0).say("apple", "apple")
    found = store.search({5: 1, 6: 1}, "apple", before=0, limit=3)
    assert [(room_, record.seq) for room_, record in found] == [(6, 2), (6, 1), (5, 2)]


def test_edits_and_deletions_are_applied(log: Log) -> None:
    log.say("first", "second", "third", "!!!")
    log.say("changed", kind=Kind.EDIT, ref=1)
    log.say("", kind=Kind.DELETE, ref=2)
    log.say("words at last", kind=Kind.EDIT, ref=4)
    log.say("too late", kind=Kind.EDIT, ref=2)
    assert seqs(log.store, "first") == []
    assert seqs(log.store, "changed") == [1]
    assert seqs(log.store, "second") == []
    assert seqs(log.store, "late") == []
    assert seqs(log.store, "last") == [4]
    log.say("changed again", kind=Kind.EDIT, ref=1)
    assert (seqs(log.store, "changed"), seqs(log.store, "again")) == ([1], [1])
    log.say("", kind=Kind.DELETE, ref=1)
    assert seqs(log.store, "changed") == []


def test_edits_and_deletions_within_one_batch(log: Log) -> None:
    log.store_all(
        log.make("first"),
        log.make("second"),
        log.make("edited", Kind.EDIT, ref=1),
        log.make("", Kind.DELETE, ref=2),
        log.make("again", Kind.EDIT, ref=2),
        log.make("final", Kind.EDIT, ref=1),
    )
    assert [seqs(log.store, word) for word in ("first", "edited", "second", "again", "final")] == [[], [], [], [], [1]]


def test_only_texts_are_found(log: Log) -> None:
    log.store_all(log.make("apple.txt", Kind.FILE), log.make("apple joined", Kind.NOTICE), log.make("apple"))
    log.say("apple", kind=Kind.REACTION, ref=3)
    assert seqs(log.store, "apple") == [3]


def test_rolled_back_transaction_leaves_no_words(log: Log) -> None:
    new = log.make("apple")

    def fail() -> None:
        with log.store.transaction() as tx:
            tx.append(log.room, [new], log.head)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seqs(log.store, "apple") == []
    log.store_all(new)
    assert seqs(log.store, "apple") == [1]


def test_operators_of_the_engines_are_ignored(log: Log) -> None:
    log.say("a b c 3 near", "nothing of it")
    for query in ("+a -b", '"a b"', "a*", "(a", "a)", "~a <b >c @3", "NEAR(a b)", "a:b"):
        assert seqs(log.store, query) == [1], query
    for query in ("%", "_", "\\", "';--", "*", "+"):
        assert seqs(log.store, query) == [], query


_WORDS = """
    the a of to is я и не на в мир мира привет hello help her I'm don't well-known e-mail x y q 1 12 2024 3.14
    東京 東 京都 タワー über Über straße STRASSE naïve été www com about how ёлка елка İstanbul ﬁne fine 한국어 한
    我家在上海东边 上海 東京都 京都 สวัสดี 👍🏽 ❤️ don’t مَرْحَبًا مرحبا
    Đà Nẵng ΟΔΟΣ οδός नमस्ते C++ c# .net foo_bar foobar ÀÉÎ àéî ǅ ß ſ ﷺ 𠜎 𝒳 a1b2
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
"""
WORDS = _WORDS.split()
_indexed = functools.cache(tokens)  # the same texts are looked at for each query


def corpus(log: Log, count: int) -> dict[int, str]:
    """Random texts of WORDS with edits and deletions; the remaining ones by number."""
    rng = random.Random(42)
    present: dict[int, str] = {}
    batch = []
    for _ in range(count):
        text = rng.choice([" ", ", ", " - "]).join(rng.choices(WORDS, k=rng.randint(1, 7)))
        action = rng.random()
        if present and action < 0.1:
            new = log.make(text, Kind.EDIT, ref=rng.choice(list(present)))
            present[new.header.ref] = text
        elif present and action < 0.15:
            new = log.make("", Kind.DELETE, ref=rng.choice(list(present)))
            del present[new.header.ref]
        else:
            new = log.make(text)
            present[new.record.seq] = text
        batch.append(new)
        if len(batch) >= rng.randint(1, 64):
            log.store_all(*batch)
            batch = []
    if batch:
        log.store_all(*batch)
    return present


def expected(present: dict[int, str], query: str, limit: int) -> list[int]:
    wanted = query_words(query)
    return sorted((seq for seq, text in present.items() if has_words(_indexed(text), wanted)), reverse=True)[:limit]


def queries() -> list[str]:
    rng = random.Random(7)
    single = [word[:length] for word in WORDS for length in (1, 2, 99)]
    return single + [" ".join(rng.choices(WORDS, k=rng.randint(2, 3))) for _ in range(40)]


@pytest.mark.parametrize("window", [64, search.WINDOW])
def test_corpus_search_matches_the_contract(log: Log, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small window the full-text index answers most of it, with the large one the newest messages do."""
    monkeypatch.setattr(search, "WINDOW", window)
    present = corpus(log, 500)
    for query in queries():
        for limit in (5, 500):
            assert seqs(log.store, query, limit=limit, rooms={log.room: 1}) == expected(present, query, limit), query


@pytest.mark.mariadb
def test_sqlite_and_mariadb_answer_equally(tmp_path: Path, mariadb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "WINDOW", 128)
    kinds = [Database(tmp_path, None), Database(tmp_path, mariadb_url)]
    try:
        answers = []
        for kind in kinds:
            store = kind.open()
            with store.transaction() as tx:
                tx.add_room(room(store, 5, "five"))
            logs = [Log(store), Log(store, 5, step_ms=7)]
            for log in logs:
                corpus(log, 200)
            rooms = {log.room: 20 for log in logs}
            answers.append(
                [store.search(rooms, query, before=before, limit=40) for query in queries() for before in (0, 150)]
            )
        assert answers[0] == answers[1]
        assert sum(map(len, answers[0])) > 1000
    finally:
        for kind in kinds:
            kind.close()


@pytest.mark.mariadb
def test_words_are_found_after_a_crash(tmp_path: Path) -> None:
    """InnoDB keeps new words in memory and restores them from the rows."""
    with MariaDB() as server:
        database = Database(tmp_path, server.create_database("crash"))
        log = Log(database.open())
        log.say("apple")
        server.kill()
        server.start()
        log.say("apple pie")
        assert seqs(log.store, "apple", limit=1000) == [2, 1]
        database.close()
