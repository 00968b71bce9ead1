"""Somebody who hands in messages as fast as the server lets him and does not care for `Busy`: what grows, and what
the server says to him."""

import threading
from collections import Counter
from types import TracebackType
from typing import Self

from lanchat.protocol import wire
from tests.support.raw import RawClient

BATCH = 32
PAUSE = 0.03
TEXT = "\N{RABBIT FACE}" * 3000  # 12,000 octets


class Flood:
    """A thread that submits in its `with` block. `heard` counts the answers by type, `handed_in` the messages."""

    def __init__(self, port: int, user: str) -> None:
        self.heard: Counter[type] = Counter()
        self.handed_in = 0
        self._client = RawClient(port, timeout=20)
        self._client.register(user)
        self._room = self._client.rooms["general"]
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._write, self._read)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(30)
        self._client.close()

    def _write(self) -> None:
        while not self._ended.wait(PAUSE):
            messages = [self._client.message(self._room, TEXT) for _ in range(BATCH)]
            try:
                self._client.send(wire.Submit(messages))
            except OSError:
                return
            self.handed_in += len(messages)

    def _read(self) -> None:
        while not self._ended.is_set():
            try:
                self.heard[type(self._client.receive(0.2))] += 1
            except TimeoutError:
                continue
            except (OSError, EOFError):
                return
