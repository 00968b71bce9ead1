"""Requests of a dialog: no action of the user is lost or run twice, and reads do not block actions."""

from collections.abc import Callable
from typing import Any

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind
from lanchat.ui.dialogs.requests import DialogRequests
from tests.support.problem_details import details_of

READ = api.ListRoomsCommand()
FIRST, SECOND = api.JoinRoomCommand(1), api.JoinRoomCommand(2)


class Network:
    """Requested commands; a test answers them one by one."""

    def __init__(self) -> None:
        self.asked: list[api.Command[Any]] = []
        self._waiting: dict[api.Command[Any], tuple[Callable[[Any], None], Callable[[CommandError], None]]] = {}
        self.got: list[Any] = []
        self.requests = DialogRequests(self._ask, lambda: None)

    def _ask(
        self, command: api.Command[Any], then: Callable[[Any], None], failed: Callable[[CommandError], None]
    ) -> None:
        self.asked.append(command)
        self._waiting[command] = (then, failed)

    def answer(self, command: api.Command[Any], result: Any) -> None:
        self._waiting.pop(command)[0](result)

    def fail(self, command: api.Command[Any], text: str) -> None:
        self._waiting.pop(command)[1](CommandError(ErrorKind.TIMEOUT, details_of(text)))

    def act(self, command: api.Command[Any]) -> None:
        self.requests.act(command, self.got.append)

    def read(self, busy: str = "Reading…") -> None:
        self.requests.read(READ, self.got.append, busy=busy, ended=lambda: self.got.append("ended"))


def test_action_does_not_wait_for_a_read() -> None:
    network = Network()
    network.read()
    network.act(FIRST)
    assert network.asked == [READ, FIRST]
    network.answer(FIRST, "joined")
    network.answer(READ, "rooms")
    assert network.got == ["joined", "rooms", "ended"]


def test_actions_run_in_sequence() -> None:
    network = Network()
    network.act(FIRST)
    network.act(SECOND)
    assert network.asked == [FIRST]
    network.answer(FIRST, 1)
    assert network.asked == [FIRST, SECOND]
    network.answer(SECOND, 2)
    assert network.got == [1, 2]
    assert not network.requests.acts


def test_next_action_runs_after_a_failed_one() -> None:
    network = Network()
    network.act(FIRST)
    network.act(SECOND)
    network.fail(FIRST, "full")
    assert network.asked == [FIRST, SECOND]
    network.answer(SECOND, 2)
    assert network.got == [2]


def test_running_or_queued_action_is_not_queued_again() -> None:
    network = Network()
    for command in (FIRST, SECOND, FIRST, SECOND):
        network.act(command)
    network.answer(FIRST, 1)
    network.answer(SECOND, 2)
    assert network.asked == [FIRST, SECOND]
    network.act(FIRST)
    assert network.asked == [FIRST, SECOND, FIRST]


def test_closed_dialog_sends_and_delivers_nothing() -> None:
    network = Network()
    network.read()
    network.requests.act(FIRST, lambda result: network.requests.close())
    network.act(SECOND)
    network.answer(FIRST, 1)
    network.answer(READ, "rooms")
    network.act(FIRST)
    network.read()
    assert network.asked == [READ, FIRST]
    assert network.got == []


def test_failed_read_is_reported_until_the_next_success() -> None:
    network = Network()
    network.read()
    network.fail(READ, "away")
    assert network.got == ["ended"]
    assert network.requests.problem == "away"
    network.read()
    assert (network.requests.busy, network.requests.problem) == ("", "away")
    network.answer(READ, "rooms")
    assert network.requests.problem == ""


def test_problem_of_an_action_is_kept_during_reads() -> None:
    network = Network()
    network.read()
    network.act(FIRST)
    network.fail(FIRST, "full")
    network.answer(READ, "rooms")
    assert (network.requests.busy, network.requests.problem) == ("", "full")
    network.act(SECOND)
    assert network.requests.problem == ""


def test_progress_text_shows_the_current_request() -> None:
    network = Network()
    network.read("Asking the server…")
    assert network.requests.busy == "Asking the server…"
    network.act(FIRST)
    assert network.requests.busy == "Loading…"
    network.answer(FIRST, 1)
    assert network.requests.busy == "Asking the server…"
    network.answer(READ, "rooms")
    assert network.requests.busy == ""
