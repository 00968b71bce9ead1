"""A member whose sessions send requests and do not read: what waits for them is bounded in octets.

Each kind of answer, of live frame and of event is drawn by five sessions of one account that never read their control
channel, as fast as the rates allow. The server is full first: long names, large messages, so that each answer is as
large as it gets.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.protocol.limits import FRAME_MAX, FRAME_MAX_TO_SERVER
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.wire import pack_frame
from tests.attacks.chat_load import peak_memory
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import RecordingClient, observed_server
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient

SESSIONS = 5
# What the server may grow by for one member: for each session what ends it (3 MiB) and the answer that was on its way,
# and what the tables and threads of the database need the first time.
GROWTH_MAX = 32 << 20
# For as many accounts as anybody may make: the budget of all that waits, 200 KiB for each connection, and what the
# allocator leaves between.
CROWD_GROWTH_MAX = (256 + 96) << 20
# A request of somebody who reads, meanwhile.
ANSWER_MAX = 2.0
LOG_IN_MAX = 10.0
_WIDE = "𠮷"
_ROUND = 0.02
# However slow the computer is: what a short run must have done to show anything.
ROUNDS_MIN = 12
_FRAMES_UNSENT = 1 << 15
# Ten people who fill a server quickly.
_FAST = (
    "[limits]\nmessage_rate = 1000\nmessage_burst = 1000\ntotal_rate = 5000\n"
    "rooms_per_day = 10000\naccounts_per_day = 10000\n"
)


def wide(number: int, length: int = 60) -> str:
    """A name of the greatest length in octets."""
    return f"{number:05d}".ljust(length, _WIDE)


@dataclass(slots=True)
class Contents:
    """What a server is filled with."""

    rooms: int = 900
    people: int = 200
    texts: int = 100
    text_characters: int = 3000

    @classmethod
    def few(cls) -> "Contents":
        return cls(rooms=120, people=20, texts=30)


def fill(server: ServerProcess, contents: Contents) -> None:
    """Over the network; for a server with `_FAST` limits."""
    makers: list[RawClient] = []
    with contextlib.ExitStack() as stack:
        for number in range(contents.people):
            person = stack.enter_context(RawClient(server.port, timeout=60))
            answer = person.register(f"person{number}", display_name=wide(number))
            assert isinstance(answer, wire.LoggedIn), answer
            makers.append(person)
            if len(makers) > 10:
                makers.pop(0).close()
        for number in range(contents.rooms):
            _create(makers[number % len(makers)], wide(number))
        writer = makers[0]
        for number in range(contents.texts):
            text = f"word {number} ".ljust(contents.text_characters, _WIDE)
            assert writer.say(writer.rooms["general"], text).seq


def _create(person: RawClient, name: str) -> None:
    while True:
        answer = person.request(wire.CreateRoom(name, RoomKind.PUBLIC, HistoryPolicy.EVERYTHING), 30)
        if isinstance(answer, wire.RoomResult):
            return
        assert answer.code == wire.Code.BUSY, answer
        time.sleep(answer.retry_ms / 1000)


class NonReadingSession(RecordingClient):
    """A session that does not read its control channel any more."""

    def enter(self, name: str) -> "NonReadingSession":
        """With a new account, or with this device's when `name` is empty."""
        answer = self.register(name) if name else self.log_in_by_key()
        assert isinstance(answer, wire.LoggedIn), answer
        self.room = self.rooms["general"]
        self.request(wire.Subscribe([self.room]))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.setblocking(False)
        self.udp.setblocking(False)
        self._unsent = b""
        self._number = 1000
        return self

    def push(self, octets: bytes) -> None:
        """Send this, unless the server hangs up meanwhile."""
        self.sock.settimeout(30)
        with contextlib.suppress(OSError):
            self.sock.sendall(octets)

    def ask(self, operation: Any) -> None:
        """One more request, or live frame; never blocks."""
        self._number += 1
        frame = operation if isinstance(operation, LIVE) else wire.Request(self._number, operation)
        if len(self._unsent) < _FRAMES_UNSENT:
            self._unsent += pack_frame(frame)
        # Also when the server hung up.
        with contextlib.suppress(OSError):
            self._unsent = self._unsent[self.sock.send(self._unsent) :]


LIVE = wire.Submit | wire.Nack | wire.Ping | wire.Cursors | wire.Activity


@dataclass(frozen=True, slots=True)
class RequestKind:
    """What is asked for again and again by the sessions; `meanwhile`: what somebody else does, who reads."""

    name: str
    operation: Callable[[NonReadingSession], Any] | None
    meanwhile: Callable[[RecordingClient, int], Any] | None = None


def _rename(watcher: RecordingClient, number: int) -> None:
    watcher.request(wire.SetProfile(display_name=wide(number)))


def _talk(watcher: RecordingClient, number: int) -> None:
    if number % 5 == 0:
        watcher.send(wire.Submit([watcher.message(watcher.rooms["general"], "live ".ljust(3000, _WIDE))]))


def _submit(mute: NonReadingSession) -> Any:
    return wire.Submit([mute.message(mute.room, "mine " + "x" * 800)])


REQUEST_KINDS = (
    RequestKind("searches", lambda mute: wire.Search(0, "word", 0, 50)),
    RequestKind("pages of history", lambda mute: wire.History(mute.room, 1, True, 1000)),
    RequestKind("lists of rooms", lambda mute: wire.ListRooms()),
    RequestKind("lists of people", lambda mute: wire.ListUsers()),
    RequestKind("lists of members", lambda mute: wire.ListMembers(mute.room)),
    RequestKind("certificates", lambda mute: wire.GetCertificates([mute.device] * 256)),
    RequestKind("receipts", lambda mute: wire.ListCursors(mute.room)),
    RequestKind("devices", lambda mute: wire.ListDevices()),
    RequestKind("subscriptions", lambda mute: wire.Subscribe(list(mute.rooms.values())[:256])),
    RequestKind("pings", lambda mute: wire.Ping(1)),
    RequestKind("repairs", lambda mute: wire.Nack(mute.room, list(range(1, 33)))),
    RequestKind("acknowledgements", _submit),
    RequestKind("notices", None, _rename),
    RequestKind("live messages", None, _talk),
)


def flood_of_one_member(
    server: ServerProcess, watcher: RecordingClient, draw: RequestKind, seconds: float, sessions: int = SESSIONS
) -> Outcome:
    """Five sessions of an account; `accepted` when the server grew by more than it may."""
    outcome = Outcome(f"{sessions} sessions that read nothing: {draw.name}", 0)
    with contextlib.ExitStack() as stack:
        mutes = list(_enter(server, stack, sessions, f"mute{time.time_ns():x}"))
        with peak_memory(server) as memory:
            slowest = _send_requests(mutes, watcher, draw, seconds, outcome)
            ended = _ended_sessions(watcher, len(mutes))
        outcome.memory = memory[0], memory[1]
    growth = memory[1] - memory[0]
    outcome.expect(growth <= GROWTH_MAX, f"the server grew by {growth >> 20} MiB")
    outcome.expect(slowest < ANSWER_MAX, f"somebody else waited {slowest:.1f} s for an answer")
    outcome.seen = f"+{growth / (1 << 20):.1f} MiB; {ended} of {sessions} ended; "
    outcome.seen += f"another's slowest answer {slowest:.2f} s"
    return outcome


def flood_of_many_accounts(server: ServerProcess, watcher: RecordingClient, accounts: int, seconds: float) -> Outcome:
    """So many accounts with five sessions each, which ask for pages and read nothing; others are served meanwhile, and
    log in."""
    sessions = accounts * SESSIONS
    outcome = Outcome(f"{sessions} sessions of {accounts} accounts that read nothing: pages of history", 0)
    draw = RequestKind("", lambda mute: wire.History(mute.room, 1, True, 1000))
    with contextlib.ExitStack() as stack, peak_memory(server) as memory:
        name = f"crowd{time.time_ns():x}"
        mutes = list[NonReadingSession]()
        for number in range(accounts):
            mutes += _enter(server, stack, SESSIONS, f"{name}-{number}")
            watcher.request(wire.GetProfile(), 30)
        slowest = _send_requests(mutes, watcher, draw, seconds, outcome)
        with RawClient(server.port, timeout=30) as newcomer:
            began = time.monotonic()
            answer = newcomer.register(f"late{time.time_ns():x}")
            outcome.expect(isinstance(answer, wire.LoggedIn), f"nobody comes in: {answer}")
            entered = time.monotonic() - began
        ended = _ended_sessions(watcher, len(mutes))
    outcome.memory = memory[0], memory[1]
    growth = memory[1] - memory[0]
    outcome.expect(growth <= CROWD_GROWTH_MAX, f"the server grew by {growth >> 20} MiB")
    outcome.expect(max(slowest, entered) < LOG_IN_MAX, f"others waited {slowest:.1f} s, for a log-in {entered:.1f} s")
    outcome.seen = f"+{growth / (1 << 20):.1f} MiB; {ended} of {sessions} ended; "
    outcome.seen += f"another's slowest answer {slowest:.2f} s, a registration {entered:.2f} s"
    return outcome


def incomplete_frames(server: ServerProcess, watcher: RecordingClient, accounts: int) -> Outcome:
    """Sessions that send all of the longest frame but its end: what the server holds of them."""
    sessions = accounts * SESSIONS
    outcome = Outcome(f"{sessions} sessions that send a frame without its end", sessions)
    with contextlib.ExitStack() as stack, peak_memory(server) as memory:
        name = f"half{time.time_ns():x}"
        mutes = list[NonReadingSession]()
        for number in range(accounts):
            mutes += _enter(server, stack, SESSIONS, f"{name}-{number}")
            watcher.request(wire.GetProfile(), 30)
        for octets in (FRAME_MAX, FRAME_MAX_TO_SERVER):
            for mute in mutes:
                mute.push(octets.to_bytes(4, "big") + bytes(octets - 1))
                watcher.request(wire.GetProfile(), 30)
    outcome.memory = memory[0], memory[1]
    growth = memory[1] - memory[0]
    # Each session's own objects and buffers of TLS besides.
    outcome.expect(growth <= sessions * 2 * FRAME_MAX_TO_SERVER + (200 << 10) * sessions, f"+{growth >> 20} MiB")
    outcome.seen = f"+{growth / (1 << 20):.1f} MiB"
    return outcome


def _enter(
    server: ServerProcess,
    stack: contextlib.ExitStack,
    sessions: int,
    name: str,
    key: Ed25519PrivateKey | None = None,
) -> Iterator[NonReadingSession]:
    """Of a new account of that name, or of the one that has this device's key."""
    for _ in range(sessions):
        mute = stack.enter_context(NonReadingSession(server.port, timeout=60, key=key)).enter("" if key else name)
        key = mute.key
        yield mute


def _send_requests(
    mutes: list[NonReadingSession], watcher: RecordingClient, draw: RequestKind, seconds: float, outcome: Outcome
) -> float:
    """Returns the longest that the watcher waited for an answer, in seconds."""
    slowest, end, turn = 0.0, time.monotonic() + seconds, 0
    while turn < ROUNDS_MIN or time.monotonic() < end:
        turn += 1
        if draw.operation is not None:
            for mute in mutes:
                mute.ask(draw.operation(mute))
            outcome.attempts += len(mutes)
        if draw.meanwhile is not None:
            draw.meanwhile(watcher, turn)
            outcome.attempts += 1
        if turn % 25 == 0:
            began = time.monotonic()
            watcher.request(wire.GetProfile(), 30)
            slowest = max(slowest, time.monotonic() - began)
            watcher.events.clear()
        time.sleep(_ROUND)
    return slowest


def _ended_sessions(watcher: RecordingClient, sessions: int) -> int:
    """How many of these the server has ended; the watcher's own is there too."""
    return sessions + 1 - int(watcher.status()["sessions"])


@contextlib.contextmanager
def full_server(folder: Path, contents: Contents) -> Iterator[tuple[ServerProcess, RecordingClient]]:
    """A server with these contents and the limits of everybody's, and its administrator."""
    fast = folder / "fast.toml"
    folder.mkdir(parents=True, exist_ok=True)
    fast.write_text(_FAST)
    with observed_server(folder / "server", extra=("--config", str(fast))) as (server, watcher):
        fill(server, contents)
        server.stop()
        key = watcher.key
    with server.restart(extra=()) as again, RecordingClient(again.port, key=key, timeout=60) as back:
        assert isinstance(back.log_in_by_key(), wire.LoggedIn)
        back.request(wire.Subscribe([back.rooms["general"]]))
        yield again, back


def flood_of_edits(server: ServerProcess, watcher: RecordingClient, seconds: float, one: bool) -> Outcome:
    """A member edits within his rates, by all of his sessions: `one` message, or another one whenever it takes no more.
    Then all of them search for what has the edits, and read nothing."""
    what = "one message" if one else "his messages"
    outcome = Outcome(f"{SESSIONS} sessions edit {what} with 12 KiB each for {seconds:.0f} s, search, read nothing", 0)
    with contextlib.ExitStack() as stack:
        name = f"editor{time.time_ns():x}"
        editors = [stack.enter_context(RecordingClient(server.port, timeout=60)) for _ in range(SESSIONS)]
        for editor in editors:
            answer = editor.register(name) if editor is editors[0] else editor.log_in(name)
            assert isinstance(answer, wire.LoggedIn), answer
        with peak_memory(server) as memory:
            outcome.attempts, stored, targets = _edit(editors, watcher, seconds, one)
            for editor in editors:
                editor.close()
            mutes = list(_enter(server, stack, SESSIONS, "", editors[0].key))
            search = RequestKind("", lambda mute: wire.Search(0, "needle", 0, 50))
            slowest = _send_requests(mutes, watcher, search, min(20.0, seconds), Outcome("", 0))
            ended = _ended_sessions(watcher, len(mutes))
        outcome.memory = memory[0], memory[1]
    growth = memory[1] - memory[0]
    outcome.expect(growth <= GROWTH_MAX, f"the server grew by {growth >> 20} MiB")
    outcome.expect(slowest < ANSWER_MAX, f"somebody else waited {slowest:.1f} s for an answer")
    outcome.seen = f"{stored:,} edits stored of {targets} messages; +{growth / (1 << 20):.1f} MiB; "
    outcome.seen += f"{ended} of {SESSIONS} sessions ended; another's slowest answer {slowest:.2f} s"
    return outcome


def _edit(editors: list[RecordingClient], watcher: RecordingClient, seconds: float, one: bool) -> tuple[int, int, int]:
    """How many edits were handed in, how many were stored, and of how many messages."""
    attempts = stored = 0
    first, room = editors[0], editors[0].rooms["general"]
    target, targets, end = first.say(room, "needle").seq, 1, time.monotonic() + seconds
    text = "needle ".ljust(3000, _WIDE)
    while attempts < ROUNDS_MIN * len(editors) or time.monotonic() < end:
        messages = [editor.message(room, text, kind=Kind.EDIT, ref=target) for editor in editors]
        for editor, message in zip(editors, messages, strict=True):
            editor.send(wire.Submit([message]))
        receipts = [_decided(editor, message) for editor, message in zip(editors, messages, strict=True)]
        watcher.request(wire.GetProfile(), 30)
        watcher.events.clear()
        attempts += len(receipts)
        stored += sum(receipt.seq > 0 for receipt in receipts)
        if not one and any(receipt.code == wire.Code.TOO_MANY_CHANGES for receipt in receipts):
            target, targets = _decided(first, first.message(room, "needle"), new=True).seq, targets + 1
    return attempts, stored, targets


def _decided(client: RecordingClient, message: Any, new: bool = False) -> wire.Receipt:
    """What becomes of a message, which is handed in again while the rate is used up."""
    if new:
        client.send(wire.Submit([message]))
    while isinstance(answer := client.wait_for(wire.Decided | wire.Busy, 30), wire.Busy):
        time.sleep(answer.retry_ms / 1000)
        client.send(wire.Submit([message]))
    receipt: wire.Receipt = answer.receipts[0]
    return receipt
