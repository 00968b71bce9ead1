"""Targets: a real server process and people on it. One attacker holds session keys and sends broken frames, one sends
nothing but valid frames, in any order. An input is the decimal seed of a run.

The honest ones chat all the time and must not notice; the server writes no error, stays small, ends in good order, and
its database is read from outside afterwards.
"""

import contextlib
import signal
import socket
import struct
import time
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.seal import OVERHEAD
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.wire import pack_frame
from tests.fuzz.live import Scene, poll, scene
from tests.fuzz.mutate import blind, mutate
from tests.fuzz.seeds import array
from tests.fuzz.target import Never, Target
from tests.fuzz.valid import PASSWORD, Speaker, World
from tests.support.raw import RawClient
from tests.support.waiting import patient

USERS = 4
BROKEN_INPUTS = 700
STEPS = 120
ANSWER_TIME = patient(30.0)


class Attacker:
    """A person with an account, on one connection at a time."""

    def __init__(self, stage: Scene, world: World, rng: Random, name: str) -> None:
        self.stage = stage
        self.world = world
        self.rng = rng
        self.name = name
        self.key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        self.client = self._connect()
        result = self.client.register(name, PASSWORD)
        assert isinstance(result, wire.LoggedIn), result
        world.rooms += [room.id for room in result.rooms if room.id not in world.rooms]
        world.users.append(result.user.id)
        world.names.append(name)
        world.devices.append(self.client.device)
        self.speaker = Speaker(world, rng, self.key)
        self._adopt()

    def _connect(self) -> RawClient:
        return RawClient(self.stage.server.port, key=self.key)

    def _adopt(self) -> None:
        client = self.client
        self.speaker.log_id = client.welcome.log_id
        self.speaker.bound = client.welcome.log_id + client.fingerprint + client.welcome.challenge
        client.send(wire.Request(2**31, wire.Subscribe(self.world.rooms[:256])))

    def come_back(self) -> None:
        """The server has ended the connection: log in again, as somebody else when this account is of no more use."""
        self.client.close()
        self.client = self._connect()
        if not self._is_let_in():
            self.client.close()
            self.name += "x"
            self.key = Ed25519PrivateKey.from_private_bytes(self.rng.randbytes(32))
            self.client = self._connect()
            result = self.client.register(self.name, PASSWORD)
            assert isinstance(result, wire.LoggedIn), result
            self.world.names.append(self.name)
        self.speaker = Speaker(self.world, self.rng, self.key)
        self._adopt()

    def _is_let_in(self) -> bool:
        """Another attacker may end this account's sessions at that very moment: then a goodbye comes, and no answer."""
        try:
            return isinstance(self.client.log_in_by_key(), wire.LoggedIn)
        except EOFError:
            assert any(isinstance(event, wire.Goodbye) for event in self.client.events), "closed without a word"
            return False


# --- Broken frames under whole seals --------------------------------------------------------------------------------


def _keyholder(octets: bytes) -> None:
    rng, world = Random(octets), World()
    with scene() as stage, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        attackers = [Attacker(stage, world, rng, f"attacker{number}") for number in range(3)]
        try:
            for number in range(BROKEN_INPUTS):
                attacker = rng.choice(attackers)
                stage.inputs += 1
                if rng.random() < 0.6:
                    datagram = _broken_datagram(attacker, rng)
                    sock.sendto(datagram, ("127.0.0.1", stage.server.port))
                else:
                    _send_broken_stream(attacker, rng)
                if number % 20 == 0:
                    _look_around(attackers, world)
        finally:
            for attacker in attackers:
                attacker.client.close()


def _frame(attacker: Attacker, rng: Random) -> Any:
    if rng.random() < 0.7:
        return attacker.speaker.live()
    return wire.Request(rng.getrandbits(32), attacker.speaker.operation(logged_in=True))


def _broken_datagram(attacker: Attacker, rng: Random) -> bytes:
    """Sealed as it should be, and inside anything; now and then the seal itself is broken."""
    frames = [encode(attacker.speaker.live()) for _ in range(rng.choice((1, 1, 2, 6)))]
    payload = array(frames)
    if rng.random() < 0.8:
        payload = mutate(payload, rng)
    datagram = attacker.client.sealer.seal(payload[: DATAGRAM_MAX - OVERHEAD])
    return blind(datagram, rng)[:1400] if rng.random() < 0.1 else datagram


def _send_broken_stream(attacker: Attacker, rng: Random) -> None:
    frame = encode(_frame(attacker, rng))
    if rng.random() < 0.8:
        frame = mutate(frame, rng, 1 << 20)
    length = len(frame) if rng.random() < 0.97 else rng.choice((0, 1, len(frame) + 1, 1 << 20, 2**32 - 1))
    try:
        attacker.client.sock.settimeout(15)
        attacker.client.sock.sendall(struct.pack(">I", length) + frame)
    except OSError:
        attacker.come_back()


def _look_around(attackers: list[Attacker], world: World) -> None:
    for attacker in attackers:
        if not poll(attacker.client, world.learn):
            attacker.come_back()


# --- Valid frames in hostile order ----------------------------------------------------------------------------------


class Visit:
    """One connection that says valid things at wrong times, and counts what is answered."""

    def __init__(self, stage: Scene, speaker: Speaker, rng: Random) -> None:
        self.client = RawClient(stage.server.port, key=speaker.key)
        self.stage = stage
        self.speaker = speaker
        self.rng = rng
        self.alive = True
        self.logged_in = False
        self.open: set[int] = set()
        self._next = rng.getrandbits(31)

    def enter(self) -> None:
        """Log in as one should; refusals (too many sessions, a revoked device) leave it outside. Another connection of
        the same account may end this one meanwhile, by a new password or by its own log-in."""
        try:
            self.logged_in = isinstance(self.client.log_in_by_key(), wire.LoggedIn)
        except (EOFError, ConnectionError):
            self.alive = False
            return
        self._greeted(self.client.welcome)

    def _greeted(self, welcome: wire.Welcome) -> None:
        self.speaker.log_id = welcome.log_id
        self.speaker.bound = welcome.log_id + self.client.fingerprint + welcome.challenge

    def burst(self, count: int) -> None:
        """So many frames at once, without waiting for anything."""
        frames = []
        for _ in range(count):
            if (self.logged_in and self.rng.random() < 0.5) or self.rng.random() < 0.01:
                frames.append(self.speaker.live())
            else:
                self._next = (self._next + 1) % 2**32
                self.open.add(self._next)
                frames.append(wire.Request(self._next, self.speaker.operation(self.logged_in)))
        self.stage.inputs += count
        self._send(b"".join(map(pack_frame, frames)))

    def _send(self, octets: bytes) -> None:
        try:
            self.client.sock.settimeout(15)
            self.client.sock.sendall(octets)
        except OSError:
            self.alive = False

    def listen(self, timeout: float = 0.001) -> None:
        self.alive = poll(self.client, self._take, timeout) and self.alive

    def _take(self, frame: Any) -> None:
        self.speaker.world.learn(frame)
        if isinstance(frame, wire.Response | wire.Failure):
            assert frame.id in self.open, f"{frame.id} was answered twice, or never asked"
            self.open.discard(frame.id)
            if isinstance(frame, wire.Failure):
                assert frame.text != "internal error", "the server failed at a request"
                self.stage.counts[f"refused {wire.Code(frame.code).name}"] += 1
            else:
                self.stage.counts[type(frame.result).__name__] += 1
        match frame:
            case wire.Response(result=wire.Welcome() as welcome):
                self._greeted(welcome)
            case wire.Response(result=wire.LoggedIn()):
                self.logged_in = True

    def settle(self) -> None:
        """Everything that was asked is answered, once, unless the server ended the connection."""
        end = time.monotonic() + ANSWER_TIME
        while self.alive and self.open and time.monotonic() < end:
            self.listen(0.05)
        assert not (self.alive and self.open), f"{len(self.open)} requests were never answered"


class Crowd:
    """Connections of a few people, several of each at a time."""

    def __init__(self, stage: Scene, rng: Random) -> None:
        self.stage = stage
        self.rng = rng
        self.world = World()
        self.people = [Attacker(stage, self.world, rng, f"hostile{number}") for number in range(USERS)]
        # The honest ones can be addressed, too.
        self.world.users.append(stage.witness.user)
        self.world.names.append("honest")
        self.visits: list[Visit] = []
        for person in self.people:
            person.client.close()

    def step(self) -> None:
        rng = self.rng
        if len(self.visits) < 4 or (len(self.visits) < 14 and rng.random() < 0.3):
            self._arrive()
        visit = rng.choice(self.visits)
        visit.burst(rng.choice((1, 1, 3, 10, 80)))
        if rng.random() < 0.7:
            for other in self.visits:
                other.listen()
        if rng.random() < 0.06:
            visit.client.close()
            visit.alive = False
        for gone in [other for other in self.visits if not other.alive]:
            gone.client.close()
            self.visits.remove(gone)

    def _arrive(self) -> None:
        person = self.rng.choice(self.people)
        speaker = Speaker(self.world, self.rng, person.key)
        if self.rng.random() < 0.1:
            speaker = Speaker(self.world, self.rng, Ed25519PrivateKey.from_private_bytes(self.rng.randbytes(32)))
        visit = Visit(self.stage, speaker, self.rng)
        self.visits.append(visit)
        if self.rng.random() < 0.75:
            visit.enter()
        if not visit.logged_in and self.rng.random() < 0.3:
            self._renew(person)

    def _renew(self, person: Attacker) -> None:
        """A device that was revoked is of no use any more: a new account now and then."""
        with contextlib.suppress(AssertionError):
            person.come_back()
            person.client.close()

    def settle(self) -> None:
        for visit in self.visits:
            visit.settle()

    def shut_down(self) -> None:
        """The server is stopped while everybody talks; nothing is answered twice on the way out."""
        for visit in self.visits:
            visit.burst(20)
        self.stage.server.signal(signal.SIGTERM)
        end = time.monotonic() + 0.5
        while time.monotonic() < end and any(visit.alive for visit in self.visits):
            for visit in self.visits:
                if visit.alive:
                    visit.burst(3)
                    visit.listen()
        assert self.stage.server.wait(20) == 0
        for visit in self.visits:
            visit.listen()

    def close(self) -> None:
        for visit in self.visits:
            visit.client.close()


def _hostile_order(octets: bytes) -> None:
    rng = Random(octets)
    with scene() as stage:
        crowd = Crowd(stage, rng)
        try:
            for _ in range(STEPS):
                crowd.step()
            crowd.settle()
            stage.finish_honest()
            crowd.shut_down()
        finally:
            crowd.close()


TARGETS = (
    Target("keyholder-to-server", _keyholder, Never, lambda: [b"1", b"2"], live=True),
    Target("hostile-order", _hostile_order, Never, lambda: [b"1", b"2"], live=True),
)
