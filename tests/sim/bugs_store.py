"""Deliberate faults of storage and sequencing: what is told before, or although, it is not durable."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import structs
from msgspec.structs import replace

from lanchat.protocol.codes import Code
from lanchat.protocol.log.records import Record, chain_hash
from lanchat_server.core.ports import CommitFailed, CommitUnknown, Fenced, StoreError
from lanchat_server.core.sequencing import sequencer as sequencer_module
from lanchat_server.core.sequencing.sequencer import BatchOutcome, Sequencer, Submission, _Draft
from tests.sim import server as server_module
from tests.sim.server import SimStore
from tests.support.memory_store import Fault, MemoryStore, MemoryTransaction
from tests.support.planting import Change


def acknowledge_before_commit() -> list[Change]:
    """An acknowledgement goes out before the transaction commits."""
    return [(Sequencer, "commit", _telling_early("_acknowledge"))]


def relay_before_commit() -> list[Change]:
    """Records are relayed before the transaction commits."""
    return [(Sequencer, "commit", _telling_early("_relay"))]


def _telling_early(tell: str) -> Any:
    def commit(self: Sequencer, store: SimStore, batch: list[Submission], now_ms: int) -> BatchOutcome:
        with store.transaction() as tx:
            draft = _Draft(self._directory, tx, now_ms, self._config)
            draft.look_up(batch, {})
            for submission in batch:
                draft.judge(submission)
            outcome = draft.write(self._log_key)
            core = store.server.core
            getattr(core, tell)(outcome, store.world.clock.now)
            store.server.run(store.server.service.driver.step)
        return outcome

    return commit


def number_before_commit() -> list[Change]:
    """Numbers come from memory: a rollback leaves a hole, and nothing fits any more."""
    honest = _Draft.look_up

    def look_up(self: _Draft, batch: list[Submission], progress: Any) -> None:
        honest(self, batch, progress)
        last = self._directory.__dict__.setdefault("numbered", {})
        for room, head in self._heads.items():
            self._heads[room] = head._replace(seq=max(head.seq, last.get(room, 0)))

    write = _Draft.write

    def remember(self: _Draft, log_key: Any) -> BatchOutcome:
        self._directory.__dict__["numbered"].update({room: head.seq for room, head in self._heads.items()})
        return write(self, log_key)

    return [(_Draft, "look_up", look_up), (_Draft, "write", remember)]


def acknowledge_what_was_rolled_back() -> list[Change]:
    """A commit that failed is taken for done."""
    return [(MemoryStore, "transaction", _careless(CommitFailed))]


def acknowledge_what_nobody_knows() -> list[Change]:
    """A commit of unknown outcome is taken for done."""
    return [(MemoryStore, "transaction", _careless(CommitUnknown))]


def no_fence() -> list[Change]:
    """The lease is not checked: an older server goes on writing."""
    return [(MemoryStore, "transaction", _careless(Fenced))]


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


def duplicates_known_in_memory_only() -> list[Change]:
    """Which messages were stored is known in memory only."""
    return [
        (MemoryTransaction, "decisions", lambda self, keys: {}),
        (MemoryTransaction, "last_numbers", lambda self, runs: dict.fromkeys(runs, 0)),
        (MemoryTransaction, "append", _append_unchecked),
    ]


def _append_unchecked(self: MemoryTransaction, room: int, records: Any, head: Any) -> None:
    """Without the database's unique keys."""
    self.changes.append(lambda: self._append(room, records, head))


def retry_after_unknown_commit() -> list[Change]:
    """After a commit of unknown outcome the same batch is committed again, without a look at what is stored."""
    honest = Sequencer.commit

    def commit(self: Sequencer, store: Any, batch: list[Submission], now_ms: int) -> BatchOutcome:
        with store.transaction() as tx:
            known = tx.decisions([submission.header.key for submission in batch])
            last = tx.last_numbers({submission.run for submission in batch})
        try:
            return honest(self, store, batch, now_ms)
        except CommitUnknown:
            with store.transaction() as tx:
                draft = _Draft(self._directory, tx, now_ms, self._config)
                draft.look_up(batch, {})
                draft._known, draft.last = known, last
                for submission in batch:
                    draft.judge(submission)
                return draft.write(self._log_key)

    return [(Sequencer, "commit", commit), (MemoryTransaction, "append", _append_unchecked)]


def progress_before_commit() -> list[Change]:
    """How far a run is decided is remembered although the commit failed."""
    honest = Sequencer.commit

    def commit(self: Sequencer, store: Any, batch: list[Submission], now_ms: int) -> BatchOutcome:
        try:
            return honest(self, store, batch, now_ms)
        except StoreError:
            for submission in batch:
                self._progress.advance(submission.run, submission.header.n)
            raise

    return [(Sequencer, "commit", commit)]


def chain_without_time() -> list[Change]:
    """The chain does not cover a record's time."""

    def chain(log_id: bytes, room: int, before: bytes, record: Record) -> bytes:
        return chain_hash(log_id, room, before, structs.replace(record, time_ms=0))

    return [(sequencer_module, "chain_hash", chain)]


def time_never_goes_back() -> list[Change]:
    """A record is never earlier than the one before it, as if the clock could not be set back."""
    honest = _Draft._store

    def store(self: _Draft, submission: Submission, author: Any, octets: int, text: str) -> None:
        clock = self._now_ms
        self._now_ms = max(clock, self._heads[submission.header.room].time_ms)
        honest(self, submission, author, octets, text)
        self._now_ms = clock

    return [(_Draft, "_store", store)]


def signature_not_checked() -> list[Change]:
    """An author's signature is not checked."""
    return [(module, "is_genuine", lambda directory, submission: True) for module in (sequencer_module, server_module)]


def membership_not_checked() -> list[Change]:
    """Whoever knows a room may write into it."""
    honest = _Draft._check_rights

    def check(self: _Draft, submission: Submission, author: Any) -> Any:
        code = honest(self, submission, author)
        return None if code is Code.NOT_A_MEMBER and submission.header.room in self._heads else code

    return [(_Draft, "_check_rights", check)]


def anybody_edits() -> list[Change]:
    """A message may be edited by somebody else."""
    honest = _Draft._check_target

    def check(self: _Draft, header: Any, author: Any, first_seq: int) -> Any:
        code = honest(self, header, author, first_seq)
        return None if code is Code.TARGET_NOT_YOURS else code

    return [(_Draft, "_check_target", check)]


def refusals_are_forgotten() -> list[Change]:
    """A refusal is not kept."""
    return [(MemoryTransaction, "reject", lambda self, rejections: None)]


def no_order_within_a_run() -> list[Change]:
    """An author's messages are taken in the order in which they arrive."""
    honest = _Draft.judge

    def judge(self: _Draft, submission: Submission) -> None:
        honest(self, replace(submission, force=True))
        self._outcome.gaps.clear()

    return [(_Draft, "judge", judge)]


BUGS = (
    acknowledge_before_commit,
    relay_before_commit,
    number_before_commit,
    acknowledge_what_was_rolled_back,
    acknowledge_what_nobody_knows,
    retry_after_unknown_commit,
    duplicates_known_in_memory_only,
    refusals_are_forgotten,
    progress_before_commit,
    chain_without_time,
    time_never_goes_back,
    signature_not_checked,
    membership_not_checked,
    anybody_edits,
    no_order_within_a_run,
    no_fence,
)
