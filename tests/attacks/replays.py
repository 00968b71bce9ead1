"""What was recorded is sent again: at once, later, from elsewhere, into another session, after a restart.

A replay is accepted when it has any effect: it opens, something is stored twice, an address moves, a log-in succeeds.
"""

from lanchat.protocol import keys, wire
from lanchat.protocol.wire import Code
from tests.attacks.forgeries import dropped, silent, wait_for_drops
from tests.attacks.outcome import Outcome
from tests.attacks.tapped import Tape, Tapped, record, udp_socket
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient


def of_datagrams(watcher: Tapped, rounds: int = 1) -> tuple[Outcome, Tape]:
    """Every datagram of a session again: from its own address, from another one, relabelled for another session, and
    the server's own back to it; `rounds` times with honest traffic in between. The tape is for after the restart."""
    outcome = Outcome("replayed datagrams: at once, later, from elsewhere, into another session", 0)
    port = watcher.port
    with Tapped(port) as victim, Tapped(port) as other, udp_socket(port, "127.7.7.8") as thief:
        victim.register("replayed")
        other.register("bystander")
        tape = record(victim)
        other.send_datagram(wire.Ping(1))
        other.frames()
        for _ in range(rounds):
            before = _state(watcher)
            again = [*tape.up, *tape.down, *(_relabelled(datagram, other.tape) for datagram in tape.up + tape.down)]
            for sock in (victim.udp, thief, other.udp):
                at = dropped(watcher)
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
            outcome.expect(silent(thief, 0.2), "the one who replayed from elsewhere got the session's datagrams")
        return outcome, Tape(tape.keys, tape.log_id, tape.epoch, list(tape.up), list(tape.down))


def after_a_restart(watcher: Tapped, tape: Tape) -> Outcome:
    """The tape of a session of the server before this one."""
    outcome = Outcome("replayed datagrams: after a restart", 0)
    with udp_socket(watcher.port) as sock:
        before, at = _state(watcher), dropped(watcher)
        for datagram in [*tape.up, *tape.down, *(_relabelled(each, watcher.tape) for each in tape.up + tape.down)]:
            sock.send(datagram)
            outcome.attempts += 1
        wait_for_drops(watcher, at + outcome.attempts)
        outcome.accepted = _state(watcher) - before
        outcome.expect(silent(sock, 0.2), "a replay was answered")
    return outcome


def of_proofs(server: ServerProcess, count: int) -> Outcome:
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


def of_messages(server: ServerProcess, count: int) -> Outcome:
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


def _relabelled(datagram: bytes, tape: Tape) -> bytes:
    """With the key number of another session."""
    return datagram[:1] + tape.keys.key_id.to_bytes(4, "big") + datagram[5:]


def _state(watcher: Tapped) -> int:
    """Grows when a datagram opens or a message is stored."""
    return watcher.counter("udp_in", "stored", "repeated", "refused")
