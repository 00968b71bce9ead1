"""Deliberate faults of the client: what it forgets, believes or leaves out."""

from typing import Any

from lanchat.protocol.client.outbox import Outbox
from tests.sim.planting import Change
from tests.support.memory_local import MemoryLocalStore


def the_outbox_is_not_durable() -> list[Change]:
    """A message is sent before it is durable in the outbox."""
    honest = MemoryLocalStore.add_outgoing

    def add(self: MemoryLocalStore, *arguments: Any) -> Any:
        item = honest(self, *arguments)
        self._outgoing.pop(item.key)
        return item

    return [(MemoryLocalStore, "add_outgoing", add)]


def nothing_is_sent_again() -> list[Change]:
    """A message without an answer is not sent again."""

    def schedule(self: Outbox, waiting: Any, path: Any, now: float) -> None:
        waiting.due = now + 1e9

    return [(Outbox, "_schedule", schedule)]


BUGS = (the_outbox_is_not_durable, nothing_is_sent_again)
