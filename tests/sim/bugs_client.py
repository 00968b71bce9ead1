"""Deliberate faults of the client: what it forgets, believes, leaves out or shows too soon."""

from typing import Any

from lanchat.core.core import ClientCore
from lanchat.core.events import RoomWentLive
from lanchat.core.rooms.chain import Chain
from lanchat.core.rooms.delivery import DeliveryCursor
from lanchat.core.rooms.repair import Repair
from lanchat.core.rooms.room import RoomReceiver
from lanchat.core.session.link import LinkController
from lanchat.core.session.outbox import Outbox
from lanchat.core.session.receipts import ReceiptTracker
from lanchat.protocol.log.messages import Header, decode_header_untrusted
from tests.support.memory_local import MemoryLocalStore
from tests.support.planting import Change

# --- Sending --------------------------------------------------------------------------------------------------------


def outbox_not_durable() -> list[Change]:
    """A message is sent before it is durable in the outbox."""
    honest = MemoryLocalStore.add_outgoing

    def add(self: MemoryLocalStore, *arguments: Any) -> Any:
        item = honest(self, *arguments)
        self._outgoing.pop(item.key)
        return item

    return [(MemoryLocalStore, "add_outgoing", add)]


def outbox_emptied_by_sending() -> list[Change]:
    """A message leaves the outbox when it is sent, not when it is decided."""
    honest = Outbox.take_due

    def take_due(self: Outbox, *arguments: Any) -> Any:
        outputs = honest(self, *arguments)
        for output in outputs:
            headers: list[Header] = [decode_header_untrusted(message.header) for message in output.frame.messages]
            for header in headers:
                self._undeleted[header.key] = None
        return outputs

    return [(Outbox, "take_due", take_due)]


def nothing_is_sent_again() -> list[Change]:
    """A message without an answer is not sent again."""

    def schedule(self: Outbox, waiting: Any, path: Any, now: float) -> None:
        waiting.due = now + 1e9

    return [(Outbox, "_schedule", schedule)]


def sent_again_under_another_number() -> list[Change]:
    """After a reconnect what waits is handed in as new messages."""
    honest = ClientCore.connected

    def connected(self: ClientCore, session: Any, now: float, **rest: Any) -> None:
        mine = [waiting.item for run, entries in self._outbox._runs.items() if run.run == self.run
                for waiting in entries.values()]  # fmt: skip
        for item in sorted(mine):
            self._outbox._remove(item.key)
            self._store.remove_outgoing([item.key])
            header: Header = decode_header_untrusted(item.message.header)
            self.send(header.room, header.kind, item.message.body.decode(), header.ref, now)
        honest(self, session, now, **rest)

    return [(ClientCore, "connected", connected)]


def runs_are_not_drawn() -> list[Change]:
    """A client begins with the same run at each start."""
    honest = ClientCore.__init__

    def init(self: ClientCore, **given: Any) -> None:
        honest(self, **(given | {"run": 1}))

    return [(ClientCore, "__init__", init)]


# --- Receiving ------------------------------------------------------------------------------------------------------


def gaps_are_skipped() -> list[Change]:
    """A client that misses records goes on from the newest head."""
    honest = RoomReceiver.take_records

    def take_records(self: RoomReceiver, source: Any, records: Any, head: Any) -> None:
        chain = self.chain
        if chain is not None and self.live and records and head is not None and records[0].seq > chain.end + 1:
            self.prove(head)
            self._make_span(head.seq, head.hash)
            return
        honest(self, source, records, head)

    return [(RoomReceiver, "take_records", take_records)]


def gaps_are_not_asked_for() -> list[Change]:
    """A client waits for what it misses, and asks nobody."""
    return [(Repair, "note", lambda self, needy, position, now: None)]


def chain_not_checked() -> list[Change]:
    """Records are stored whether or not the head's hash is theirs."""

    def settle(self: RoomReceiver, chain: Chain) -> None:
        while self.stop is None and chain.linked:
            head = self._heads.covering(chain.cursor, chain.end)
            if head is None:
                break
            self._keep(chain, head)
        self._go_live()

    return [(RoomReceiver, "_settle", settle)]


def heads_not_checked() -> list[Change]:
    """A head counts, whoever signed it."""
    return [(ClientCore, "_check_head", lambda self, head: True)]


def heads_of_other_epochs_count() -> list[Change]:
    """A head of the log before it was put back counts."""
    honest = ClientCore._check_head

    def check(self: ClientCore, head: Any) -> bool:
        before = self.identity
        self.identity = type(before)(before.log_id, head.epoch, before.log_key)
        try:
            return honest(self, head)
        finally:
            self.identity = before

    return [(ClientCore, "_check_head", check)]


def shown_before_stored() -> list[Change]:
    """Records are shown before the disk has them."""

    def keep(self: RoomReceiver, chain: Chain, head: Any) -> None:
        held = tuple(chain.linked[: head.seq - chain.cursor])
        chain.advance(head.seq)
        self._report(held)
        self._context.store.append(self.room, [item.link for item in held], head)

    return [(RoomReceiver, "_keep", keep)]


def live_before_history() -> list[Change]:
    """A room says that it is live when its subscription is answered, whatever is still to be read."""

    def go_live(self: RoomReceiver) -> None:
        if not self.live and self.stop is None and self.join is not None:
            self.live = True
            self._events.append(RoomWentLive(self.room, self.join.seq))

    return [(RoomReceiver, "_go_live", go_live)]


def told_twice() -> list[Change]:
    """What was told is told again in the next session."""
    return [(DeliveryCursor, "note", lambda self, event: None)]


def receipts_beyond_what_is_held() -> list[Change]:
    """A client says that it has received one more than it holds."""
    honest = ReceiptTracker._position

    def position(self: ReceiptTracker, room: int) -> tuple[int, int]:
        received, read = honest(self, room)
        return received + 1, read

    return [(ReceiptTracker, "_position", position)]


def dead_tls_is_not_noticed() -> list[Change]:
    """While datagrams come nobody asks whether TLS still works."""
    return [(LinkController, "_tls_ping_at", property(lambda self: 1e9))]


BUGS = (
    outbox_not_durable,
    outbox_emptied_by_sending,
    nothing_is_sent_again,
    sent_again_under_another_number,
    runs_are_not_drawn,
    gaps_are_skipped,
    gaps_are_not_asked_for,
    chain_not_checked,
    heads_not_checked,
    heads_of_other_epochs_count,
    shown_before_stored,
    live_before_history,
    told_twice,
    receipts_beyond_what_is_held,
    dead_tls_is_not_noticed,
)
