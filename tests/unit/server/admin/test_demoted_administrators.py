"""An administrator who is demoted while a request waits: in every order of the two, nothing is committed or sent after
the demotion."""

from typing import Any
from unittest.mock import patch

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat_server.admin.context import LocalActor
from lanchat_server.admin.operations import OPERATIONS, perform
from lanchat_server.core.refusals import Refused
from lanchat_server.service.host import ServiceHost
from lanchat_server.service.requests.acting import SessionActor
from tests.explorer.cases import _INVITE_ID
from tests.explorer.harness import (
    ADMINISTRATOR,
    ADMINISTRATOR_DEVICE,
    LOUNGE,
    MEMBER,
    PHONE,
    SESSIONS,
    ServerHarness,
    Setting,
    password_of,
)
from tests.explorer.orders import Run, every_order

WATCHED = 6
OWN = password_of(ADMINISTRATOR)
# None of what they are about is the administrator's own.
REQUESTS: list[Any] = [
    wire.ListAccounts(),
    wire.FindAccount("user1"),
    wire.AddAccount("new", "a password", password=OWN),
    wire.DisableAccount(MEMBER, True, OWN),
    wire.SetRole(MEMBER, Role.ADMINISTRATOR, OWN),
    wire.ResetPassword(MEMBER, OWN),
    wire.EndSessions(MEMBER, OWN),
    wire.SetDisplayName(MEMBER, "Another", OWN),
    wire.DeleteAccount(MEMBER, OWN),
    wire.ChangeRoom(LOUNGE, "renamed"),
    wire.ListDevices(user=MEMBER),
    wire.RevokeDevice(PHONE.device, OWN),
    wire.CreateInvite(1, 60),
    wire.ListInvites(),
    wire.VoidInvite(_INVITE_ID),
    wire.ListAllRooms(),
    wire.ListSessions(),
    wire.ArchiveRooms([LOUNGE], True),
    wire.DeleteRooms([LOUNGE], OWN),
    wire.Status(),
    wire.CreateBackup(OWN),
    wire.ListQuarantine(),
    wire.JudgeQuarantined([wire.MessageName(1, bytes(16), 1, 1)], True, OWN),
]


def test_every_operation_is_tested() -> None:
    assert {type(request) for request in REQUESTS} == OPERATIONS.keys()


@pytest.mark.parametrize("request_", REQUESTS, ids=[type(request).__name__ for request in REQUESTS])
def test_nothing_is_committed_or_sent_after_the_demotion(request_: Any) -> None:
    came: list[tuple[Any, bool]] = []

    def make() -> tuple[Run, ServerHarness]:
        with patch.dict(SESSIONS, {WATCHED: (ADMINISTRATOR, ADMINISTRATOR_DEVICE)}):
            harness = ServerHarness(Setting())
        seen = {"demoted": False}

        def committing(who: str, _touched: set[str]) -> None:
            if who == "B":
                seen["demoted"] = True
            else:
                assert not seen["demoted"], "committed behind the demotion"

        async def ask() -> None:
            actor = SessionActor(harness.service, harness.clients[WATCHED])
            try:
                result: Any = await perform(ServiceHost(harness.service), actor, request_)
            except Refused as refused:
                result = refused.code
            came.append((result, seen["demoted"]))

        async def demote() -> None:
            await perform(ServiceHost(harness.service), LocalActor(), wire.SetRole(ADMINISTRATOR, Role.MEMBER))

        harness.committing = committing
        run = harness.run = Run({"A": ask, "B": demote})
        return run, harness

    for _harness in every_order(make, lambda harness: harness.service.flush()):
        pass
    first = [result for result, demoted in came if not demoted]
    assert first
    assert not any(isinstance(result, Code) for result in first), "the request works for an administrator"
    for result in (result for result, demoted in came if demoted and isinstance(result, wire.AccountResult)):
        assert (result.account.email, result.account.created_ms, result.account.devices) == ("", 0, 0)
    refused = [result for result, demoted in came if demoted and isinstance(result, Code)]
    assert refused
    assert set(refused) <= {Code.NOT_ALLOWED, Code.NOT_FOUND}
