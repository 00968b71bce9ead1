"""Named points in the work of a server, or a client, at which a test lets it kill itself. The product has no code
for them.

A point is a function of the product that is wrapped: the n-th time that it is entered (or left) the process sends
itself SIGKILL, which nothing can catch, finish or flush. What the points are called is what has happened by then.
"""

import functools
import os
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

Hit = Callable[[], None]


class Point(NamedTuple):
    """A name and the function that wraps the product's code so that `hit` is called at each passing. A crowd that
    writes passes it `often` times in a second or two; `early`: only while clients come back."""

    name: str
    install: Callable[[Hit], None]
    often: int = 30
    early: bool = False


def _before(owner: Any, name: str, hit: Hit) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        hit()
        return original(*args, **kwargs)

    setattr(owner, name, wrapped)


def _after(owner: Any, name: str, hit: Hit) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        hit()
        return result

    setattr(owner, name, wrapped)


def _before_commit(hit: Hit) -> None:
    """The records of a batch are inserted, nothing is durable."""
    from lanchat_server.core.sequencing.sequencer import _Draft

    _after(_Draft, "write", hit)


def _after_commit(hit: Hit) -> None:
    """The batch is durable; no other thread knows."""
    from lanchat_server.core.sequencing.sequencer import Sequencer

    _after(Sequencer, "commit", hit)


def _before_acknowledgement(hit: Hit) -> None:
    """The event loop knows that the batch is durable; nothing was said."""
    from lanchat_server.core.hub import ServerCore

    _before(ServerCore, "_acknowledge", hit)


def _before_relay(hit: Hit) -> None:
    """The acknowledgements are made, nothing has left the process."""
    from lanchat_server.core.hub import ServerCore

    _before(ServerCore, "_relay", hit)


def _while_sending(hit: Hit) -> None:
    """Some sessions got their acknowledgement or their records, others did not: every datagram and TLS write that
    follows a batch counts."""
    from lanchat_server.core.hub import ServerCore
    from lanchat_server.service.net.connection import ClientConnection
    from lanchat_server.service.net.datagrams import DatagramRelay

    relayed = False

    def began() -> None:
        nonlocal relayed
        relayed = True

    def sent() -> None:
        if relayed:
            hit()

    _after(ServerCore, "_relay", began)
    for name in [name for name in vars(DatagramRelay) if name.startswith("send")]:
        _after(DatagramRelay, name, sent)
    _after(ClientConnection, "send", sent)


def _before_records(hit: Hit) -> None:
    """Heads of rooms are moved inside the transaction, the records are not there."""
    from lanchat_server.store.tables.bulk import StatementBatch

    update = StatementBatch.update

    def moved(changes: StatementBatch, table: str, *values: Any) -> None:
        update(changes, table, *values)
        if table == "rooms":
            # MySQL and MariaDB would get them together with the records.
            changes.send()
            hit()

    StatementBatch.update = moved


def _while_saving_receipts(hit: Hit) -> None:
    """Receipts are written, not committed."""
    from lanchat_server.store.transactions.transaction import SqlTransaction

    _after(SqlTransaction, "set_cursors", hit)


def _while_logging_in(hit: Hit) -> None:
    """A session exists whose client does not know it yet."""
    from lanchat_server.service.context import RequestContext

    _after(RequestContext, "open_session", hit)


def _while_reading(hit: Hit) -> None:
    """A page of history was read for somebody."""
    from lanchat_server.store.sqlstore import SqlStore

    _after(SqlStore, "page", hit)


def _statement_of_start(hit: Hit) -> None:
    """A statement of the database was executed, from the very first on: tables being made, the log being made, the
    lease being taken, the directory being read."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "after_cursor_execute", lambda *_: hit())


def _key_file(hit: Hit) -> None:
    """A file of the server's keys was written."""
    from lanchat_server.service import keys

    _after(keys, "create_private", hit)


def _lease_taken(hit: Hit) -> None:
    """The lease is taken, nothing is served yet."""
    from lanchat_server.store.sqlstore import SqlStore

    _after(SqlStore, "take_lease", hit)


# --- A client ---------------------------------------------------------------------------------------------------------


def _in_transaction(owner: Any, name: str, hit: Hit) -> None:
    """Before the COMMIT of the transaction that this method of the local store makes."""
    from lanchat.store import database

    inside = False
    method, transact = getattr(owner, name), database._transact

    @functools.wraps(method)
    def entered(*args: Any, **kwargs: Any) -> Any:
        nonlocal inside
        inside = True
        try:
            return method(*args, **kwargs)
        finally:
            inside = False

    def interrupted(connection: Any, work: Callable[[Any], Any]) -> Any:
        def then_hit(connection: Any) -> Any:
            result = work(connection)
            if inside:
                hit()
            return result

        return transact(connection, then_hit)

    setattr(owner, name, entered)
    database._transact = interrupted


def _outbox_not_committed(hit: Hit) -> None:
    """A message is in the outbox, but not durable."""
    from lanchat.store.local import SqliteLocalStore

    _in_transaction(SqliteLocalStore, "add_outgoing", hit)


def _outbox_committed(hit: Hit) -> None:
    """A message is durable; nobody was told, nothing was sent."""
    from lanchat.store.local import SqliteLocalStore

    _after(SqliteLocalStore, "add_outgoing", hit)


def _copy_not_committed(hit: Hit) -> None:
    """Records are stored and taken out of the outbox, but not durably."""
    from lanchat.store.local import SqliteLocalStore

    _in_transaction(SqliteLocalStore, "append", hit)


def _acknowledged_not_removed(hit: Hit) -> None:
    """A message was acknowledged and is still in the outbox."""
    from lanchat.core.session.outbox import Outbox

    _after(Outbox, "decided", hit)


WRITING = (
    Point("records-not-inserted", _before_records),
    Point("before-commit", _before_commit),
    Point("after-commit", _after_commit),
    Point("before-acknowledgement", _before_acknowledgement),
    Point("before-relay", _before_relay),
    Point("while-relaying", _while_sending, often=200),
    Point("while-saving-receipts", _while_saving_receipts, often=1),
    Point("while-reading-history", _while_reading, often=3, early=True),
    Point("while-logging-in", _while_logging_in, often=10, early=True),
)
STARTING = (
    Point("statement", _statement_of_start),
    Point("key-file", _key_file),
    Point("lease-taken", _lease_taken),
)
TYPING = (
    Point("outbox-not-committed", _outbox_not_committed),
    Point("outbox-committed", _outbox_committed),
    Point("copy-not-committed", _copy_not_committed, often=2),
    Point("acknowledged-not-removed", _acknowledged_not_removed),
)
POINTS = {point.name: point for point in (*WRITING, *STARTING, *TYPING)}


def arm(name: str, passing: int, *, when_told: bool = False) -> None:
    """From now on, or from SIGUSR1 on, this process dies at that passing (1: the first) of that point."""
    left = passing
    counting = not when_told

    def begin(*_: object) -> None:
        nonlocal counting
        counting = True

    def hit() -> None:
        nonlocal left
        left -= counting
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if when_told:
        signal.signal(signal.SIGUSR1, begin)
    POINTS[name].install(hit)
