"""A client that submits messages as fast as the server accepts them and ignores `Busy`: counts of messages and
answers."""

import contextlib
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

from lanchat.protocol import wire
from lanchat.protocol.limits import SUBMIT_OCTETS_MAX
from tests.support.raw import RawClient

TEXT = "\N{RABBIT FACE}" * 3000  # 12,000 octets
BATCH = SUBMIT_OCTETS_MAX // (len(TEXT.encode()) + 500)
PAUSE = 0.005


class Flood:
    """A thread that submits and listens in its `with` block: one, because a TLS connection is not made for two at once.
    `answers` counts the answers by type, `submitted` the messages."""

    def __init__(self, port: int, user: str) -> None:
        self.answers: Counter[type] = Counter()
        self.submitted = 0
        self._client = RawClient(port)
        self._client.register(user)
        self._room = self._client.rooms["general"]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(30)
        self._client.close()

    def _run(self) -> None:
        """Until the end of the block, or until the server hangs up."""
        with contextlib.suppress(OSError, EOFError):
            while not self._ended.is_set():
                messages = [self._client.message(self._room, TEXT) for _ in range(BATCH)]
                self._client.sock.settimeout(20)
                self._client.send(wire.Submit(messages))
                self.submitted += len(messages)
                self._receive_answers(time.monotonic() + PAUSE)

    def _receive_answers(self, end: float) -> None:
        while (left := end - time.monotonic()) > 0:
            try:
                self.answers[type(self._client.receive(left))] += 1
            except TimeoutError:
                return
