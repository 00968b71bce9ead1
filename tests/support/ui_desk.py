"""The window's model and commands on the fake network without Tk and without threads: a step at a time."""

import concurrent.futures
from collections.abc import Callable
from typing import Any

from lanchat.app import api
from lanchat.app.api import CommandError
from lanchat.core.policy import NO_POLICY, Policy
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.chat_model import ChatModel
from lanchat.ui.model.engine import CommandDispatcher, CommandResult, EventsDropped, Item, WindowCall
from lanchat.ui.model.entry import LoginFlow
from lanchat.ui.model.entry_model import LoginModel
from lanchat.ui.model.parts import WindowPart
from tests.support.fake_engine import FakeEngine, Scenario


class DirectEngine(FakeEngine):
    """Answers in the caller's thread, at once; or later, while `held` is a list."""

    def __init__(self, on_event: Callable[[api.Event], None], scenario: Scenario) -> None:
        super().__init__(on_event, scenario)
        self.held: list[tuple[api.Command[Any], concurrent.futures.Future[Any]]] | None = None

    def start(self) -> None:
        return None

    def call(self, command: api.Command[Any]) -> "concurrent.futures.Future[Any]":
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        if self.held is None:
            self.answer(command, future)
        else:
            self.held.append((command, future))
        return future

    def answer(self, command: api.Command[Any], future: "concurrent.futures.Future[Any]") -> None:
        self.calls.append(command)
        try:
            future.set_result(self._handle(command))
        except CommandError as error:
            future.set_exception(error)

    def stop(self, timeout: float = 5.0) -> None:
        return None

    def called(self, kind: type[Any]) -> list[Any]:
        """The commands of one kind, so far."""
        return [command for command in self.calls if isinstance(command, kind)]


class Workbench:
    """Model, commands and a clock. What is posted waits until `run`."""

    def __init__(self, policy: Policy = NO_POLICY, **scenario: Any) -> None:
        self.now = 1_700_000_000.0
        self._items: list[Item] = []
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self.parts = WindowPart.NONE
        self.engine = DirectEngine(self._items.append, Scenario(found_after=0.0, **scenario))
        self.model = ChatModel(lambda: self.now)
        self.chat = Chat(self.model, self._dispatcher, self._changed, self._later)
        self.entry = LoginModel()
        self.flow = LoginFlow(self.entry, self._dispatcher, self._changed, self._later, policy)

    def _dispatcher(self) -> CommandDispatcher:
        return CommandDispatcher(self.engine, self._items.append)

    def _changed(self, part: WindowPart) -> None:
        self.parts |= part

    def _later(self, milliseconds: int, run: Callable[[], None]) -> None:
        self._timers.append((self.now + milliseconds / 1000, run))

    def run(self) -> WindowPart:
        """Delivers everything that was posted, also what that leads to; returns the parts to draw."""
        while self._items:
            item = self._items.pop(0)
            if isinstance(item, CommandResult):
                item.deliver()
            elif isinstance(item, EventsDropped):
                self.chat.read_again()
            elif isinstance(item, api.ServerFound):
                self.parts |= self.flow.found(item.server)
            elif isinstance(item, api.ServersLeftOut):
                self.parts |= self.flow.servers_left_out()
            elif not isinstance(item, WindowCall):
                self.parts |= self.chat.apply(item)
        parts, self.parts = self.parts, WindowPart.NONE
        return parts

    def wait(self, seconds: float) -> WindowPart:
        """Time passes: timers that are due run once, in order."""
        self.now += seconds
        due = sorted((timer for timer in self._timers if timer[0] <= self.now), key=lambda timer: timer[0])
        self._timers = [timer for timer in self._timers if timer[0] > self.now]
        for _when, job in due:
            job()
        return self.run()

    def log_in(self) -> None:
        """As after a start with a remembered account."""
        self.engine.call(api.GetOfferCommand())
        self.chat.refresh()
        self.run()

    def texts(self) -> list[str]:
        """The open room's messages, stored and not."""
        timeline = self.model.timeline
        return [line.text for line in (*timeline.stored, *timeline.unstored)] if timeline else []
