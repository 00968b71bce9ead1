"""A scripted client for the command line's tests: answers by command, records what it was asked, sends events."""

import asyncio
import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from lanchat.app import api
from lanchat.cli import main
from lanchat.protocol.codes import HistoryPolicy, PresenceState, Registration, Role, RoomKind
from tests.support.problem_details import details_of

FINGERPRINT = "ab" * 32
SERVER = api.Server("Office", "192.0.2.1", 47400, FINGERPRINT, "one two three", "typed", api.Trust.PINNED)
ANNA = api.Person(1, "anna", "Anna P", PresenceState.ONLINE, 1700000000.5, Role.ADMINISTRATOR)
BORIS = api.Person(2, "boris", "boris", PresenceState.OFFLINE, 0.0, Role.MEMBER)
ACCOUNT = api.Account(1, "anna", "Anna P", Role.ADMINISTRATOR)
GENERAL = api.RoomView(7, "general", "general", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, True, 2, 0, 3, 1, 2)
DIRECT = msgspec.structs.replace(GENERAL, room=9, name="direct:1:2", title="boris", kind=RoomKind.DIRECT, partner=2)
KITCHEN = msgspec.structs.replace(GENERAL, room=8, name="kitchen", title="kitchen", joined=False, unread=0)


def line(seq: int | None, text: str = "hello", **changes: Any) -> api.Line:
    """A message by boris in general."""
    base = api.Line(f"id{seq or text}", 7, seq, 2, "boris", "boris", False, text, 1700000000.123, 1700000001.0)
    return msgspec.structs.replace(base, **changes)


def refusal(kind: api.ErrorKind, text: str = "no", code: Any = None) -> api.CommandError:
    return api.CommandError(kind, details_of(text), code)


Answer = Any  # a value, an exception, or a function of the command that returns or raises one


class FakeClient:
    """`answers` by command type; `after` runs in the event loop once a command was answered."""

    def __init__(self, answers: dict[type, Answer], then: dict[type, Sequence[api.Event]]) -> None:
        self.asked: list[Any] = []
        self.closed = 0
        self._answers = answers
        self._then = then
        self._on_event: Callable[[api.Event], None] = lambda event: None

    def __call__(self, options: Namespace, on_event: Callable[[api.Event], None]) -> "FakeClient":
        self._on_event = on_event
        return self

    async def call(self, command: Any) -> Any:
        self.asked.append(command)
        await asyncio.sleep(0)
        answer = self._answers[type(command)]
        if callable(answer):
            answer = answer(command)
        if asyncio.iscoroutine(answer):
            answer = await answer
        for event in self._then.get(type(command), ()):
            self._on_event(event)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed += 1

    def commands(self, kind: type) -> list[Any]:
        """Those of one type, in order."""
        return [command for command in self.asked if type(command) is kind]


def find_room(command: api.FindRoomCommand) -> api.RoomView | api.CommandError:
    rooms = {"general": GENERAL, "#general": GENERAL, "@boris": DIRECT, "kitchen": KITCHEN}
    return rooms.get(command.name) or refusal(api.ErrorKind.INVALID, "no such room")


def fake(answers: dict[type, Answer] | None = None, then: dict[type, Sequence[api.Event]] | None = None) -> FakeClient:
    """A client of an enrolled profile with a server that is there, but for `answers`."""
    usual: dict[type, Answer] = {
        api.ConnectCommand: SERVER,
        api.GetOfferCommand: api.ServerOffer(SERVER, Registration.OPEN, True, "anna"),
        api.WaitLiveCommand: ACCOUNT,
        api.ListRoomsCommand: [GENERAL, DIRECT, KITCHEN],
        api.ListPeopleCommand: [ANNA, BORIS],
        api.FindRoomCommand: find_room,
        api.WaitDecidedCommand: 12,
        api.SendCommand: lambda command: line(None, command.text, mine=True, author_name="anna", author=1),
        api.LoadLinesCommand: [],
        api.MarkReadCommand: None,
    }
    usual |= answers or {}
    if isinstance(lines := usual[api.LoadLinesCommand], list):
        usual[api.LoadLinesCommand] = lambda command: [
            item for item in lines if not command.before or below(item, command)
        ]
    return FakeClient(usual, then or {})


def below(item: api.Line, command: api.LoadLinesCommand) -> bool:
    return item.seq is not None and item.seq < command.before


def unknown_profile(**answers: Answer) -> dict[type, Answer]:
    """Answers for a profile without a device key."""
    return {api.GetOfferCommand: api.ServerOffer(SERVER, Registration.OPEN, True, "")}


def run(client: FakeClient, *argv: str) -> int:
    """The exit code of a command line, as the process would have it."""
    try:
        return main.run(["--language", "en", *argv], client)
    except SystemExit as end:
        return int(end.code or 0)


def rows(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(item) for item in text.splitlines()]
