"""The client core on a lossy network, in virtual time: the copy equals the log, and runs are reproducible."""

from random import Random
from typing import Any

import pytest

from lanchat.core.config import ClientConfig
from lanchat.core.events import MessageStored, RecordsStored, RoomStopped
from lanchat.core.session.states import LinkState
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore


def lossy_run(seed: int, *, proofs: bool = True) -> Wire:
    """A minute of loss, duplication, reordering, disconnections and a store that fails at times."""
    random = Random(seed)
    log = FakeLog(rooms=2, proofs=proofs)
    store = MemoryLocalStore()
    client = Wire(log, store, seed=seed, config=ClientConfig(page=random.choice([5, 200]), reorder_max=32))
    loss = random.choice([0.0, 0.1, 0.3, 0.6])

    def network_faults(direction: str, path: Transport, frame: Any) -> bool:
        if path is Transport.TLS:
            return True
        if random.random() < 0.1:
            client._post(direction, path, frame)
        return random.random() >= loss

    client.hook = network_faults
    client.delay = lambda path: 0.002 if path is Transport.TLS else random.uniform(0.001, 0.05)
    client.connect()
    for _ in range(120):
        room = random.choice([1, 2])
        match random.random():
            case chance if chance < 0.5:
                client.relay(*[log.say(room) for _ in range(random.choice([1, 1, 2, 40]))])
            case chance if chance < 0.9 and not store.fail:
                client.core.send(room, Kind.TEXT, f"mine {client.now}", 0, client.now)
            case chance if chance < 0.93:
                client.cut()
            case _:
                store.fail = not store.fail
        client.run_for(random.expovariate(1 / 0.1))
    client.hook = lambda direction, path, frame: True
    store.fail = False
    client.beat_every(2)
    for room in log.records:
        client.relay(log.say(room))
    done = client.run_until(lambda: complete(client), 120)
    assert done, f"seed {seed}: not complete"
    return client


def complete(client: Wire) -> bool:
    store = client.core._store
    spans = {room: store.span(room) for room in client.log.records}
    copied = all(span is not None and span.cursor == len(client.log.records[room]) for room, span in spans.items())
    return copied and not store.outgoing() and client.core.state is LinkState.LIVE


@pytest.mark.parametrize("seed", range(40))
def test_copy_equals_the_log(seed: int) -> None:
    client = lossy_run(seed, proofs=seed % 3 != 0)
    assert client.of_kind(RoomStopped) == []
    for room, records in client.log.records.items():
        span = client.core._store.span(room)
        assert span is not None
        assert client.core._store.records(room, 1, 10**9) == records[span.base :]
        shown = [h.record.seq for e in client.of_kind(RecordsStored) if e.room == room for h in e.held]
        assert shown == list(range(span.base + 1, span.cursor + 1))
    keys = [event.key for event in client.of_kind(MessageStored)]
    assert len(keys) == len(set(keys))
    mine = [key for key in client.log.decisions if key.device == client.core._composer.device]
    assert sorted(keys) == sorted(mine)


def test_same_seed_gives_the_same_run() -> None:
    first, second = lossy_run(5), lossy_run(5)
    assert first.events == second.events
    assert first.sent == second.sent
