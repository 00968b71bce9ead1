"""Deliberate faults that the simulator must catch: a check that cannot fail is no check.

Each bug is switched on by a patch here and nowhere else. It must break an invariant within a bounded number of seeds.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from lanchat.protocol.client.config import ClientConfig
from lanchat_server.core.heartbeat import Heartbeat
from lanchat_server.core.ports import CommitFailed, CommitUnknown, Fenced
from lanchat_server.core.sequencer import Sequencer, Submission, _Draft
from tests.sim import client as sim_client
from tests.sim.server import SimServer
from tests.sim.world import World
from tests.support.memory_local import MemoryLocalStore
from tests.support.memory_store import Fault, MemoryStore, MemoryTransaction

SEEDS = 80
Patch = Callable[[pytest.MonkeyPatch], None]


def acknowledge_what_was_rolled_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryStore, "transaction", _careless(CommitFailed))


def acknowledge_what_nobody_knows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryStore, "transaction", _careless(CommitUnknown))


def no_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryStore, "transaction", _careless(Fenced))


def _careless(ignored: type[Exception]) -> Any:
    """A transaction that goes on as if one kind of error had not happened."""

    @contextmanager
    def transaction(self: MemoryStore) -> Iterator[MemoryTransaction]:
        if ignored is not Fenced and self._incarnation != self.database.incarnation:
            raise Fenced("a newer server has the lease")
        tx = MemoryTransaction(self.database)
        yield tx
        fault = self.fault()
        if fault in (Fault.NONE, Fault.UNKNOWN_STORED):
            for change in tx.changes:
                change()
        error = {Fault.FAILED: CommitFailed, Fault.UNKNOWN_STORED: CommitUnknown, Fault.UNKNOWN_LOST: CommitUnknown}
        if fault is not Fault.NONE and error[fault] is not ignored:
            raise error[fault]("planned")

    return transaction


def tell_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    honest = SimServer._commit

    def commit(self: SimServer, batch: list[Submission]) -> None:
        draft = MemoryStore(copy.deepcopy(self.store.database))
        try:
            outcome = Sequencer(self.directory, self.sequencer._log_key, 1).commit(draft, batch, self.world.wall_ms())
        except CommitFailed:
            honest(self, batch)
            return
        self.core.committed(outcome, self.clock.now)
        self.step()
        try:
            self.sequencer.commit(self.store, batch, self.world.wall_ms())
        except (CommitFailed, CommitUnknown, Fenced):
            self.count("told, but not stored")

    patch.setattr(SimServer, "_commit", commit)


def duplicates_known_in_memory_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryTransaction, "decisions", lambda self, keys: {})
    patch.setattr(MemoryTransaction, "last_numbers", lambda self, runs: dict.fromkeys(runs, 0))
    patch.setattr(
        MemoryTransaction,
        "append",
        lambda self, room, records, head: self.changes.append(lambda: self._append(room, records, head)),
    )


def refusals_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryTransaction, "reject", lambda self, rejections: None)


def no_order_within_a_run(patch: pytest.MonkeyPatch) -> None:
    honest = _Draft.judge

    def judge(self: _Draft, submission: Submission) -> None:
        honest(self, replace(submission, force=True))
        self._outcome.gaps.clear()

    patch.setattr(_Draft, "judge", judge)


def the_head_is_not_said_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Heartbeat, "due", lambda self, now: [])
    patch.setattr(Heartbeat, "beat", lambda self, now: None)
    patch.setattr(Heartbeat, "timer", lambda self: 1e9)


def the_outbox_is_not_durable(patch: pytest.MonkeyPatch) -> None:
    honest = MemoryLocalStore.add_outgoing

    def add(self: MemoryLocalStore, *args: Any) -> Any:
        item = honest(self, *args)
        self._outgoing.pop(item.key)
        return item

    patch.setattr(MemoryLocalStore, "add_outgoing", add)


def nothing_is_sent_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sim_client, "ClientConfig", lambda **kw: ClientConfig(retry_first=1e9, retry_longest=1e9, **kw))


BUGS: list[Patch] = [
    acknowledge_what_was_rolled_back,
    acknowledge_what_nobody_knows,
    no_fence,
    tell_before_the_commit,
    duplicates_known_in_memory_only,
    refusals_are_forgotten,
    no_order_within_a_run,
    the_head_is_not_said_again,
    the_outbox_is_not_durable,
    nothing_is_sent_again,
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_the_simulator_catches(bug: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    for seed in range(SEEDS):
        try:
            World(seed).run()
        except Exception as error:  # any way of noticing counts: an invariant, or the code's own checks
            print(f"caught at seed {seed}: {type(error).__name__}: {error}")
            return
    raise AssertionError(f"{bug.__name__} was not caught in {SEEDS} seeds")
