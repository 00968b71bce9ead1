"""Checks the signatures of large batches on a thread of its own, before the writer has them.

A check takes longer than everything else that storing a message takes, and gives the interpreter's lock away meanwhile:
one batch is checked while the one before is being written. A small batch goes to the writer at once, which checks it
itself: there a change of threads would cost as much as it saves.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence

from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.sequencing.sequencer import Submission, is_genuine

# Fewer are checked by the writer.
WORTH_A_THREAD = 8

log = logging.getLogger(__name__)

_Job = tuple[Sequence[Submission], Callable[[], None]]


class Checker:
    """One thread. `check` and `close` are called on one other thread."""

    def __init__(self, directory: Directory) -> None:
        """Starts the thread, which only reads `directory`."""
        self._directory = directory
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._under_way = 0
        self._done = 0
        self._thread = threading.Thread(target=self._run, name="checker", daemon=True)
        self._thread.start()

    def check(self, batch: Sequence[Submission], then: Callable[[], None]) -> None:
        """Call `then` once what is known of these signatures is noted in `batch`; in the order of the calls. It may be
        called on the checker's thread."""
        if len(batch) < WORTH_A_THREAD and self._done == self._under_way:
            then()
            return
        self._under_way += 1
        self._jobs.put((batch, then))

    def close(self) -> None:
        """Finish what is queued, then end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, then = job
            try:
                for submission in batch:
                    submission.genuine = is_genuine(self._directory, submission)
            except Exception:  # the writer meets it again, and answers
                log.exception("signatures could not be checked")
            then()
            self._done += 1
