"""A server that was honest and turns hostile: what it sends instead, as a table of scripts.

A script gets each frame of a client before the server handles it and returns whether it has handled it. Other frames
are answered honestly, so that a client gets as far as the script wants it to. `harmed` counts how often a script did
harm.
"""

import asyncio
import contextlib
import math
import struct
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from lanchat.core.config import DEFAULT_CONFIG
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.limits import LIST_ENTRIES_MAX
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import Certificate, CertificateBody, issue_certificate
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.log.records import Head, Record, chain_hash, sign_head
from lanchat.protocol.wire import pack_frame
from tests.support.fake_log import LOG_ID, FakeLog, device_of, key_of
from tests.support.fake_server import FakeServer, Session

FAR = 2**62
LAST = 2**63 - 1
# A name as nobody may have it: control characters, a terminal's escape sequences, reversed text.
NASTY = "\x1b]0;owned\x07\x1b[2J\u202egnp\x00\n" * 12
_LENGTH = struct.Struct(">I")


class HostileSession(Session):
    """One connection; `times` is for scripts that count."""

    server: "HostileServer"

    def __init__(self, server: "HostileServer") -> None:
        super().__init__(server)
        self.times = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.server.script.on_connected(self)

    def _handle(self, frame: Any) -> None:
        if not self.server.script.on_frame(self, frame):
            super()._handle(frame)

    @property
    def unsent(self) -> int:
        """Octets that wait to be written."""
        return 0 if self._transport is None else int(self._transport.get_write_buffer_size())

    def answer(self, frame: wire.Request, result: Any) -> None:
        self.send(wire.Response(frame.id, result))

    def answer_honestly(self, frame: Any) -> None:
        super()._handle(frame)

    def send_value(self, value: Any) -> None:
        """A frame of any content."""
        octets = encode(value)
        self.send_raw(_LENGTH.pack(len(octets)) + octets)


class Script:
    """Does nothing. A script that does harm counts it in `server.met`."""

    def on_connected(self, session: HostileSession) -> None:
        """Before the first frame."""

    def on_frame(self, session: HostileSession, frame: Any) -> bool:
        return False


class HostileServer(FakeServer):
    """Honest until it gets a script."""

    session_type = HostileSession  # type: ignore[assignment]

    def __init__(self, log: FakeLog | None = None) -> None:
        super().__init__(log)
        self.script = Script()
        self.harmed = 0

    def set_script(self, script: Script | None) -> None:
        """Play another script from now on; None: be honest. Everybody has to come back."""
        self.script, self.harmed = script or Script(), 0
        for session in list(self.sessions):
            session.cut()


class OnRequest(Script):
    """Does something else than to answer requests of some kinds."""

    def __init__(self, kinds: type | tuple[type, ...], act: Callable[[HostileSession, Any], None]) -> None:
        self._kinds = kinds
        self._act = act

    def on_frame(self, session: HostileSession, frame: Any) -> bool:
        if not isinstance(frame, wire.Request) or not isinstance(frame.operation, self._kinds):
            return False
        session.server.harmed += 1
        self._act(session, frame)
        return True


def answering(kinds: type | tuple[type, ...], result: Callable[[Any], Any]) -> Script:
    """Answers with `result(operation)`."""
    return OnRequest(kinds, lambda session, frame: session.answer(frame, result(frame.operation)))


def answering_and_sending(kinds: type | tuple[type, ...], *more: Any) -> Script:
    """Answers honestly, and then sends more: frames, or functions of the session that make them."""

    def act(session: HostileSession, frame: Any) -> None:
        session.answer_honestly(frame)
        for item in more:
            for each in item(session) if callable(item) else (item,):
                if isinstance(each, bytes):
                    session.send_raw(each)
                else:
                    session.send(each)

    return OnRequest(kinds, act)


LOG_IN = (wire.LoginDevice, wire.LoginPassword, wire.Register)


def never_answering(*kinds: type) -> Script:
    """Never answers these."""
    return OnRequest(kinds, lambda session, frame: None)


class Combined(Script):
    """The first script that deals with a frame does."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts

    def on_connected(self, session: HostileSession) -> None:
        for script in self._scripts:
            script.on_connected(session)

    def on_frame(self, session: HostileSession, frame: Any) -> bool:
        return any(script.on_frame(session, frame) for script in self._scripts)


class NeverAnswers(Script):
    """TLS, and then nothing."""

    def on_frame(self, session: HostileSession, frame: Any) -> bool:
        session.server.harmed += 1
        return True


class SlowHello(Script):
    """Answers hello one octet at a time, and never to its end."""

    def on_frame(self, session: HostileSession, frame: Any) -> bool:
        session.server.harmed += 1
        octets = pack_frame(wire.Response(frame.id, session.server.welcome(bytes(32))))
        asyncio.get_running_loop().create_task(self._drip(session, octets))
        return True

    async def _drip(self, session: HostileSession, octets: bytes) -> None:
        for octet in octets[:-1]:
            session.send_raw(bytes([octet]))
            await asyncio.sleep(0.01)


# --- Lists ------------------------------------------------------------------------------------------------------------


def user(number: int, name: str = "") -> wire.User:
    return wire.User(number, name or f"u{number}", "", wire.PresenceState.ONLINE, 1)


def room(number: int, name: str = "", *, joined: bool = False) -> wire.Room:
    kind, policy = wire.RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING
    return wire.Room(number, name or f"r{number}", kind, policy, 1, joined, 2)


def _forward(after: bytes) -> bytes:
    return (int.from_bytes(after, "big") + 1).to_bytes(8, "big")


def _backward(after: bytes) -> bytes:
    return (int.from_bytes(after or b"\xff" * 8, "big") - 1).to_bytes(8, "big")


def _same(after: bytes) -> bytes:
    return b"x"


def _endless_user_pages() -> Script:
    """Each page has as many as a page may have, and there is always one more."""

    def page(operation: wire.ListUsers) -> Any:
        first = int.from_bytes(operation.after, "big") * LIST_ENTRIES_MAX + 10
        users = [user(number, "x") for number in range(first, first + LIST_ENTRIES_MAX)]
        return wire.UserList(users, _forward(operation.after))

    return answering(wire.ListUsers, page)


def _send_users(session: HostileSession) -> Iterator[Any]:
    for first in range(10, 2 * DEFAULT_CONFIG.users_max, LIST_ENTRIES_MAX):
        yield wire.Users([user(number, "x") for number in range(first, first + LIST_ENTRIES_MAX)])


def _send_rooms(session: HostileSession) -> Iterator[Any]:
    for number in range(100, 2 * DEFAULT_CONFIG.rooms_max):
        yield wire.RoomChanged(room(number))


def _send_members(session: HostileSession) -> Iterator[Any]:
    for first in range(10, 2 * DEFAULT_CONFIG.users_max, LIST_ENTRIES_MAX):
        yield wire.MembersChanged(1, [wire.Member(user, 1) for user in range(first, first + LIST_ENTRIES_MAX)], [])


def _send_read_marks(session: HostileSession) -> Iterator[Any]:
    for first in range(10, 2 * DEFAULT_CONFIG.users_max, 1000):
        yield wire.RoomCursors(1, [wire.MemberCursor(number, LAST, LAST) for number in range(first, first + 1000)])


# --- Records ----------------------------------------------------------------------------------------------------------


class Forger:
    """Records and heads signed by the log, of authors of any kind."""

    def __init__(self, log: FakeLog) -> None:
        self.log = log
        self._n = 0

    def record(self, number: int, seq: int, text: str = "x", room: int = 1, **fields: Any) -> Record:
        """By the device of key `number`."""
        self._n += 1
        key = key_of(number)
        values = {"kind": Kind.TEXT, "ref": 0, "sent_ms": 1, "lamport": 1} | fields
        made = make_message(key, LOG_ID, Header(room, device_of(key), 77, self._n, **values), text)
        return Record(seq, fields.get("sent_ms", 1), made.header, made.signature, made.body)

    def unsigned(self, seq: int, device: bytes, body: bytes, room: int = 1) -> Record:
        """By a device without a certificate."""
        self._n += 1
        header = encode(Header(room, device, 1, self._n, Kind.TEXT, 0, 1, 1))
        return Record(seq, 1, header, bytes(64), body)

    def head(self, seq: int, chain: bytes, room: int = 1) -> Head:
        return sign_head(self.log.key, LOG_ID, self.log.epoch, room, seq, chain, self.log.time_ms)


def _head_jumps(session: HostileSession) -> Iterator[Any]:
    forger = Forger(session.server.log)
    for step in range(200):
        yield wire.Heads([forger.head(FAR + step, bytes(32))])


def _gap(session: HostileSession) -> Iterator[Any]:
    """Records of the largest size far above what is here, in thirty rooms."""
    forger = Forger(session.server.log)
    body = b"x" * 16_000
    for number in session.server.log.records:
        for first in range(10, 70, 30):
            records = [forger.unsigned(seq, bytes(16), body, number) for seq in range(first, first + 30)]
            yield wire.Records(number, records)


def _of_unknown_devices(session: HostileSession) -> Iterator[Any]:
    """Good records of the largest size, each by another device. They stay in the log."""
    log = session.server.log
    forger, records, hashes = Forger(log), log.records[1], log.hashes[1]
    for _ in range(50 if session.server.harmed == 1 else 0):
        for _ in range(30):
            number = len(records) + 1
            records.append(forger.unsigned(number, number.to_bytes(16, "big"), b"x" * 16_000))
            hashes.append(chain_hash(LOG_ID, 1, hashes[-1], records[-1]))
        yield wire.Records(1, records[-30:], log.head(1))


def _edits_without_end(session: HostileSession, frame: Any) -> None:
    """Good edits of one message; there are always more than were asked for."""
    log = session.server.log
    for _ in range(frame.operation.limit + 100):
        log.say(frame.operation.room, f"edit {len(log.records[1])}", kind=Kind.EDIT, ref=2)
    session.answer_honestly(frame)


def _page_of(**changes: Any) -> Callable[[HostileSession, Any], None]:
    """An honest page that is changed."""

    def act(session: HostileSession, frame: Any) -> None:
        page = session.server.log.page(frame.operation)
        values = {key: value(page) if callable(value) else value for key, value in changes.items()}
        session.answer(frame, replace(page, **values))

    return act


# --- Times, limits, keys ----------------------------------------------------------------------------------------------


def _welcome(**changes: Any) -> Script:
    def act(session: HostileSession, frame: Any) -> None:
        session._challenge = bytes(32)
        session.answer(frame, replace(session.server.welcome(bytes(32)), **changes))

    return OnRequest(wire.Hello, act)


def _raw_limits(*limits: Any) -> Script:
    def act(session: HostileSession, frame: Any) -> None:
        session._challenge = bytes(32)
        welcome = msgspec.to_builtins(session.server.welcome(bytes(32)), builtin_types=(bytes,))
        welcome[9] = list(limits)
        session.send_value([65, frame.id, welcome])

    return OnRequest(wire.Hello, act)


def _logged_in(**changes: Any) -> Script:
    def act(session: HostileSession, frame: Any) -> None:
        answer = session._answer(frame.operation)
        values = {key: value(answer) if callable(value) else value for key, value in changes.items()}
        session.answer(frame, replace(answer, **values))

    return OnRequest(wire.LoginDevice, act)


def _keys_that_end_at_once(session: HostileSession) -> Iterator[Any]:
    for number in range(5000):
        yield wire.SessionKeys(number, bytes(32), bytes(32), 0)


def _renew_without_end(session: HostileSession, frame: Any) -> None:
    session.send(wire.SessionKeys(7, bytes(32), bytes(32), 0))
    session.answer(frame, wire.Done())


def _certificates(session: HostileSession) -> Iterator[Any]:
    """Of this device with a wrong signature, of another log, for another device, and nothing at all."""
    log = session.server.log
    name, public = next(iter(session.server.public_keys.values()))
    for number in range(300):
        body = CertificateBody(LOG_ID, 1, public, name, name, LAST, LAST)
        yield wire.NewCertificate(replace(issue_certificate(log.key, body), signature=bytes(64)))
        yield wire.NewCertificate(issue_certificate(log.key, replace(body, log_id=bytes(16))))
        other = keys.public_octets(key_of(100 + number % 100))
        yield wire.NewCertificate(issue_certificate(log.key, replace(body, public_key=other)))
        yield wire.NewCertificate(Certificate(bytes([number % 256]) * 640, bytes(64)))


# --- Floods -----------------------------------------------------------------------------------------------------------


class FloodBeforeLogIn(Script):
    """Small frames without end to somebody who has not logged in; each is one that a later version may send."""

    FRAMES = pack_frame(wire.Pong(1)) * 20_000

    def on_frame(self, session: HostileSession, frame: Any) -> bool:
        if isinstance(frame, wire.Request) and isinstance(frame.operation, wire.Hello):
            session.answer_honestly(frame)
            session.server.harmed += 1
            asyncio.get_running_loop().call_later(0.05, lambda: session.send_raw(self.FRAMES * 20))
            return True
        return False


class DatagramFlood(Script):
    """Datagrams of every kind to the client's socket: noise, and sealed ones that say nothing sensible."""

    def on_frame(self, session: HostileSession, frame: Any) -> bool:
        address, sealer = session.address, session._sealer
        if address is None or sealer is None:
            return False
        if session.times < 20:
            session.times += 1
            session.server.harmed += 1
            send = session.server.transport.sendto
            for number in range(100):
                send(bytes([number]) * (number * 12), address)
                send(sealer.seal(bytes([number]) * number), address)
                send(sealer.seal(encode([wire.Pong(number)] * 16)), address)
        return False


def _nested(depth: int) -> bytes:
    octets = b"\x91" * depth
    return _LENGTH.pack(len(octets)) + octets


def _reordered() -> Script:
    """Answers come in the opposite order, five at a time."""
    waiting: list[tuple[HostileSession, Any]] = []

    def act(session: HostileSession, frame: Any) -> None:
        waiting.append((session, frame))
        if len(waiting) == 1:
            asyncio.get_running_loop().call_later(0.05, flush)

    def flush() -> None:
        for session, frame in reversed(waiting):
            with contextlib.suppress(AttributeError):
                session.answer_honestly(frame)
        waiting.clear()

    return OnRequest(_SYNCING, act)


def _answers_twice(session: HostileSession, frame: Any) -> None:
    session.answer_honestly(frame)
    session.answer_honestly(frame)


def _unrequested(session: HostileSession) -> Iterator[Any]:
    for number in range(1000, 2000):
        yield wire.Response(number, wire.Done())
        yield wire.Failure(number, 2**32 - 1, NASTY[:256], 2**32 - 1)


def _busy(session: HostileSession) -> Iterator[Any]:
    for _ in range(500):
        yield wire.Busy(2**32 - 1, [wire.NotTaken(1, bytes(16), 1, 1, LAST)])
        yield wire.Expect(1, bytes(16), 1, LAST)
        yield wire.Decided([wire.Receipt(1, bytes(16), 1, 1, LAST)])
        yield wire.Lagging()


def _times(value: int) -> Script:
    """A record, its author's clock and a presence of that time, and honest ones afterwards."""

    def act(session: HostileSession, frame: Any) -> None:
        log = session.server.log
        session.answer_honestly(frame)
        session.send(wire.Users([replace(user(50, "far"), last_seen_ms=value)]))
        if session.server.harmed > 1:
            return
        log.time_ms, before = value - 1, log.time_ms
        record = log.say(text="late")
        session.send(wire.Records(1, [record], log.head(1)))
        log.time_ms = before

    return OnRequest(wire.ListUsers, act)


def _raw_user(*fields: Any) -> Script:
    """A user list with one of these values."""
    return OnRequest(wire.ListUsers, lambda session, frame: session.send_value([65, frame.id, [9, [list(fields)]]]))


def _people(page: Callable[[bytes], bytes]) -> Script:
    """Pages of users that name this position as the next."""
    return answering(wire.ListUsers, lambda asked: wire.UserList([user(5)], page(asked.after)))


def _rooms_at_log_in(count: int) -> Script:
    return _logged_in(rooms=[room(number, joined=number == 1) for number in range(1, count + 1)])


def _rooms_without_end() -> Script:
    more = answering(wire.ListRooms, lambda asked: wire.RoomList([room(5)], _forward(asked.after)))
    return Combined(more, _logged_in(next=b"\0"))


def _too_many_members() -> Script:
    crowded = replace(room(1, "room1", joined=True), members=2**32 - 1)
    return answering_and_sending(
        wire.Subscribe,
        wire.RoomChanged(crowded),
        wire.MembersChanged(1, [wire.Member(user, 1) for user in (5, 6, 7)], []),
    )


def _other_chain(session: HostileSession) -> list[Any]:
    return [wire.Heads([Forger(session.server.log).head(1, b"z" * 32)])]


def _control_characters_in_names(asked: wire.ListUsers) -> wire.UserList:
    return wire.UserList([user(5, NASTY[:256]), replace(user(6), display_name=NASTY[:256])])


def _refused(code: int) -> Script:
    failure = wire.Failure(0, code, NASTY[:256], 2**32 - 1)
    return OnRequest(LOG_IN, lambda session, frame: session.send(replace(failure, id=frame.id)))


_SYNCING = (wire.Subscribe, wire.History, wire.ListUsers, wire.ListRooms, wire.GetCertificates)


def _many_unknown_devices(asked: wire.ListUsers) -> wire.UserList:
    return wire.UserList([user(number, "x") for number in range(10, LIST_ENTRIES_MAX + 11)])


def _unknown_authors() -> Script:
    return Combined(never_answering(wire.GetCertificates), answering_and_sending(wire.Subscribe, _of_unknown_devices))


def _keys_without_end() -> Script:
    return Combined(
        OnRequest(wire.Renew, _renew_without_end), answering_and_sending(wire.Subscribe, _keys_that_end_at_once)
    )


_NASTY_ROOM = room(1, NASTY[:256], joined=True)


class End(Enum):
    """The state of a client under a script."""

    LIVES = "it may become live"
    FAILS = "no session comes about, or none stays, and people are told why"
    STOPS = "it does not come back by itself, and people are told why"


class Scenario(NamedTuple):
    """A script with its name."""

    name: str
    make: Callable[[], Script]
    end: End = End.LIVES


SCENARIOS = (
    # Lists.
    Scenario("people: always one more page", lambda: _people(_forward), End.FAILS),
    Scenario("people: pages go back", lambda: _people(_backward), End.FAILS),
    Scenario("people: pages repeat", lambda: _people(_same), End.FAILS),
    Scenario("people by the million", _endless_user_pages, End.FAILS),
    Scenario("people by the million, unasked", lambda: answering_and_sending(wire.Subscribe, _send_users), End.FAILS),
    Scenario("people: more than a page has", lambda: answering(wire.ListUsers, _many_unknown_devices), End.FAILS),
    Scenario("rooms: always one more page", _rooms_without_end, End.FAILS),
    Scenario("rooms: more than a page has", lambda: _rooms_at_log_in(LIST_ENTRIES_MAX + 1), End.FAILS),
    Scenario("rooms: more than a client takes", lambda: _rooms_at_log_in(LIST_ENTRIES_MAX), End.FAILS),
    Scenario(
        "rooms by the ten thousand, unasked", lambda: answering_and_sending(wire.Subscribe, _send_rooms), End.FAILS
    ),
    Scenario("members by the million", lambda: answering_and_sending(wire.Subscribe, _send_members)),
    Scenario("receipts by the million", lambda: answering_and_sending(wire.Subscribe, _send_read_marks)),
    Scenario("more members than a number holds", _too_many_members),
    # Records and heads.
    Scenario("heads jump ahead", lambda: answering_and_sending(wire.Subscribe, _head_jumps)),
    Scenario("a head of another chain", lambda: answering_and_sending(wire.Subscribe, _other_chain)),
    Scenario("a subscription forgets the rooms", lambda: answering(wire.Subscribe, lambda _: wire.Subscribed([], []))),
    Scenario("gaps in thirty rooms", lambda: answering_and_sending(wire.Subscribe, _gap)),
    Scenario("a history of edits without end", lambda: OnRequest(wire.History, _edits_without_end)),
    Scenario("records of a thousand unknown devices", _unknown_authors),
    Scenario("a page of another room", lambda: OnRequest(wire.History, _page_of(room=77)), End.FAILS),
    Scenario("a page with another beginning", lambda: OnRequest(wire.History, _page_of(before_hash=bytes(32)))),
    Scenario("a page without records", lambda: OnRequest(wire.History, _page_of(records=[]))),
    Scenario("a page upside down", lambda: OnRequest(wire.History, _page_of(records=lambda page: page.records[::-1]))),
    # Frames.
    Scenario("a frame over the limit", lambda: answering_and_sending(wire.Subscribe, _LENGTH.pack(2**31)), End.FAILS),
    Scenario(
        "noise instead of frames", lambda: answering_and_sending(wire.Subscribe, b"\x00\x00\x00\x08notmsgpk"), End.FAILS
    ),
    Scenario(
        "a frame nested a million deep", lambda: answering_and_sending(wire.Subscribe, _nested(1 << 20)), End.FAILS
    ),
    Scenario("a frame of nobody's", lambda: OnRequest(wire.Subscribe, lambda s, f: s.send_value([4000, 1])), End.FAILS),
    Scenario("hello one octet at a time", SlowHello, End.FAILS),
    # Texts.
    Scenario("a name of a megabyte", lambda: _raw_user(5, "n" * (1 << 19), "", 0, 0), End.FAILS),
    Scenario("names that command a terminal", lambda: answering(wire.ListUsers, _control_characters_in_names)),
    Scenario(
        "a room that commands a terminal", lambda: answering_and_sending(wire.Subscribe, wire.RoomChanged(_NASTY_ROOM))
    ),
    Scenario("a server that commands a terminal", lambda: _welcome(server_name=NASTY[:256])),
    Scenario(
        "a good-bye that commands a terminal",
        lambda: answering_and_sending(wire.Subscribe, wire.Goodbye(9999, NASTY[:256])),
    ),
    # Answers.
    Scenario("answers to nobody", lambda: answering_and_sending(wire.Subscribe, _unrequested)),
    Scenario("every answer twice", lambda: OnRequest(_SYNCING, _answers_twice)),
    Scenario("answers in the opposite order", _reordered),
    Scenario("an answer to another question", lambda: answering(wire.Subscribe, lambda _: wire.Done()), End.FAILS),
    Scenario("messages are put off for ever", lambda: answering_and_sending(wire.Subscribe, _busy)),
    # Silence.
    Scenario("nothing after TLS", NeverAnswers, End.FAILS),
    Scenario("no answer to a log-in", lambda: never_answering(*LOG_IN), End.FAILS),
    Scenario("no answer to a subscription", lambda: never_answering(wire.Subscribe), End.FAILS),
    Scenario("no answer to questions", lambda: never_answering(wire.ListUsers, wire.GetCertificates, wire.ListCursors)),
    # Log-in.
    Scenario(
        "good-bye after each log-in",
        lambda: OnRequest(wire.Subscribe, lambda s, f: (s.send(wire.Goodbye(0, "")), s.cut())),
        End.FAILS,
    ),
    Scenario("cut after each log-in", lambda: OnRequest(wire.Subscribe, lambda s, f: s.cut()), End.FAILS),
    Scenario("log-in is put off for ever", lambda: _refused(wire.Code.BUSY), End.FAILS),
    Scenario("log-in is refused with a code of nobody's", lambda: _refused(2**32 - 1), End.FAILS),
    Scenario("log-in is refused", lambda: _refused(wire.Code.DEVICE_REVOKED), End.STOPS),
    Scenario("log-in as somebody else", lambda: _logged_in(user=user(4242, "mallory")), End.FAILS),
    Scenario("log-in of another device", lambda: _logged_in(device=bytes(16)), End.FAILS),
    # Limits, times, keys.
    Scenario("limits of nothing", lambda: _raw_limits(0, 0, 0, 0.0, 0, 0), End.FAILS),
    Scenario("limits below nothing", lambda: _raw_limits(-1, -1, -1, -1.0, -1, -1), End.FAILS),
    Scenario("limits above every number", lambda: _raw_limits(2**63, 2**63, 2**63, 1e308, 2**63, 2**63), End.FAILS),
    Scenario("a rate that is no number", lambda: _raw_limits(4000, 16384, 900, math.nan, 30, 1000), End.FAILS),
    Scenario("a rate without end", lambda: _raw_limits(4000, 16384, 900, math.inf, 30, 1000), End.FAILS),
    Scenario("a rate of nearly nothing", lambda: _raw_limits(4000, 16384, 900, 1e-300, 1, 1)),
    Scenario("times at the end of all numbers", lambda: _times(LAST)),
    Scenario("times of the year 10000", lambda: _times(253_402_300_800_000)),
    Scenario("a time below nothing", lambda: _raw_user(5, "n", "", 0, -1), End.FAILS),
    Scenario("another log", lambda: _welcome(log_id=bytes(16)), End.STOPS),
    Scenario("another log key", lambda: _welcome(log_key=bytes(32)), End.STOPS),
    Scenario("another epoch", lambda: _welcome(log_epoch=2**32 - 1), End.FAILS),
    Scenario("keys that end at once", _keys_without_end),
    Scenario("certificates of others", lambda: answering_and_sending(wire.Subscribe, _certificates)),
    Scenario("a flood of datagrams", DatagramFlood),
)
