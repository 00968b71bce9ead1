"""Every order in which requests that wait for the hash, a reader or the writer can go on.

The requests are the server's own coroutines, driven by hand: what they await is a `Gate`, and each step does one thing
that the server could do next. An order is repeated by its choices.

What may follow what is what the server's event loop and threads allow:

* Transactions are carried out one after the other in the order in which they were handed in, and whoever waits for
  one goes on in that order (`tests/unit/test_explorer.py::test_writer_resumes_requests_in_the_order_of_their_commits`).
* A read is done at any time, and whoever waits for it goes on at any time afterwards.
* A hash is a function of what was handed in, so that when it is done makes no difference: it is done when the request
  goes on. This is the only reduction, and it drops orders that differ in nothing that anybody sees.
"""

import enum
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

Work = Callable[[], Any]
# More orders than any pair has.
ORDERS_MAX = 100_000


class Kind(enum.Enum):
    """What a request waits for."""

    HASH = "hash"
    READ = "read"
    WRITE = "write"


class Gate:
    """What a request waits for."""

    def __init__(self, work: Work, kind: Kind) -> None:
        self.kind = kind
        self._work = work
        self._value: Any = None
        self._error: BaseException | None = None
        self.done = False

    def __await__(self) -> Generator["Gate", None, Any]:
        yield self
        if self._error is not None:
            raise self._error
        return self._value

    def do(self) -> None:
        """Raises nothing: whoever waits gets what happened."""
        try:
            self._value = self._work()
        except Exception as error:
            self._error = error
        self.done = True


Step = tuple[str, str]


class Run:
    """One order. `trace` holds what happened: (request, "start" | "do" | "go on"); `ended` who came to an end."""

    def __init__(self, requests: dict[str, Callable[[], Coroutine[Any, Any, None]]]) -> None:
        self._made = requests
        self._running: dict[str, Coroutine[Any, Any, None]] = {}
        self._waiting: dict[str, Gate] = {}
        self._to_do: deque[str] = deque()
        self._to_go_on: deque[str] = deque()
        self.current = ""
        self.ended: list[str] = []
        self.trace: list[Step] = []

    def choices(self) -> list[Step]:
        """What can happen next; empty: everything has ended."""
        found: list[Step] = []
        for name in self._made:
            gate = self._waiting.get(name)
            if name not in self._running:
                found.append((name, "start"))
            elif gate is None:
                continue
            elif gate.kind is Kind.HASH:
                found.append((name, "go on"))
            elif gate.kind is Kind.READ:
                found.append((name, "go on" if gate.done else "do"))
            elif gate.done and self._to_go_on[0] == name:
                found.append((name, "go on"))
            elif not gate.done and self._to_do[0] == name:
                found.append((name, "do"))
        return found

    def add(self, name: str, request: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Something that begins while the others are under way."""
        self._made[name] = request

    def step(self, name: str, what: str) -> None:
        """Let one of `choices` happen."""
        self.trace.append((name, what))
        self.current = name
        if what == "do":
            self._waiting[name].do()
            if self._waiting[name].kind is Kind.WRITE:
                self._to_go_on.append(self._to_do.popleft())
            return
        if what == "start":
            self._running[name] = self._made[name]()
        elif self._waiting[name].kind is Kind.HASH:
            self._waiting[name].do()
        elif self._waiting[name].kind is Kind.WRITE:
            self._to_go_on.popleft()
        self._go_on(name)

    def _go_on(self, name: str) -> None:
        self._waiting.pop(name, None)
        try:
            # `asyncio.sleep(0)` yields None: others come first, if they like.
            gate = self._running[name].send(None) or Gate(lambda: None, Kind.HASH)
        except StopIteration:
            self.ended.append(name)
            return
        self._waiting[name] = gate
        if gate.kind is Kind.WRITE:
            self._to_do.append(name)


def every_order(make: Callable[[], tuple[Run, Any]], after: Callable[[Any], None] | None = None) -> Iterator[Any]:
    """What `make` sets up anew for each order, when that order has come to its end; depth first, each order once.
    `after` is called with it after each step."""
    prefix: list[int] = []
    for _ in range(ORDERS_MAX):
        run, harness = make()
        taken: list[tuple[int, int]] = []
        while choices := run.choices():
            index = prefix[len(taken)] if len(taken) < len(prefix) else 0
            taken.append((index, len(choices)))
            run.step(*choices[index])
            if after is not None:
                after(harness)
        yield harness
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        prefix = [index for index, _ in taken[:-1]] + [taken[-1][0] + 1]
    raise AssertionError(f"more than {ORDERS_MAX} orders")
