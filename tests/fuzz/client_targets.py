"""Target: the real client engine against a server that holds all session keys and says what no server says.

The client's own errors are none: nothing is logged as one, every command ends or is refused, and when the server is
honest again the same profile has the whole log. Its copy holds at no time what the log did not sign. An input is the
decimal seed of a run.
"""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path as File
from random import Random
from typing import Any
from unittest import mock

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.core.config import ClientConfig
from lanchat.protocol.codec import encode
from lanchat.protocol.log.certificates import open_certificate_untrusted
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Kind, check_author, decode_header_untrusted
from lanchat.protocol.log.records import Record, check_head
from lanchat.protocol.wire import encode_datagram, pack_frame
from lanchat.store.profile import ProfileStore
from tests.fuzz.file_targets import folder
from tests.fuzz.mutate import mutate
from tests.fuzz.target import Never, Target
from tests.support import fake_server
from tests.support.fake_log import LOG_ID, FakeLog, device_of, key_of
from tests.support.fake_server import FakeServer
from tests.support.ports import free_port
from tests.support.waiting import patient

ROOM = 1
HOSTILE_TIME = 2.5
BROKEN_LEAST = 20
CONFIG = ClientConfig(reconnect_first=0.05, reconnect_early=0.1, reconnect_longest=0.1, away_after=0.3)


class Mutator:
    """Stands between the server and its sockets. `rate`: how much of what is said is broken."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.rate = 0.0
        self.broken = 0

    def stream(self, frame: Any) -> bytes:
        if self.rng.random() >= self.rate:
            return pack_frame(frame)
        self.broken += 1
        octets = mutate(encode(frame), self.rng, 1 << 20)
        # The frame itself may follow, so that not every mutation ends the connection for want of an answer.
        rest = pack_frame(frame) if self.rng.random() < 0.5 else b""
        return len(octets).to_bytes(4, "big") + octets + rest

    def datagram(self, frames: list[Any]) -> bytes:
        if self.rng.random() >= self.rate * 3:
            return encode_datagram(frames)
        self.broken += 1
        return mutate(encode_datagram(frames), self.rng, 1171)

    @contextlib.contextmanager
    def between(self) -> Iterator[None]:
        with (
            mock.patch.object(fake_server, "pack_frame", self.stream),
            mock.patch.object(fake_server, "encode_datagram", self.datagram),
        ):
            yield


class Errors(logging.Handler):
    """What our own code logs as an error, or dies of unseen."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def take(self, context: dict[str, Any]) -> None:
        """From the event loop. The fake server runs in it, too, and is confused by answers to its own broken frames."""
        error = context.get("exception")
        steps = traceback.extract_tb(error.__traceback__) if error is not None else []
        if not any(step.filename == fake_server.__file__ for step in steps):
            self.lines.append(repr(context))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter().format(record))


@contextlib.contextmanager
def _no_errors() -> Iterator[Errors]:
    handler = Errors()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler
        assert not handler.lines, "\n".join(handler.lines[:3])
    finally:
        root.removeHandler(handler)


def _client(octets: bytes) -> None:
    rng = Random(octets)
    with folder() as home, _no_errors() as errors:
        asyncio.run(_run(rng, home, errors))


class Patient:
    """The client engine on one profile; begun anew when the server has turned it away for good."""

    def __init__(self, home: File) -> None:
        self.home = home
        self.refused = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._begin()

    def _begin(self) -> None:
        profile = ProfileStore.open(self.home)
        self.refused = False
        self.client = Client(profile, self._hear, use_zeroconf=False, discovery_port=free_port(), config=CONFIG)

    def _hear(self, event: api.Event) -> None:
        if isinstance(event, api.StateChanged) and event.state is api.LinkState.REFUSED:
            self.refused = True

    async def register(self, server: FakeServer) -> None:
        await self.client.call(api.ConnectCommand(address=server.address, fingerprint=server.fingerprint))
        await self.client.call(api.RegisterCommand("anna", "a password"))
        await self.client.call(api.WaitLiveCommand(30))

    def try_command(self, command: api.Command) -> None:
        """Beside whatever else is under way."""
        if len(self._tasks) < 30:
            task = asyncio.get_running_loop().create_task(self._try(command))
            self._tasks.add(task)

    async def _try(self, command: api.Command) -> None:
        with contextlib.suppress(api.CommandError):
            await self.client.call(command)

    async def close(self) -> None:
        """Every command has ended, as the contract says: with a result or a CommandError."""
        await self.client.close()
        if self._tasks:
            done, waiting = await asyncio.wait(self._tasks, timeout=patient(40))
            assert not waiting, f"commands never end: {waiting}"
            for task in done:
                task.result()
        self._tasks.clear()

    async def again(self) -> None:
        await self.close()
        self._begin()
        self.try_command(api.ConnectCommand())


async def _run(rng: Random, home: File, errors: Errors) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.take(context))
    log, mutator = FakeLog(rooms=3), Mutator(rng)
    with mutator.between():
        async with FakeServer(log) as server:
            log.enrol(key_of(9), 99, "other")
            patient = Patient(home)
            await patient.register(server)
            mutator.rate = 0.12
            await _be_hostile(rng, server, patient, mutator)
            await patient.close()
            mutator.rate = 0.0
            _check_copy(home, log)
            await _check_recovery(home)
    _check_copy(home, log)
    assert mutator.broken >= BROKEN_LEAST, "hardly anything was broken"


async def _be_hostile(rng: Random, server: FakeServer, patient: Patient, mutator: Mutator) -> None:
    """People talk on both sides, commands are given, the connection comes and goes; until enough was broken."""
    clock = asyncio.get_running_loop().time
    end = clock() + HOSTILE_TIME
    while clock() < end or (mutator.broken < BROKEN_LEAST and clock() < end + 30):
        room = rng.randint(1, 3)
        seq = len(server.log.records[room])
        kind = rng.choice((Kind.TEXT, Kind.TEXT, Kind.EDIT, Kind.REACTION)) if seq else Kind.TEXT
        ref = rng.randint(1, seq) if kind is not Kind.TEXT else 0
        server.relay(room, server.log.say(room, rng.choice(("hello", "👍", "ж" * 16)), kind=kind, ref=ref))
        patient.try_command(rng.choice(_COMMANDS)(room, rng))
        if rng.random() < 0.05:
            for session in list(server.sessions):
                session.cut()
        if patient.refused:
            await patient.again()
        await asyncio.sleep(rng.choice((0.0, 0.005, 0.02)))


_COMMANDS = (
    lambda room, rng: api.SendCommand(room, rng.choice(("mine", "x" * 3000))),
    lambda room, rng: api.LoadLinesCommand(room, 0, 30),
    lambda room, rng: api.ListRoomsCommand(),
    lambda room, rng: api.ListPeopleCommand(),
    lambda room, rng: api.WaitLiveCommand(0.3),
)


async def _check_recovery(home: File) -> None:
    """The same profile with the same server, honest again: everything is there, and what is said goes out."""
    patient = Patient(home)
    call = patient.client.call
    try:
        await call(api.ConnectCommand())
        await call(api.WaitLiveCommand(40))
        line = await call(api.SendCommand(ROOM, "all is well"))
        assert await call(api.WaitDecidedCommand(line.id, 30))
    finally:
        await patient.close()


def _check_copy(home: File, log: FakeLog) -> None:
    """What the profile keeps is the log's, octet by octet; what waits was signed by this device; whose a device is, the
    log said."""
    profile = ProfileStore.open(home)
    device = profile.device(LOG_ID)
    assert device is not None, "the device key is gone"
    store = profile.local_store(LOG_ID, device.user_id)
    try:
        assert not store.recovered
        for room, records in log.records.items():
            span, head = store.span(room), store.head(room)
            if span is not None:
                copy = store.records(room, span.base + 1, span.cursor)
                assert list(map(_said, copy)) == list(map(_said, records[span.base : span.cursor])), "a false record"
                assert span.cursor_hash == log.hashes[room][span.cursor]
            if head is not None:
                check_head(log.log_key, LOG_ID, head)
        for item in store.outgoing():
            header = decode_header_untrusted(item.message.header)
            body_hash = sha256(item.message.body)
            public = open_certificate_untrusted(log.log_key, LOG_ID, device.certificate).public_key
            assert header.device == device.device_id
            check_author(public, LOG_ID, item.message.header, body_hash, item.message.signature)
        known = [device.device_id, device_of(key_of(9))]
        for certificate in store.certificates(known).values():
            open_certificate_untrusted(log.log_key, LOG_ID, certificate)
    finally:
        store.close()


def _said(record: Record) -> tuple[object, ...]:
    return record.seq, record.time_ms, record.header, record.signature, record.body_hash


TARGETS = (Target("keyholder-to-client", _client, Never, lambda: [b"1", b"2"], live=True),)
