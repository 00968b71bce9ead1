"""Folding of a conversation: edits, deletions, reactions, signature checks, scrolling, unread counts, search."""

from typing import Any

import pytest

from lanchat.core.people.authors import Authors
from lanchat.core.ports import ChainLink
from lanchat.core.view import fold
from lanchat.core.view.fold import CHUNK, DecodedRecord, RoomFold
from lanchat.core.view.search import find
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.log.records import Record
from tests.support.fake_log import LOG_ID, FakeLog, device_of, key_of
from tests.support.memory_local import MemoryLocalStore

ME = 7


class Room:
    """A room that grows record by record, and its fold."""

    def __init__(self) -> None:
        self.log = FakeLog()
        self.store = MemoryLocalStore()
        self.users = {"me": (7, key_of(7)), "anna": (8, key_of(8)), "bob": (9, key_of(10))}
        self.authors = Authors(LOG_ID, self.log.log_key, self.store)
        for name, (user, key) in self.users.items():
            self.authors.learn_untrusted([self.log.enrol(key, user, name)])
        self.store.start_span(1, 0, self.log.hashes[1][0])
        self._n = 0
        self.fold = RoomFold(1, self.store, self.authors, ME)

    def add(self, name: str, text: str, kind: Kind = Kind.TEXT, ref: int = 0) -> int:
        """Adds a stored message; returns its number."""
        return self.keep(self.make(name, text, kind, ref))

    def make(self, name: str, text: str, kind: Kind = Kind.TEXT, ref: int = 0) -> Any:
        key = self.users[name][1]
        self._n += 1
        header = Header(1, device_of(key), 1, self._n, kind, ref, 1_000, self._n)
        return make_message(key, LOG_ID, header, text)

    def keep(self, message: Any) -> int:
        record = self.log.store(message)
        self.store.append(1, [ChainLink(record, self.log.hashes[1][-1])], self.log.head(1))
        return record.seq

    def texts(self, before: int = 0, limit: int = 50) -> list[str]:
        return [folded.text for folded in self.fold.below(before, limit)]

    def one(self, seq: int) -> Any:
        return self.fold.folded(seq)


@pytest.fixture
def talk() -> Room:
    return Room()


def test_last_edit_by_the_author_counts(talk: Room) -> None:
    seq = talk.add("anna", "frist")
    talk.add("anna", "fisrt", Kind.EDIT, seq)
    talk.add("anna", "first", Kind.EDIT, seq)
    folded = talk.one(seq)
    assert (folded.text, folded.edited, folded.deleted) == ("first", True, False)
    assert talk.texts() == ["first"]


def test_edit_by_another_user_is_ignored(talk: Room) -> None:
    seq = talk.add("anna", "mine")
    talk.add("bob", "changed", Kind.EDIT, seq)
    assert (talk.one(seq).text, talk.one(seq).edited) == ("mine", False)


def test_deletion_leaves_an_empty_line(talk: Room) -> None:
    seq = talk.add("anna", "secret")
    talk.add("anna", "more secret", Kind.EDIT, seq)
    talk.add("bob", "👍", Kind.REACTION, seq)
    talk.add("anna", "", Kind.DELETE, seq)
    folded = talk.one(seq)
    assert (folded.text, folded.deleted, folded.edited, folded.reactions) == ("", True, False, ())


def test_reactions_are_counted_per_user_and_removable(talk: Room) -> None:
    seq = talk.add("anna", "cake!")
    for name, emoji in [("bob", "👍"), ("me", "👍"), ("bob", "👍"), ("bob", "🎂"), ("me", "-👍"), ("me", "-🎉")]:
        talk.add(name, emoji, Kind.REACTION, seq)
    assert talk.one(seq).reactions == (("👍", (9,)), ("🎂", (9,)))


def test_variants_of_one_emoji_are_one_reaction(talk: Room) -> None:
    seq = talk.add("anna", "cake!")
    for name, emoji in [("bob", "\u2764"), ("me", "\u2764\ufe0f"), ("bob", "5\u20e3")]:
        talk.add(name, emoji, Kind.REACTION, seq)
    assert talk.one(seq).reactions == (("\u2764\ufe0f", (9, 7)), ("5\ufe0f\u20e3", (9,)))
    talk.add("bob", "-\u2764", Kind.REACTION, seq)
    assert talk.one(seq).reactions[0] == ("\u2764\ufe0f", (7,))


def test_records_with_bad_signatures_are_not_shown(talk: Room) -> None:
    good = talk.add("anna", "good")
    forged = talk.make("anna", "forged")
    talk.keep(type(forged)(forged.header, b"other words", forged.signature))
    reaction = talk.make("bob", "👍", Kind.REACTION, good)
    talk.keep(type(reaction)(reaction.header, "👎".encode(), reaction.signature))
    assert talk.texts() == ["good"]
    assert talk.one(good).reactions == ()


def test_page_is_not_longer_than_requested(talk: Room) -> None:
    for number in range(10):
        talk.add("anna", f"text {number}")
    forged = talk.make("anna", "forged")
    talk.keep(type(forged)(forged.header, b"other words", forged.signature))
    talk.add("anna", "newest")
    assert talk.texts(limit=4) == ["text 7", "text 8", "text 9", "newest"]


def test_record_of_an_unknown_device_is_not_shown(talk: Room) -> None:
    talk.users["ghost"] = (99, key_of(99))
    seq = talk.add("ghost", "boo")
    assert talk.one(seq) is None
    talk.authors.learn_untrusted([talk.log.enrol(key_of(99), 99, "ghost")])
    assert talk.one(seq).author.user == 99


def test_stored_certificate_is_used_without_the_server(talk: Room) -> None:
    seq = talk.add("anna", "remembered")
    talk.authors.save()
    again = RoomFold(1, talk.store, Authors(LOG_ID, talk.log.log_key, talk.store), ME)
    folded = again.folded(seq)
    assert folded is not None
    assert folded.author.user_name == "anna"


def test_scrolling_finds_every_text_once_with_later_changes(talk: Room) -> None:
    first = talk.add("anna", "the first")
    for number in range(3 * CHUNK):
        talk.add("bob", f"text {number}")
    talk.add("anna", "the first, edited", Kind.EDIT, first)
    talk.fold = RoomFold(1, talk.store, talk.authors, ME)
    seen: list[int] = []
    before = 0
    while page := talk.fold.below(before, 100):
        seen = [folded.seq for folded in page] + seen
        before = page[0].seq
    assert seen == list(range(1, 3 * CHUNK + 2))
    assert talk.one(first).text == "the first, edited"
    upward = talk.fold.above(first, 5)
    assert [folded.text for folded in upward] == ["the first, edited", *(f"text {n}" for n in range(4))]


def test_changes_do_not_count_towards_the_page_size(talk: Room) -> None:
    seqs = [talk.add("anna", f"text {number}") for number in range(10)]
    for seq in seqs:
        for emoji in "👍🎂🎉":
            talk.add("bob", emoji, Kind.REACTION, seq)
    assert [folded.seq for folded in talk.fold.below(0, 4)] == seqs[-4:]
    assert [folded.seq for folded in talk.fold.above(seqs[2], 3)] == seqs[2:5]


def test_older_pages_include_their_changes(talk: Room) -> None:
    target = talk.add("anna", "old")
    talk.add("anna", "old, edited", Kind.EDIT, target)
    for number in range(20):
        talk.add("bob", f"text {number}")
    records, hashes = talk.log.records[1], talk.log.hashes[1]
    store = MemoryLocalStore()
    store.start_span(1, 10, hashes[10])
    store.append(1, [ChainLink(record, hashes[record.seq]) for record in records[10:]], talk.log.head(1))
    fold = RoomFold(1, store, talk.authors, ME)
    assert len(fold.below(0, 50)) == 12
    store.prepend(1, [ChainLink(record, hashes[record.seq]) for record in records[:10]], hashes[0])
    assert [folded.text for folded in fold.below(0, 50)][:2] == ["old, edited", "text 0"]


def test_records_noted_by_another_process_are_found(talk: Room) -> None:
    target = talk.add("anna", "one")
    assert talk.one(target).reactions == ()
    noted = talk.add("bob", "👍", Kind.REACTION, target)
    assert [note.record.seq for note in talk.fold.note([talk.log.records[1][noted - 1]])] == [noted]
    talk.add("me", "👍", Kind.REACTION, target)
    assert talk.one(target).reactions == (("👍", (9, 7)),)
    assert talk.fold.note([talk.log.records[1][noted - 1]]) == []


def test_new_records_are_shown_without_reading_them(talk: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    old = talk.add("anna", "old")
    talk.fold.note(talk.log.records[1])
    reads: list[tuple[int, int]] = []
    records = talk.store.records
    monkeypatch.setattr(
        talk.store, "records", lambda room, *span: (reads.append(span), records(room, *span))[1], raising=True
    )
    text = talk.add("bob", "first")
    talk.add("bob", "second", Kind.EDIT, text)
    talk.add("anna", "👍", Kind.REACTION, text)
    talk.fold.note(talk.log.records[1][-3:])
    assert (talk.fold.noted(text).text, talk.fold.newest().reactions) == ("second", (("👍", (8,)),))
    assert talk.fold.unread(old, 100) == 1
    assert reads == []
    assert talk.fold.noted(old).text == "old"
    assert reads == [(old, old)]


def test_deleted_text_is_not_shown_from_memory(talk: Room) -> None:
    text = talk.add("bob", "secret")
    talk.add("bob", "more secret", Kind.EDIT, text)
    talk.add("bob", "", Kind.DELETE, text)
    talk.fold.note(talk.log.records[1])
    assert (talk.fold.noted(text).text, talk.fold.noted(text).deleted) == ("", True)
    assert talk.fold._fresh.get(text) is None


def test_few_records_are_kept_in_memory(talk: Room) -> None:
    for number in range(3 * fold._FRESH_MAX):
        talk.add("bob", f"{number}")
    talk.fold.note(talk.log.records[1])
    assert len(talk.fold._fresh) == fold._FRESH_MAX
    talk.add("bob", "last")
    talk.fold.note(talk.log.records[1][-1:])
    assert len(talk.fold._fresh) == 1


def test_cached_numbers_are_bounded(talk: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a long-lived room: a dropped number is read again from the copy when needed."""
    monkeypatch.setattr(fold, "LOOKED_MAX", 2 * CHUNK)
    target = talk.add("anna", "cake!")
    talk.fold.note(talk.log.records[1])
    talk.add("bob", "👍", Kind.REACTION, target)
    talk.add("me", "👍", Kind.REACTION, target)
    most, wanted = 0, ["cake!"]
    for number in range(5 * CHUNK):
        talk.add("anna", f"{number}")
        wanted.append(f"{number}")
        talk.fold.note(talk.log.records[1][-1:])
        most = max(most, len(talk.fold._texts))
        assert talk.fold.newest().text == f"{number}"
    talk.add("bob", "-👍", Kind.REACTION, target)
    talk.fold.note(talk.log.records[1][-3:])
    assert most <= 2 * CHUNK
    assert len(talk.fold._about) <= 1
    assert talk.one(target).reactions == (("👍", (7,)),)
    assert talk.texts(limit=10**6) == wanted
    assert talk.fold.unread(0, 10**6) == len(wanted)


def test_unread_counts_texts_by_others_above_the_read_mark(talk: Room) -> None:
    talk.add("anna", "read")
    talk.add("anna", "unread")
    talk.add("me", "mine")
    deleted = talk.add("bob", "gone")
    talk.add("bob", "", Kind.DELETE, deleted)
    talk.add("bob", "👍", Kind.REACTION, 2)
    talk.add("bob", "unread, too")
    assert talk.fold.unread(1, 100) == 2
    assert talk.fold.unread(0, 100) == 3
    assert talk.fold.unread(0, 1) == 1
    assert talk.fold.unread(99, 100) == 0


def test_unread_is_counted_from_the_copy(talk: Room) -> None:
    for number in range(5):
        talk.add("anna", f"text {number}")
    assert RoomFold(1, talk.store, talk.authors, ME).unread(2, 100) == 3


def test_own_texts_of_a_device_known_later_are_not_unread(talk: Room) -> None:
    talk.users["my other device"] = (ME, key_of(70))
    talk.add("my other device", "mine")
    talk.add("anna", "unread")
    assert talk.fold.unread(0, 100) == 2
    talk.authors.learn_untrusted([talk.log.enrol(key_of(70), ME, "me")])
    assert talk.fold.unread(0, 100) == 1


def hits(talk: Room, words: str, before: int, limit: int, first: int = 1) -> list[int]:
    parts = find(talk.store, talk.fold, 1, words, first_seq=first, before=before, limit=limit)
    return [found.folded.seq for part in parts for found in part]


def test_search_finds_words_and_prefixes_newest_first(talk: Room) -> None:
    talk.add("anna", "The red boat")
    talk.add("bob", "A redder boathouse")
    edited = talk.add("anna", "nothing")
    talk.add("anna", "red boats after all", Kind.EDIT, edited)
    gone = talk.add("anna", "red boat, deleted")
    talk.add("anna", "", Kind.DELETE, gone)
    assert hits(talk, "RED boat", 0, 10) == [3, 2, 1]
    assert hits(talk, "boathouse", 0, 10) == [2]
    assert hits(talk, "nothing", 0, 10) == []
    assert hits(talk, "red", 3, 1) == [2]
    assert hits(talk, "red", 0, 10, first=2) == [3, 2]
    assert hits(talk, "  ", 0, 10) == []


def test_search_scans_all_of_a_long_copy(talk: Room) -> None:
    for number in range(2 * CHUNK + 5):
        talk.add("anna", "needle" if number % 200 == 0 else "straw")
    assert hits(talk, "needle", 0, 10) == [401, 201, 1]
    assert hits(talk, "needle", 0, 2) == [401, 201]


def test_room_without_a_copy_is_empty(talk: Room) -> None:
    fold = RoomFold(2, talk.store, talk.authors, ME)
    assert fold.below(0, 10) == fold.above(1, 10) == []
    assert fold.folded(1) is None
    assert fold.unread(0, 10) == 0


def test_decoded_record_holds_the_header(talk: Room) -> None:
    talk.add("anna", "x")
    record: Record = talk.log.records[1][0]
    assert DecodedRecord(record).header.kind is Kind.TEXT
