"""An asyncio event loop in virtual time, for the real service: no selector, no thread, one per simulated process.

Callbacks run in the order in which asyncio would run them. Now and then what is ready is put off for a moment, so that
the network gets a word in between two steps of a task, as it does in a real loop.
"""

import asyncio
import inspect
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import Any
from weakref import WeakSet

from tests.sim.clock import Clock

# How often, and for how long, ready callbacks are put off.
_PUT_OFF = 0.1
_PUT_OFF_TIME = 0.002
# Between a worker thread's result and the loop that learns of it.
_THREAD_DELAY = 0.003


class _Handle:
    """What `call_soon` and `call_at` return."""

    __slots__ = ("_arguments", "_callback", "_context", "_when", "gone")

    def __init__(self, when: float, callback: Callable[..., Any], arguments: Any, context: Context | None) -> None:
        self._when = when
        self._callback = callback
        self._arguments = arguments
        self._context = context
        self.gone = False

    def cancel(self) -> None:
        self.gone = True

    def cancelled(self) -> bool:
        return self.gone

    def when(self) -> float:
        return self._when

    def run(self) -> None:
        if self._context is None:
            self._callback(*self._arguments)
        else:
            self._context.run(self._callback, *self._arguments)


class VirtualLoop(asyncio.AbstractEventLoop):
    """`kill` ends the process: nothing of it runs any more. `on_error` hears of errors that nobody handles."""

    def __init__(self, clock: Clock, random: Random, on_error: Callable[[dict[str, Any]], None]) -> None:
        self._clock = clock
        self._random = random
        self._on_error = on_error
        self._ready: deque[_Handle] = deque()
        self._running = False
        self._put_off = False
        self._last_result = 0.0
        self._coroutines: WeakSet[Any] = WeakSet()
        self.dead = False
        # A process that is stopped for a while: until when.
        self.asleep_until = 0.0

    def kill(self) -> None:
        self.dead = True
        for coroutine in self._coroutines:
            # What was never begun would be warned of.
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()
        self._ready.clear()

    def pause(self, seconds: float) -> None:
        """The process is stopped; what comes meanwhile waits."""
        self.asleep_until = self._clock.now + seconds
        self._put_off = True
        self._clock.at(self.asleep_until, self._go_on)

    # --- Running ----------------------------------------------------------------------------------------------------

    def run(self, callback: Callable[..., Any], *arguments: Any) -> None:
        """Something from outside: do it in this loop, in its turn, with all that follows from it."""
        if not self.dead:
            self.call_soon(callback, *arguments)
            if not self._put_off and not self._running:
                self._drain()

    def _drain(self) -> None:
        self._put_off = False
        before = events._get_running_loop()
        events._set_running_loop(self)
        self._running = True
        try:
            while self._ready and not self._put_off:
                for _ in range(len(self._ready)):
                    handle = self._ready.popleft() if self._ready else None
                    if handle is not None and not handle.gone:
                        handle.run()
                if self._ready and self._random.random() < _PUT_OFF:
                    self._put_off = True
                    self._clock.after(self._random.random() * _PUT_OFF_TIME, self._go_on)
        finally:
            self._running = False
            events._set_running_loop(before)

    def _go_on(self) -> None:
        if not self.dead and self._clock.now >= self.asleep_until:
            self._drain()

    # --- What asyncio and the service ask of a loop ------------------------------------------------------------------

    def time(self) -> float:
        return self._clock.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def call_soon(self, callback: Any, *arguments: Any, context: Context | None = None) -> Any:
        handle = _Handle(self._clock.now, callback, arguments, context)
        if not self.dead:
            self._ready.append(handle)
        return handle

    def call_at(self, when: float, callback: Any, *arguments: Any, context: Context | None = None) -> Any:
        handle = _Handle(when, callback, arguments, context)
        self._clock.at(when, self._timer, handle)
        return handle

    def call_later(self, delay: float, callback: Any, *arguments: Any, context: Context | None = None) -> Any:
        return self.call_at(self._clock.now + delay, callback, *arguments, context=context)

    def _timer(self, handle: _Handle) -> None:
        if not handle.gone:
            self.run(handle.run)

    def call_soon_threadsafe(self, callback: Any, *arguments: Any, context: Context | None = None) -> Any:
        """From a worker thread: what comes first arrives first."""
        self._last_result = max(self._last_result, self._clock.now + self._random.random() * _THREAD_DELAY)
        self._clock.at(self._last_result, self.run, callback, *arguments)

    def create_future(self) -> Any:
        return asyncio.Future(loop=self)

    def create_task(self, coroutine: Any, *, name: Any = None, context: Any = None) -> Any:
        self._coroutines.add(coroutine)
        if self.dead:
            coroutine.close()
        return asyncio.Task(coroutine, loop=self, name=name, context=context)

    def run_in_executor(self, executor: Any, function: Callable[..., Any], *arguments: Any) -> Any:
        """A reading query on another thread: it sees the database a little later."""
        future = self.create_future()
        self._clock.after(self._random.random() * 0.02, self._work, future, function, arguments)
        return future

    def _work(self, future: Any, function: Callable[..., Any], arguments: Any) -> None:
        if self.dead:
            return
        if self._clock.now < self.asleep_until:
            self._clock.at(self.asleep_until, self._work, future, function, arguments)
            return
        try:
            result = function(*arguments)
        except Exception as error:
            self.call_soon_threadsafe(_finish, future, None, error)
        else:
            self.call_soon_threadsafe(_finish, future, result, None)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.dead:
            self._on_error(context)


def _finish(future: Any, result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
