"""From the network's thread to the window's: one queue and one guarded wake-up.

Only the main thread may touch Tk. A worker that calls `after` or `event_generate` while the main thread waits for that
worker stands still for ever (measured), so a worker only puts something into a queue and rings once; it never waits
for Tk. What gathered meanwhile is handed over together, and the window is drawn once.

The queue is bounded while the main thread stands still, and loses nothing silently: when too many items gather that can
be read again, all of them make place for one that says so. Nothing else is ever dropped.

* POSIX: a pipe that Tk watches. The worker writes one octet unless one is on its way.
* Windows has no file handlers in Tk. A thread of our own, on which nobody ever waits, posts the event; it may hang in
  Tk when the program ends, and as a daemon it does not hold that up.
"""

import collections
import contextlib
import os
import signal
import sys
import threading
import time
import tkinter as tk
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

# Items that can be read again: a burst of history while the window is busy. Ten thousand lines as people write them are
# 10 MiB, as long as they may be 160 MiB.
QUEUE_MAX = 10_000
# So many at a time, then Tk has its turn: keys and repainting do not wait for a flood.
BATCH_MAX = 500
_EVENT = "<<LanchatWakeup>>"


class PostedQueue(Generic[T]):
    """What waits, in order. `again(item)`: whether its content can be read again; more than `bound` of these are
    replaced by one `lost` behind everything else. Not safe to share without a lock."""

    def __init__(self, again: Callable[[T], bool] | None = None, lost: T | None = None, bound: int = QUEUE_MAX) -> None:
        """Without `again` nothing is dropped; without `lost` nothing says that something was."""
        self._again = again or (lambda item: False)
        self._lost = lost
        self._bound = bound
        self._items: collections.deque[T] = collections.deque()
        self._count = 0

    def __len__(self) -> int:
        """How many items wait, `lost` among them."""
        return len(self._items)

    def put(self, item: T) -> None:
        """Add one."""
        self._items.append(item)
        if self._again(item):
            self._count += 1
            if self._count > self._bound:
                self._lose()

    def _lose(self) -> None:
        kept = [item for item in self._items if item is not self._lost and not self._again(item)]
        self._items = collections.deque(kept)
        if self._lost is not None:
            self._items.append(self._lost)
        self._count = 0

    def take(self, most: int) -> list[T]:
        """The first ones, at most so many."""
        taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
        self._count -= sum(map(self._again, taken))
        return taken

    def clear(self) -> None:
        """Drops all items; nothing says so."""
        self._items.clear()
        self._count = 0


class Wakeup(Generic[T]):
    """`post` from any thread; `handler` gets lists of what was posted, in order, on the main thread."""

    def __init__(
        self,
        root: tk.Tk,
        handler: Callable[[list[T]], None],
        queue: PostedQueue[T] | None = None,
        *,
        pipe: bool = sys.platform != "win32",
    ) -> None:
        """`queue` is used only here, under a lock. `pipe`: Tk watches a pipe; else a thread posts events."""
        self._root = root
        self._handler = handler
        self._items: PostedQueue[T] = PostedQueue() if queue is None else queue
        self._lock = threading.Lock()
        self._ringing = False
        self._closed = False
        self._again = ""
        self._bell: _Pipe | _Poster = _Pipe(root, self._woken) if pipe else _Poster(root, self._woken)

    def post(self, item: T) -> None:
        """Hand over one value. Any thread; never blocks. Dropped after `close`."""
        with self._lock:
            if self._closed:
                return
            self._items.put(item)
            ring, self._ringing = not self._ringing, True
        if ring:
            self._bell.ring()

    def ring_on_signals(self) -> None:
        """A signal's Python handler runs at once instead of at the next key: Tk's loop does not know signals."""
        if isinstance(self._bell, _Pipe):
            self._bell.ring_on_signals()

    def _woken(self) -> None:
        self._again = ""
        with self._lock:
            batch = self._items.take(BATCH_MAX)
            more = bool(self._items)
            self._ringing = more
        if more:
            self._again = self._root.after(1, self._woken)
        try:
            self._handler(batch)
        except Exception:
            # Out of a file handler it would end the main loop; this way it is reported like any callback's.
            self._root.report_callback_exception(*sys.exc_info())

    def close(self) -> None:
        """Nothing arrives any more. Main thread, before the root is destroyed."""
        with self._lock:
            self._closed = True
            self._items.clear()
        if self._again:
            self._root.after_cancel(self._again)
        self._bell.close()


class _Pipe:
    def __init__(self, root: tk.Tk, woken: Callable[[], None]) -> None:
        self._root = root
        self._woken = woken
        self._reader, self._writer = os.pipe()
        self._lock = threading.Lock()
        if sys.platform != "win32":
            os.set_blocking(self._reader, False)
            os.set_blocking(self._writer, False)
            root.tk.createfilehandler(self._reader, tk.READABLE, self._readable)

    def ring(self) -> None:
        with self._lock, contextlib.suppress(OSError):  # full: it is ringing already; closed: nobody listens
            if self._writer >= 0:
                os.write(self._writer, b"!")

    def ring_on_signals(self) -> None:
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def _readable(self, file: object, mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)
        self._woken()

    def close(self) -> None:
        if sys.platform != "win32":
            self._root.tk.deletefilehandler(self._reader)
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)
        with self._lock:
            os.close(self._reader)
            os.close(self._writer)
            self._writer = -1


class _Poster:
    def __init__(self, root: tk.Tk, woken: Callable[[], None]) -> None:
        self._root = root
        self._bell = threading.Semaphore(0)
        self._closed = False
        root.winfo_id()  # makes the window exist: Tk drops events for one that does not yet
        root.bind(_EVENT, lambda event: woken())
        threading.Thread(target=self._run, name="wake-up", daemon=True).start()

    def ring(self) -> None:
        self._bell.release()

    def _run(self) -> None:
        while True:
            self._bell.acquire()
            if self._closed:
                return
            if not self._generate():
                return

    def _generate(self) -> bool:
        """Posts the event, as soon as there is a main loop to take it; False when the window is gone."""
        while not self._closed:
            try:
                self._root.event_generate(_EVENT, when="tail")
                return True
            except RuntimeError:  # the main loop does not run yet
                time.sleep(0.02)
            except tk.TclError:
                return False
        return False

    def close(self) -> None:
        self._closed = True
        self._bell.release()
