"""Connections for single questions: a page of history is one, and most of what it took was everything around it.

They are kept between uses, stand in no transaction (each statement sees the newest state), and nobody asks whether they
are alive: one that broke meanwhile is replaced, and the question asked once more.
"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from lanchat_server.store.connection.engine import RECYCLE, SINGLE, is_present, note_lost
from lanchat_server.store.connection.errors import is_lost

T = TypeVar("T")


class AutocommitPool:
    """For any number of threads, each of which keeps a connection busy for as long as its question takes."""

    def __init__(self, engine: Engine) -> None:
        """Begins without connections. `engine` stays the caller's: `close` does not dispose of it."""
        self._engine = engine
        # With the time of the last use. As many as there were questions at the same time.
        self._idle: deque[tuple[Connection, float]] = deque()
        self._closed = False

    def ask(self, question: Callable[[Connection], T]) -> T:
        """What `question` makes of a connection; it may be called twice. Raises SQLAlchemyError."""
        connection = self._kept()
        if connection is not None:
            try:
                return self._use(connection, question)
            except SQLAlchemyError as error:
                if not is_lost(error):
                    raise
        return self._use(self._engine.connect().execution_options(isolation_level=SINGLE), question)

    def close(self) -> None:
        """Those in use are closed when their question is answered."""
        self._closed = True
        while self._idle:
            _discard(self._idle.pop()[0])

    def _kept(self) -> Connection | None:
        """The one used last; firewalls forget what was idle for long."""
        with suppress(IndexError):
            while True:
                connection, used = self._idle.pop()
                if time.monotonic() - used < RECYCLE and is_present(connection):
                    return connection
                _discard(connection)
        return None

    def _use(self, connection: Connection, question: Callable[[Connection], T]) -> T:
        try:
            answer = question(connection)
        except BaseException as error:
            if isinstance(error, SQLAlchemyError) and is_lost(error):
                note_lost(connection)
            _discard(connection)
            raise
        self._idle.append((connection, time.monotonic()))
        if self._closed:
            self.close()
        return answer


def _discard(connection: Connection) -> None:
    with suppress(SQLAlchemyError):
        connection.invalidate()
    with suppress(SQLAlchemyError):
        connection.close()
