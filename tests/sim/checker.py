"""The invariants of DESIGN section 11, checked at each event and at the end of a run."""

from typing import Any

from lanchat.protocol.messages import MessageKey, decode_header_untrusted
from lanchat.protocol.records import chain_hash, genesis_hash
from lanchat_server.core.model import Decision
from tests.support.memory_store import MemoryDatabase
from tests.support.rig import LOG_ID


class Broken(AssertionError):
    """An invariant does not hold; the message begins with its name."""


def require(condition: bool, invariant: str, detail: Any) -> None:
    if not condition:
        raise Broken(f"{invariant}: {detail}")


class Checker:
    """Sees what clients make and are told, and compares it with the database."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._made: dict[MessageKey, int] = {}
        self._answers: dict[MessageKey, Decision] = {}
        self._shown: dict[tuple[int, int], int] = {}
        self.gaps: set[tuple[int, bytes, int]] = set()

    # --- At each event -----------------------------------------------------------------------------------------------

    def made(self, client: Any, item: Any) -> None:
        self._made[item.key] = client.number

    def decided(self, client: Any, event: Any) -> None:
        answer = Decision(getattr(event, "seq", 0), getattr(event, "code", 0))
        require(self._database.decisions.get(event.key) == answer, "I1", f"told {answer}, the log says otherwise")
        known = self._answers.setdefault(event.key, answer)
        require(known == answer, "I14", f"first {known}, then {answer}")

    def records_stored(self, client: Any, event: Any) -> None:
        stored = self._database.records[event.room]
        for held in event.held:
            seq = held.record.seq
            require(seq <= len(stored), "I9", f"record {seq} shown, but it is not committed")
            require(held.link.hash == stored[seq - 1].hash, "I9", f"record {seq} is another one in the log")
            last = self._shown.get((client.number, event.room))
            require(last is None or seq == last + 1, "I8", f"record {seq} shown after {last}")
            self._shown[client.number, event.room] = seq

    def went_live(self, client: Any, event: Any) -> None:
        span = client.store.span(event.room)
        require(span is not None and span.cursor >= event.head, "I8", f"live at {event.head}, but stored {span}")

    def stopped(self, client: Any, event: Any) -> None:
        raise Broken(f"I4: client {client.number} thinks that the log forked: {event}")

    # --- At the end --------------------------------------------------------------------------------------------------

    def complete(self, clients: list[Any]) -> str:
        """Empty when everything has converged, else what has not."""
        for client in clients:
            if client.core is None:
                continue
            if client.store.outgoing():
                return f"client {client.number} has {len(client.store.outgoing())} messages in its outbox"
            for room in client.core.directory.rooms:
                span, head = client.store.span(room), self._database.rooms[room].head
                if head.seq and (span is None or span.cursor != head.seq):
                    return f"client {client.number} stands at {span} in room {room}, the log at {head.seq}"
        return ""

    def at_the_end(self, clients: list[Any]) -> None:
        self._check_log()
        for client in clients:
            self._check_copy(client)
        for key, number in self._made.items():
            alive = next(client for client in clients if client.number == number).core is not None
            require(not alive or key in self._database.decisions, "I6", f"{key} was never decided")
        for key, answer in self._answers.items():
            require(self._database.decisions.get(key) == answer, "I1", f"{key} was told {answer}")

    def _check_log(self) -> None:
        seen: set[MessageKey] = set()
        last: dict[tuple[int, bytes, int], int] = {}
        for room, stored in self._database.records.items():
            before = genesis_hash(LOG_ID, room)
            for seq, item in enumerate(stored, 1):
                require(item.record.seq == seq, "I2", f"room {room}: {item.record.seq} at place {seq}")
                before = chain_hash(LOG_ID, room, before, item.record)
                require(before == item.hash, "I2", f"room {room}: the chain breaks at {seq}")
                key = decode_header_untrusted(item.record.header).key
                require(key not in seen, "I3", f"{key} twice")
                seen.add(key)
                run = (key.room, key.device, key.run)
                require(key.n > last.get(run, 0) or run in self.gaps, "I5", f"{key} after {last.get(run)}")
                last[run] = key.n
            require(self._database.rooms[room].head.hash == before, "I2", f"room {room}: head and records differ")

    def _check_copy(self, client: Any) -> None:
        for room, stored in self._database.records.items():
            span = client.store.span(room)
            if span is None:
                continue
            copy = client.store.records(room, span.base + 1, span.cursor)
            mine = [item.record for item in stored[span.base : span.cursor]]
            if span.cursor == len(stored):
                require(copy == mine, "I4", f"client {client.number}, room {room}: copy and log differ")
            else:  # Gone for good before the end: bodies deleted since may still be in its copy.
                same = [(a.seq, a.header, a.body_hash) for a in copy] == [(b.seq, b.header, b.body_hash) for b in mine]
                require(same, "I4", f"client {client.number}, room {room}: copy and log differ")
