"""Requests under way: each is answered once, and with what belongs to it."""

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
def test_the_client_expects_what_the_server_answers(operation: type) -> None:
    handler: Any = OPERATIONS[operation].run if operation in OPERATIONS else HANDLERS[operation]
    names = vars(inspect.getmodule(handler))
    result = get_type_hints(handler, names)["return"]
    assert RESULTS.get(operation, wire.Done) is result


def test_an_answer_to_another_question_is_refused_and_the_question_stays_open() -> None:
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


def test_a_refusal_and_no_answer_belong_to_every_question() -> None:
    requests, answers = Requests(30.0), []
    for answer in (wire.Failure(1, 14, "busy"), None):
        number, _output = requests.ask(wire.ListUsers(), answers.append, 0.0)
        assert requests.answered(number, answer)
    assert answers == [wire.Failure(1, 14, "busy"), None]
