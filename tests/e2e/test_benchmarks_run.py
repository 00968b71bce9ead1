"""The benchmarks run, in their coarsest form: what they measure is not judged here, only that they measure it."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random

import pytest

from lanchat.protocol import wire
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.log.records import Head, Record, chain_hash, check_head, genesis_hash
from lanchat.protocol.wire import decode_server_datagram_untrusted
from tests.benchmarks import fanout, floor, limits
from tests.benchmarks.accounts import Account, make_world
from tests.benchmarks.generator import Generator, Load, Times, Traffic
from tests.benchmarks.measure import program
from tests.benchmarks.peers import irc_traffic, mqtt_traffic
from tests.benchmarks.serving import serving
from tests.benchmarks.traffic import ChatTraffic, chat_traffic, text
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
CLIENTS = 5
LOAD = Load(rate=100, window=0.8, warm=0.4)


def run_load(traffic: Traffic, times: Times | None = None) -> None:
    """Send LOAD; asserts that all messages are delivered and that a delivery costs processor time."""
    generator = Generator(traffic, times)

    def all_came() -> bool:
        generator.settle(0.05)
        return traffic.deliveries() == pytest.approx(generator.published * (CLIENTS - 1))

    try:
        # How much of it falls into the window depends on how busy the machine is.
        result = generator.run(LOAD)
        wait_until(all_came, 10, "all deliveries")
    finally:
        generator.close()
    assert generator.published >= result.sent > 0
    assert sum(result.cpu) > 0


def test_product_fan_out_delivers_the_load() -> None:
    with fanout.product("SQLite", CLIENTS, 200) as traffic:
        run_load(traffic)


def test_load_clients_repair_lost_datagrams() -> None:
    random, times = Random(7), Times()
    with (
        serving("SQLite", CLIENTS) as server,
        chat_traffic(
            server.port, server.pids, server.world, CLIENTS, 200, times, drop=lambda: random.random() < 0.1
        ) as traffic,
    ):
        generator = Generator(traffic, times)
        generator.run(LOAD)
        generator.go_on(1.0)
        generator.close()
    said = len(times.sent)
    assert said > 0
    assert len(times.late) == said * CLIENTS
    assert len(traffic.stored) == said


@pytest.mark.parametrize(("name", "peer"), [("ngircd", irc_traffic), ("mosquitto", mqtt_traffic)])
def test_reference_server_fan_out_delivers_the_load(name: str, peer: fanout.MakePeer) -> None:
    if program(name) is None:
        pytest.skip(f"{name} is not installed: only make bench does that")
    with peer(CLIENTS, lambda index: f"no.{index:08d} said".encode(), None) as traffic:
        run_load(traffic)


FLOORS = {"in Python": floor.floor_traffic, "in C": floor.native_floor_traffic}


@pytest.fixture(params=FLOORS)
def floor_factory(request: pytest.FixtureRequest) -> Callable[[int, int], AbstractContextManager[ChatTraffic]]:
    needed = ["/usr/include/sodium.h", "/usr/include/sqlite3.h"]
    if request.param == "in C" and not (shutil.which("cc") and all(map(os.path.exists, needed))):
        pytest.skip("what compiles it is not installed: only make bench does that")
    return FLOORS[request.param]


def test_floor_fan_out_delivers_the_load(
    floor_factory: Callable[[int, int], AbstractContextManager[ChatTraffic]],
) -> None:
    with floor_factory(CLIENTS, 200) as traffic:
        run_load(traffic)


def test_floor_orders_chains_and_signs_records(
    floor_factory: Callable[[int, int], AbstractContextManager[ChatTraffic]],
) -> None:
    """The other client receives all messages in order, chained up to a signed head."""
    account = Account(1)
    said = [account.message(floor.LOG_ID, floor.ROOM, text(index)) for index in range(48)]
    records: list[Record] = []
    heads: list[Head | None] = []
    with floor_factory(2, 0) as traffic:
        author, other = traffic.clients
        for message in said:
            author.send([wire.Submit([message])])

        def all_came() -> bool:
            with contextlib.suppress(BlockingIOError):
                for datagram in other.receive():
                    for frame in decode_server_datagram_untrusted(other.opener.open_untrusted(datagram)):
                        assert isinstance(frame, wire.Records)
                        records.extend(frame.records)
                        heads.append(frame.head)
            return len(records) == len(said)

        wait_until(all_came, 10, "all messages")
    assert [(record.header, record.body, record.signature) for record in records] == [
        (message.header, message.body, message.signature) for message in said
    ]
    chain = genesis_hash(floor.LOG_ID, floor.ROOM)
    for record in records:
        chain = chain_hash(floor.LOG_ID, floor.ROOM, chain, record)
    head = heads[-1]
    assert head is not None
    assert (head.epoch, head.room, head.seq, head.hash) == (floor.EPOCH, floor.ROOM, len(said), chain)
    check_head(public_octets(floor.LOG_KEY), floor.LOG_ID, head)


def test_each_measured_step_takes_time(tmp_path: Path) -> None:
    sample = limits.Sample(make_world(tmp_path, None, 1))
    with limits.steps_of_the_kernel() as kernel, limits.steps_of_the_disk(tmp_path) as disk:
        for step in (*limits.steps_in_memory(sample), *kernel, *disk):
            median, least = limits.measured(step, 0.002)
            assert 0 < least <= median, step.name


def test_benchmark_command_leaves_no_temporary_files() -> None:
    """A whole case, killed server included, with 100 clients."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks", "--only", "f", "--quick", "--rounds", "1", "--scratch"]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0, done.stderr
        assert "until all are live and complete" in done.stdout
        assert list(Path(folder).iterdir()) == []
