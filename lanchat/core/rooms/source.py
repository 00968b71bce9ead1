"""Ends that hold records of rooms and can be asked for them. The server is one; peers will be others."""

from collections.abc import Callable
from typing import Protocol

from lanchat.core.context import CoreContext
from lanchat.core.session.requests import Handler
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import History, Nack


class RecordSource(Protocol):
    """What is asked of one end. Whatever it sends is checked alike: a record counts when a head that the log signed
    covers it, whoever brought either."""

    @property
    def is_sequencer(self) -> bool:
        """Whether it is the log itself, after it proved its identity: the head with which it answers a subscription is
        where the log stands, and when its pages do not fit what is stored, the log has another history. What another
        source brings and does not fit is a mistake of that source alone."""

    def ask_page(self, request: History, handler: Handler) -> None:
        """Ask for consecutive records; `handler` is called once, with None when no answer comes."""

    def send_nack(self, nack: Nack) -> None:
        """Ask for single records, or with none for the newest head; what comes, comes as live records do."""


class ServerSource:
    """The server of the session. `live_path`: how it is reached fastest at present."""

    is_sequencer = True

    def __init__(self, core_context: CoreContext, live_path: Callable[[], Transport]) -> None:
        """Nothing is asked for yet."""
        self._core_context = core_context
        self._live_path = live_path

    def ask_page(self, request: History, handler: Handler) -> None:
        """A request over TLS."""
        self._core_context.request(request, handler)

    def send_nack(self, nack: Nack) -> None:
        """By UDP when that is open."""
        self._core_context.send(self._live_path(), nack)
