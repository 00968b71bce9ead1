"""Pairs of requests in every order of their awaits and transactions, against a small model of permissions. Planted
faults show that the explorer detects violations. With all variants: `python -m tests.explorer`."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from lanchat.protocol import wire
from lanchat_server.admin.operations import OPERATIONS
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.service.requests.table import HANDLERS
from lanchat_server.service.work.writer import Writer
from tests.explorer.cases import CASES, COMMANDS
from tests.explorer.explore import Explorer, Relation, all_pairs
from tests.explorer.orders import Gate, Kind, Run, every_order
from tests.explorer.planted import PLANTED
from tests.explorer.rights import RULES
from tests.support.rig import Rig

PAIRS = list(all_pairs(variants=False))


@pytest.fixture(autouse=True)
def rare_collections() -> Iterator[None]:
    """A harness is several hundred objects, all gone after its run: found together they cost less."""
    first, *others = gc.get_threshold()
    gc.set_threshold(5000, *others)
    yield
    gc.set_threshold(first, *others)


@pytest.mark.parametrize("first", dict.fromkeys(pair.first for pair in PAIRS))
def test_no_request_succeeds_after_its_right_has_ended(first: str) -> None:
    explorer = Explorer()
    found = [finding for pair in PAIRS if pair.first == first for finding in explorer.explore(pair)]
    assert not found, "\n".join(map(str, found))


# --- Nothing is forgotten ---------------------------------------------------------------------------------------------


def test_every_request_of_the_wire_has_a_case_and_a_rule() -> None:
    """A new request: add it to tests/explorer/cases.py, and its permissions to tests/explorer/rights.py."""
    taken = {*get_args(wire.Operation), *get_args(wire.LiveFromClient)}
    assert set(get_args(wire.Operation)) == set(HANDLERS)
    assert {case.type for case in CASES.values()} == taken
    assert set(RULES) == taken
    assert {case.type for case in COMMANDS.values()} >= {kind.__name__ for kind in OPERATIONS}
    # The part that is run here has all of them too.
    assert {CASES[pair.first].type for pair in PAIRS} == taken


def test_every_pair_of_requests_occurs_in_every_relation() -> None:
    requests = set(get_args(wire.Operation))
    types: dict[Relation, set[frozenset[Any]]] = {relation: set() for relation in Relation}
    for pair in PAIRS:
        if pair.second in CASES:
            types[pair.relation].add(frozenset((CASES[pair.first].type, CASES[pair.second].type)))
    wanted = {frozenset((one, other)) for one in requests for other in requests}
    assert all(wanted <= types[relation] for relation in Relation)


# --- The explorer looks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANTED)
def test_planted_fault_is_found(name: str) -> None:
    planted, explorer = PLANTED[name], Explorer()
    pairs = [pair for pair in PAIRS if planted.request in (pair.first, pair.second)]
    with planted.plant():
        assert any(explorer.explore(pair) for pair in pairs)


# --- Orders -----------------------------------------------------------------------------------------------------------


def _traces(*kinds: Kind) -> set[tuple[tuple[str, str], ...]]:
    """Of two requests of this kind, one after the other."""

    async def request() -> None:
        for kind in kinds:
            await Gate(lambda: None, kind)

    runs: list[Run] = []

    def make() -> tuple[Run, None]:
        runs.append(Run({"one": request, "other": request}))
        return runs[-1], None

    count = sum(1 for _ in every_order(make))
    traces = {tuple(run.trace) for run in runs}
    assert len(traces) == count
    return traces


def test_order_of_two_transactions_is_kept() -> None:
    """Each starts, commits, continues: commits and continuations keep the order of the starts. That leaves 5 orders
    for each one that may be first."""
    traces = _traces(Kind.WRITE)
    assert len(traces) == 10
    for trace in traces:
        orders = [[name for name, what in trace if what == step] for step in ("start", "do", "go on")]
        assert orders[0] == orders[1] == orders[2]


def test_two_reading_requests_run_in_every_order() -> None:
    """Start, read, continue, of both in any order: 6! / (3! 3!)."""
    assert len(_traces(Kind.READ)) == 20


def test_hash_is_computed_when_its_request_continues() -> None:
    """Start and continue, of both in any order: 4! / (2! 2!)."""
    assert len(_traces(Kind.HASH)) == 6


def test_writer_resumes_requests_in_the_order_of_their_commits() -> None:
    """What the explorer assumes about the event loop and the writer's thread."""

    async def run() -> list[int]:
        rig = Rig()
        writer = Writer(rig.store, rig.directory, rig.sequencer, print, lambda *_: None, lambda: 1)
        resumed: list[int] = []

        async def request(number: int) -> None:
            await writer.transact(lambda tx: DirectoryChange(None, lambda: None))
            resumed.append(number)

        await asyncio.gather(*(request(number) for number in range(200)))
        await writer.close(5.0)
        return resumed

    assert asyncio.run(run()) == list(range(200))
