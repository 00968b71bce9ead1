"""Every order in which requests that wait for the hash, a reader or the writer can go on.

The requests are the server's own coroutines, driven by hand: what they await is a `Gate`, and each step does one thing
that the server could do next. Transactions are carried out one after the other in the order in which they were handed
in; whoever waits for one goes on later, as on the event loop. An order is repeated by its choices.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

Work = Callable[[], Any]


class Gate:
    """What a request waits for. `in_turn`: the writer's, else whenever it comes."""

    def __init__(self, work: Work, *, in_turn: bool) -> None:
        self.work = work
        self.in_turn = in_turn
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None

    def __await__(self) -> Generator["Gate", None, Any]:
        yield self
        if self.error is not None:
            raise self.error
        return self.value

    def do(self) -> None:
        """Raises nothing: whoever waits gets what happened."""
        try:
            self.value = self.work()
        except Exception as error:
            self.error = error
        self.done = True


class Run:
    """One order. `trace` holds what happened: (request, "start" | "do" | "go on")."""

    def __init__(self, requests: dict[str, Callable[[], Coroutine[Any, Any, Any]]]) -> None:
        self._waiting: dict[str, Gate | None] = dict.fromkeys(requests)
        self._made = requests
        self._running: dict[str, Coroutine[Any, Any, Any]] = {}
        self._writer: deque[tuple[str, Gate]] = deque()
        self.current = ""
        self.results: dict[str, Any] = {}
        self.trace: list[tuple[str, str]] = []

    def choices(self) -> list[tuple[str, str]]:
        """What can happen next; empty: everything has ended."""
        found = []
        for name, gate in self._waiting.items():
            if name in self.results:
                continue
            if name not in self._running:
                found.append((name, "start"))
            elif gate is not None and gate.done:
                found.append((name, "go on"))
            elif gate is not None and (not gate.in_turn or self._writer[0][1] is gate):
                found.append((name, "do"))
        return found

    def step(self, name: str, what: str) -> None:
        """Let one of `choices` happen."""
        self.trace.append((name, what))
        self.current = name
        gate = self._waiting[name]
        if what == "do":
            assert gate is not None
            gate.do()
            if gate.in_turn:
                self._writer.popleft()
            return
        if what == "start":
            self._running[name] = self._made[name]()
        try:
            reached = self._running[name].send(None)
        except StopIteration as end:
            self.results[name] = end.value
        except Exception as error:
            self.results[name] = error
        else:
            self._waiting[name] = reached
            if reached.in_turn:
                self._writer.append((name, reached))


def every_order(make: Callable[[], tuple[Run, Any]], most: int = 10_000) -> Iterator[tuple[Run, Any]]:
    """Each order once, depth first; `make` sets the stage anew for each. At most so many."""
    prefix: list[int] = []
    for _ in range(most):
        run, stage = make()
        taken: list[tuple[int, int]] = []
        while choices := run.choices():
            index = prefix[len(taken)] if len(taken) < len(prefix) else 0
            taken.append((index, len(choices)))
            run.step(*choices[index])
        yield run, stage
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        prefix = [index for index, _ in taken[:-1]] + [taken[-1][0] + 1]
