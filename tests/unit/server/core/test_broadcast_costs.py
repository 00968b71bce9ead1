"""A change that is sent to many users counts as many requests."""

from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat_server.core.model import MembershipRow
from lanchat_server.service.requests.costs import TOLD_AT_ONCE
from lanchat_server.service.service import Service
from tests.support.rig import GENERAL, Rig

MEMBER, NON_MEMBER = 2, 3
MEMBERS = 1_000


@pytest.fixture
def service() -> Any:
    rig = Rig()
    for room in (GENERAL, Rig.PRIVATE):
        rig.directory.put_members([MembershipRow(room, 1_000 + number, 0, 1, 0, 0) for number in range(MEMBERS)])
    for user in (MEMBER, NON_MEMBER):
        rig.core.add_session(user, user, rig.authors[user].device, 0.0)
    context = SimpleNamespace(directory=rig.directory)
    return SimpleNamespace(core=rig.core, context=context, now=lambda: 1.0)


def taken(service: Any, session: int, operation: Any) -> int:
    """How many of these requests are performed at once."""
    connection: Any = SimpleNamespace(session=session)
    count = 0
    while not Service.over_rate(service, connection, operation):
        count += 1
    return count


@pytest.mark.parametrize(
    "operation",
    [
        wire.SetHistoryPolicy(Rig.PRIVATE, HistoryPolicy.EVERYTHING),
        wire.InviteUser(Rig.PRIVATE, 5),
        wire.LeaveRoom(Rig.PRIVATE),
        wire.ArchiveRooms([Rig.PRIVATE], True),
        wire.JoinRoom(GENERAL),
    ],
)
def test_change_of_a_large_room_counts_as_many_requests(service: Any, operation: Any) -> None:
    burst = service.core.config.request_burst
    cost = 1 + MEMBERS // TOLD_AT_ONCE
    assert burst // cost <= taken(service, MEMBER, operation) <= burst // cost + 1


@pytest.mark.parametrize("room", [Rig.PRIVATE, 12_345])
def test_cost_does_not_reveal_the_size_of_a_private_room(service: Any, room: int) -> None:
    assert service.context.directory.rooms[Rig.PRIVATE].kind is RoomKind.PRIVATE
    assert taken(service, NON_MEMBER, wire.JoinRoom(room)) == service.core.config.request_burst


def test_other_requests_count_as_one(service: Any) -> None:
    assert taken(service, MEMBER, wire.ListMembers(Rig.PRIVATE)) == service.core.config.request_burst
