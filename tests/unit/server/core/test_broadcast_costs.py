"""A change that is sent to many users counts as many requests."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat_server.core.model import MembershipRow
from lanchat_server.core.refusals import Refused
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.requests.costs import LISTS as LISTS_OF_SERVER
from lanchat_server.service.requests.costs import TOLD_AT_ONCE
from lanchat_server.service.requests.table import HANDLERS
from lanchat_server.service.service import Service
from tests.support.rig import GENERAL, Rig, make_author

MEMBER, NON_MEMBER = 2, 3
MEMBERS = 1_000


@pytest.fixture
def service() -> Any:
    rig = Rig()
    for room in (GENERAL, Rig.PRIVATE):
        rig.directory.put_members([MembershipRow(room, 1_000 + number, 0, 1, 0, 0) for number in range(MEMBERS)])
    for user in (MEMBER, NON_MEMBER):
        rig.core.add_session(user, user, rig.authors[user].device, 0.0)
    notices = EventNotifier(rig.core, rig.directory, rig.sequencer, rig.statements, lambda: 1.0)
    context = SimpleNamespace(directory=rig.directory, core=rig.core, notices=notices)
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


LISTS: list[Any] = [wire.ListUsers(), wire.ListMembers(Rig.PRIVATE), wire.ListCursors(Rig.PRIVATE), wire.ListRooms()]


@pytest.mark.parametrize("operation", LISTS, ids=[type(operation).__name__ for operation in LISTS])
def test_entries_of_lists_are_taken_from_what_a_user_may_have_of_history(service: Any, operation: Any) -> None:
    """The shortest request brings thousands of them, and fifty a second would take all of the event loop."""
    session = service.core.sessions.get(MEMBER)
    session.pages = TokenBucket(100.0, 1.0)
    connection: Any = SimpleNamespace(session=MEMBER, user=MEMBER, device=make_author(MEMBER).device, password_number=0)
    page = asyncio.run(Service.answer(service, connection, operation))
    (entries, *_) = (getattr(page, name) for name in page.__struct_fields__)
    assert session.pages.wait(1.0) == pytest.approx(len(entries) / 100.0)
    with pytest.raises(Refused) as caught:
        asyncio.run(Service.answer(service, connection, operation))
    assert (caught.value.code, caught.value.retry > 0) == (Code.BUSY, True)


def test_every_list_in_pages_is_counted() -> None:
    """Those whose request says where a page begins."""
    paged = {kind for kind in HANDLERS if "after" in kind.__struct_fields__}
    assert paged == set(LISTS_OF_SERVER)


def test_other_requests_count_as_one(service: Any) -> None:
    assert taken(service, MEMBER, wire.ListMembers(Rig.PRIVATE)) == service.core.config.request_burst
