"""Pairs of requests in every order of their awaits and transactions: no right outlives its end. Planted faults show
that the explorer looks. All pairs: `python -m tests.explorer`."""

from typing import Any
from unittest.mock import patch

import pytest

from lanchat_server.service.handlers import acting, login, people, rooms
from tests.explorer.model import ENDINGS, REQUESTS, explore
from tests.explorer.orders import Gate, Run, every_order
from tests.explorer.stage import MEMBER

# The others are of the same kinds: some seconds less.
QUICK = ("disable", "demote", "remove", "delete room", "archive", "revoke", "new password", "code")


@pytest.mark.parametrize("ending", QUICK)
def test_no_request_outlives_the_right_that_it_rests_on(ending: str) -> None:
    # Where both wait for hashes there are hundreds of orders; `python -m tests.explorer` goes through them.
    long = {"change_password"} if ending in ("new password", "code") else set()
    found = [one for *_, findings in explore(REQUESTS.keys() - long, [ending]) for one in findings]
    assert not found


@pytest.mark.parametrize("ending", sorted(ENDINGS.keys() - set(QUICK)))
def test_no_invitation_outlives_the_right_that_it_rests_on(ending: str) -> None:
    found = [one for *_, findings in explore(["invite_user", "search"], [ending]) for one in findings]
    assert not found


def _nothing(*_arguments: Any) -> None:
    """A check that looks at nothing."""


class _First:
    """As `check`, but only for the first call of each run: before the transaction, not within."""

    def __init__(self, check: Any, answer: Any) -> None:
        self._check = check
        self._answer = answer
        self._seen: set[int] = set()

    def __call__(self, service: Any, *arguments: Any) -> Any:
        if id(service) in self._seen:
            return self._answer
        self._seen.add(id(service))
        return self._check(service, *arguments)


PLANTED: dict[str, tuple[Any, str, Any, str, str]] = {
    "session not looked at": (acting, "check_session", _nothing, "create_room", "revoke"),
    "password not looked at": (acting, "check_session", _nothing, "renew", "new password"),
    "log-in behind a new password": (
        login,
        "check_password_unchanged",
        lambda service, user: service.directory.users[user.id],
        "login_password",
        "new password",
    ),
    "role before the transaction alone": (
        people,
        "_check_role",
        _First(people._check_role, MEMBER),
        "create_invite",
        "demote",
    ),
    "membership before the transaction alone": (
        rooms,
        "_check_manages",
        _First(rooms._check_manages, None),
        "remove_user",
        "demote",
    ),
    "device of a log-in not looked at": (
        login,
        "check_active",
        lambda directory, user, device: (directory.users[user], directory.devices[device]),
        "login_device",
        "revoke",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_fault_is_found(name: str) -> None:
    module, function, instead, request, ending = PLANTED[name]
    with patch.object(module, function, instead):
        assert any(findings for *_, findings in explore([request], [ending]))


def test_every_order_of_two_requests_with_a_transaction_each() -> None:
    """Each starts, is done, goes on: 6! / (3! 3!) orders, but for those in which the writer would turn two around."""

    def make() -> tuple[Run, None]:
        async def request() -> None:
            await Gate(lambda: None, in_turn=True)

        return Run({"one": request, "other": request}), None

    traces = {tuple(run.trace) for run, _ in every_order(make)}
    assert len(traces) == 14
    for trace in traces:
        starts = [name for name, what in trace if what == "start"]
        assert starts == [name for name, what in trace if what == "do"]
