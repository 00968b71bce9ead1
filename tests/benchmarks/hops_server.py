"""A server that notes how much processor time each hop of a message takes; started by `hops`, as `lanchat-server` is.

Times are those of the calling thread, without what an inner hop took. They are written every 0.2 s to the file that
HOPS_FILE names: seconds by hop, the process's own under `process`, the messages stored under `messages`.
"""

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

from lanchat_server.__main__ import main
from lanchat_server.core import sequencer
from lanchat_server.core.hub import ServerCore
from lanchat_server.service import checking
from lanchat_server.service.datagrams import DatagramRelay
from lanchat_server.store.transaction import SqlTransaction
from lanchat_server.store.writing import Writing
from tests.benchmarks.hops import CHECK, COMMIT, JUDGE, PACK, READ, SEND, STATEMENTS, TAKE_IN

POINTS: list[tuple[str, Any, tuple[str, ...]]] = [
    (READ, DatagramRelay, ("_drain",)),
    (TAKE_IN, ServerCore, ("receive",)),
    (CHECK, sequencer, ("is_genuine",)),
    (CHECK, checking, ("is_genuine",)),
    (JUDGE, sequencer.Sequencer, ("commit",)),
    (STATEMENTS, SqlTransaction, ("heads", "last_numbers", "decisions", "targets", "append", "reject", "flush")),
    (STATEMENTS, Writing, ("begin",)),
    (COMMIT, DefaultDialect, ("do_commit",)),
    (PACK, ServerCore, ("committed",)),
    (SEND, DatagramRelay, ("send_all",)),
]


class Clock:
    """Exclusive times by hop, all threads."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.messages = 0
        self._local = threading.local()

    def timed(self, hop: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed_call(*args: Any, **options: Any) -> Any:
            inner_before, self._local.inner = getattr(self._local, "inner", 0.0), 0.0
            began = time.thread_time()
            try:
                return call(*args, **options)
            finally:
                took = time.thread_time() - began
                self.spent[hop] += took - self._local.inner
                self._local.inner = inner_before + took

        return timed_call

    def count_messages(self) -> None:
        counted = ServerCore.committed

        def committed(core: ServerCore, outcome: sequencer.Outcome, now: float) -> None:
            self.messages += len(outcome.decided)
            counted(core, outcome, now)

        ServerCore.committed = committed  # type: ignore[method-assign]

    def write_for_ever(self, path: Path) -> None:
        partial = path.with_suffix(".new")
        while True:
            state = {**self.spent, "process": time.process_time(), "messages": self.messages}
            partial.write_text(json.dumps(state))
            partial.replace(path)
            time.sleep(0.2)


def measure() -> None:
    clock = Clock()
    clock.count_messages()
    for hop, owner, names in POINTS:
        for name in names:
            setattr(owner, name, clock.timed(hop, getattr(owner, name)))
    threading.Thread(target=clock.write_for_ever, args=(Path(os.environ["HOPS_FILE"]),), daemon=True).start()


if __name__ == "__main__":
    measure()
    raise SystemExit(main())
