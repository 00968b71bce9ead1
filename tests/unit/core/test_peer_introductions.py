"""Ends that do not know each other are brought together by one that hears both, through their firewalls."""

from typing import Any

from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from tests.support.peer_network import certificate_of
from tests.support.peer_office import PeerOffice, Talker


def office_with_newcomer(count: int = 5) -> tuple[PeerOffice, Talker]:
    """Everybody is linked but for the last one, who knows one other."""
    office = PeerOffice(count)
    last = count + 1
    numbers = range(2, last)
    office.link(*((one, other) for one in numbers for other in numbers if one < other), (2, last))
    return office, office.talkers[last]


def test_newcomer_with_one_link_meets_the_others() -> None:
    office, newcomer = office_with_newcomer()
    assert newcomer.live() == {2}
    office.away()
    office.net.run_for(60.0)
    assert newcomer.live() == {2, 3, 4, 5}
    assert all(newcomer.number in office.talkers[number].live() for number in (2, 3, 4, 5))


def test_chain_becomes_whole() -> None:
    office = PeerOffice(5)
    office.link(*((number, number + 1) for number in range(2, 6)))
    office.away()
    office.net.run_for(120.0)
    assert all(talker.live() == set(office.talkers) - {number} for number, talker in office.talkers.items())


def test_nobody_is_asked_with_the_server() -> None:
    office, newcomer = office_with_newcomer()
    office.net.run_for(60.0)
    assert newcomer.live() == {2}


def test_who_has_the_server_introduces_and_answers() -> None:
    office, newcomer = office_with_newcomer()
    newcomer.away()
    office.net.run_for(40.0)
    assert newcomer.live() == {2, 3, 4, 5}


def test_device_without_a_right_is_not_met() -> None:
    office, newcomer = office_with_newcomer()
    office.talkers[3].refused.add(newcomer.number)
    office.away()
    office.net.run_for(60.0)
    assert newcomer.live() == {2, 4, 5}
    assert newcomer.number not in office.talkers[3].live()


def test_end_that_is_made_up_is_not_met() -> None:
    office, newcomer = office_with_newcomer()
    liar = office.talkers[2].links.end
    entry = office.talkers[3].entry()
    for forged in (
        replace(entry, certificate=certificate_of(4)),
        replace(entry, info=replace(entry.info, signature=bytes(64))),
        replace(entry, certificate=replace(entry.certificate, signature=bytes(64))),
    ):
        newcomer.talk.take_untrusted(liar, 2, encode([wire.Introduce(forged)]))
    assert set(newcomer.links._links) == {liar}
    assert sum(newcomer.talk.counters.values()) == 3


def test_questions_are_bounded() -> None:
    office, newcomer = office_with_newcomer()
    asked = office.talkers[2]
    answers: list[Any] = []
    asked.talk._send = lambda _end, frames: answers.extend(frames)  # type: ignore[method-assign]
    for _ in range(100):
        asked.talk.take_untrusted(newcomer.links.end, newcomer.number, encode([wire.WantPeers([])]))
    assert 0 < len(answers) <= 3 * 2 * 4


def test_ends_that_one_names_are_bounded() -> None:
    office, newcomer = office_with_newcomer()
    liar = office.talkers[2]
    for boot in range(2, 60):
        other = Talker(office, 3, boot)
        newcomer.talk.take_untrusted(liar.links.end, 2, encode([wire.Introduce(other.entry())]))
    assert newcomer.talk.counters["too many introductions"] == 58 - 16


def test_who_hears_enough_asks_nobody() -> None:
    office = PeerOffice(10)
    office.link()
    office.away()
    asked = [talker.talk._introductions.due(office.net.now + 100.0) for talker in office.talkers.values()]
    assert asked == [[]] * 10
