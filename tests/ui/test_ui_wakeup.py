"""Wakeup: items from other threads reach Tk's thread in order and in batches, without blocking.

Both mechanisms are tested, the pipe of POSIX and the poster that Windows needs; each in a process of its own.
"""

import json
import sys
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.xvfb import screen_environment

pytestmark = pytest.mark.display

COMMON = """
import json, sys, threading, time, tkinter
from lanchat.ui.kit.wakeup import Wakeup
root = tkinter.Tk()
pipe = sys.argv[1] == "pipe"
"""

ORDER = """
got, batches = [], []
def take(items):
    batches.append(len(items)); got.extend(items)
    if len(got) == 20000: root.quit()
wakeup = Wakeup(root, take, pipe=pipe)
def work():
    for number in range(20000): wakeup.post(number)
threading.Thread(target=work).start()
root.after(20000, root.quit)
root.mainloop()
wakeup.close()
print(json.dumps({"order": got == list(range(20000)), "batches": len(batches), "largest": max(batches)}), flush=True)
"""

# The main thread waits for a worker that posts: with `event_generate` in the worker this stands still for ever.
WAITING = """
got = []
wakeup = Wakeup(root, got.extend, pipe=pipe)
def work():
    for number in range(100): wakeup.post(number)
worker = threading.Thread(target=work, daemon=True)
def wait_for_worker():
    worker.start(); worker.join(30)
    stuck = worker.is_alive()
    root.after(300, lambda: (print(json.dumps({"stuck": stuck, "got": len(got)}), flush=True), root.quit()))
root.after(100, wait_for_worker)
root.after(90000, root.quit)
root.mainloop()
wakeup.close()
"""

CLOSED = """
got = []
wakeup = Wakeup(root, got.extend, pipe=pipe)
stop = threading.Event()
def work():
    while not stop.is_set(): wakeup.post(1)
workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
for worker in workers: worker.start()
def close():
    wakeup.close(); root.destroy()
    seen = len(got); time.sleep(0.1); stop.set()
    print(json.dumps({"later": len(got) - seen}), flush=True)
root.after(300, close)
root.mainloop()
"""

FAILING = """
errors, got = [], []
root.report_callback_exception = lambda *error: errors.append(error[0].__name__)
def take(items):
    got.extend(items)
    if len(got) == 1: raise ZeroDivisionError
wakeup = Wakeup(root, take, pipe=pipe)
wakeup.post(1)
root.after(200, lambda: wakeup.post(2))
root.after(500, root.quit)
root.mainloop()
print(json.dumps({"errors": errors, "got": got}), flush=True)
wakeup.close()
"""


@pytest.fixture(params=["pipe", "poster"])
def run(request: pytest.FixtureRequest, display: str):  # type: ignore[no-untyped-def]
    def start(script: str) -> dict[str, object]:
        argv = [sys.executable, "-c", COMMON + script, request.param]
        with Child(argv, env=screen_environment(display), cwd=Path(__file__).parents[2]) as child:
            answer = json.loads(child.wait_for_line(lambda line: line.startswith("{"), 40, "the script ends"))
            assert child.wait(10) == 0
            assert child.stderr == []
        return dict(answer)

    return start


def test_items_arrive_in_order_and_in_batches(run) -> None:  # type: ignore[no-untyped-def]
    seen = run(ORDER)
    assert seen["order"]
    assert seen["batches"] < 10_000
    assert seen["largest"] <= 500


def test_post_does_not_block_while_tk_waits_for_the_worker(run) -> None:  # type: ignore[no-untyped-def]
    assert run(WAITING) == {"stuck": False, "got": 100}


def test_nothing_is_delivered_after_close(run) -> None:  # type: ignore[no-untyped-def]
    seen = run(CLOSED)
    assert seen["later"] == 0


def test_error_in_a_batch_is_reported_and_the_next_arrives(run) -> None:  # type: ignore[no-untyped-def]
    assert run(FAILING) == {"errors": ["ZeroDivisionError"], "got": [1, 2]}
