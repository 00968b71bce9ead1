"""Messages on their way: durable first, sent until they are decided.

Of each run (room, device, start of a client) the first `window` undecided messages are under way, in the order of n.
A message goes by UDP when that is open, its third try (and every third) over TLS; one whose body is large always over
TLS, and what follows it in the same flush too, so that it is not overtaken. Over TLS nothing gets lost: the next try
comes after the longest wait.

Messages that another process of the profile left behind are handed in as well (`adopt`), in their order.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from lanchat.core.config import ClientConfig
from lanchat.core.endpoints import SERVER
from lanchat.core.events import MessageRefused, MessageStored, Output
from lanchat.core.ports import OutboxItem, OutboxStore
from lanchat.core.timers import earliest
from lanchat.protocol.codes import Code
from lanchat.protocol.datagram.packer import SUBMIT_PAYLOAD_MAX, message_size
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.limits import SUBMIT_MAX, Limits
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import NotTaken, Receipt, Submit


class AuthorRun(NamedTuple):
    """One author's sequence of messages in one room."""

    room: int
    device: bytes
    run: int


class _Waiting(msgspec.Struct):
    item: OutboxItem
    due: float
    wait: float
    tries: int = 0


class _Group(msgspec.Struct):
    """Messages for one Submit."""

    path: Transport
    messages: list[Message] = []
    octets: int = 0


class StoredItem(NamedTuple):
    """A message that has its number while its record is not here yet."""

    item: OutboxItem
    seq: int


class Outbox:
    """Times are the caller's. Nothing here raises but `clean_up`."""

    def __init__(self, config: ClientConfig, store: OutboxStore, limits: Limits) -> None:
        """Begins empty; what the store has is taken up by `adopt`."""
        self._config = config
        self._store = store
        self._runs: dict[AuthorRun, dict[int, _Waiting]] = {}
        self._stored: dict[MessageKey, StoredItem] = {}
        self._undeleted: dict[MessageKey, None] = {}
        # Other processes' messages in the store, and since when they are known here.
        self._others: dict[MessageKey, float] = {}
        self._pause_until = 0.0
        self._unanswered = False
        self.set_limits(limits)

    def set_limits(self, limits: Limits) -> None:
        """Keep to what the server announced."""
        self._limits = limits
        self._tokens = TokenBucket(limits.message_rate, limits.message_burst)

    # --- In and out -----------------------------------------------------------------------------------------------

    def add(self, item: OutboxItem, now: float) -> None:
        """A durable message; it is due at once."""
        key = item.key
        run = self._runs.setdefault(AuthorRun(key.room, key.device, key.run), {})
        if key.n not in run:
            run[key.n] = _Waiting(item, now, self._config.retry_first)

    def adopt(self, items: Iterable[OutboxItem], own_run: int, now: float, *, at_once: bool) -> None:
        """What waits in the store, other processes' messages included. Theirs are left to their own process for as long
        as `adopt_after` from when they were first seen here, unless `at_once`; by our own clock, as the wall clock may
        have been years ahead when they were made. Theirs that are gone from the store are done; ours stay until we hear
        what became of them."""
        listed = {item.key: item for item in items if item.key not in self._undeleted}
        for run_key in [run for run in self._runs if run.run != own_run]:
            run = self._runs[run_key]
            for n in [n for n in run if MessageKey(*run_key, n) not in listed]:
                del run[n]
            if not run:
                del self._runs[run_key]
        self._others = {key: self._others.get(key, now) for key in listed if key.run != own_run}
        for item in listed.values():
            first_seen = self._others.get(item.key, now)
            if item.key.run == own_run or at_once or now - first_seen >= self._config.adopt_after:
                self.add(item, now)

    def decided(self, receipt: Receipt) -> MessageStored | MessageRefused | None:
        """The server's answer; None when it is known already or about nothing that waits here. Call `clean_up` soon."""
        waiting = self._remove(receipt.key)
        if waiting is None:
            return None
        self._undeleted[receipt.key] = None
        if not receipt.seq:
            return MessageRefused(receipt.key, receipt.code)
        self._stored[receipt.key] = StoredItem(waiting.item, receipt.seq)
        if len(self._stored) > self._config.stored_max:
            del self._stored[next(iter(self._stored))]
        return MessageStored(receipt.key, receipt.seq)

    def refusal_of_unreadable(self, header_hash: bytes) -> Receipt | None:
        """The decision about the message whose header has this SHA-256 and cannot be read; None when none waits."""
        for run, entries in self._runs.items():
            for n, waiting in entries.items():
                if sha256(waiting.item.message.header) == header_hash:
                    return Receipt(*run, n, 0, Code.BAD_HEADER)
        return None

    def seen(self, key: MessageKey, seq: int) -> MessageStored | None:
        """Its record was stored here (which took it out of the store's outbox)."""
        self._stored.pop(key, None)
        self._undeleted.pop(key, None)
        return MessageStored(key, seq) if self._remove(key) is not None else None

    def clean_up(self) -> None:
        """Take what was decided out of the store. Raises LocalStoreError; then it is tried again by the next call."""
        if self._undeleted:
            self._store.remove_outgoing(list(self._undeleted))
            self._undeleted.clear()

    def _remove(self, key: MessageKey) -> _Waiting | None:
        run_key = AuthorRun(key.room, key.device, key.run)
        run = self._runs.get(run_key)
        if run is None:
            return None
        waiting = run.pop(key.n, None)
        if not run:
            del self._runs[run_key]
        return waiting

    def waits(self, key: MessageKey) -> bool:
        """Whether it is here and not decided."""
        return key.n in self._runs.get(AuthorRun(key.room, key.device, key.run), {})

    def waiting(self, room: int) -> list[OutboxItem]:
        """What is not decided yet, in the order of making."""
        items = [entry.item for run, entries in self._runs.items() if run.room == room for entry in entries.values()]
        return sorted(items, key=lambda item: item.order)

    def stored(self, room: int) -> list[StoredItem]:
        """What is decided and not here yet as a record."""
        return [stored for key, stored in self._stored.items() if key.room == room]

    @property
    def awaits_records(self) -> bool:
        """Whether a message was stored by the server whose record is not here yet."""
        return bool(self._stored)

    # --- Sending --------------------------------------------------------------------------------------------------

    def reconnected(self, now: float) -> None:
        """A new session: everything is due, as if never sent."""
        self._pause_until = now
        for run in self._runs.values():
            for waiting in run.values():
                waiting.due, waiting.wait, waiting.tries = now, self._config.retry_first, 0

    def expected(self, run: AuthorRun, n: int, now: float) -> None:
        """The server waits for number `n` of a run: from there on at once. When the outbox has lost it, what follows
        cannot go before the server gives up waiting, and hurrying would only use up the rate."""
        entries = self._runs.get(run, {})
        if n not in entries:
            return
        for number, waiting in entries.items():
            if number >= n:
                waiting.due = min(waiting.due, now)

    def retry_soon(self, now: float) -> None:
        """What was sent into a silence is as if never sent."""
        for run in self._runs.values():
            for waiting in run.values():
                if waiting.tries:
                    waiting.due, waiting.wait, waiting.tries = min(waiting.due, now), self._config.retry_first, 1

    def pop_unanswered(self) -> bool:
        """Whether something went out since the last call that had stayed unanswered too often."""
        doubtful, self._unanswered = self._unanswered, False
        return doubtful

    def busy(self, not_taken: Iterable[NotTaken], until: float) -> None:
        """The server took none of these messages: nothing goes out before `until`, then these at once. Their try does
        not count: it was answered."""
        self._pause_until = max(self._pause_until, until)
        self.put_off(not_taken, until)

    def put_off(self, not_taken: Iterable[NotTaken], until: float) -> list[MessageKey]:
        """These go out again at `until`, and their try does not count; which of them wait here."""
        keys = []
        for item in not_taken:
            run = AuthorRun(item.room, item.device, item.run)
            for n, waiting in self._runs.get(run, {}).items():
                if item.n <= n <= item.last and waiting.tries:
                    waiting.due, waiting.wait = until, self._config.retry_first
                    waiting.tries -= 1
                    keys.append(MessageKey(*run, n))
        return keys

    def _window(self, held: frozenset[int]) -> Iterable[tuple[AuthorRun, list[_Waiting]]]:
        for run_key, run in self._runs.items():
            if run_key.room not in held:
                yield run_key, [run[n] for n in sorted(run)[: self._config.window]]

    def timer(self, now: float, held: frozenset[int]) -> float | None:
        """When `take_due` has something; messages of `held` rooms wait."""
        if not self._runs:
            return None
        due = earliest(*[waiting.due for _, window in self._window(held) for waiting in window])
        if due is None:
            return None
        return max(due, self._pause_until, now + self._tokens.wait(now))

    def take_due(self, now: float, udp_open: bool, held: frozenset[int]) -> list[Output]:
        """What goes out now."""
        if not self._runs or now < self._pause_until:
            return []
        outputs: list[Output] = []
        for run, window in list(self._window(held)):
            sent = self._take_run(window, now, udp_open)
            if sent:
                # Next time the others come first: one that the server cannot take yet must not use up the rate.
                self._runs[run] = self._runs.pop(run)
                outputs.extend(sent)
        return outputs

    def _take_run(self, window: list[_Waiting], now: float, udp_open: bool) -> list[Output]:
        groups: list[_Group] = []
        path = Transport.UDP if udp_open else Transport.TLS
        for waiting in window:
            if waiting.due > now:
                continue
            if self._tokens.take(now):
                break
            waiting.tries += 1
            # Over TLS nothing is sent twice within two seconds, so that the second try says what the third does by UDP.
            self._unanswered |= waiting.tries >= (self._config.tls_try if udp_open else 2)
            if not self._fits_datagram(waiting.item.message) or waiting.tries % self._config.tls_try == 0:
                path = Transport.TLS
            self._schedule(waiting, path, now)
            self._put(groups, path, waiting.item.message)
        return [Output(SERVER, group.path, Submit(group.messages)) for group in groups]

    def _fits_datagram(self, message: Message) -> bool:
        return len(message.body) <= self._limits.inline_body and message_size(message) <= SUBMIT_PAYLOAD_MAX

    def _schedule(self, waiting: _Waiting, path: Transport, now: float) -> None:
        longest = self._config.retry_longest
        waiting.due = now + (waiting.wait if path is Transport.UDP else longest)
        waiting.wait = min(2 * waiting.wait, longest)

    def _put(self, groups: list[_Group], path: Transport, message: Message) -> None:
        size = message_size(message)
        limit = SUBMIT_PAYLOAD_MAX if path is Transport.UDP else self._config.submit_octets
        last = groups[-1] if groups else None
        if last is None or last.path is not path or last.octets + size > limit or len(last.messages) >= SUBMIT_MAX:
            last = _Group(path)
            groups.append(last)
        last.messages.append(message)
        last.octets += size
