"""How `chat` shows lines that wait for the server: each once, and its number when it is stored."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lanchat.app import api
from lanchat.cli.commands.chat import ConversationOutput, ConversationView
from lanchat.cli.follow import Follower
from lanchat.protocol.codes import Code
from tests.support.fake_client import ANNA, BORIS, line, rows
from tests.support.problem_details import details_of

WAITING = line(None, "wait", mine=True, author=1, author_name="anna")


def conversation(as_json: bool = False) -> ConversationView:
    follower = SimpleNamespace(name="general", people={1: ANNA, 2: BORIS})
    return ConversationView(cast(Follower, follower), ConversationOutput(as_json))


def state(view: ConversationView, kind: api.LinkState, peers: int = 0) -> None:
    view.state(api.StateChanged(kind, None, peers))


def disconnect(view: ConversationView, times: int = 1) -> None:
    for peers in range(times):
        state(view, api.LinkState.AWAY, peers)


def reconnect(view: ConversationView) -> None:
    state(view, api.LinkState.LIVE)


class Printed:
    """The lines and notices that were printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        out, err = capsys.readouterr()
        self.lines = [item for item in out.splitlines() if "anna: wait" in item]
        self.said = err.splitlines()


def test_line_shown_while_disconnected_later_gets_only_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    for written_away in (True, False):
        view = conversation()
        if written_away:
            disconnect(view)
            view.message(WAITING)
        else:
            view.message(WAITING)
            disconnect(view)
        reconnect(view)
        view.stored(WAITING.id, 4)
        printed = Printed(capsys)
        assert len(printed.lines) == 1
        assert printed.said[-1] == "Stored as #4"


def test_pending_line_is_shown_once_over_repeated_disconnects(capsys: pytest.CaptureFixture[str]) -> None:
    view = conversation()
    view.message(WAITING)
    disconnect(view, 3)
    reconnect(view)
    disconnect(view, 2)
    assert len(Printed(capsys).lines) == 1


def test_line_sent_while_connected_is_printed_when_numbered(capsys: pytest.CaptureFixture[str]) -> None:
    view = conversation()
    disconnect(view)
    reconnect(view)
    view.message(WAITING)
    assert Printed(capsys).lines == []
    view.stored(WAITING.id, 4)
    printed = Printed(capsys)
    assert [item.partition("#")[2] for item in printed.lines] == ["4 anna: wait"]
    assert not printed.said


def test_refused_line_is_not_shown_at_a_later_disconnect(capsys: pytest.CaptureFixture[str]) -> None:
    view = conversation()
    view.message(WAITING)
    view.refused(api.LineRefused(WAITING.id, 7, Code.NOT_A_MEMBER, details_of("not a member")))
    disconnect(view)
    assert Printed(capsys).lines == []


def test_json_output_is_immediate(capsys: pytest.CaptureFixture[str]) -> None:
    view = conversation(as_json=True)
    view.message(WAITING)
    disconnect(view, 2)
    view.stored(WAITING.id, 4)
    events: list[dict[str, Any]] = rows(capsys.readouterr().out)
    assert [event["event"] for event in events] == ["message", "state", "state", "stored"]
