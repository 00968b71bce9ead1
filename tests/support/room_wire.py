"""A client core that is live in one room of a log, for tests of receivers of rooms, and what it asked and stored."""

from typing import Any

from lanchat.core.config import ClientConfig
from lanchat.core.events import RecordsStored
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.log.records import Record
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore


def live_wire(
    count: int = 0, *, store: MemoryLocalStore | None = None, config: ClientConfig | None = None, **options: Any
) -> Wire:
    """A client that is live in one room of `count` records, with UDP open."""
    log = FakeLog(**options)
    for number in range(count):
        log.say(text=f"old {number}")
    wire_ = Wire(log, store or MemoryLocalStore(), config=config)
    wire_.connect()
    assert wire_.run_until(lambda: wire_.core.state is LinkState.LIVE and wire_.core._link.udp_open, 5)
    wire_.run_for(2)
    wire_.sent.clear()
    return wire_


def shown(wire_: Wire, room: int = 1) -> list[int]:
    """The numbers that were reported as stored, in order."""
    return [held.record.seq for e in wire_.of_kind(RecordsStored) if e.room == room for held in e.held]


def nacks(wire_: Wire) -> list[wire.Nack]:
    return [output.frame for output in wire_.sent if isinstance(output.frame, wire.Nack)]


def pages(wire_: Wire) -> list[wire.History]:
    requests = [output.frame.operation for output in wire_.sent if isinstance(output.frame, wire.Request)]
    return [operation for operation in requests if isinstance(operation, wire.History)]


def records_frame(log: FakeLog, *seqs: int, head: bool = False) -> wire.Records:
    return wire.Records(1, [log.records[1][seq - 1] for seq in seqs], log.head(1) if head else None)


def copy_is_the_log(wire_: Wire) -> bool:
    span = wire_.core._store.span(1)
    assert span is not None
    return wire_.core._store.records(1, 0, 10**9) == wire_.log.records[1][span.base :]


def altered(record: Record) -> Record:
    return Record(record.seq, record.time_ms, record.header, record.signature, (record.body or b"") + b"!")


def other_history(log: FakeLog, keep: int, count: int) -> FakeLog:
    """The same log up to `keep`, then other records."""
    other = FakeLog()
    for record in log.records[1][:keep]:
        other.records[1].append(record)
    other.hashes[1] = log.hashes[1][: keep + 1]
    other.time_ms = log.time_ms + 1000
    other.devices = log.devices
    for _ in range(count):
        other.say(text="another history")
    return other
