"""How much processor time each hop of a message takes in a running program, by the clocks of its threads.

Times are those of the calling thread, without what an inner hop took. They are written every 0.2 s to the file that
HOPS_FILE names: seconds by hop, the process's own under `process`, the messages stored under `messages`.
"""

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FILE = "HOPS_FILE"
READ = "read datagrams, open seals, decode"
TAKE_IN = "limits, queue, receipts"
CHECK = "check the signature"
JUDGE = "judge, number, chain, sign the head"
STATEMENTS = "statements of the transaction"
COMMIT = "commit"
PACK = "answer and pack"
SEND = "seal and send to each client"
HOPS = (READ, TAKE_IN, CHECK, JUDGE, STATEMENTS, COMMIT, PACK, SEND)
# A hop's name, and the methods of a class, or functions of a module, that it is made of.
Point = tuple[str, Any, tuple[str, ...]]


class Clock:
    """Exclusive times by hop, all threads."""

    def __init__(self, stored: Callable[[], int]) -> None:
        """`stored`: how many messages until now."""
        self.spent: dict[str, float] = defaultdict(float)
        self._stored = stored
        self._local = threading.local()

    def watch(self, points: Iterable[Point]) -> None:
        """From now on, for as long as the process lives."""
        for hop, owner, names in points:
            for name in names:
                setattr(owner, name, self._timed(hop, getattr(owner, name)))
        threading.Thread(target=self._write_for_ever, args=(Path(os.environ[FILE]),), daemon=True).start()

    def _timed(self, hop: str, call: Callable[..., Any]) -> Callable[..., Any]:
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

    def _write_for_ever(self, path: Path) -> None:
        partial = path.with_suffix(".new")
        while True:
            state = {**self.spent, "process": time.process_time(), "messages": self._stored()}
            partial.write_text(json.dumps(state))
            partial.replace(path)
            time.sleep(0.2)
