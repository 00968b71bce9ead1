"""Keys that come faster than the window draws: each acts on what is typed, not on what is still shown."""

import json
import sys
from typing import Any

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
composer = window._page._messages.composer
general = window._model.current

def press(*sequences):
    composer.text.focus_force()
    window.root.update()
    for sequence in sequences:
        composer.text.event_generate(sequence)

def clear():
    composer._editor.set("")
    settle()

press("<Key-d>", "<Key-r>")
window._page._chat.open_room(next(room.room for room in window._model.rooms.values() if room.name == "ops"))
settle()
draft = window._model.drafts[general].text
window._page._chat.open_room(general)
settle()
clear()
composer._editor.insert("y" * 100)
press("<Key-a>", "<Key-b>", "<Left>", "<BackSpace>", "<<SelectAll>>", "<BackSpace>")
undone = []
for _ in range(3):
    press("<<Undo>>")
    undone.append(composer._editor.get().lstrip("y"))
settle()
clear()
press("<Key-q>", "<<SelectAll>>", "<<Cut>>")
cut = [window._model.draft.text, composer._editor.get()]
composer._editor.insert("pasted")
inserted = window._model.draft.text
window.quit()
print(json.dumps(dict(opened=opened, draft=draft, undone=undone, cut=cut, inserted=inserted)), flush=True)
"""


@pytest.fixture(scope="module")
def told(display: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the program tells at its end."""
    keys = json.dumps(["<Return>", "<KP_Enter>"])
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path_factory.mktemp("window") / "profile"), keys]
    with Child(argv, env=screen_environment(display), cwd=ROOT) as child:
        line = child.wait_for_line(lambda line: line.startswith("{"), 60, "what happened")
        child.wait(20)
    return dict(json.loads(line))


def test_return_opens_the_room_that_was_typed(told: dict[str, Any]) -> None:
    assert told["opened"] == ["ops", "ops"]


def test_draft_of_a_room_that_is_left_at_once_is_kept(told: dict[str, Any]) -> None:
    assert told["draft"] == "dr"


def test_undo_steps_do_not_depend_on_the_speed_of_typing(told: dict[str, Any]) -> None:
    assert told["undone"] == ["b", "", ""]


def test_cut_and_inserted_text_changes_the_draft_at_once(told: dict[str, Any]) -> None:
    assert told["cut"] == ["", ""]
    assert told["inserted"] == "pasted"
