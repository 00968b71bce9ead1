"""Pending requests: each is answered once, by a result of its type."""

import inspect
from typing import Any, get_type_hints

import pytest

from lanchat.core.session.requests import RESULTS, Requests
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat_server.admin.operations import OPERATIONS
from lanchat_server.service.requests.table import HANDLERS
from tests.support.wire_values import members


@pytest.mark.parametrize("operation", members(wire.AfterLogin))
def test_expected_result_types_are_those_of_the_server(operation: type) -> None:
    handler: Any = OPERATIONS[operation].run if operation in OPERATIONS else HANDLERS[operation]
    names = vars(inspect.getmodule(handler))
    result = get_type_hints(handler, names)["return"]
    assert RESULTS.get(operation, wire.Done) is result


def test_answer_of_another_type_is_refused_and_request_stays_open() -> None:
    requests, answers = Requests(30.0), []
    number, _output = requests.ask(wire.ListCursors(1), answers.append, 0.0)
    with pytest.raises(ProtocolError):
        requests.answered(number, wire.UserList([]))
    assert answers == []
    assert requests.answered(number, wire.CursorList([]))
    assert not requests.answered(number, wire.CursorList([]))
    number, _output = requests.ask(wire.ListCursors(1), answers.append, 0.0)
    with pytest.raises(ProtocolError):
        requests.answered(number, wire.Done())
    requests.abandon()
    assert answers == [wire.CursorList([]), None]


def test_failure_and_no_answer_complete_every_request() -> None:
    requests, answers = Requests(30.0), []
    for answer in (wire.Failure(1, 14, "busy"), None):
        number, _output = requests.ask(wire.ListUsers(), answers.append, 0.0)
        assert requests.answered(number, answer)
    assert answers == [wire.Failure(1, 14, "busy"), None]
