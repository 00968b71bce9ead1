"""Messages between clients without a server: everybody in the room has them, nobody else, and nothing unproven."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.core.peers import carried as carried_module
from lanchat.core.peers import pieces as pieces_module
from lanchat.core.peers.carried import CarriedMessages
from lanchat.core.peers.comparing import Comparison
from lanchat.core.people.authors import Authors
from lanchat.core.ports import LocalStoreError
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import Role
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Header, Kind, Message, MessageKey, decode_header_untrusted, make_message
from lanchat.protocol.log.peers import PeerEnd
from lanchat.protocol.log.statements import AccountBody, issue_statement
from tests.support.fake_log import LOG_ID, device_of, key_of
from tests.support.peer_network import LOG_KEY
from tests.support.peer_office import GENERAL, SECRET_ROOM, PeerOffice, Talker


def everybody_has(office: PeerOffice, *texts: str) -> None:
    assert office.texts() == {key: set(texts) for key in office.talkers}


def test_message_reaches_everybody_at_once() -> None:
    office = PeerOffice(6)
    office.link()
    office.away()
    office.talkers[2].say("hello")
    office.net.run_for(0.1)
    everybody_has(office, "hello")
    assert all(talker.shown == [(2, "hello")] for number, talker in office.talkers.items() if number != 2)


def test_waiting_message_is_said_once() -> None:
    """Each failed try to reach the server hands in what waits in the outbox."""
    office = PeerOffice(3)
    office.link()
    office.away()
    author = office.talkers[2]
    message = author.say("hello")
    office.net.run_for(0.1)
    sent = author.sent
    author.talk.say(message)
    office.net.run_for(0.1)
    assert author.sent == sent


def test_message_travels_along_a_chain() -> None:
    office = PeerOffice(6)
    office.link(*((number, number + 1) for number in range(2, 7)))
    office.away()
    office.talkers[2].say("hello")
    office.net.run_for(0.1)
    everybody_has(office, "hello")


@pytest.mark.parametrize("seed", range(10))
def test_lost_messages_are_repaired_by_any_holder(seed: int) -> None:
    office = PeerOffice(5, loss=0.3, seed=seed)
    office.link()
    office.away()
    for number in range(10):
        for talker in office.talkers.values():
            talker.say(f"{talker.number}: {number}")
        office.net.run_for(0.2)
    office.net.run_for(60.0)
    everybody_has(office, *(f"{user}: {number}" for user in office.talkers for number in range(10)))
    assert all(len(talker.shown) == 40 for talker in office.talkers.values())


def test_late_comer_gets_what_was_said_before() -> None:
    office = PeerOffice(4)
    office.link((2, 3), (3, 4), (2, 4))
    office.away()
    said = [f"text {number}" for number in range(300)]
    for text in said:
        office.talkers[2].say(text)
        office.net.run_for(0.01)
    office.link((4, 5))
    office.net.run_for(60.0)
    everybody_has(office, *said)


def test_authors_message_survives_the_author() -> None:
    office = PeerOffice(4)
    office.link((2, 3))
    office.away()
    office.talkers[2].say("last words")
    office.net.run_for(0.1)
    office.talkers[2].alive = False
    office.link((3, 4), (4, 5))
    office.net.run_for(30.0)
    assert office.talkers[5].texts() == {"last words"}


def test_two_islands_merge() -> None:
    office = PeerOffice(4)
    office.link((2, 3), (4, 5))
    office.away()
    office.talkers[2].say("here")
    office.talkers[5].say("there")
    office.net.run_for(1.0)
    office.link((3, 4))
    office.net.run_for(20.0)
    everybody_has(office, "here", "there")


def test_private_room_stays_among_its_members() -> None:
    office = PeerOffice(5, secret=(2, 4))
    office.link()
    office.away()
    office.talkers[2].say("between us", SECRET_ROOM)
    office.net.run_for(30.0)
    assert office.texts() == {2: {"between us"}, 3: set(), 4: {"between us"}, 5: set(), 6: set()}


def test_nothing_is_sent_when_nothing_differs() -> None:
    office = PeerOffice(2)
    office.link()
    office.away()
    office.talkers[2].say("hello")
    office.net.run_for(20.0)
    one = office.talkers[2]
    sent, octets = one.sent, one.octets
    office.net.run_for(100.0)
    # A digest each 5 s, a sign of life each 20 s at most.
    assert one.sent - sent <= 28
    assert (one.octets - octets) / (one.sent - sent) <= 52


def test_carried_messages_survive_a_restart() -> None:
    office = PeerOffice(3)
    office.link((2, 3))
    office.away()
    office.talkers[2].say("hello")
    office.net.run_for(0.1)
    store = office.talkers[3].store
    office.talkers[3].alive = office.talkers[2].alive = False
    again = office.talker(3, boot=2, store=store)
    assert again.texts() == {"hello"}
    office.talkers = {3: again, 4: office.talkers[4]}
    office.link((3, 4))
    again.away()
    office.net.run_for(20.0)
    assert office.talkers[4].texts() == {"hello"}


def test_message_that_could_not_be_stored_is_not_shown_and_comes_again() -> None:
    office = PeerOffice(2)
    office.link()
    office.away()
    other = office.talkers[3]
    other.store.fail = True
    other.settle = lambda: None  # type: ignore[method-assign]
    office.talkers[2].say("hello")
    office.net.run_for(0.1)
    with pytest.raises(LocalStoreError):
        other.talk.settle()
    assert (other.shown, other.texts()) == ([], set())
    other.store.fail = False
    del other.settle
    office.net.run_for(20.0)
    assert other.shown == [(2, "hello")]


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_large_message_is_fetched_in_pieces(loss: float) -> None:
    office = PeerOffice(4, loss=loss)
    office.link((2, 3), (3, 4), (4, 5))
    office.away()
    text = "ж" * 3990
    office.talkers[2].say(text)
    office.net.run_for(0.3 if not loss else 60.0)
    everybody_has(office, text)
    assert all(talker.shown == [(2, text)] for number, talker in office.talkers.items() if number != 2)


def test_large_message_is_fetched_from_another_holder() -> None:
    office = PeerOffice(3)
    office.link()
    office.away()
    first, second, late = (office.talkers[number] for number in (2, 3, 4))
    late.alive = False
    first.say("x" * 3000)
    office.net.run_for(1.0)
    assert second.texts() == {"x" * 3000}
    late.alive = True
    first.talk._hand_out_piece = lambda *_arguments: None  # type: ignore[method-assign]
    second.talk._hand_out_piece = lambda *_arguments: None  # type: ignore[method-assign]
    office.net.run_for(20.0)
    assert late.texts() == set()
    del second.talk._hand_out_piece
    office.net.run_for(40.0)
    assert late.texts() == {"x" * 3000}


def test_piece_that_was_changed_spoils_nothing_for_long() -> None:
    office = PeerOffice(3)
    office.link((2, 3), (3, 4))
    office.away()
    listener, liar = office.talkers[4], office.talkers[3]
    honest = liar.talk._hand_out_piece
    lies = 5

    def lie(end: Any, user: int, frame: wire.WantPiece) -> None:
        nonlocal lies
        lies -= 1
        if lies > 0:
            liar.talk._send(end, [wire.Piece(frame.name, frame.offset, b"y" * 1000)])
        else:
            honest(end, user, frame)

    liar.talk._hand_out_piece = lie  # type: ignore[method-assign]
    office.talkers[2].say("x" * 3000)
    office.net.run_for(30.0)
    assert listener.shown == [(2, "x" * 3000)]


# --- What is not believed ---------------------------------------------------------------------------------------------


def forged(author: Talker, **changes: Any) -> Message:
    return replace(author.message("forged"), **changes)


def other_header(author: Talker, **changes: Any) -> Message:
    """Signed as it should be."""
    header = replace(decode_header_untrusted(author.message("x").header), **changes)
    return make_message(key_of(author.number), LOG_ID, header, "forged")


BAD: dict[str, Callable[[PeerOffice], Message]] = {
    "signature of nobody": lambda office: forged(office.talkers[2], signature=bytes(64)),
    "another text": lambda office: forged(office.talkers[2], body=b"another"),
    "another author": lambda office: make_message(
        key_of(3), LOG_ID, Header(GENERAL, device_of(key_of(4)), 9, 1, Kind.TEXT, 0, 5, 1), "forged"
    ),
    "room that there is not": lambda office: other_header(office.talkers[2], room=77),
    "room of others": lambda office: other_header(office.talkers[2], room=SECRET_ROOM),
    "author who is no member": lambda office: make_message(
        key_of(9), LOG_ID, Header(GENERAL, device_of(key_of(9)), 9, 1, Kind.TEXT, 0, 5, 1), "forged"
    ),
    "kind that there is not": lambda office: other_header(office.talkers[2], kind=Kind.NOTICE),
    "no header": lambda office: Message(b"\xc1", b"x", bytes(64)),
    "long header": lambda office: Message(office.talkers[2].message("x").header + bytes(200), b"x", bytes(64)),
}


@pytest.mark.parametrize("name", BAD)
def test_message_that_is_not_proven_is_dropped(name: str) -> None:
    office = PeerOffice(3, secret=(2, 3))
    office.link()
    office.away()
    office.talkers[4].authors.learn_untrusted([office.certificate(9)])
    payload = encode([wire.Carry([BAD[name](office)], 0)])
    office.talkers[2].links.send(office.talkers[4].links.end, payload, office.net.now)
    office.net.run_for(10.0)
    assert office.texts() == {key: set() for key in office.talkers}
    assert sum(office.talkers[4].talk.counters.values()) >= 1


def test_two_bodies_under_one_name_end_in_no_loop() -> None:
    office = PeerOffice(3)
    office.link()
    office.away()
    header = Header(GENERAL, device_of(key_of(2)), 9, 1, Kind.TEXT, 0, 5, 1)
    for number, text in ((3, "one"), (4, "another")):
        message = make_message(key_of(2), LOG_ID, header, text)
        payload = encode([wire.Carry([message], 0)])
        office.talkers[2].links.send(office.talkers[number].links.end, payload, office.net.now)
    office.net.run_for(5.0)
    sent = {number: talker.sent for number, talker in office.talkers.items()}
    office.net.run_for(50.0)
    assert all(talker.sent - sent[number] < 40 for number, talker in office.talkers.items())
    assert all(len(talker.texts()) == 1 for number, talker in office.talkers.items())


def test_revoked_and_disabled_authors_are_refused() -> None:
    office = PeerOffice(4)
    office.link()
    office.away()
    listener = office.talkers[5]
    listener.hear_revocation(device_of(key_of(2)))
    disabled = AccountBody(LOG_ID, 60, 3, "user3", "", Role.MEMBER, True)
    listener.statements.take_untrusted([issue_statement(LOG_KEY, disabled)])
    for number in (2, 3, 4):
        office.talkers[number].say(f"from {number}")
    office.net.run_for(30.0)
    assert listener.texts() == {"from 4"}


def test_removed_member_is_refused_by_who_has_heard_of_it() -> None:
    office = PeerOffice(4, secret=(2, 3, 4))
    office.link()
    office.away()
    office.talkers[4].learn({GENERAL: office.rooms[GENERAL], SECRET_ROOM: [3, 4]}, number=9)
    office.talkers[2].say("still here", SECRET_ROOM)
    office.talkers[3].say("among us", SECRET_ROOM)
    office.net.run_for(30.0)
    assert office.talkers[4].texts() == {"among us"}


def test_unknown_author_is_asked_for() -> None:
    office = PeerOffice(3)
    office.link()
    office.away()
    listener = office.talkers[4]
    listener.authors._devices.pop(device_of(key_of(2)))
    listener.authors._learned.clear()
    listener.store._certificates.pop(device_of(key_of(2)))
    office.talkers[2].say("hello")
    office.net.run_for(1.0)
    assert listener.shown == [(2, "hello")]


def test_decided_messages_are_not_taken_again() -> None:
    office = PeerOffice(2)
    office.link()
    office.away()
    message = office.talkers[2].say("hello")
    office.net.run_for(0.1)
    key = decode_header_untrusted(message.header).key
    assert [item.header.key for item in office.talkers[3].talk.forget([key])] == [key]
    office.net.run_for(30.0)
    assert office.talkers[3].texts() == set()
    assert len(office.talkers[3].shown) == 1


def test_message_that_is_in_the_log_is_not_taken() -> None:
    office = PeerOffice(2)
    office.link()
    office.away()
    message = office.talkers[2].message("hello")
    office.talkers[3].logged.append(decode_header_untrusted(message.header).key)
    office.talkers[2].talk.say(message)
    office.net.run_for(20.0)
    assert (office.talkers[3].shown, office.talkers[3].texts()) == ([], set())


# --- Bounds -----------------------------------------------------------------------------------------------------------


def test_author_who_says_too_much_pushes_out_only_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried_module, "AUTHOR_MAX", 20)
    office = PeerOffice(3)
    office.link()
    office.away()
    office.talkers[3].say("mine")
    for number in range(50):
        office.talkers[2].say(str(number))
        office.net.run_for(0.05)
    office.net.run_for(30.0)
    everybody_has(office, "mine", *map(str, range(30, 50)))


@pytest.mark.parametrize(("name", "bound"), [("ITEMS_MAX", 30), ("OCTETS_MAX", 12_000)])
def test_carried_messages_are_bounded(monkeypatch: pytest.MonkeyPatch, name: str, bound: int) -> None:
    monkeypatch.setattr(carried_module, name, bound)
    office = PeerOffice(3)
    office.link()
    office.away()
    office.talkers[3].say("mine")
    for number in range(60):
        office.talkers[2].say(str(number))
        office.net.run_for(0.05)
    listener = office.talkers[4]
    assert len(listener.carried) <= 30 if name == "ITEMS_MAX" else listener.carried._octets <= bound
    assert "mine" in listener.texts()
    assert len(listener.store.carried()) == len(listener.carried)


def test_flood_of_questions_is_bounded() -> None:
    office = PeerOffice(2)
    office.link()
    office.away()
    one, other = office.talkers[2], office.talkers[3]
    key = decode_header_untrusted(one.say("hello").header).key
    office.net.run_for(1.0)
    sent = other.sent
    for _ in range(40):
        frames = [wire.Want([wire.MessageName(*key)] * 10), wire.Digest(7)]
        one.links.send(other.links.end, encode(frames), office.net.now)
    office.net.run_for(0.5)
    assert other.sent - sent <= 215


def count_calls(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[int]:
    """Its only entry grows with each call of a method."""
    calls, honest = [0], getattr(owner, name)

    def counted(self: Any, *arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        return honest(self, *arguments, **named)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_flood_of_equal_digests_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    office = PeerOffice(2)
    office.link()
    office.away()
    one, other = office.talkers[2], office.talkers[3]
    one.say("hello")
    office.net.run_for(1.0)
    digest = wire.Digest(other.talk._comparison.digest(2))
    calls = count_calls(monkeypatch, Comparison, "digest")
    for _ in range(100):
        one.links.send(other.links.end, encode([digest] * 16), office.net.now)
    office.net.run_for(0.5)
    assert calls[0] <= 20


def test_flood_of_what_is_held_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each asks for a list, and names thousands of messages."""
    office = PeerOffice(2)
    office.link()
    office.away()
    one, other = office.talkers[2], office.talkers[3]
    one.say("hello")
    office.net.run_for(1.0)
    lists = count_calls(monkeypatch, CarriedMessages, "held")
    names = count_calls(monkeypatch, CarriedMessages, "wants")
    runs = [wire.HeldRun(device_of(key_of(2)), run, 1, b"\xff" * 64) for run in range(1, 11)]
    for _ in range(200):
        one.links.send(other.links.end, encode([wire.Holds(GENERAL, runs, True)]), office.net.now)
        one.links.send(other.links.end, encode([wire.Holds(GENERAL, [], True)] * 16), office.net.now)
    office.net.run_for(0.5)
    assert lists[0] <= 100
    assert names[0] <= 25_000
    assert len(other.talk._comparison._asked) <= 64 * 20


def test_end_that_hands_on_forgeries_is_not_listened_to_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    office = PeerOffice(3)
    office.link()
    office.away()
    liar, listener, honest = (office.talkers[number] for number in (2, 3, 4))
    checks = count_calls(monkeypatch, Authors, "check")
    for _ in range(300):
        payload = encode([wire.Carry([forged(liar, signature=bytes(64))], 0)])
        liar.links.send(listener.links.end, payload, office.net.now)
    office.net.run_for(0.5)
    assert checks[0] <= 25
    honest.say("true")
    office.net.run_for(0.1)
    assert listener.texts() == {"true"}
    office.net.run_for(60.0)
    liar.say("true as well")
    office.net.run_for(0.1)
    assert listener.texts() == {"true", "true as well"}


def test_messages_of_unknown_authors_give_way_to_newer_ones() -> None:
    """Nobody ever says whose the first ones are."""
    office = PeerOffice(2)
    office.link()
    listener, other = office.talkers[3], office.talkers[2].links.end
    for number in range(1, 80):
        header = Header(GENERAL, bytes([number]) * 16, 1, 1, Kind.TEXT, 0, 5, 1)
        message = make_message(key_of(9), LOG_ID, header, "x")
        listener.talk.take_untrusted(other, 2, encode([wire.Carry([message], 0)]))
    assert MessageKey(GENERAL, bytes([79]) * 16, 1, 1) in listener.talk._unproven


def test_bodies_that_are_fetched_are_bounded() -> None:
    office = PeerOffice(2)
    office.link()
    listener, other = office.talkers[3], office.talkers[2]
    for _ in range(200):
        message = other.message("ж" * 3999)
        offer = wire.OfferMessage(message.header, message.signature, sha256(message.body), len(message.body), 0)
        listener.talk.take_untrusted(other.links.end, 2, encode([offer]))
    fetched = listener.talk._pieces._assemblies
    assert len(fetched) == pieces_module.END_OCTETS_MAX // 7998
    for number in range(20):
        message = other.message("ж" * 3999)
        offer = wire.OfferMessage(message.header, message.signature, sha256(message.body), len(message.body), 0)
        for _ in range(20):
            key = MessageKey(GENERAL, bytes(16), number, 1 + len(fetched))
            listener.talk._pieces.begin(key, PeerEnd(bytes(16), number), 2, offer, office.net.now)
    assert len(fetched) == pieces_module.ASSEMBLY_OCTETS_MAX // 7998


def test_decided_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried_module, "LEFT_MAX", 20)
    office = PeerOffice(1)
    carried = office.talkers[2].carried
    carried.remove(MessageKey(GENERAL, bytes(16), 1, n) for n in range(1, 100))
    assert len(carried._left) == 20
    assert not carried.wants(MessageKey(GENERAL, bytes(16), 1, 99))


def test_messages_of_unknown_authors_are_bounded() -> None:
    office = PeerOffice(2)
    office.link()
    listener, other = office.talkers[3], office.talkers[2].links.end
    for number in range(1, 100):
        header = Header(GENERAL, device_of(key_of(9)), 9, number, Kind.TEXT, 0, 5, 1)
        message = make_message(key_of(9), LOG_ID, header, "who am I")
        listener.talk.take_untrusted(other, 2, encode([wire.Carry([message], 0)]))
    assert len(listener.talk._unproven) == 64
    assert listener.texts() == set()
