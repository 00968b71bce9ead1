"""Recorded traffic is sent again, to the server and to a client: at once, later, from another address, into another
session, after a restart, after a new connection.

A replay is accepted when it has any effect: it opens, something is stored twice, an address moves, a log-in succeeds.
"""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch

from lanchat.core.config import ClientConfig
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.datagram import seal
from lanchat.protocol.datagram.replay import WINDOW
from lanchat.protocol.log import keys
from tests.attacks.attacked_clients import Conversation, Victim, run_attack
from tests.attacks.forgeries import dropped_count, is_silent, wait_for_drops
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import Recording, RecordingClient, counter_of, record_every_kind, udp_socket
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import patient


def replay_datagrams(watcher: RecordingClient, rounds: int = 1) -> tuple[Outcome, Recording]:
    """Every datagram of a session again: from its own address, from another one, relabelled for another session, and
    the server's own back to it; `rounds` times with honest traffic in between. The tape is for after the restart."""
    outcome = Outcome("replayed datagrams: at once, later, from elsewhere, into another session", 0)
    port = watcher.port
    with RecordingClient(port) as victim, RecordingClient(port) as other, udp_socket(port, "127.7.7.8") as thief:
        victim.register("replayed")
        other.register("bystander")
        tape = record_every_kind(victim)
        other.send_datagram(wire.Ping(1))
        other.frames()
        for _ in range(rounds):
            before = _state(watcher)
            again = [*tape.up, *tape.down, *(_relabelled(datagram, other.tape) for datagram in tape.up + tape.down)]
            for sock in (victim.udp, thief, other.udp):
                at = dropped_count(watcher)
                for datagram in again:
                    sock.send(datagram)
                outcome.attempts += len(again)
                wait_for_drops(watcher, at + len(again))
            outcome.accepted += _state(watcher) - before
            # Held back on its way and sent from elsewhere when a newer one of the session is there: it opens, as it is
            # no repetition, but the session stays where its newest datagram came from.
            held = victim.sealed(wire.Activity(wire.PresenceState.ONLINE))
            victim.send_datagram(wire.Ping(2))
            answers = victim.frames()
            outcome.expect(wire.Pong(2) in answers, "the session's own next datagram was not answered")
            thief.send(held)
            outcome.attempts += 1
            watcher.say_without_waiting(watcher.rooms["general"], "to whom?")
            heard = {type(frame) for frame in victim.frames()}
            outcome.expect(wire.Records in heard, "the session's records do not reach it by datagram any more")
            outcome.expect(is_silent(thief, 0.2), "the one who replayed from elsewhere got the session's datagrams")
        return outcome, Recording(tape.keys, tape.log_id, tape.epoch, list(tape.up), list(tape.down))


def replay_after_restart(watcher: RecordingClient, tape: Recording) -> Outcome:
    """The tape of a session of the server before this one."""
    outcome = Outcome("replayed datagrams: after a restart", 0)
    with udp_socket(watcher.port) as sock:
        before, at = _state(watcher), dropped_count(watcher)
        for datagram in [*tape.up, *tape.down, *(_relabelled(each, watcher.tape) for each in tape.up + tape.down)]:
            sock.send(datagram)
            outcome.attempts += 1
        wait_for_drops(watcher, at + outcome.attempts)
        outcome.accepted = _state(watcher) - before
        outcome.expect(is_silent(sock, 0.2), "a replay was answered")
    return outcome


def replay_proofs(server: ServerProcess, count: int) -> Outcome:
    """Log-ins and enrolments that were proven once, on connections of their own; `count` connections."""
    outcome = Outcome("replayed proofs of a device key", 0)
    with RawClient(server.port) as anna:
        anna.register("proven")
        anna_key, device = anna.key, anna.device
    with RawClient(server.port, key=anna_key) as anna:
        anna.hello()
        login = wire.LoginDevice(device, anna.proof(keys.LOGIN_CONTEXT))
        enrolment = anna.enrolment()
        assert isinstance(anna.request(login), wire.LoggedIn)
    for number in range(count):
        with RawClient(server.port) as thief:
            thief.hello()
            operation = login if number % 2 else wire.LoginPassword("proven", "correct horse", enrolment)
            for _ in range(2):
                answer = thief.request(operation)
                outcome.attempts += 1
                outcome.accepted += isinstance(answer, wire.LoggedIn)
                outcome.expect(
                    getattr(answer, "code", 0) in (Code.BAD_CREDENTIALS, Code.BAD_REQUEST), f"answered with {answer}"
                )
    return outcome


def replay_messages(server: ServerProcess, count: int) -> Outcome:
    """What somebody signed, handed in again by another member: the first answer, and nothing stored."""
    outcome = Outcome("messages handed in again by another member", 0)
    with RawClient(server.port) as anna, RawClient(server.port) as boris:
        anna.register("signer")
        boris.register("echo")
        room = anna.rooms["general"]
        messages = [anna.message(room, f"once {number}") for number in range(8)]
        anna.send(wire.Submit(messages))
        first: dict[int, wire.Receipt] = {}
        while len(first) < len(messages):
            first |= {receipt.n: receipt for receipt in anna.wait_for(wire.Decided).receipts}
        head = boris.request(wire.Subscribe([room])).heads[0].seq
        for number in range(count):
            boris.send(wire.Submit([messages[number % len(messages)]]))
            outcome.attempts += 1
            answer = boris.wait_for(wire.Decided | wire.Busy)
            if isinstance(answer, wire.Decided):
                outcome.expect(answer.receipts[0] == first[answer.receipts[0].n], "another decision than the first")
        outcome.accepted = boris.request(wire.Subscribe([room])).heads[0].seq - head
    return outcome


def _relabelled(datagram: bytes, tape: Recording) -> bytes:
    """With the key number of another session."""
    return _numbered(datagram, tape.keys.key_id)


def _numbered(datagram: bytes, key_id: int) -> bytes:
    return datagram[:1] + key_id.to_bytes(4, "big") + datagram[5:]


def _state(watcher: RecordingClient) -> int:
    """Grows when a datagram opens or a message is stored."""
    return watcher.counter("udp_in", "stored", "repeated", "refused")


# --- A client's socket -----------------------------------------------------------------------------------------------

_SEEN, _UNSEALED, _UNKNOWN = "datagram seen before", "seal does not hold", "unknown key"
# How long old keys open here.
_GRACE = 1.2


def replay_to_clients(folder: Path, rounds: int = 1) -> Outcome:
    """What real clients heard and said, to them again: everything at once a second time; later; back to its sender and
    into another session; when the window has moved on; after fresh keys; after a new connection; and while the server
    says nothing, which nobody must take for a sign of life. The first ones `rounds` times, with chat in between."""
    outcome = Outcome("replayed datagrams: a client's socket", 0)

    async def attack(conversation: Conversation) -> None:
        anna, boris, clara = conversation.victims
        await conversation.record(anna, boris)
        for _ in range(rounds):
            await _replay_at_once(conversation, anna)
            await _replay_later(anna, boris)
        await _past_the_window(conversation, anna)
        await _after_fresh_keys(conversation, anna)
        await _after_a_new_connection(conversation, anna)
        await _replay_while_blocked(conversation, clara)

    run_attack(folder, outcome, attack, size=3, config=ClientConfig(silence_ping=0.5, silence_max=1.5))
    return outcome


async def _replay_at_once(conversation: Conversation, victim: Victim) -> None:
    async with victim.dropping(_SEEN):
        victim.cable.copies = 2
        await conversation.chat()
        victim.cable.copies = 1


async def _replay_later(anna: Victim, boris: Victim) -> None:
    heard, said = anna.received(), anna.sent()
    await anna.inject_datagrams([*heard, *reversed(heard)], _SEEN)
    await anna.inject_datagrams(said, _UNSEALED)
    await boris.inject_datagrams([*heard, *said], _UNKNOWN)
    await boris.inject_datagrams(_all_numbered([*heard, *said], boris), _UNSEALED)


async def _past_the_window(conversation: Conversation, victim: Victim) -> None:
    """So much is said that what was heard before is below the window."""
    old = victim.received()

    def moved() -> bool:
        return counter_of(victim.received()[-1]) - counter_of(old[-1]) >= WINDOW

    with await asyncio.to_thread(RawClient, victim.cable.server_port) as talker:
        await asyncio.to_thread(talker.register, "talker")
        while not moved():
            await asyncio.to_thread(_send_many_messages, talker)
    await conversation.chat()
    await victim.inject_datagrams(old, _SEEN)


def _send_many_messages(talker: RawClient) -> None:
    """Fifty messages that fill a datagram each."""
    room = talker.rooms["general"]
    talker.send(wire.Submit([talker.message(room, "x" * 850) for _ in range(50)]))
    decided = 0
    while decided < 50:
        decided += len(talker.wait_for(wire.Decided).receipts)


async def _after_fresh_keys(conversation: Conversation, victim: Victim) -> None:
    """The old ones still open what was under way, but nothing twice; then nothing."""
    assert victim.person.client.member is not None
    driver, old, key_id = victim.person.client.member.driver, victim.received()[-WINDOW:], victim.key_id
    with patch.object(victim.relay, "_limits", seal.SealLimits(old_key_grace=_GRACE)):
        driver.core.renew(driver.now())
        driver.pump()
        await conversation.crowd.until(lambda: victim.key_id != key_id, 20, "there are fresh keys")
        forgotten = time.monotonic() + _GRACE
    await victim.inject_datagrams(old, _SEEN)
    await victim.inject_datagrams(_all_numbered(old, victim), _UNSEALED)
    await conversation.crowd.until(lambda: time.monotonic() > forgotten + 0.1, 20, "the old keys are forgotten")
    await victim.inject_datagrams(old, _UNKNOWN)


async def _after_a_new_connection(conversation: Conversation, victim: Victim) -> None:
    heard, said = victim.received(), victim.sent()
    relay = victim.relay
    victim.cable.cut()
    await conversation.by_datagram(victim, after=relay)
    await victim.inject_datagrams([*heard, *said], _UNKNOWN)
    await victim.inject_datagrams(_all_numbered([*heard, *said], victim), _UNSEALED)


async def _replay_while_blocked(conversation: Conversation, victim: Victim) -> None:
    """Nothing of the server gets through any more. What it said before is repeated, and its silence is noticed."""
    await conversation.by_datagram(victim)
    await victim.settle()
    outcome, relay, cable, end = victim.outcome, victim.relay, victim.cable, time.monotonic() + patient(20)
    opened, refused, heard = relay.opened, relay.refused(), victim.received()
    cable.block()
    while (there := _in_session(victim)) and time.monotonic() < end:
        for datagram in heard[-20:]:
            cable.inject(datagram)
            outcome.attempts += 1
        await asyncio.sleep(0.02)
    victim.dropped += relay.refused() - refused
    outcome.accepted += relay.opened - opened
    outcome.expect(not there, "repetitions are taken for signs of life")
    cable.unblock()


def _in_session(victim: Victim) -> bool:
    assert victim.person.client.member is not None
    return victim.person.client.member.core.in_session


def _all_numbered(datagrams: Iterable[bytes], victim: Victim) -> list[bytes]:
    """With the number of this one's keys."""
    return [_numbered(datagram, victim.key_id) for datagram in datagrams]
