"""Folding of a conversation: edits, deletions, reactions, signature checks, scrolling, unread counts, search."""

from typing import Any

import pytest

from lanchat.core.config import DEFAULT_CONFIG, ClientConfig
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

    def __init__(self, config: ClientConfig = DEFAULT_CONFIG) -> None:
        self.log = FakeLog()
        self.store = MemoryLocalStore()
        self.users = {"me": (7, key_of(7)), "anna": (8, key_of(8)), "bob": (9, key_of(10))}
        self.authors = Authors(LOG_ID, self.log.log_key, self.store)
        for name, (user, key) in self.users.items():
            self.authors.learn_untrusted([self.log.enrol(key, user, name)])
        self.store.start_span(1, 0, self.log.hashes[1][0])
        self._n = 0
        self.fold = RoomFold(1, self.store, self.authors, ME, config)

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
def room() -> Room:
    return Room()


def test_last_edit_by_the_author_counts(room: Room) -> None:
    seq = room.add("anna", "frist")
    room.add("anna", "fisrt", Kind.EDIT, seq)
    room.add("anna", "first", Kind.EDIT, seq)
    folded = room.one(seq)
    assert (folded.text, folded.edited, folded.deleted) == ("first", True, False)
    assert room.texts() == ["first"]


def test_edit_by_another_user_is_ignored(room: Room) -> None:
    seq = room.add("anna", "mine")
    room.add("bob", "changed", Kind.EDIT, seq)
    assert (room.one(seq).text, room.one(seq).edited) == ("mine", False)


def test_deletion_leaves_an_empty_line(room: Room) -> None:
    seq = room.add("anna", "secret")
    room.add("anna", "more secret", Kind.EDIT, seq)
    room.add("bob", "👍", Kind.REACTION, seq)
    room.add("anna", "", Kind.DELETE, seq)
    folded = room.one(seq)
    assert (folded.text, folded.deleted, folded.edited, folded.reactions) == ("", True, False, ())


def test_reactions_are_counted_per_user_and_removable(room: Room) -> None:
    seq = room.add("anna", "cake!")
    for name, emoji in [("bob", "👍"), ("me", "👍"), ("bob", "👍"), ("bob", "🎂"), ("me", "-👍"), ("me", "-🎉")]:
        room.add(name, emoji, Kind.REACTION, seq)
    assert room.one(seq).reactions == (("👍", (9,)), ("🎂", (9,)))


def test_variants_of_one_emoji_are_one_reaction(room: Room) -> None:
    seq = room.add("anna", "cake!")
    for name, emoji in [("bob", "\u2764"), ("me", "\u2764\ufe0f"), ("bob", "5\u20e3")]:
        room.add(name, emoji, Kind.REACTION, seq)
    assert room.one(seq).reactions == (("\u2764\ufe0f", (9, 7)), ("5\ufe0f\u20e3", (9,)))
    room.add("bob", "-\u2764", Kind.REACTION, seq)
    assert room.one(seq).reactions[0] == ("\u2764\ufe0f", (7,))


def test_records_with_bad_signatures_are_not_shown(room: Room) -> None:
    good = room.add("anna", "good")
    forged = room.make("anna", "forged")
    room.keep(type(forged)(forged.header, b"other words", forged.signature))
    reaction = room.make("bob", "👍", Kind.REACTION, good)
    room.keep(type(reaction)(reaction.header, "👎".encode(), reaction.signature))
    assert room.texts() == ["good"]
    assert room.one(good).reactions == ()


def test_page_is_not_longer_than_requested(room: Room) -> None:
    for number in range(10):
        room.add("anna", f"text {number}")
    forged = room.make("anna", "forged")
    room.keep(type(forged)(forged.header, b"other words", forged.signature))
    room.add("anna", "newest")
    assert room.texts(limit=4) == ["text 7", "text 8", "text 9", "newest"]


def test_record_of_an_unknown_device_is_not_shown(room: Room) -> None:
    room.users["ghost"] = (99, key_of(99))
    seq = room.add("ghost", "boo")
    assert room.one(seq) is None
    room.authors.learn_untrusted([room.log.enrol(key_of(99), 99, "ghost")])
    assert room.one(seq).author.user == 99


def test_stored_certificate_is_used_without_the_server(room: Room) -> None:
    seq = room.add("anna", "remembered")
    room.authors.save()
    again = RoomFold(1, room.store, Authors(LOG_ID, room.log.log_key, room.store), ME)
    folded = again.folded(seq)
    assert folded is not None
    assert folded.author.user_name == "anna"


def test_scrolling_finds_every_text_once_with_later_changes(room: Room) -> None:
    first = room.add("anna", "the first")
    for number in range(3 * CHUNK):
        room.add("bob", f"text {number}")
    room.add("anna", "the first, edited", Kind.EDIT, first)
    room.fold = RoomFold(1, room.store, room.authors, ME)
    seen: list[int] = []
    before = 0
    while page := room.fold.below(before, 100):
        seen = [folded.seq for folded in page] + seen
        before = page[0].seq
    assert seen == list(range(1, 3 * CHUNK + 2))
    assert room.one(first).text == "the first, edited"
    upward = room.fold.above(first, 5)
    assert [folded.text for folded in upward] == ["the first, edited", *(f"text {n}" for n in range(4))]


def test_changes_do_not_count_towards_the_page_size(room: Room) -> None:
    seqs = [room.add("anna", f"text {number}") for number in range(10)]
    for seq in seqs:
        for emoji in "👍🎂🎉":
            room.add("bob", emoji, Kind.REACTION, seq)
    assert [folded.seq for folded in room.fold.below(0, 4)] == seqs[-4:]
    assert [folded.seq for folded in room.fold.above(seqs[2], 3)] == seqs[2:5]


def test_older_pages_include_their_changes(room: Room) -> None:
    target = room.add("anna", "old")
    room.add("anna", "old, edited", Kind.EDIT, target)
    for number in range(20):
        room.add("bob", f"text {number}")
    records, hashes = room.log.records[1], room.log.hashes[1]
    store = MemoryLocalStore()
    store.start_span(1, 10, hashes[10])
    store.append(1, [ChainLink(record, hashes[record.seq]) for record in records[10:]], room.log.head(1))
    fold = RoomFold(1, store, room.authors, ME)
    assert len(fold.below(0, 50)) == 12
    store.prepend(1, [ChainLink(record, hashes[record.seq]) for record in records[:10]], hashes[0])
    assert [folded.text for folded in fold.below(0, 50)][:2] == ["old, edited", "text 0"]


def test_records_noted_by_another_process_are_found(room: Room) -> None:
    target = room.add("anna", "one")
    assert room.one(target).reactions == ()
    noted = room.add("bob", "👍", Kind.REACTION, target)
    assert [note.record.seq for note in room.fold.note(map(DecodedRecord, [room.log.records[1][noted - 1]]))] == [noted]
    room.add("me", "👍", Kind.REACTION, target)
    assert room.one(target).reactions == (("👍", (9, 7)),)
    assert room.fold.note(map(DecodedRecord, [room.log.records[1][noted - 1]])) == []


def test_new_records_are_shown_without_reading_the_store(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    old = room.add("anna", "old")
    room.fold.note(map(DecodedRecord, room.log.records[1]))
    reads: list[tuple[int, int]] = []
    records = room.store.records
    monkeypatch.setattr(
        room.store, "records", lambda room, *span: (reads.append(span), records(room, *span))[1], raising=True
    )
    text = room.add("bob", "first")
    room.add("bob", "second", Kind.EDIT, text)
    room.add("anna", "👍", Kind.REACTION, text)
    room.fold.note(map(DecodedRecord, room.log.records[1][-3:]))
    assert (room.fold.noted(text).text, room.fold.newest().reactions) == ("second", (("👍", (8,)),))
    assert room.fold.unread(old, 100) == 1
    assert reads == []
    assert room.fold.noted(old).text == "old"
    assert reads == [(old, old)]


def test_deleted_text_is_not_shown_from_memory(room: Room) -> None:
    text = room.add("bob", "secret")
    room.add("bob", "more secret", Kind.EDIT, text)
    room.add("bob", "", Kind.DELETE, text)
    room.fold.note(map(DecodedRecord, room.log.records[1]))
    assert (room.fold.noted(text).text, room.fold.noted(text).deleted) == ("", True)
    assert room.fold._fresh.get(text) is None


def test_records_kept_in_memory_are_bounded(room: Room) -> None:
    for number in range(3 * fold._FRESH_MAX):
        room.add("bob", f"{number}")
    room.fold.note(map(DecodedRecord, room.log.records[1]))
    assert len(room.fold._fresh) == fold._FRESH_MAX
    room.add("bob", "last")
    room.fold.note(map(DecodedRecord, room.log.records[1][-1:]))
    assert len(room.fold._fresh) == 1


def test_cached_numbers_are_bounded() -> None:
    """Also in a long-lived room: a dropped number is read again from the copy when needed."""
    room = Room(ClientConfig(folded_max=2 * CHUNK))
    target = room.add("anna", "cake!")
    room.fold.note(map(DecodedRecord, room.log.records[1]))
    room.add("bob", "👍", Kind.REACTION, target)
    room.add("me", "👍", Kind.REACTION, target)
    most, wanted = 0, ["cake!"]
    for number in range(5 * CHUNK):
        room.add("anna", f"{number}")
        wanted.append(f"{number}")
        room.fold.note(map(DecodedRecord, room.log.records[1][-1:]))
        most = max(most, len(room.fold._texts))
        assert room.fold.newest().text == f"{number}"
    room.add("bob", "-👍", Kind.REACTION, target)
    room.fold.note(map(DecodedRecord, room.log.records[1][-3:]))
    assert most <= 2 * CHUNK
    assert len(room.fold._about) <= 1
    assert room.one(target).reactions == (("👍", (7,)),)
    assert room.texts(limit=10**6) == wanted
    assert room.fold.unread(0, 10**6) == len(wanted)


def test_unread_counts_texts_by_others_above_the_read_mark(room: Room) -> None:
    room.add("anna", "read")
    room.add("anna", "unread")
    room.add("me", "mine")
    deleted = room.add("bob", "gone")
    room.add("bob", "", Kind.DELETE, deleted)
    room.add("bob", "👍", Kind.REACTION, 2)
    room.add("bob", "unread, too")
    assert room.fold.unread(1, 100) == 2
    assert room.fold.unread(0, 100) == 3
    assert room.fold.unread(0, 1) == 1
    assert room.fold.unread(99, 100) == 0


def test_unread_is_counted_from_the_copy(room: Room) -> None:
    for number in range(5):
        room.add("anna", f"text {number}")
    assert RoomFold(1, room.store, room.authors, ME).unread(2, 100) == 3


def test_own_texts_of_a_device_known_later_are_not_unread(room: Room) -> None:
    room.users["my other device"] = (ME, key_of(70))
    room.add("my other device", "mine")
    room.add("anna", "unread")
    assert room.fold.unread(0, 100) == 2
    room.authors.learn_untrusted([room.log.enrol(key_of(70), ME, "me")])
    assert room.fold.unread(0, 100) == 1


def hits(room: Room, words: str, before: int, limit: int, first: int = 1) -> list[int]:
    parts = find(room.store, room.fold, 1, words, first_seq=first, before=before, limit=limit)
    return [found.folded.seq for part in parts for found in part]


def test_search_finds_words_and_prefixes_newest_first(room: Room) -> None:
    room.add("anna", "The red boat")
    room.add("bob", "A redder boathouse")
    edited = room.add("anna", "nothing")
    room.add("anna", "red boats after all", Kind.EDIT, edited)
    gone = room.add("anna", "red boat, deleted")
    room.add("anna", "", Kind.DELETE, gone)
    assert hits(room, "RED boat", 0, 10) == [3, 2, 1]
    assert hits(room, "boathouse", 0, 10) == [2]
    assert hits(room, "nothing", 0, 10) == []
    assert hits(room, "red", 3, 1) == [2]
    assert hits(room, "red", 0, 10, first=2) == [3, 2]
    assert hits(room, "  ", 0, 10) == []


def test_search_scans_all_of_a_long_copy(room: Room) -> None:
    for number in range(2 * CHUNK + 5):
        room.add("anna", "needle" if number % 200 == 0 else "straw")
    assert hits(room, "needle", 0, 10) == [401, 201, 1]
    assert hits(room, "needle", 0, 2) == [401, 201]


def test_room_without_a_copy_is_empty(room: Room) -> None:
    fold = RoomFold(2, room.store, room.authors, ME)
    assert fold.below(0, 10) == fold.above(1, 10) == []
    assert fold.folded(1) is None
    assert fold.unread(0, 10) == 0


def test_decoded_record_holds_the_header(room: Room) -> None:
    room.add("anna", "x")
    record: Record = room.log.records[1][0]
    assert DecodedRecord(record).header.kind is Kind.TEXT
