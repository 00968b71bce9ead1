"""Drives the core: what is due is done, what is to be stored goes to the writer, what is to be sent is sent.

`wake` asks for one `step` at the end of the present turn of the event loop, so that whatever arrived together is
handled, batched and sent together.
"""

import asyncio
import logging
from collections.abc import Collection
from functools import partial
from itertools import groupby
from typing import Any

from lanchat.platform.clock import TIMER_EARLY
from lanchat.protocol.log.records import Record
from lanchat.protocol.transport import Transport
from lanchat_server.core.ports import StoreError
from lanchat_server.core.relay.outbound import Output, RecordFetch, SendFrames
from lanchat_server.core.sequencing.sequencer import BatchOutcome, Submission
from lanchat_server.service.context import RequestContext
from lanchat_server.service.upkeep.storage import StorageState

log = logging.getLogger(__name__)


class CoreDriver:
    """For one event loop. Runs until the last timer is cancelled by `cancel`."""

    def __init__(self, context: RequestContext, storage: StorageState) -> None:
        """`storage` learns how much the log takes after each batch."""
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._core = context.core
        self._connections = context.connections
        self._writer = context.writer
        self._tasks = context.work.tasks
        self._now = context.now
        self._storage = storage
        self._woken = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Nothing is stored any more; what is to be said is sent."""
        self._closed = True

    def cancel(self) -> None:
        """No timer wakes this any more."""
        if self._timer is not None:
            self._timer.cancel()

    def wake(self) -> None:
        """Something may be due: look at the end of this turn of the event loop."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._step_if_woken)

    def received(self, session: int, frame: Any) -> None:
        """A live frame came by UDP."""
        connection = self._connections.get(session)
        if connection is not None:
            connection.heard = self._now()
            self._core.receive(session, frame, Transport.UDP, connection.heard)

    def _step_if_woken(self) -> None:
        if self._woken:
            self.step()

    def step(self) -> None:
        """Do what is due and send what there is to send; for callers at the end of a turn, others call `wake`."""
        self._woken = False
        now = self._now()
        due = self._core.timer()
        if due is not None and due <= now + TIMER_EARLY:
            self._core.handle_timer(max(now, due))
        if self._context.directory.stated:
            self._context.notices.statements_changed()
        if not self._closed:
            batch = self._core.next_batch(now)
            if batch is not None:
                self._commit(batch)
        for output, sends in groupby(self._core.take_outputs(), key=_same_way):
            if isinstance(output, RecordFetch):
                self._tasks.run(self._fetch(output))
            else:
                self._send(*output, [send.payload for send in sends if isinstance(send, SendFrames)])
        self._arm()

    def _arm(self) -> None:
        due = self._core.timer()
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._timer_due) if due is not None else None

    def _timer_due(self) -> None:
        # The loop may call a step of its clock early; what is due by then counts as due.
        self._timer = None
        self.wake()

    def _send(self, path: Transport, sessions: Collection[int], payloads: list[bytes]) -> None:
        """What follows one another for the same sessions goes out together."""
        relay = self._connections.relay
        if path is Transport.UDP and relay is not None:
            for session_id in relay.send_all(sessions, payloads):
                self._without_udp(session_id)
            return
        octets = b"".join(payloads)
        for session_id in sessions:
            connection = self._connections.get(session_id)
            if connection is not None:
                queued = connection.send(octets)
                session = self._core.sessions.get(session_id)
                if session is not None:
                    session.tls_queued = queued

    def _without_udp(self, session_id: int) -> None:
        """The key is used up or there is no address: TLS from now on, repair brings what was just missed."""
        session = self._core.sessions.get(session_id)
        if session is not None:
            session.udp_seen = None

    def _commit(self, batch: list[Submission]) -> None:
        self._writer.commit(batch, partial(self._commit_ended, batch, self._now()))

    def _commit_ended(
        self, batch: list[Submission], started: float, outcome: BatchOutcome | None, error: BaseException | None
    ) -> None:
        if outcome is None:
            if not isinstance(error, StoreError):
                log.error("a batch failed", exc_info=error)
            else:
                log.warning("a batch of %d messages could not be stored: %s", len(batch), error)
            self._core.commit_failed(batch, self._now())
        else:
            stored = sum(len(committed.records) for committed in outcome.committed.values())
            self._context.metrics.commit(self._now() - started, stored)
            self._storage.octets = outcome.log_octets
            for user, percent in outcome.near:
                log.warning("%s has used %d %% of a day's quota", self._context.directory.users[user].name, percent)
            self._context.notices.moved(outcome.begin_earlier)
            self._core.committed(outcome, self._now())
        self.step()

    async def _fetch(self, fetch: RecordFetch) -> None:
        records: list[Record] = []
        try:
            records = await self._context.read(lambda: self._context.store.records(fetch.room, fetch.seqs))
        except StoreError as error:
            log.warning("a repair could not be read: %s", error)
        finally:
            self._core.fetched(fetch, records, self._now())
            self.wake()


def _same_way(output: Output) -> RecordFetch | tuple[Transport, tuple[int, ...]]:
    """Equal for outputs that go to the same sessions on the same way."""
    return (output.path, output.sessions) if isinstance(output, SendFrames) else output
