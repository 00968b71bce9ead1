"""Which edits, deletions and reactions a search answer contains: the effective ones, not all."""

from typing import Any

import pytest

from lanchat.core.people.authors import Authors
from lanchat.core.view.fold import DecodedRecord, fold
from lanchat.protocol import wire
from lanchat.protocol.limits import FRAME_MAX
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.wire import Response, Search, pack_frame
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.pages import search_rooms
from tests.support.memory_local import MemoryLocalStore
from tests.support.rig import GENERAL, LOG_ID, LOG_PUBLIC, Rig


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.config = CoreConfig(edits_per_message=10_000, reactions_per_message=10_000)
    rig.start()
    return rig


# Their bodies together are larger than any frame.
EDITS = 300


def say(rig: Rig, user: int, text: str, kind: Kind = Kind.TEXT, ref: int = 0) -> int:
    message = rig.authors[user].message(text, kind=kind, ref=ref)
    batch = [rig.submission(message)]
    rig.sequencer.commit(rig.store, batch, 1_000)
    return len(rig.texts())


def search(rig: Rig, *seqs: int) -> wire.Found:
    """The answer to a search that finds these records."""

    def found(*what: Any, **limits: Any) -> Any:
        return [(GENERAL, rig.database.records[GENERAL][seq - 1].record) for seq in seqs]

    rig.store.search = found  # type: ignore[method-assign]
    return search_rooms(rig.store, rig.directory, 2, Search(GENERAL, "word", 0, 50))


def test_text_with_very_many_edits_fits_an_answer(rig: Rig) -> None:
    seq = say(rig, 1, "word")
    edits = [rig.authors[1].message(f"{n} {'x' * 3990}", kind=Kind.EDIT, ref=seq) for n in range(EDITS)]
    rig.sequencer.commit(rig.store, [rig.submission(edit) for edit in edits], 1_000)
    assert len(rig.texts()) == EDITS + 1
    answer = search(rig, seq)
    assert len(pack_frame(Response(1, answer))) < FRAME_MAX
    (change,) = answer.hits[0].changes
    assert change.body.decode().startswith(f"{EDITS - 1} ")


def test_selected_changes_fold_to_the_same_result(rig: Rig) -> None:
    seq, other = say(rig, 1, "word"), say(rig, 2, "word, too")
    for user, emoji in [(2, "👍"), (3, "👍"), (2, "-👍"), (2, "❤️"), (3, "❤"), (3, "👍"), (2, "👍"), (2, "-👍")]:
        say(rig, user, emoji, Kind.REACTION, seq)
    say(rig, 1, "first", Kind.EDIT, seq)
    say(rig, 1, "second", Kind.EDIT, seq)
    say(rig, 2, "👎", Kind.REACTION, other)
    answer = search(rig, seq, other)
    authors = Authors(LOG_ID, LOG_PUBLIC, MemoryLocalStore())
    authors.learn_untrusted(answer.certificates)
    everything = rig.store.changes(GENERAL, [seq, other])
    for hit in answer.hits:
        few = fold(authors, DecodedRecord(hit.record), [DecodedRecord(record) for record in hit.changes])
        all_of_them = fold(authors, DecodedRecord(hit.record), [DecodedRecord(record) for record in everything])
        assert few == all_of_them
    assert len(answer.hits[0].changes) == 5


def test_reactions_beyond_the_size_of_an_answer_are_cut(rig: Rig) -> None:
    seq, other = say(rig, 1, "word"), say(rig, 1, "word")
    for start in range(0, 4000, 500):
        texts = [f"{number:016d}" for number in range(start, start + 500)]
        batch = [rig.submission(rig.authors[2].message(text, kind=Kind.REACTION, ref=seq)) for text in texts]
        rig.sequencer.commit(rig.store, batch, 1_000)
    answer = search(rig, seq, other)
    assert len(pack_frame(Response(1, answer))) < FRAME_MAX
    assert [hit.record.seq for hit in answer.hits] == [seq]
    assert answer.more
    assert len(answer.hits[0].changes) > 1000


def test_deletion_is_included(rig: Rig) -> None:
    seq = say(rig, 1, "word")
    say(rig, 1, "words", Kind.EDIT, seq)
    say(rig, 1, "", Kind.DELETE, seq)
    (hit,) = search(rig, seq).hits
    assert [DecodedRecord(record).header.kind for record in hit.changes][-1] is Kind.DELETE


def test_start_number_applies_to_one_room_only(rig: Rig) -> None:
    """In several rooms it would mean another moment in each."""
    bounds: list[int] = []

    def found(*what: Any, before: int, limit: int, before_room: int) -> list[Any]:
        bounds.append(before)
        return []

    rig.store.search = found  # type: ignore[method-assign]
    for room in (GENERAL, 0):
        search_rooms(rig.store, rig.directory, 2, Search(room, "word", 7, 50))
    assert bounds == [7, 0]
