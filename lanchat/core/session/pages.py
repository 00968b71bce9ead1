"""Lists that the server hands out in pages: asked for one after the other, and put together."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lanchat.core.session.requests import Answer, Handler
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError

# Where the entries of a list stand in its answer.
_ENTRIES: dict[type, str] = {
    wire.RoomList: "rooms",
    wire.UserList: "users",
    wire.MemberList: "members",
    wire.DeviceList: "devices",
    wire.CursorList: "cursors",
    wire.InviteList: "invites",
    wire.AccountList: "accounts",
    wire.RoomSummaryList: "rooms",
    wire.QuarantineList: "messages",
    wire.SessionList: "sessions",
    wire.StatementList: "statements",
    wire.RevokedList: "devices",
}
# Pages of one list, 256 KiB each: 100,000 entries, or a few more of short names.
PAGES_MAX = 100


class PagedRequest:
    """One list being asked for. `ask` sends a request; `handler` gets the whole list, or why it did not come. `broken`
    is called instead of it before ProtocolError is raised; by default `handler` gets None."""

    def __init__(
        self,
        operation: Any,
        ask: Callable[[Any, Handler], int],
        note: Callable[[Answer], None],
        handler: Handler,
        entries_max: int,
        *,
        broken: Callable[[], None] | None = None,
    ) -> None:
        """`operation`: the request for the first page. `ask` sends one and returns its number. `note` sees each answer
        before `handler` gets the whole list; when it raises, so does the taking in of the answer. `entries_max`: of a
        list with more, ProtocolError is raised."""
        self._entries_max = entries_max
        self._operation = operation
        self._ask = ask
        self._note = note
        self._handler = handler
        self._broken = broken or (lambda: handler(None))
        self._pages: list[Any] = []
        self._count = 0

    def begin(self) -> int:
        """The number of the first request."""
        return self._ask(self._operation, self._answered)

    def _answered(self, answer: Answer) -> None:
        try:
            self._note(answer)
        except BaseException:
            self._broken()
            raise
        entries = _ENTRIES.get(type(answer))
        if entries is None:
            self._handler(answer)
            return
        page: Any = answer
        after: bytes = page.next
        self._count += len(getattr(page, entries))
        endless = len(self._pages) + 1 == PAGES_MAX or self._count > self._entries_max or after <= self._operation.after
        if after and endless:
            self._broken()
            raise ProtocolError("a list without end")
        self._pages.append(page)
        if after:
            self._operation = replace(self._operation, after=after)
            self._ask(self._operation, self._answered)
            return
        together = [entry for page in self._pages for entry in getattr(page, entries)]
        self._handler(replace(page, **{entries: together}))
