"""The window when it comes to the screen: the first page is in it already, whatever size it has."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import patient
from tests.support.xvfb import screen_environment

ROOT = Path(__file__).parents[2]
# Prints whether the root is mapped before `run`, then what is in it when it is mapped for the first time, and ends.
PROGRAM = """
import json, os, sys
from pathlib import Path
from lanchat.ui import assembly
from lanchat.ui.model.entry_model import LaunchOptions
from lanchat.ui.settings.memory import WindowSettings
from tests.support.fake_engine import FakeEngine, Scenario
from tests.support.fake_window import fake_profile

memory = WindowSettings(fake_profile(Path(sys.argv[1]), sys.argv[2] == "remembered"))
window = assembly.Window(memory, lambda on_event: FakeEngine(on_event, Scenario()), LaunchOptions())
root = window.root
print(json.dumps(bool(root.winfo_ismapped())), flush=True)

def mapped(event):
    if event.widget is root:
        print(json.dumps([child.winfo_class() for child in root.winfo_children() if child.winfo_manager()]), flush=True)
        os._exit(0)

root.bind("<Map>", mapped, add="+")
window.run()
"""


@pytest.mark.parametrize("profile", ["remembered", "new"])
def test_window_is_mapped_with_its_first_page(display: str, tmp_path: Path, profile: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), profile],
        env=screen_environment(display),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patient(30),
    )
    assert done.returncode == 0, done.stderr
    mapped_before, contents = (json.loads(line) for line in done.stdout.splitlines())
    assert not mapped_before
    assert len(contents) == 1
