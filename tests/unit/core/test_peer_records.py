"""Stored records from other clients: who lacks some gets them without the server, proven, and only what he may read."""

from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.core.peers import records as records_module
from lanchat.core.ports import ChainLink
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.log.records import Record
from tests.support.fake_log import FakeLog, Wire, device_of, key_of
from tests.support.memory_local import MemoryLocalStore
from tests.support.peer_office import GENERAL, SECRET_ROOM, PeerOffice, Talker, wire_room


def office_of(*reaches: int, records: int = 300, **options: Any) -> tuple[PeerOffice, FakeLog]:
    """Users 2 … who have read `general` so far."""
    log = FakeLog(rooms=2)
    for number in range(records):
        log.say(text=f"text {number}")
    office = PeerOffice(len(reaches), **options)
    for talker, reach in zip(office.talkers.values(), reaches, strict=True):
        talker.copy_log(log, reach)
    return office, log


def reaches(office: PeerOffice) -> list[int]:
    return [talker.reach() for talker in office.talkers.values()]


def is_whole(talker: Talker, log: FakeLog, room: int = GENERAL) -> bool:
    span = talker.store.span(room)
    assert span is not None
    assert talker.store.records(room, 1, span.cursor) == log.records[room][: span.cursor]
    return span.cursor == len(log.records[room])


def test_who_lacks_records_gets_them_without_the_server() -> None:
    office, log = office_of(300, 100)
    office.link()
    office.away()
    office.net.run_for(20.0)
    late = office.talkers[3]
    assert is_whole(late, log)
    assert late.told == {GENERAL: list(range(101, 301))}
    head = late.store.head(GENERAL)
    assert head is not None
    assert head.seq == 300


@pytest.mark.parametrize("seed", range(5))
def test_lost_datagrams_are_asked_for_again(seed: int) -> None:
    office, log = office_of(300, 100, loss=0.3, seed=seed)
    office.link()
    office.away()
    office.net.run_for(120.0)
    assert is_whole(office.talkers[3], log)


def test_records_travel_along_a_chain() -> None:
    office, _log = office_of(300, 100, 50)
    office.link((2, 3), (3, 4))
    office.away()
    office.net.run_for(40.0)
    assert reaches(office) == [300, 300, 300]


def test_authors_are_asked_for_before_their_records_are_told() -> None:
    office, log = office_of(300, 100)
    holder, late = office.talkers.values()
    holder.authors.learn_untrusted([office.certificate(9)])
    holder.authors.save()
    told: list[bool] = []
    honest = late._settle_room

    def settle(receiver: Any) -> None:
        told.append(late.authors.owner(device_of(key_of(9))) is not None)
        honest(receiver)

    late._settle_room = settle  # type: ignore[method-assign]
    office.link()
    office.away()
    office.net.run_for(20.0)
    assert told == [True]
    assert is_whole(late, log)


def test_large_records_come_in_several_pages() -> None:
    log = FakeLog()
    for _ in range(60):
        log.say(text="ж" * 4000)
    office = PeerOffice(2)
    office.talkers[2].copy_log(log, 60)
    office.talkers[3].copy_log(log, 1)
    office.link()
    office.away()
    office.net.run_for(40.0)
    assert is_whole(office.talkers[3], log)


def test_client_with_the_server_gives_records_and_asks_for_none() -> None:
    office, log = office_of(100, 300, 200)
    office.link((2, 3), (2, 4))
    office.talkers[2].away()
    office.net.run_for(20.0)
    assert reaches(office) == [300, 300, 200]
    assert is_whole(office.talkers[2], log)


def test_room_of_which_nothing_is_stored_waits_for_the_server() -> None:
    office, log = office_of(300, 300)
    log.say(SECRET_ROOM, "x")
    office.talkers[2].copy_log(log, 1, SECRET_ROOM)
    office.link()
    office.away()
    office.net.run_for(20.0)
    assert reaches(office) == [300, 300]


def test_room_that_was_empty_is_filled() -> None:
    office, log = office_of(300, 0)
    office.link()
    office.away()
    office.net.run_for(20.0)
    assert is_whole(office.talkers[3], log)


def test_nothing_is_asked_for_when_nothing_differs() -> None:
    office, _log = office_of(300, 300)
    office.link()
    office.away()
    office.net.run_for(20.0)
    one = office.talkers[2]
    sent, octets = one.sent, one.octets
    office.net.run_for(100.0)
    assert one.sent - sent <= 28
    assert (one.octets - octets) / (one.sent - sent) <= 47


def test_start_without_the_server_knows_the_epoch_of_its_copy() -> None:
    """The server tells it at each connection; before the first one only what is stored says something."""
    log = FakeLog()
    log.say()
    empty, filled = MemoryLocalStore(), MemoryLocalStore()
    filled.start_span(GENERAL, 0, log.hashes[GENERAL][0])
    filled.append(GENERAL, [ChainLink(log.records[GENERAL][0], log.hashes[GENERAL][1])], log.head(GENERAL))
    for store in (empty, filled):
        core = Wire(log, store).core
        core.identity = replace(core.identity, epoch=0)
        core._rooms.copies.read([wire_room(GENERAL)])
        assert core._check_head(log.head(GENERAL))
        log.epoch = 2
        assert core._check_head(log.head(GENERAL)) is (store is empty)
        log.epoch = 1


# --- Who may read -----------------------------------------------------------------------------------------------------


def ask(one: Talker, other: Talker, *frames: Any) -> list[Any]:
    """What `other` answers."""
    answers: list[Any] = []
    honest = other.talk._send
    other.talk._send = lambda _end, sent: answers.extend(sent)  # type: ignore[method-assign]
    other.talk.take_untrusted(one.links.end, one.number, encode(list(frames)))
    other.talk._send = honest  # type: ignore[method-assign]
    return answers


def test_records_go_to_members_of_the_room_alone() -> None:
    office, log = office_of(300, 300, 300, secret=(2, 3))
    for number in range(10):
        log.say(SECRET_ROOM, str(number))
    holder, member, other = office.talkers.values()
    holder.copy_log(log, 10, SECRET_ROOM)
    member.copy_log(log, 5, SECRET_ROOM)
    office.link()
    office.away()
    questions = [wire.WantHead(SECRET_ROOM), wire.WantRecords(SECRET_ROOM, 1, 10, 0), wire.Digest(0, 1)]
    assert [ask(other, holder, question) for question in questions[:2]] == [[], []]
    (stored,) = ask(other, holder, questions[2])
    assert [reach.room for reach in stored.rooms] == [GENERAL]
    assert len(ask(member, holder, *questions[:2])) == 2
    office.net.run_for(20.0)
    assert is_whole(member, log, SECRET_ROOM)


def test_records_from_before_the_membership_are_not_given() -> None:
    office, _log = office_of(300, 300)
    holder, other = office.talkers.values()
    members = holder.statements.members(GENERAL)
    assert members is not None
    members[3] = 200
    assert ask(other, holder, wire.WantRecords(GENERAL, 199, 300, 0)) == []
    assert len(ask(other, holder, wire.WantRecords(GENERAL, 200, 300, 0))) == 1


# --- What is not believed ---------------------------------------------------------------------------------------------


def altered(record: Record) -> Record:
    return replace(record, body=b"forged", time_ms=record.time_ms)


def test_altered_record_is_not_stored_and_comes_from_another_holder() -> None:
    office, log = office_of(300, 300, 100)
    liar, honest, late = office.talkers.values()
    true = liar.copies.records

    def lie(room: int, first: int, last: int) -> list[Record]:
        return [altered(record) if record.seq == 250 else record for record in true(room, first, last)]

    liar.copies.records = lie  # type: ignore[method-assign]
    office.link((2, 4))
    office.away()
    office.net.run_for(30.0)
    assert (late.reach(), late.told) == (100, {})
    assert late.talk.counters["records that the log does not have"] == 1
    office.link((3, 4))
    office.net.run_for(30.0)
    assert is_whole(late, log)
    assert honest.reach() == 300


def test_head_that_the_log_did_not_sign_is_refused() -> None:
    office, _log = office_of(300, 100)
    liar, late = office.talkers.values()
    head = liar.copies.head(GENERAL)
    assert head is not None
    liar.copies.head = lambda _room: replace(head, seq=299)  # type: ignore[method-assign]
    office.link()
    office.away()
    office.net.run_for(30.0)
    assert (late.reach(), late.told) == (100, {})
    assert late.talk.counters["head is not signed by the log"] == 1


def test_records_without_a_proof_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_module, "FETCHED_OCTETS_MAX", 30_000)
    office, _log = office_of(300, 100)
    office.link()
    office.away()
    office.net.run_for(30.0)
    assert office.talkers[3].reach() == 100
    assert office.talkers[3].talk.counters["too many records without a proof"] == 1


def test_silent_holder_is_given_up() -> None:
    office, log = office_of(300, 300, 100)
    silent, _, late = office.talkers.values()
    silent.records._hand_out = lambda *_arguments: []  # type: ignore[method-assign]
    office.link((2, 4))
    office.away()
    office.net.run_for(10.0)
    office.link((3, 4))
    office.net.run_for(30.0)
    assert is_whole(late, log)


def test_questions_for_records_are_bounded() -> None:
    office, _log = office_of(300, 100)
    holder, other = office.talkers.values()
    reads = 0
    true = holder.copies.records

    def count(room: int, first: int, last: int) -> list[Record]:
        nonlocal reads
        reads += 1
        return true(room, first, last)

    holder.copies.records = count  # type: ignore[method-assign]
    answers = [
        answer
        for number in range(1000)
        for answer in ask(other, holder, wire.WantRecords(GENERAL, 1 + number % 250, 300, 0))
    ]
    assert reads <= 20
    assert ask(other, holder, *[wire.WantHead(GENERAL)] * 10) == []
    assert len(answers) <= 400
    assert len(holder.records._pages) <= records_module.PAGES_MAX


def test_ends_that_are_avoided_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_module, "AVOIDED_MAX", 3)
    office, _log = office_of(300, 100)
    records = office.talkers[3].records
    for number in range(10):
        records._avoid(office.talkers[2].links.end._replace(boot=number), office.net.now)
    assert len(records._avoided) == 3
