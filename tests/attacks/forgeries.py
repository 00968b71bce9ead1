"""Forged datagrams and messages: through the real `Opener`, a real server's sockets, and the socket of a real client.

An accepted forgery of a datagram is one that opens. At the server it is one with an effect: something was stored, the
session's address moved, the counter of opened datagrams rose.
"""

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random

from lanchat.protocol import wire
from lanchat.protocol.datagram import seal
from lanchat.protocol.errors import ProtocolError
from tests.attacks import forge
from tests.attacks.attacked_clients import Conversation, Victim, run_attack
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import (
    Recording,
    RecordingClient,
    counter_of,
    few_of_each_kind,
    kinds_of,
    record_every_kind,
    udp_socket,
)
from tests.support.procs import ServerProcess
from tests.support.waiting import wait_until

# More than a flight of these waits for the server to have taken it, so that its socket buffer loses none.
_FLIGHT = 500


def record_two_sessions(server: ServerProcess) -> tuple[Recording, Recording]:
    """What an eavesdropper has of two sessions."""
    with RecordingClient(server.port) as anna, RecordingClient(server.port) as boris:
        anna.register("anna")
        boris.register("boris")
        return record_every_kind(anna), record_every_kind(boris)


def forgeries_of(
    tape: Recording, stranger: Recording, up: bool, random: Random, extra: int
) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """Each datagram of one direction, and the forgeries of it; `extra` more of each random kind."""
    mine, back = (tape.up, tape.down) if up else (tape.down, tape.up)
    for datagram in mine:
        opener = tape.openers()[0 if up else 1]
        payload = opener.open_untrusted(datagram)
        yield (
            datagram,
            itertools.chain(
                forge.bit_flipped(datagram),
                forge.resized(datagram),
                forge.spliced(datagram, random.sample(mine, min(8, len(mine)))),
                forge.spliced(datagram, random.sample(back, min(8, len(back)))),
                back,
                stranger.up,
                stranger.down,
                (tape.keys.key_id.to_bytes(4, "big").join((d[:1], d[5:])) for d in (*stranger.up, *stranger.down)),
                forge.sealed_for_other_contexts(tape, payload, counter_of(datagram), up),
                forge.with_other_counters(datagram, random, extra),
                forge.scrambled(datagram, random, extra),
                forge.sealed_with_other_keys(payload, tape, random, extra),
            ),
        )


def against_the_opener(tape: Recording, stranger: Recording, count: int, seed: int) -> Outcome:
    """At least `count` forgeries; after those of each datagram the real one still opens, once."""
    outcome = Outcome("forged datagrams, both directions: the opener", 0)
    random = Random(seed)
    extra = 4
    while outcome.attempts < count:
        for up in (True, False):
            for datagram, forgeries in forgeries_of(tape, stranger, up, random, extra):
                _try_all(outcome, tape, up, datagram, forgeries)
        # Flips and cuts are the same each time: from now on only those that are drawn anew.
        extra = max(extra, (count - outcome.attempts) // (3 * len(tape.up + tape.down)) + 1)
    return outcome


def _try_all(outcome: Outcome, tape: Recording, up: bool, datagram: bytes, forgeries: Iterator[bytes]) -> None:
    opener = tape.openers()[0 if up else 1]
    for attempt in forgeries:
        outcome.attempts += 1
        if _opens(opener, attempt):
            outcome.accepted += 1
    outcome.expect(_opens(opener, datagram), "the real datagram was refused after its forgeries")
    outcome.expect(not _opens(opener, datagram), "the real datagram opened twice")


def _opens(opener: seal.Opener, datagram: bytes) -> bool:
    try:
        opener.open_untrusted(datagram)
    except ProtocolError:
        return False
    return True


# --- The server's socket ---------------------------------------------------------------------------------------------


def against_the_socket(watcher: RecordingClient, count: int, seed: int) -> Outcome:
    """`count` forgeries of datagrams that the server has not seen yet, from another address than the session's.
    `watcher` is the server's administrator."""
    outcome = Outcome("forged datagrams: the server's socket", 0)
    random = Random(seed)
    port = watcher.port
    with RecordingClient(port) as victim, RecordingClient(port) as other, udp_socket(port, "127.7.7.7") as thief:
        victim.register(f"victim{seed}")
        other.register(f"other{seed}")
        room = victim.rooms["general"]
        assert victim.request(wire.Subscribe([room])).heads
        victim.send_datagram(wire.Ping(1))
        other.send_datagram(wire.Ping(1))
        victim.frames()
        stored, opened = watcher.status()["rooms"][0]["head"], watcher.counter("udp_in")
        held = [
            victim.sealed(wire.Submit([victim.message(room, "not sent yet")])),
            victim.sealed(wire.Ping(77)),
            victim.sealed(wire.Activity(wire.PresenceState.AWAY), wire.Cursors([wire.Cursor(room, 1, 1)])),
        ]
        tape = Recording(victim.tape.keys, victim.tape.log_id, victim.tape.epoch, held, victim.tape.down)
        pool = [attempt for _, each in forgeries_of(tape, other.tape, True, random, count // 9) for attempt in each]
        own = set(victim.tape.up) | set(other.tape.up) | set(other.tape.down)
        pool = [attempt for attempt in pool if attempt and attempt not in own]
        outcome.attempts = _send_all(watcher, thief, random.sample(pool, min(count, len(pool))))
        outcome.accepted += watcher.counter("udp_in") - opened
        outcome.accepted += watcher.status()["rooms"][0]["head"] - stored
        _expect_untouched(outcome, watcher, victim, thief, held)
    return outcome


def _expect_untouched(
    outcome: Outcome, watcher: RecordingClient, victim: RecordingClient, thief: socket.socket, held: list[bytes]
) -> None:
    """The session's records still go where they went, and its own datagrams are taken now."""
    watcher.say_without_waiting(watcher.rooms["general"], "to whom?")
    heard = {type(frame) for frame in victim.frames()}
    outcome.expect(wire.Records in heard, "the session's records do not reach it by datagram any more")
    outcome.expect(is_silent(thief), "the forger got an answer")
    for datagram in held:
        victim.udp.send(datagram)
    frames = victim.frames()
    outcome.expect(wire.Pong(77) in frames, "the real datagrams are refused after their forgeries")


def _send_all(watcher: RecordingClient, sock: socket.socket, datagrams: list[bytes]) -> int:
    """Send, and wait until the server has dropped each of them; returns how many."""
    before, sent = dropped_count(watcher), 0
    for datagram in datagrams:
        sock.send(datagram)
        sent += 1
        if sent % _FLIGHT == 0 or sent == len(datagrams):
            wait_for_drops(watcher, before + sent)
    return sent


def wait_for_drops(watcher: RecordingClient, count: int) -> None:
    """Until the server has dropped so many datagrams in all."""
    wait_until(lambda: dropped_count(watcher) >= count, 20, "the server has dropped what was forged")


def dropped_count(watcher: RecordingClient) -> int:
    """How many datagrams the server has dropped."""
    counters = watcher.status()["counters"]
    return sum(n for name, n in counters.items() if name.startswith("udp_") and name not in ("udp_in", "udp_out"))


def is_silent(sock: socket.socket, wait: float = 0.3) -> bool:
    """Whether nothing comes."""
    sock.settimeout(wait)
    try:
        sock.recv(2048)
    except TimeoutError:
        return True
    return False


# --- A client's socket -----------------------------------------------------------------------------------------------

# Of each kind of forgery that is drawn, for each datagram.
_EXTRA = 100
_REASONS = ("seal does not hold", "unknown key", "not a relay datagram", "datagram too long")


def against_a_client(folder: Path, count: int, seed: int) -> Outcome:
    """`count` forgeries or some more: of each kind of datagram that a real client has heard, and of what is still on
    its way to it; and what is genuine, but comes from elsewhere."""
    outcome = Outcome("forged datagrams: a client's socket", 0)
    random = Random(seed)

    async def attack(conversation: Conversation) -> None:
        anna, boris = conversation.victims
        await conversation.record(anna, boris)
        tape, strange = anna.tape(), boris.tape()
        tape.down = few_of_each_kind(tape)
        for _, forgeries in forgeries_of(tape, strange, False, random, _EXTRA):
            await anna.inject_datagrams(forgeries, *_REASONS)
        while True:
            await _forge_held_datagrams(conversation, anna, boris, random)
            if outcome.attempts >= count:
                return

    run_attack(folder, outcome, attack)
    return outcome


async def _forge_held_datagrams(conversation: Conversation, anna: Victim, boris: Victim, random: Random) -> None:
    """All forgeries of something that Boris says come before it does; then it is shown."""
    held = anna.cable.hold_datagrams()
    tape = anna.tape()
    line = await boris.person.say()

    def said() -> bool:
        tape.down = list(held)
        return any(wire.Records in kinds for kinds in kinds_of(tape))

    await conversation.crowd.until(said, 20, "what was said is on its way")
    for _, forgeries in forgeries_of(tape, boris.tape(), False, random, _EXTRA):
        await anna.inject_datagrams(forgeries, *_REASONS)
    await anna.inject_from_other_addresses(tape.down)
    anna.outcome.expect(line not in anna.person.memory.shown_at, "something was shown that was still on its way")
    refused = anna.relay.refused()
    anna.cable.release_datagrams()
    await conversation.crowd.until(lambda: line in anna.person.memory.shown_at, 20, "what was said is shown")
    await anna.settle()
    anna.outcome.expect(anna.relay.refused() == refused, "the real datagrams were refused after their forgeries")
