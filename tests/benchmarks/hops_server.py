"""A server that notes how much processor time each hop of a message takes; `hops` starts it as `lanchat-server`."""

from sqlalchemy.engine.default import DefaultDialect

from lanchat_server.__main__ import main
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.sequencing import sequencer
from lanchat_server.service.net.datagrams import DatagramRelay
from lanchat_server.service.work import checking
from lanchat_server.store.transactions.transaction import SqlTransaction
from lanchat_server.store.transactions.writing import WriteSession
from tests.benchmarks.hop_clock import CHECK, COMMIT, JUDGE, PACK, READ, SEND, STATEMENTS, TAKE_IN, Clock, Point

POINTS: list[Point] = [
    (READ, DatagramRelay, ("_drain",)),
    (TAKE_IN, ServerCore, ("receive",)),
    (CHECK, sequencer, ("is_genuine",)),
    (CHECK, checking, ("is_genuine",)),
    (JUDGE, sequencer.Sequencer, ("commit",)),
    (STATEMENTS, SqlTransaction, ("heads", "last_numbers", "decisions", "targets", "append", "reject", "flush")),
    (STATEMENTS, WriteSession, ("begin",)),
    (COMMIT, DefaultDialect, ("do_commit",)),
    (PACK, ServerCore, ("committed",)),
    (SEND, DatagramRelay, ("send_all",)),
]


def measure() -> None:
    stored = 0
    committed = ServerCore.committed

    def counted(core: ServerCore, outcome: sequencer.BatchOutcome, now: float) -> None:
        nonlocal stored
        stored += len(outcome.decided)
        committed(core, outcome, now)

    ServerCore.committed = counted  # type: ignore[method-assign]
    Clock(lambda: stored).watch(POINTS)


if __name__ == "__main__":
    measure()
    raise SystemExit(main())
