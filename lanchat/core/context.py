"""What the parts of a core share: the time, what is to be sent, what happened, and the requests under way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lanchat.core.config import ClientConfig
from lanchat.core.endpoints import SERVER, Endpoint
from lanchat.core.events import Event, LocalStoreFailed, Output
from lanchat.core.ports import LocalStoreError
from lanchat.core.session.requests import Handler, Requests
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import AfterLogin


class CoreContext:
    """`now` is the time of the last call from outside, `unsettled` whether there was one since the last settling.
    `store_retry_at`: the local copy could not be written and is
    left alone until then; None when all is well."""

    def __init__(self, config: ClientConfig) -> None:
        """At time 0, with nothing to send or tell and no request under way."""
        self.now = 0.0
        self.unsettled = False
        self.requests = Requests(config.request_timeout)
        self.store_retry_at: float | None = None
        self._store_retry = config.store_retry
        self._outputs: list[Output] = []
        self._events: list[Event] = []

    def at(self, now: float) -> None:
        """Something comes from outside."""
        self.now = now
        self.unsettled = True

    def send(self, path: Transport, frame: Any) -> None:
        """Queues a frame to the server for the given path; it leaves with `take_outputs`."""
        self._outputs.append(Output(SERVER, path, frame))

    def send_all(self, outputs: list[Output]) -> None:
        """Queues frames whose destinations and paths are chosen already, in their order."""
        self._outputs.extend(outputs)

    def request(self, operation: AfterLogin, handler: Handler) -> int:
        """Send a request; `handler` is called exactly once, with None when no answer comes."""
        number, output = self.requests.ask(operation, handler, self.now)
        self._outputs.append(output)
        return number

    def emit(self, event: Event) -> None:
        """Queues an event for the shell; it leaves with `take_events`."""
        self._events.append(event)

    def store_failed(self, error: LocalStoreError) -> None:
        """The local copy failed: say it once, try again soon."""
        if self.store_retry_at is None:
            self.emit(LocalStoreFailed(error.details))
        self.store_retry_at = self.now + self._store_retry

    @contextmanager
    def storing(self) -> Iterator[None]:
        """A LocalStoreError in it is `store_failed`."""
        try:
            yield
        except LocalStoreError as error:
            self.store_failed(error)

    @property
    def store_paused(self) -> bool:
        """Whether the local copy failed, and its next try is not due yet."""
        return self.store_retry_at is not None and self.now < self.store_retry_at

    @property
    def idle(self) -> bool:
        """Nothing is queued, and nothing came since the last settling."""
        return not (self.unsettled or self._events or self._outputs)

    def take_outputs(self) -> list[Output]:
        """What was queued since the last call, in order; each is handed out once."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def drop_outputs(self, destination: Endpoint) -> None:
        """Nothing that waits reaches it any more."""
        self._outputs = [output for output in self._outputs if output.destination != destination]

    def take_events(self) -> list[Event]:
        """What was told since the last call, in order; each is handed out once."""
        events, self._events = self._events, []
        return events
