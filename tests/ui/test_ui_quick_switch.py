"""Keys that come faster than the window draws: Return acts on what is typed, not on what is still shown."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.procs import ROOT
from tests.support.xvfb import screen_environment

pytestmark = pytest.mark.display

# No event loop turns between the keys: idle work has no chance, as when all events are in the queue already.
PROGRAM = """
import json, sys, time
from pathlib import Path
from lanchat.ui.assembly import Window
from lanchat.ui.model.entry_model import LaunchOptions
from lanchat.ui.settings.memory import WindowSettings
from tests.support.fake_engine import FakeEngine, Scenario
from tests.support.fake_window import fake_profile

memory = WindowSettings(fake_profile(Path(sys.argv[1]), True))
window = Window(memory, lambda on_event: FakeEngine(on_event, Scenario()), LaunchOptions())
window._begin()
window._engine.start()
def settle():
    for _ in range(10):
        window.root.update()
        time.sleep(0.01)
while not window._model.can_write():
    settle()
settle()
sidebar = window._page._sidebar
opened = []
for sequence in json.loads(sys.argv[2]):
    sidebar.focus_search()
    entry = sidebar._search.entry
    entry.focus_force()
    window.root.update()
    entry.delete(0, "end")
    for key in ("o", "p", "s"):
        entry.event_generate(f"<Key-{key}>")
    entry.event_generate(sequence)
    settle()
    opened.append(window._model.rooms[window._model.current].name)
    window._page._chat.open_room(next(room.room for room in window._model.rooms.values() if room.name == "general"))
    settle()
window.quit()
print(json.dumps(opened), flush=True)
"""


def test_return_opens_the_room_that_was_typed(display: str, tmp_path: Path) -> None:
    keys = ["<Return>", "<KP_Enter>"]
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path / "profile"), json.dumps(keys)]
    with Child(argv, env=screen_environment(display), cwd=ROOT) as child:
        line = child.wait_for_line(lambda line: line.startswith("["), 60, "the rooms that were opened")
        child.wait(20)
    assert json.loads(line) == ["ops", "ops"]
