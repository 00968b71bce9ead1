"""A lost record comes from another client when the server does not answer in time, and counts when it is proven."""

from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.core.config import ClientConfig
from lanchat.core.events import LinkedRecord, RecordsStored
from lanchat.core.peers import missed as missed_module
from lanchat.core.ports import ChainLink
from lanchat.core.rooms.room import RoomContext, RoomReceiver
from lanchat.core.rooms.source import RecordSource
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.records import Record
from tests.support.fake_log import LOG_ID, FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore
from tests.support.peer_office import GENERAL, SECRET_ROOM, PeerOffice, Talker


class _Server:
    is_sequencer = True


SERVER: RecordSource = _Server()  # type: ignore[assignment]


def filled_log(count: int = 10, rooms: int = 1) -> FakeLog:
    log = FakeLog(rooms)
    for number in range(count):
        log.say(text=f"text {number}")
    return log


def receiver_at(log: FakeLog, seq: int, *waiting: int) -> RoomReceiver:
    """One that has stored so many records, and holds others above a gap."""
    store = MemoryLocalStore()
    store.start_span(GENERAL, 0, log.hashes[GENERAL][0])
    links = [ChainLink(record, log.hashes[GENERAL][record.seq]) for record in log.records[GENERAL][:seq]]
    store.append(GENERAL, links, log.head(GENERAL, seq))
    context = RoomContext(LOG_ID, ClientConfig(), store, lambda: 0.5, lambda head: True)
    receiver = RoomReceiver(GENERAL, context)
    receiver.attach(1)
    receiver.detach()
    receiver.take_records(SERVER, [log.records[GENERAL][number - 1] for number in waiting], log.head(GENERAL))
    return receiver


def stored(receiver: RoomReceiver) -> list[LinkedRecord]:
    return [held for event in receiver.settle() if isinstance(event, RecordsStored) for held in event.held]


def test_given_record_fills_the_gap_below_a_signed_head() -> None:
    log = filled_log()
    receiver = receiver_at(log, 5, 7, 9, 10)
    receiver.take_given_untrusted([log.records[GENERAL][5], log.records[GENERAL][7]])
    assert [held.record for held in stored(receiver)] == log.records[GENERAL][5:]
    assert receiver.cursor == 10


def test_given_record_waits_for_the_others() -> None:
    log = filled_log()
    receiver = receiver_at(log, 5, 7, 9, 10)
    receiver.take_given_untrusted([log.records[GENERAL][5]])
    assert (stored(receiver), receiver.cursor) == ([], 5)
    receiver.take_given_untrusted([log.records[GENERAL][7], log.records[GENERAL][5]])
    assert len(stored(receiver)) == 5


def test_given_record_that_the_log_does_not_have_changes_nothing() -> None:
    log = filled_log()
    receiver = receiver_at(log, 5, 7, 8, 9, 10)
    true = log.records[GENERAL][5]
    for forged in (replace(true, time_ms=1), replace(log.records[GENERAL][2], seq=6), replace(true, body=b"forged")):
        with pytest.raises(ProtocolError, match="does not have"):
            receiver.take_given_untrusted([forged])
    assert (stored(receiver), receiver.cursor, receiver.strict) == ([], 5, False)
    receiver.take_given_untrusted([true])
    assert len(stored(receiver)) == 5


def test_others_are_asked_when_the_server_does_not_answer_a_second_time() -> None:
    log = filled_log()
    client = Wire(log, MemoryLocalStore())
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    asked: list[wire.Nack] = []
    rooms = client.core._rooms
    rooms.ask_others = asked.append
    nacks: list[wire.Nack] = []

    def lose_nacks(direction: str, _path: Any, frame: Any) -> bool:
        if direction == "up" and isinstance(frame, wire.Nack):
            nacks.append(frame)
            return False
        return True

    client.hook = lose_nacks
    lost, after = log.say(text="lost"), log.say(text="after")
    client.relay(after)
    assert client.run_until(lambda: bool(nacks), 1)
    assert asked == []
    assert client.run_until(lambda: bool(asked), 1)
    assert asked == [wire.Nack(GENERAL, [lost.seq])]
    rooms.take_given_untrusted(GENERAL, [lost])
    client.core._core_context.at(client.now)
    client.pump()
    assert client.core.cursor(GENERAL) == after.seq


# --- Between clients --------------------------------------------------------------------------------------------------


def office_of(*reaches: int, secret: tuple[int, ...] = ()) -> tuple[PeerOffice, FakeLog]:
    log = filled_log(300, 2)
    office = PeerOffice(len(reaches), secret)
    for talker, reach in zip(office.talkers.values(), reaches, strict=True):
        talker.copy_log(log, reach)
    office.link()
    return office, log


def ask(office: PeerOffice, talker: Talker, missing: list[int], room: int = GENERAL) -> list[Record]:
    talker.context.at(office.net.now)
    talker.talk.ask_for(wire.Nack(room, missing))
    office.net.run_for(0.1)
    return [record for _room, record in talker.given]


def test_records_come_from_a_linked_client() -> None:
    office, log = office_of(300, 100)
    given = ask(office, office.talkers[3], [101, 102])
    assert given[-2:] == log.records[GENERAL][100:102]


def test_records_are_asked_of_members_who_may_read_them() -> None:
    office, log = office_of(300, 300, 300, secret=(2, 3))
    log.say(SECRET_ROOM, "between us")
    member, other = office.talkers[3], office.talkers[4]
    office.talkers[2].copy_log(log, 1, SECRET_ROOM)
    assert ask(office, other, [1], SECRET_ROOM) == []
    assert ask(office, member, [1], SECRET_ROOM) == log.records[SECRET_ROOM]
    members = office.talkers[2].statements.members(GENERAL)
    assert members is not None
    members[4] = 200
    question = encode([wire.WantMissed(GENERAL, [199])])
    office.talkers[2].talk.take_untrusted(other.links.end, 4, question)
    question = encode([wire.WantMissed(SECRET_ROOM, [1])])
    office.talkers[2].talk.take_untrusted(other.links.end, 4, question)
    assert office.talkers[2].talk.counters["records that the user may not read"] == 2


def test_records_that_were_not_asked_for_are_not_taken() -> None:
    office, log = office_of(300, 100)
    late = office.talkers[3]
    late.talk.take_untrusted(office.talkers[2].links.end, 2, encode([wire.Missed(GENERAL, log.records[GENERAL][100])]))
    assert late.given == []


def test_forged_record_is_forgotten() -> None:
    office, log = office_of(300, 100)
    liar, late = office.talkers.values()
    true = liar.copies.records
    liar.copies.records = lambda *span: [replace(record, body=b"forged") for record in true(*span)]  # type: ignore[method-assign]
    ask(office, late, [101])
    assert late.talk.counters["records that the log does not have"] == 1
    assert late.talk._missed._given == {}
    del liar.copies.records
    office.net.run_for(2.0)
    assert ask(office, late, [101])[-1] == log.records[GENERAL][100]


def test_large_records_are_left_to_the_server() -> None:
    office, log = office_of(300, 300)
    record = log.say(text="ж" * 2000)
    office.talkers[2].copy_log(log, 301, base=300)
    assert ask(office, office.talkers[3], [record.seq]) == []


def test_questions_for_missed_records_are_bounded() -> None:
    office, _log = office_of(300, 100)
    holder, late = office.talkers.values()
    sent = holder.sent
    for _ in range(100):
        late.links.send(holder.links.end, encode([wire.WantMissed(GENERAL, list(range(1, 9)))]), office.net.now)
    office.net.run_for(0.1)
    assert holder.sent - sent <= 40
    for start in range(1, 300, 8):
        late.talk.ask_for(wire.Nack(GENERAL, list(range(start, start + 8))))
    assert len(late.talk._missed._asked) <= missed_module.ASKED_MAX
