"""What a message costs a client, in counts that no machine changes: function calls, files, rows read, transactions.

A real server in a process of its own; the client's thread is profiled from the command, or from the datagram with
somebody else's record, to the last event. The least of several tries counts: timers and answers of the server that
come meanwhile are other things' cost.
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import lanchat
from lanchat.app import api
from lanchat.app.thread import ClientThread
from lanchat.store.profile import ProfileStore
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import patient

TRIES = 8
PATIENCE = patient(20.0)
PRODUCT = str(Path(lanchat.__file__).parent)
# A little above what is counted, so that a call more is no failure and twenty are.
OWN_CALLS, OWN_FILES = 540, 50
OTHER_CALLS, OTHER_FILES = 340, 42


class ClientCounts:
    """A client in a room of `general`, with another member; `own` and `other` return what a message took."""

    def __init__(self, thread: ClientThread, room: int, boris: RawClient, seen: "Seen") -> None:
        self.thread = thread
        self.room = room
        self._boris = boris
        self._seen = seen

    def own(self, text: str) -> "Cost":
        """A message of this client, until its record is told."""
        return self._counted(text, lambda: self.thread.call(api.SendCommand(self.room, text)).result(PATIENCE))

    def other(self, text: str) -> "Cost":
        """A message of another client, until it is told."""
        return self._counted(text, lambda: self._boris.say(self.room, text))

    def _counted(self, text: str, run: Callable[[], object]) -> "Cost":
        self._seen.begin()
        run()
        return self._seen.end(text)


class Cost:
    """`calls` of functions of the client in `files` files; `statements` of SQLite by their first words."""

    def __init__(self, calls: Counter[str], statements: list[str]) -> None:
        self.calls = calls.total()
        self.files = len(calls)
        self.statements = Counter(" ".join(statement.split()[:2]) for statement in statements)
        self.reads = [statement for statement in statements if statement.startswith("SELECT seq, data FROM records")]


class Seen:
    """Events of the client, and between `begin` and `end` the calls and statements of its thread."""

    def __init__(self) -> None:
        self._counting = False
        self._calls: Counter[str] = Counter()
        self._statements: list[str] = []
        self._events: list[api.Event] = []
        self._changed = threading.Condition()

    def take_event(self, event: api.Event) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def profile(self, frame: FrameType, event: str, _argument: Any) -> None:
        if self._counting and event == "call" and frame.f_code.co_filename.startswith(PRODUCT):
            self._calls[frame.f_code.co_filename] += 1

    def statement(self, statement: str) -> None:
        if self._counting:
            self._statements.append(statement)

    def begin(self) -> None:
        self._events.clear()
        self._calls.clear()
        self._statements.clear()
        self._counting = True

    def end(self, text: str) -> Cost:
        """When the line and the room's new state have been told."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not self._is_told(text):
                assert self._changed.wait(deadline - time.monotonic()), self._events
        self._counting = False
        return Cost(self._calls.copy(), self._statements.copy())

    def _is_told(self, text: str) -> bool:
        # What is told of people, at any time, is not looked at.
        events = [event for event in self._events if isinstance(event, api.LineAdded | api.RoomUpdated)]
        lines = [event.line for event in events if isinstance(event, api.LineAdded)]
        told = any(line.text == text and line.seq is not None for line in lines)
        return told and isinstance(events[-1], api.RoomUpdated)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientCounts]:
    folder, seen = tmp_path_factory.mktemp("counts"), Seen()
    profile = folder / "profile"
    profile.mkdir(mode=0o700)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        connect = sqlite3.connect

        def traced(*args: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*args, **options)
            connection.set_trace_callback(seen.statement)
            return connection

        patch.setattr(sqlite3, "connect", traced)
        server = stack.enter_context(ServerProcess(folder / "server"))
        boris = stack.enter_context(RawClient(server.port))
        boris.register("boris")
        thread = ClientThread(ProfileStore(profile), seen.take_event)
        threading.setprofile(seen.profile)
        try:
            thread.start()
        finally:
            threading.setprofile(None)  # type: ignore[arg-type]
        stack.callback(thread.stop)
        for command in (
            api.ConnectCommand(f"127.0.0.1:{server.port}", accept_new=True),
            api.RegisterCommand("anna", "correct horse"),
            api.WaitLiveCommand(),
        ):
            thread.call(command).result(PATIENCE)
        room = thread.call(api.FindRoomCommand("general")).result(PATIENCE).room
        thread.call(api.LoadLinesCommand(room)).result(PATIENCE)
        counts = ClientCounts(thread, room, boris, seen)
        for number in range(3):
            counts.own(f"warm {number}")
            counts.other(f"warmer {number}")
        yield counts


def least(run: Callable[[str], Cost], name: str) -> Cost:
    return min((run(f"{name} {number}") for number in range(TRIES)), key=lambda cost: cost.calls)


def test_message_of_ones_own(client: ClientCounts) -> None:
    cost = least(client.own, "own")
    assert cost.calls <= OWN_CALLS
    assert cost.files <= OWN_FILES
    assert cost.reads == []
    # Into the outbox, and out of it with the record.
    assert cost.statements["BEGIN IMMEDIATE"] == 2


def test_message_of_another(client: ClientCounts) -> None:
    cost = least(client.other, "other")
    assert cost.calls <= OTHER_CALLS
    assert cost.files <= OTHER_FILES
    assert cost.reads == []
    assert cost.statements["BEGIN IMMEDIATE"] == 1


def test_cost_does_not_grow_with_rooms(client: ClientCounts) -> None:
    """Rooms that nothing comes for."""
    before = least(client.other, "few rooms").calls
    made = [client.thread.call(api.CreateRoomCommand(f"room {number}")).result(PATIENCE) for number in range(30)]
    client.thread.call(api.WaitLiveCommand()).result(PATIENCE)
    assert len({room.room for room in made}) == 30
    assert least(client.other, "many rooms").calls <= before + 10
