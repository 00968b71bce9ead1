"""The store: a database behind the contract in lanchat_server.core.ports."""

import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat.platform.clock import SYSTEM_CLOCK
from lanchat.platform.disk.file_lock import FileLock
from lanchat.protocol.log.records import Record
from lanchat_server.core.model import (
    ContentsOctets,
    ContentsRow,
    DirectorySnapshot,
    IndexingMarks,
    LogState,
    QuarantinedMessage,
    StoredPage,
)
from lanchat_server.core.ports import CommitUnknown, StoreError
from lanchat_server.store.connection.asking import AutocommitPool
from lanchat_server.store.connection.engine import LONG_WORK, WRITES, make_engine, note_lost
from lanchat_server.store.connection.errors import commit_error, is_conflict, is_lost, statement_error, store_error
from lanchat_server.store.connection.url import DatabaseAddress
from lanchat_server.store.searching.search import find
from lanchat_server.store.tables import reads, schema
from lanchat_server.store.transactions import claiming
from lanchat_server.store.transactions.claiming import (
    LeaseHolder,
    LeaseTiming,
    LeaseVerdict,
    LeaseWatch,
    ServerTerms,
)
from lanchat_server.store.transactions.transaction import CommittedState, SqlTransaction
from lanchat_server.store.transactions.writing import WriteSession

# A server that takes the lease in a cluster competes with the one that has it, which changes it with each batch.
CONFLICTS_MAX = 50
# Records that a command indexes between two looks at how far it is.
INDEXED_TOGETHER = 1024


def this_process() -> str:
    """As the holder of a lease is named."""
    return f"{socket.gethostname()}:{os.getpid()}"


def claim(writing: WriteSession, address: DatabaseAddress, *, alone: bool, timing: LeaseTiming | None = None) -> None:
    """Take the lease for a command. A server that ended without giving it back is waited for, as long as it takes to
    know (claiming.py). Raises StoreError when one lives. `alone`: the file lock says already that no other process has
    the database, as with SQLite."""
    timing = timing or claiming.LEASE_TIMING
    watch = LeaseWatch(time.monotonic(), timing.lifetime)

    def judge(held: LeaseHolder) -> LeaseVerdict:
        return LeaseVerdict.FREE if alone else watch.look(held, time.monotonic())

    while True:
        try:
            held, verdict = writing.claim(this_process(), SYSTEM_CLOCK.wall_ms(), judge)
        except SQLAlchemyError as error:
            if is_conflict(error):  # somebody else has just written, so another look shows who
                continue
            raise store_error(error, address) from error
        if verdict is LeaseVerdict.FREE:
            return
        if verdict is LeaseVerdict.LIVES:
            text = _("A server ({holder}) runs on the database {database}: give the command there, or stop it first")
            raise StoreError(text.format(holder=held.holder, database=address))
        time.sleep(timing.look)


class SqlStore:
    """See lanchat_server.core.ports.Store. Made by `open_store`.

    A server takes the lease; a command claims it, and has nothing to write while a server lives. `indexing`: see Store.
    `indexes_behind`: who appends records indexes them later (`Transaction.index_appended`), as a server does; otherwise
    each transaction that appends some ends with it.
    """

    def __init__(
        self,
        engine: Engine,
        address: DatabaseAddress,
        log: LogState,
        lock: FileLock | None,
        timing: LeaseTiming | None = None,
    ) -> None:
        """Owns `engine` and `lock` until `close`. `lock`: of the SQLite file, None for a database server."""
        self._timing = timing
        self.address = address
        self.log = log
        self._engine = engine
        self._lock = lock
        self._writing = WriteSession(engine, address)
        self._asking = AutocommitPool(engine)
        self._abandoned = False
        self.indexing = IndexingMarks()
        self.indexes_behind = False
        # As of the last transaction; nothing after one that failed.
        self._known = CommittedState()

    def take_lease(self, holder: str, now_ms: int, terms: ServerTerms | None = None) -> int:
        """Raises StoreError when the database cannot be asked. Of `holder` 255 characters are kept. `terms`: of a
        server."""
        for left in reversed(range(CONFLICTS_MAX)):
            try:
                return self._writing.take_lease(holder, now_ms, terms)
            except SQLAlchemyError as error:
                if not (left and is_conflict(error)):
                    raise store_error(error, self.address) from error
        raise AssertionError("the last try returns or raises")

    def claim_lease(self) -> None:
        """Take the lease for a command. Raises StoreError when a server lives that has it."""
        claim(self._writing, self.address, alone=self._lock is not None, timing=self._timing)

    def begin_epoch(self, epoch: int) -> None:
        """The log has lost something: what is signed from now on says that it was after that. Raises StoreError."""
        with self.transaction() as transaction:
            transaction.set_epoch(epoch)
        self.log = LogState(self.log.log_id, epoch)

    # For a standby

    def lease_holder(self) -> LeaseHolder:
        """Who has the lease. Raises StoreError."""
        try:
            return self._asking.ask(self._writing.look)
        except SQLAlchemyError as error:
            raise store_error(error, self.address) from error

    def stand_by(self, name: str) -> None:
        """Write into the lease that `name` waits to take over. Raises StoreError."""
        try:
            with self._engine.connect() as connection, connection.begin():
                self._writing.stand_by(connection, name)
        except SQLAlchemyError as error:
            if not is_conflict(error):  # whoever has the lease has just changed it; the next time will do
                raise store_error(error, self.address) from error

    def take_over(self, holder: str, terms: ServerTerms, is_free: Callable[[LeaseHolder], bool]) -> bool:
        """Take the lease if `is_free` says so of what is found then. Raises StoreError; the lease may be taken then."""

        def judge(held: LeaseHolder) -> LeaseVerdict:
            return LeaseVerdict.FREE if is_free(held) else LeaseVerdict.LIVES

        try:
            _held, verdict = self._writing.claim(holder, SYSTEM_CLOCK.wall_ms(), judge, terms)
        except SQLAlchemyError as error:
            if is_conflict(error):
                return False
            raise store_error(error, self.address) from error
        return verdict is LeaseVerdict.FREE

    @contextmanager
    def transaction(self) -> Iterator[SqlTransaction]:
        """A block that raises is rolled back. Errors of statements become CommitFailed, those of COMMIT may become
        CommitUnknown. Raises StoreError when no lease was taken."""
        writing = self._writing
        known, self._known = self._known, CommittedState()
        try:
            writing.begin()
            transaction = SqlTransaction(writing, self.address, self.log.log_id, known)
            yield transaction
            transaction.flush()
            while transaction.has_appended and not (transaction.has_indexed or self.indexes_behind):
                transaction.index_appended(INDEXED_TOGETHER)
            writing.connection()
        except SQLAlchemyError as error:
            writing.give_up(error)
            raise statement_error(error, self.address) from error
        except BaseException:
            writing.give_up(None)
            raise
        try:
            writing.commit()
        except SQLAlchemyError as error:
            failure = commit_error(error, self.address)
            writing.give_up(error, lost=isinstance(failure, CommitUnknown))
            if isinstance(failure, CommitUnknown):
                writing.await_outcome(failure)
                self._note_indexing(transaction, indexed=False)
            raise failure from error
        self._known = transaction.known
        self._note_indexing(transaction, indexed=transaction.has_indexed)

    def _note_indexing(self, transaction: SqlTransaction, *, indexed: bool) -> None:
        marks = self.indexing
        marks.appended += transaction.has_appended
        if indexed:
            marks.indexed = marks.appended

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that reads one state of the database; errors become StoreError."""
        try:
            with self._engine.connect() as connection:
                try:
                    yield connection
                except SQLAlchemyError as error:
                    if is_lost(error):
                        note_lost(connection)
                        connection.invalidate()
                    raise
        except SQLAlchemyError as error:
            raise store_error(error, self.address) from error

    @property
    def incarnation(self) -> int:
        """Of the lease that was taken: one more with each server and command that takes it."""
        return self._writing.incarnation

    @property
    def lease_mark(self) -> tuple[int, int] | None:
        """Incarnation and count of the lease after the last commit that is known; None: none was taken."""
        return self._writing.mark

    def check_lease(self) -> None:
        """Raise Fenced when somebody else has taken the lease since."""
        with self.reading() as connection:
            self._writing.check(connection)

    @contextmanager
    def replacing(self) -> Iterator[Connection]:
        """A transaction under the lease and without a limit on single statements, to replace everything."""
        with self.batches() as begin, begin() as connection:
            yield connection

    @contextmanager
    def batches(self) -> Iterator[Callable[[], AbstractContextManager[Connection]]]:
        """What begins such transactions, one after the other; errors become StoreError."""
        engine = make_engine(self.address, LONG_WORK)
        try:
            with engine.connect().execution_options(**{WRITES: True}) as connection:

                @contextmanager
                def begin() -> Iterator[Connection]:
                    with connection.begin():
                        connection.execute(select(schema.lease.c.id).with_for_update())
                        self._writing.check(connection)
                        yield connection
                    self._writing.settle()

                yield begin
        except SQLAlchemyError as error:
            raise store_error(error, self.address) from error
        finally:
            engine.dispose()

    def snapshot(self) -> DirectorySnapshot:
        """For the thread that writes. Raises Fenced when the database is not as this store left it. After a commit of
        unknown outcome the state is final: a transaction that came after that commit was committed before."""
        if self._writing.awaits_outcome:
            self._settle()
        with self.reading() as connection:
            self._writing.check(connection)
            return reads.snapshot(connection, self.log)

    def _settle(self) -> None:
        """Commit a transaction that changes the lease alone."""
        try:
            with self.transaction():
                pass
        except CommitUnknown as error:  # of nothing that anybody waits for
            raise StoreError(str(error)) from error

    def page(self, room: int, *, anchor: int, forward: bool, limit: int, first_seq: int, octets: int) -> StoredPage:
        """One question on a connection of its own pool (asking.py), asked again when one that was kept had
        broken. Raises StoreError."""

        def question(connection: Connection) -> StoredPage:
            return reads.page(
                connection,
                self.log.log_id,
                room,
                anchor=anchor,
                forward=forward,
                limit=limit,
                first_seq=first_seq,
                octets=octets,
            )

        try:
            return self._asking.ask(question)
        except SQLAlchemyError as error:
            raise store_error(error, self.address) from error

    def were_members(self, places: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        """All of its statements see one state of the database. Raises StoreError."""
        with self.reading() as connection:
            return reads.were_members(connection, places)

    def deleted_rooms(self, user: int, above: int) -> dict[int, int]:
        """One statement. Raises StoreError."""
        with self.reading() as connection:
            return reads.deleted_rooms(connection, user, above)

    def quarantined(self) -> list[QuarantinedMessage]:
        """One statement. Raises StoreError."""
        with self.reading() as connection:
            return reads.quarantined(connection)

    def records(self, room: int, seqs: Collection[int]) -> list[Record]:
        """All of its statements see one state of the database. Raises StoreError."""
        with self.reading() as connection:
            return reads.records(connection, room, seqs)

    def search(
        self, rooms: dict[int, int], words: str, *, before: int, limit: int, before_room: int = 0
    ) -> list[tuple[int, Record]]:
        """All of its statements see one state of the database. Raises StoreError."""
        with self.reading() as connection:
            return find(connection, rooms, words, before=before, limit=limit, before_room=before_room)

    def changes(self, room: int, seqs: Collection[int]) -> list[Record]:
        """All of its statements see one state of the database. Raises StoreError."""
        with self.reading() as connection:
            return reads.changes(connection, room, seqs)

    def nameable(self, user: int, roots: Collection[bytes], first_seqs: Mapping[int, int]) -> dict[bytes, ContentsRow]:
        """All of its statements see one state of the database. Raises StoreError."""
        with self.reading() as connection:
            return reads.nameable(connection, user, roots, first_seqs)

    def contents_of(self, room: int, seq: int, root: bytes) -> ContentsRow | None:
        """One statement. Raises StoreError."""
        with self.reading() as connection:
            return reads.contents_of(connection, room, seq, root)

    def contents_octets(self, user: int) -> ContentsOctets:
        """Two statements, over all contents. Raises StoreError."""
        with self.reading() as connection:
            return reads.contents_octets(connection, user)

    def known_contents(self, roots: Collection[bytes]) -> set[bytes]:
        """CHUNK of them in a statement. Raises StoreError."""
        with self.reading() as connection:
            return reads.known_contents(connection, roots)

    def abandon(self) -> None:
        """Threads wait in it for a database that does not answer: `close` does nothing any more, and the end of the
        process frees everything, the lock last."""
        self._abandoned = True

    def close(self) -> None:
        """Give the lease back, close all connections, release the lock; nothing of it after `abandon`."""
        if self._abandoned:
            return
        self._writing.give_back()
        self._asking.close()
        self._engine.dispose()
        self._writing.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
