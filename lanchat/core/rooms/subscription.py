"""One room of one session: what is asked of the server, and when.

    subscribed(head H)       nothing stored:  one page backward from H makes the base
                             something stored: pages forward from what is linked until H is reached
    want(now)                NACKs for what is missing while live (repair.py); a page where they do not help
    page, pull_failed        the answer to a page that was asked for

Ends with the session; what came is in the receiver (room.py), which stays.
"""

from lanchat.core.config import ClientConfig
from lanchat.core.events import Event, OlderStored
from lanchat.core.rooms.repair import Repair
from lanchat.core.rooms.room import RoomContext, RoomReceiver
from lanchat.core.rooms.source import RecordSource
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import NACK_MAX
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.wire import History, Nack, Page


class RoomSubscription:
    """Of an attached receiver at `source`. Methods that take something from outside raise ProtocolError; `settle` and
    `older_page` raise LocalStoreError."""

    def __init__(self, receiver: RoomReceiver, source: RecordSource, context: RoomContext) -> None:
        """Nothing is asked for before `subscribed`."""
        self.receiver = receiver
        self.source = source
        self.room = receiver.room
        # The server dropped what it had queued for this session, and sends nothing of the room before a page is asked
        # for.
        self.lagging = False
        self._config: ClientConfig = context.config
        self._repair = Repair(context.config, context.random)
        self._pull: History | None = None
        self._pull_at = 0.0
        self._pulled_since = 0.0
        self._page_size = context.config.page
        self._owes_page = False
        # Whether anything still comes unasked: numbers of the last NACK, and how many NACKs went out since.
        self._asked: frozenset[int] = frozenset()
        self.nacks_in_a_row = 0

    @property
    def joined(self) -> bool:
        """The subscription was answered."""
        return self.receiver.join is not None

    # --- From outside ---------------------------------------------------------------------------------------------

    def subscribed(self, head: Head, now: float) -> None:
        """The server registered this session and stands at `head`."""
        self.receiver.subscribed(head)
        self._pull_at = now

    def take_records(self, records: list[Record], head: Head | None) -> None:
        """What came live, or as the answer to a NACK."""
        receiver = self.receiver
        taken = receiver.stop is None and not receiver.strict
        if taken and any(record.seq not in self._asked for record in records):
            self.nacks_in_a_row = 0
        receiver.take_records(self.source, records, head)

    def take_lagging(self, now: float) -> None:
        """The server sends no records of this room until a page was asked for."""
        self.lagging = True
        self._owes_page = True
        self._pull_at = now

    def drop_aside(self, now: float) -> None:
        """Forget what waits in memory. It comes again with a page, which is not asked for at once."""
        self.receiver.drop_aside()
        self._pull_at = max(self._pull_at, now + self._config.pull_retry)

    def settle(self) -> list[Event]:
        """See RoomReceiver.settle."""
        receiver = self.receiver
        events = receiver.settle()
        if self.lagging and receiver.takes and receiver.chain is not None and receiver.goal <= receiver.cursor:
            self.lagging = self._pull is not None or self._owes_page
        return events

    # --- Asking ---------------------------------------------------------------------------------------------------

    def want(self, now: float) -> Nack | History | None:
        """What is to be asked for now. The caller sends it and says so with `nacked` or `pulling`."""
        receiver = self.receiver
        if receiver.stop is not None or receiver.join is None:
            return None
        if self._pull is not None:
            return self._nack_meanwhile(now)
        if self._needs_page:
            return self._next_page() if now >= self._pull_at else None
        chain = receiver.chain
        if chain is None:
            return None
        goal = receiver.goal
        top = max(goal, receiver.top)
        # What is proven whole and still above the cursor waits for the store, not for the server.
        unstored = goal == chain.end == top
        self._repair.note(top > chain.cursor and not unstored, chain.end, now)
        if not self._repair.due(now):
            return None
        missing = chain.missing(top, NACK_MAX + 1)
        hopeless = self._repair.overdue(now) or self.nacks_in_a_row >= self._config.nacks_in_a_row
        if len(missing) > NACK_MAX or hopeless:
            if now < self._pull_at:
                self._repair.postpone(self._pull_at)
                return None
            return self._next_page()
        return Nack(self.room, missing)

    def _nack_meanwhile(self, now: float) -> Nack | None:
        """A page that does not come, on a network where TLS gets stuck, must not keep datagrams from helping."""
        chain = self.receiver.chain
        if chain is None or not self._repairs_meanwhile or not self._repair.due(now):
            return None
        missing = chain.missing(max(self.receiver.goal, self.receiver.top), NACK_MAX)
        if not missing:
            self._repair.ask_at = None
            return None
        self._repair.progressed(chain.end)
        return Nack(self.room, missing)

    @property
    def _repairs_meanwhile(self) -> bool:
        return self.receiver.live and not self.lagging and not self.receiver.strict

    @property
    def _needs_page(self) -> bool:
        """Pages at once, without trying NACKs: to join, after lagging, in doubt."""
        receiver = self.receiver
        if receiver.chain is None:
            return receiver.base is None and receiver.join is not None and receiver.join.seq >= receiver.first_seq
        if self._owes_page:
            return True
        doubtful = not receiver.live or self.lagging or receiver.strict
        return doubtful and receiver.chain.end < receiver.goal

    def _next_page(self) -> History:
        chain, join = self.receiver.chain, self.receiver.join
        if chain is None:
            assert join is not None
            return History(self.room, join.seq, forward=False, limit=self._config.first_page)
        return History(self.room, chain.end + 1, forward=True, limit=self._page_size)

    def nacked(self, nack: Nack, now: float) -> None:
        """The NACK that `want` returned was sent; the next one is due later."""
        self._repair.asked(now)
        if nack.missing:
            self._asked = frozenset(nack.missing)
            self.nacks_in_a_row += 1

    def retry_soon(self, now: float) -> None:
        """NACKs of a silence were lost."""
        self.nacks_in_a_row = 0
        self._repair.retry_soon(now)

    def postpone(self, until: float) -> None:
        """No NACK may go out before."""
        self._repair.postpone(until)

    def pulling(self, request: History, now: float) -> None:
        """A page was asked for; `page` or `pull_failed` follows."""
        self._pull = request
        self._pulled_since = now
        self._owes_page = False
        self.nacks_in_a_row = 0
        if self._repair.ask_at is not None:
            self._repair.postpone(now + self._config.page_patience)

    def pull_failed(self, now: float, wait: float) -> None:
        """Instead of `page`: the request was refused, or its answer did not come. It is made again after `wait`
        seconds, with as many records as at first."""
        self._page_size = self._config.page
        self._retry_pull(now + wait)

    def _retry_pull(self, at: float) -> None:
        self._pull = None
        self._pull_at = at
        self._owes_page |= self.lagging

    def timer(self, pages_allowed: bool) -> float | None:
        """When `want` has something. Without `pages_allowed`: leaving pages aside."""
        if self.receiver.stop is not None or self.receiver.join is None:
            return None
        if self._pull is not None:
            return self._repair.ask_at if self._repairs_meanwhile else None
        if self._needs_page:
            return self._pull_at if pages_allowed else None
        # Without a chain the base is here and waits for the store: nothing is to be asked for.
        return self._repair.ask_at if self.receiver.chain is not None else None

    # --- Pages ----------------------------------------------------------------------------------------------------

    def page(self, page: Page, now: float) -> None:
        """The answer to what `pulling` announced."""
        receiver = self.receiver
        request, self._pull = self._pull, None
        if request is None or receiver.stop is not None:
            return
        if page.room != self.room:
            raise ProtocolError("page of another room")
        receiver.prove(page.head)
        self._choose_page_size(request, page, now - self._pulled_since)
        if receiver.chain is None:
            receiver.take_base(page, request.anchor)
        elif receiver.chain.hash_at(request.anchor - 1) is None:
            # What the page goes on from was dropped meanwhile: from the cursor again.
            self._retry_pull(now)
        elif page.records:
            receiver.take_page(page, request.anchor)
            self._pull_at = now
        else:
            self._take_nothing(page, request.anchor, now)

    def _choose_page_size(self, request: History, page: Page, took: float) -> None:
        """Larger ones while there is much to come and they come quickly."""
        if took > self._config.page_patience:
            self._page_size = self._config.page
        elif request.forward and len(page.records) >= request.limit:
            self._page_size = min(2 * self._page_size, self._config.page_most)

    def _take_nothing(self, page: Page, anchor: int, now: float) -> None:
        """Nothing above the anchor: fine at the head, else the server is not consistent yet."""
        self.receiver.take_head(page.head)
        if self.receiver.goal >= anchor:
            self._retry_pull(now + self._config.pull_retry)

    def older(self) -> History | None:
        """The request for the page below the base; None when everything that may be read is here."""
        receiver = self.receiver
        if receiver.span is None or receiver.chain is None or receiver.span.base < receiver.first_seq:
            return None
        return History(self.room, receiver.span.base, forward=False, limit=self._config.page)

    def older_page(self, page: Page) -> OlderStored:
        """The answer to `older`."""
        return self.receiver.take_older(page)
