"""Lists in pages: the core requests every page and returns one list."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import fields

from lanchat.core.config import ClientConfig
from lanchat.core.endpoints import SERVER
from lanchat.core.events import Answered, ConnectionGivenUp, LinkStateChanged, RoomAccessEnded
from lanchat.core.session.pages import PAGES_MAX, PagedRequest
from lanchat.core.session.requests import RESULTS, Handler
from lanchat.core.session.states import LinkState, Reason
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import LIST_ENTRIES_MAX
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore

ROOMS = 7


def paged_log(rooms: int = ROOMS, page: int = 2) -> FakeLog:
    log = FakeLog(rooms=rooms)
    log.page_of_rooms = page
    return log


def live(log: FakeLog, store: MemoryLocalStore | None = None, config: ClientConfig | None = None) -> Wire:
    client = Wire(log, store or MemoryLocalStore(), config=config)
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    return client


def subscribed(client: Wire) -> set[int]:
    frames = [output.frame for output in client.sent]
    asked = [frame.operation for frame in frames if isinstance(frame, wire.Request)]
    return {room for operation in asked if isinstance(operation, wire.Subscribe) for room in operation.rooms}


def test_session_is_live_after_all_pages_of_rooms() -> None:
    client = live(paged_log())
    assert subscribed(client) == set(client.log.records) == set(client.core.directory.rooms)


def test_known_rooms_of_every_page_are_subscribed() -> None:
    store = MemoryLocalStore()
    live(paged_log(), store)
    assert subscribed(live(paged_log(), store)) == set(paged_log().records)


def test_room_missing_from_all_pages_is_removed() -> None:
    store = MemoryLocalStore()
    live(paged_log(), store)
    client = live(paged_log(ROOMS - 1), store)
    (gone,) = set(paged_log().records) - set(client.log.records)
    assert client.of_kind(RoomAccessEnded) == [RoomAccessEnded(gone)]
    assert gone not in client.core.directory.rooms


def test_room_reported_between_two_pages_is_kept() -> None:
    log = paged_log()
    client = Wire(log, MemoryLocalStore())
    client.connect()
    client.run_until(lambda: client.up)
    new = wire.Room(99, "new", wire.RoomKind.PRIVATE, wire.HistoryPolicy.EVERYTHING, 1, True, 1)
    client.to_client(Transport.TLS, wire.RoomChanged(new))
    client.run_for(1)
    assert 99 in client.core.directory.rooms


def test_answer_contains_the_entries_of_all_pages() -> None:
    client = live(paged_log())
    number = client.core.request(wire.ListRooms(), client.now)
    client.run_for(1)
    assert client.of_kind(Answered) == [Answered(number, wire.RoomList(client.log.rooms()))]  # type: ignore[arg-type]


def test_session_ends_without_the_further_pages() -> None:
    client = Wire(paged_log(), MemoryLocalStore())
    client.hook = lambda direction, path, frame: direction == "down"
    client.connect()
    client.run_until(lambda: client.up)
    (asked,) = [
        output.frame for output in client.sent if isinstance(getattr(output.frame, "operation", None), wire.ListRooms)
    ]
    client.to_client(Transport.TLS, wire.Failure(asked.id, wire.Code.BUSY, "no"))
    assert client.run_until(lambda: client.core.state is LinkState.CONNECTING, 5)


@pytest.mark.parametrize(("rooms", "place"), [([], b"\x00"), (range(2, 2 + LIST_ENTRIES_MAX), b"\xff")])
def test_invalid_room_list_is_the_reason_for_the_session_end(rooms: Sequence[int], place: bytes) -> None:
    """Not a lost connection, which is retried at once."""
    client = Wire(paged_log(), MemoryLocalStore(), config=ClientConfig(rooms_max=100))
    client.hook = lambda direction, path, frame: direction == "down"
    client.connect()
    client.run_until(lambda: client.up)
    asked = next(o.frame for o in client.sent if isinstance(getattr(o.frame, "operation", None), wire.ListRooms))
    listed = [wire.Room(n, f"r{n}", wire.RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING, 1, False, 2) for n in rooms]
    with pytest.raises(ProtocolError):
        client.core.receive(SERVER, Transport.TLS, wire.Response(asked.id, wire.RoomList(listed, place)), client.now)
    client.pump()
    assert client.of_kind(ConnectionGivenUp) == []
    client.core.disconnected(client.now, Reason.BROKEN)
    client.pump()
    assert client.of_kind(LinkStateChanged)[-1].reason is Reason.BROKEN


@pytest.mark.parametrize("places", [[b"\x02", b"\x01"], [b"\x01", b"\x01"]])
def test_repeated_page_position_breaks_the_protocol(places: list[bytes]) -> None:
    client = live(FakeLog())
    client.core.request(wire.ListUsers(), client.now)
    client.hook = lambda direction, path, frame: False
    with pytest.raises(ProtocolError, match="without end"):
        answer_with(client, places)
    client.pump()
    assert client.of_kind(Answered)[-1].result is None


def test_list_without_end_breaks_the_protocol() -> None:
    client = live(FakeLog())
    client.core.request(wire.ListUsers(), client.now)
    client.hook = lambda direction, path, frame: False
    with pytest.raises(ProtocolError, match="without end"):
        answer_with(client, [number.to_bytes(2, "big") for number in range(1, PAGES_MAX + 1)])


def test_list_of_too_many_entries_breaks_the_protocol() -> None:
    client = live(FakeLog(), config=ClientConfig(entries_max=100))
    client.core.request(wire.ListMembers(1), client.now)
    client.hook = lambda direction, path, frame: False
    for page in range(1, 6):
        answer_members(client, page)
    with pytest.raises(ProtocolError, match="without end"):
        answer_members(client, 6)


def answer_members(client: Wire, page: int) -> None:
    client.pump()
    last = [output.frame for output in client.sent if isinstance(output.frame, wire.Request)][-1]
    answer = wire.MemberList([wire.Member(user, 1) for user in range(20 * page, 20 * page + 20)], bytes([page]))
    client.core.receive(SERVER, Transport.TLS, wire.Response(last.id, answer), client.now)


def answer_with(client: Wire, places: list[bytes]) -> None:
    for place in places:
        client.pump()
        last = [output.frame for output in client.sent if isinstance(output.frame, wire.Request)][-1]
        client.core.receive(SERVER, Transport.TLS, wire.Response(last.id, wire.UserList([], place)), client.now)


PAGED = [result for result in RESULTS.values() if "next" in result.__struct_fields__]


@pytest.mark.parametrize("result", PAGED, ids=lambda result: result.__name__)
def test_pages_of_every_paged_result_are_joined(result: type[Any]) -> None:
    """Two pages of one entry each become one list, which is returned once."""
    entries, last = result.__struct_fields__[0], result.__struct_fields__[-1]
    assert last == "next"
    operation = next(asked for asked, answer in RESULTS.items() if answer is result)
    request = operation(**{field.encode_name: 1 for field in fields(operation) if field.required})
    asked: list[Any] = []
    answers: list[Any] = []

    def ask(operation: Any, handler: Handler) -> int:
        asked.append((operation, handler))
        return len(asked)

    further = {field.encode_name: 0 for field in fields(result) if field.required and field.encode_name != entries}
    PagedRequest(request, ask, lambda answer: None, answers.append, 10).begin()
    asked[0][1](result(["first"], **further, next=b"further"))
    assert [page.after for page, _handler in asked] == [b"", b"further"]
    asked[1][1](result(["second"], **further))
    assert [getattr(answer, entries) for answer in answers] == [["first", "second"]]
