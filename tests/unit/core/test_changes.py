"""Edits, reactions and deletions of a text are folded in bounded work and memory, in any order of arrival."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanchat.core.people.authors import Authors
from lanchat.core.ports import ChainLink
from lanchat.core.view.changes import EMOJI_MAX, PENDING_MAX, TextChange, TextChanges
from lanchat.core.view.fold import CHUNK, DecodedRecord, FoldedText, RoomFold, fold
from lanchat.protocol.log.certificates import CertificateBody
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.log.records import Record
from tests.support.fake_log import LOG_ID, FakeLog, device_of, key_of
from tests.support.memory_local import MemoryLocalStore

ME, ANNA, BOB = 7, 8, 9
EDITS = 2000
LONG = "x" * 3990


class CountingStore(MemoryLocalStore):
    """`read`: records that were returned; `answers`: how many at a time, of answers that had any."""

    read = 0

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[int] = []

    def records(self, room: int, first: int, last: int) -> list[Record]:
        found = super().records(room, first, last)
        self.read += len(found)
        if found:
            self.answers.append(len(found))
        return found


class CountingAuthors(Authors):
    """`checked`: how many times an author was looked up."""

    checked = 0

    def check(self, *what: Any) -> Any:
        self.checked += 1
        return super().check(*what)


class Room:
    """A room whose log can be stored whole, or from some record up."""

    def __init__(self) -> None:
        self.log = FakeLog()
        self.keys = {user: key_of(user) for user in (ME, ANNA, BOB)}
        self.authors = CountingAuthors(LOG_ID, self.log.log_key, MemoryLocalStore())
        for user in self.keys:
            self.know(user)
        self.store = CountingStore()
        self.store.start_span(1, 0, self.log.hashes[1][0])
        self.fold = RoomFold(1, self.store, self.authors, ME)
        self._n = 0

    def know(self, user: int) -> None:
        self.authors.learn_untrusted([self.log.enrol(self.keys[user], user, f"user{user}")])

    def log_only(self, user: int, text: str, kind: Kind = Kind.TEXT, ref: int = 0) -> Record:
        self._n += 1
        header = Header(1, device_of(self.keys[user]), 1, self._n, kind, ref, 1_000, self._n)
        return self.log.store(make_message(self.keys[user], LOG_ID, header, text))

    def add(self, user: int, text: str, kind: Kind = Kind.TEXT, ref: int = 0) -> int:
        record = self.log_only(user, text, kind, ref)
        self.store.append(1, [ChainLink(record, self.log.hashes[1][-1])], self.log.head(1))
        self.fold.note(map(DecodedRecord, [record]))
        return record.seq

    def copy_from(self, first: int) -> CountingStore:
        """A local copy that has the log from this record up."""
        records, hashes = self.log.records[1], self.log.hashes[1]
        store = CountingStore()
        store.start_span(1, first - 1, hashes[first - 1])
        links = [ChainLink(record, hashes[record.seq]) for record in records[first - 1 :]]
        store.append(1, links, self.log.head(1))
        return store

    def prepend(self, store: CountingStore, first: int) -> None:
        span = store.span(1)
        assert span is not None
        records, hashes = self.log.records[1], self.log.hashes[1]
        links = [ChainLink(record, hashes[record.seq]) for record in records[first - 1 : span.base]]
        store.prepend(1, links, hashes[first - 1])

    def take_work(self) -> tuple[int, int]:
        """Records read and authors checked since the last call."""
        done = self.store.read, self.authors.checked
        self.store.read = self.authors.checked = 0
        return done

    def one(self, seq: int) -> FoldedText:
        folded = self.fold.folded(seq)
        assert folded is not None
        return folded


@pytest.fixture
def room() -> Room:
    return Room()


def kept(room_fold: RoomFold) -> int:
    """How many changes a fold keeps."""
    return sum(
        len(changes._edits) + len(changes._deletions) + len(changes._reactions) + len(changes._reacted)
        for changes in room_fold._about.values()
    )


# --- Work -------------------------------------------------------------------------------------------------------------


def test_cost_of_one_more_edit_is_constant(room: Room) -> None:
    seq = room.add(ANNA, "text")
    room.one(seq)
    works = []
    for number in range(EDITS):
        room.add(ANNA, f"{number} {LONG}", Kind.EDIT, seq)
        room.take_work()
        assert room.one(seq).text.startswith(f"{number} ")
        works.append(room.take_work())
    assert works[-1] == works[1]
    assert max(works) <= (3, 3)
    assert kept(room.fold) == 1


def test_first_read_checks_only_the_newest_edit(room: Room) -> None:
    seq = room.add(ANNA, "text")
    for number in range(EDITS):
        room.add(ANNA, f"{number}", Kind.EDIT, seq)
    assert kept(room.fold) <= PENDING_MAX
    room.take_work()
    assert room.one(seq).text == f"{EDITS - 1}"
    read, checked = room.take_work()
    assert (read, checked) <= (3, 2)


def test_adjacent_texts_are_read_in_chunks(room: Room) -> None:
    for number in range(CHUNK + 20):
        room.add(ANNA, f"{number}")
    room.store.answers.clear()
    assert len(room.fold.below(0, 50)) == 50
    assert room.store.answers == [50]
    room.store.answers.clear()
    assert len(room.fold.below(0, 2 * CHUNK)) == CHUNK + 20
    assert room.store.answers == [CHUNK, 20]


def test_unread_count_reads_no_more_than_its_limit(room: Room) -> None:
    for number in range(3 * CHUNK):
        room.add(ANNA, f"{number}")
    fresh = RoomFold(1, room.store, room.authors, ME)
    room.take_work()
    assert fresh.unread(0, CHUNK) == CHUNK
    assert room.take_work() == (CHUNK, 0)


@pytest.mark.parametrize("kind", [Kind.EDIT, Kind.REACTION])
def test_second_read_of_a_page_skips_the_changes_below_it(room: Room, kind: Kind) -> None:
    old = room.add(ANNA, "old")
    for number in range(EDITS):
        room.add(ANNA, "👍" if number % 2 else "-👍", kind, old)
    room.add(BOB, "new")
    room.fold = RoomFold(1, room.store, room.authors, ME)
    room.take_work()
    assert [folded.seq for folded in room.fold.below(0, 50)] == [old, EDITS + 2]
    first, _checked = room.take_work()
    # Each once, and each reaction once more for its emoji.
    assert first <= 2 * EDITS + 2 * CHUNK
    for page in (room.fold.below(0, 50), room.fold.above(1, 50)):
        assert [folded.seq for folded in page] == [old, EDITS + 2]
        assert room.take_work() <= (10, 10)


def test_reactions_by_one_user_are_kept_once(room: Room) -> None:
    seq = room.add(ANNA, "text")
    for number in range(EDITS):
        room.add(BOB, "-👍" if number % 2 else "👍", Kind.REACTION, seq)
    assert kept(room.fold) <= PENDING_MAX + 1
    assert room.one(seq).reactions == ()
    assert kept(room.fold) == 0
    room.add(BOB, "👍", Kind.REACTION, seq)
    room.take_work()
    assert room.one(seq).reactions == (("👍", (BOB,)),)
    assert room.take_work() <= (4, 2)


def test_emoji_of_one_text_are_bounded_and_the_first_ones_stay(room: Room) -> None:
    seq = room.add(ANNA, "text")
    for number in range(EMOJI_MAX + 200):
        room.add(BOB, f"e{number}", Kind.REACTION, seq)
        if not number % 50:
            room.one(seq)
        room.add(ME, f"e{number}", Kind.REACTION, seq)
    assert [emoji for emoji, _users in room.one(seq).reactions] == [f"e{number}" for number in range(EMOJI_MAX)]
    assert kept(room.fold) == 2 * EMOJI_MAX


def test_deleted_text_keeps_no_changes(room: Room) -> None:
    seq = room.add(ANNA, "text")
    for number in range(20):
        room.add(ANNA, f"{number}", Kind.EDIT, seq)
        room.add(BOB, f"e{number}", Kind.REACTION, seq)
    assert room.one(seq).reactions
    room.add(BOB, "pending", Kind.REACTION, seq)
    room.add(ANNA, "", Kind.DELETE, seq)
    folded = room.one(seq)
    assert (folded.text, folded.edited, folded.deleted, folded.reactions) == ("", False, True, ())
    room.add(BOB, "late", Kind.REACTION, seq)
    assert kept(room.fold) == 0


def test_unread_reactions_are_all_kept(room: Room) -> None:
    seq = room.add(ANNA, "text")
    for number in range(PENDING_MAX + 30):
        room.add(BOB, f"e{number}", Kind.REACTION, seq)
    assert len(room.one(seq).reactions) == PENDING_MAX + 30


def test_changes_with_bad_signatures_are_checked_once(room: Room) -> None:
    seq = room.add(ANNA, "text")
    for kind, body in ((Kind.EDIT, "edited"), (Kind.REACTION, "👍"), (Kind.DELETE, "")):
        header = Header(1, device_of(room.keys[BOB]), 2, int(kind), kind, seq, 1_000, 1)
        genuine = make_message(room.keys[BOB], LOG_ID, header, body)
        record = room.log.store(type(genuine)(genuine.header, genuine.body, bytes(64)))
        room.fold.note(map(DecodedRecord, [record]))
        room.store.append(1, [ChainLink(record, room.log.hashes[1][-1])], room.log.head(1))
    room.one(seq)
    room.take_work()
    room.one(seq)
    assert room.take_work() == (1, 1)
    assert kept(room.fold) == 0


# --- Whose ------------------------------------------------------------------------------------------------------------


def test_edits_by_others_do_not_hide_an_edit_of_the_author(room: Room) -> None:
    seq = room.add(ANNA, "text")
    room.add(ANNA, "edited", Kind.EDIT, seq)
    for number in range(5):
        room.add(BOB, f"not mine {number}", Kind.EDIT, seq)
    assert (room.one(seq).text, room.one(seq).edited) == ("edited", True)
    assert kept(room.fold) == 1


@pytest.mark.parametrize("kind", [Kind.EDIT, Kind.REACTION])
def test_changes_of_a_device_count_once_its_owner_is_known(room: Room, kind: Kind) -> None:
    seq = room.add(ANNA, "text")
    room.keys[ANNA] = key_of(99)
    body = {Kind.EDIT: "edited", Kind.REACTION: "👍"}[kind]
    room.add(ANNA, body, kind, seq)
    before = room.one(seq)
    assert (before.text, before.edited, before.deleted, before.reactions) == ("text", False, False, ())
    room.know(ANNA)
    after = room.one(seq)
    assert (after.text, after.edited, after.deleted, after.reactions) == {
        Kind.EDIT: ("edited", True, False, ()),
        Kind.REACTION: ("text", False, False, (("👍", (ANNA,)),)),
    }[kind]


def test_edit_below_the_newest_one_is_ignored(room: Room) -> None:
    text = room.log_only(ANNA, "text")
    older, newer = (room.log_only(ANNA, body, Kind.EDIT, text.seq) for body in ("older", "newer"))
    about = [DecodedRecord(newer), DecodedRecord(older)]
    assert fold(room.authors, DecodedRecord(text), about).text == "newer"
    assert fold(room.authors, DecodedRecord(text), reversed(about)).text == "newer"


def test_copy_restarted_above_a_gap_is_read_again(room: Room) -> None:
    """A member who left a room and rejoined may not read what was sent meanwhile."""
    for _ in range(3):
        room.add(ANNA, "before")
    room.fold.below(0, 10)
    for _ in range(CHUNK + 10):
        room.log_only(ANNA, "meanwhile")
    base = len(room.log.records[1])
    room.store.restart_span(1, base, room.log.hashes[1][base])
    for text, kind, ref in (("after", Kind.TEXT, 0), ("edited", Kind.EDIT, base + 1), ("end", Kind.TEXT, 0)):
        record = room.log_only(ANNA, text, kind, ref)
        room.store.append(1, [ChainLink(record, room.log.hashes[1][-1])], room.log.head(1))
    assert [folded.text for folded in room.fold.below(0, 10)] == ["edited", "end"]
    assert room.fold.unread(0, 100) == 2


class Reactions:
    """Reactions to one text, of which some are not readable until `late` becomes true."""

    def __init__(self, texts: dict[int, str], unknown: set[int]) -> None:
        self.late = False
        self.changes = TextChanges()
        self._said = texts
        self._unknown = unknown
        self._author = CertificateBody(LOG_ID, BOB, bytes(32), "bob", "Bob", 1, 1)
        for seq in texts:
            self.changes.note(Kind.REACTION, seq, self._read)

    def _read(self, seq: int) -> TextChange | None:
        if seq in self._unknown and not self.late:
            return None
        return TextChange(seq, Kind.REACTION, 1, self._author, self._said[seq])

    def shown(self) -> list[str]:
        self.changes.settle(self._read)
        return [emoji for emoji, _users in self.changes.reactions()]


@pytest.mark.parametrize(
    ("texts", "before", "after"),
    [
        # Numbers of what becomes readable late are those of ✱.
        ({3: "👍✱", 5: "-👍", 6: "🎂", 7: "👍"}, ["🎂", "👍"], ["🎂", "👍"]),
        ({3: "-👍✱", 7: "👍", 8: "🎂", 9: "👍"}, ["👍", "🎂"], ["👍", "🎂"]),
        ({3: "👍", 5: "-👍✱", 8: "🎂", 9: "👍"}, ["👍", "🎂"], ["🎂", "👍"]),
        ({3: "👍✱", 5: "-👍"}, [], []),
        ({3: "👍", 5: "-👍✱"}, ["👍"], []),
        ({3: "👍✱", 5: "👍", 4: "🎂"}, ["🎂", "👍"], ["👍", "🎂"]),
    ],
)
def test_reactions_that_become_readable_late_are_ordered(
    texts: dict[int, str], before: list[str], after: list[str]
) -> None:
    unknown = {seq for seq, text in texts.items() if text.endswith("✱")}
    reactions = Reactions({seq: text.removesuffix("✱") for seq, text in texts.items()}, unknown)
    assert reactions.shown() == before
    reactions.late = True
    assert reactions.shown() == after


# --- Order ------------------------------------------------------------------------------------------------------------

_CHANGES = st.one_of(
    st.tuples(st.sampled_from((ANNA, BOB)), st.just(Kind.EDIT), st.sampled_from("abc")),
    st.tuples(st.sampled_from((ME, ANNA, BOB)), st.just(Kind.REACTION), st.sampled_from(("👍", "-👍", "🎂", "-🎂"))),
)


def expected(changes: list[tuple[int, Kind, str]]) -> tuple[str, dict[str, list[int]]]:
    """Text by Anna and reactions after these changes, computed naively."""
    text, since = "text", dict[tuple[str, int], int]()
    for number, (user, kind, body) in enumerate(changes):
        if kind is Kind.EDIT:
            text = body if user == ANNA else text
        elif body.startswith("-"):
            since.pop((body[1:], user), None)
        else:
            since.setdefault((body, user), number)
    shown: dict[str, list[int]] = {}
    for emoji, user in sorted(since, key=since.__getitem__):
        shown.setdefault(emoji, []).append(user)
    return text, shown


@settings(max_examples=60, deadline=None)
@given(st.lists(_CHANGES, max_size=24), st.lists(st.integers(0, 24), max_size=6))
def test_result_does_not_depend_on_the_order_of_arrival(changes: list[tuple[int, Kind, str]], looks: list[int]) -> None:
    """Folded on arrival, folded after a restart, and folded while older pages arrive."""
    room = Room()
    seq = room.add(ANNA, "text")
    for number, (user, kind, body) in enumerate(changes):
        room.add(user, body, kind, seq)
        if number in looks:
            room.one(seq)
    text, reactions = expected(changes)
    shown = {emoji: tuple(users) for emoji, users in reactions.items()}
    restarted = RoomFold(1, room.store, room.authors, ME).folded(seq)
    store = room.copy_from(len(changes) + 2)
    scrolled = RoomFold(1, store, room.authors, ME)
    for first in sorted({look + 2 for look in looks if look < len(changes)}, reverse=True):
        room.prepend(store, first)
        scrolled.below(0, 10)
    room.prepend(store, 1)
    for folded in (room.one(seq), restarted, scrolled.folded(seq)):
        assert folded is not None
        assert (folded.text, folded.reactions) == (text, tuple(shown.items()))
