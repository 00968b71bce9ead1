"""The window is quick: processor time to the first page, and for what happens while somebody reads.

Processor time instead of the clock, because the tests share the computer. Limits are some three times what was measured
on a machine of 2020, and more where the computer is slower at the moment: they catch a wrong algorithm, not a bad day.
"""

import json
import sys
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.slowness import slowness
from tests.support.ui_window import fake_window
from tests.support.xvfb import screen_environment

pytestmark = pytest.mark.display

PANE = """
import json, time, tkinter
from lanchat.ui.fonts import Fonts
from lanchat.ui.images import Images
from lanchat.ui.pane import Pane
from lanchat.ui.theme import LIGHT
from lanchat.ui.entries import View, arrange
from lanchat.ui.styles import Styles
from tests.support.slowness import slowness
from tests.support.ui_kit import line
import ttkbootstrap

class Nobody:
    def near_top(self): pass
    def near_bottom(self): pass
    def scrolled(self): pass
    def explain(self, message, spot): return ""

root = ttkbootstrap.App(size=(900, 700))
fonts = Fonts(root)
Styles(root, fonts.px).use(LIGHT)
pane = Pane(root, fonts.kit(LIGHT), Images(root, fonts.px), Nobody())
pane.frame.pack(fill="both", expand=True)
root.update()
words = "Morning: the repair works on my segment, and the fallback kicked in when the old switch dropped".split()
text = lambda seq: " ".join(words[n % len(words)] for n in range(seq, seq + seq % 37 + 1))
lines = [line(seq, author=seq % 5 + 1, text=text(seq)) for seq in range(1, 2001)]
took = {}

def timed(name, job, times=1):
    start = time.process_time()
    for _ in range(times):
        job()
        root.update_idletasks()
    took[name] = (time.process_time() - start) / times * 1000

show = lambda first, last, **to: pane.show(arrange(lines[first:last], [], View()), **to)
slow = slowness()
pane.open(1, True)
timed("first page of 100", lambda: show(1900, 2000, end=True))
timed("nothing changed", lambda: show(1900, 2000))
pane.canvas.yview_moveto(0)
timed("100 older above", lambda: show(1800, 2000))
timed("100 more above, 400 in all", lambda: show(1600, 2000))
timed("a notch of the wheel", lambda: pane.scroll(60), 50)
lines.append(line(2001, text="new"))
timed("a new line below", lambda: show(1601, 2001))
timed("another width", lambda: (pane.scene.forget_layout(), show(1601, 2001)))
took["slowness"] = slow = max(slow, slowness())
print(json.dumps(took), flush=True)
root.destroy()
"""


def test_the_conversation_keeps_up_with_the_hand(display: str) -> None:
    with Child([sys.executable, "-c", PANE], env=screen_environment(display), cwd=Path(__file__).parents[2]) as child:
        took = json.loads(child.wait_for_line(lambda line: line.startswith("{"), 60, "it is measured"))
        child.wait(10)
    print(took)
    slow = took.pop("slowness")
    limits = {
        "first page of 100": 250,
        "nothing changed": 10,
        "100 older above": 80,
        "100 more above, 400 in all": 80,
        "a notch of the wheel": 15,
        "a new line below": 30,
        "another width": 250,
    }
    assert {name: milliseconds for name, milliseconds in took.items() if milliseconds > limits[name] * slow} == {}


def test_the_first_page_is_painted_at_once(display: str, tmp_path: Path) -> None:
    slow = slowness()
    with fake_window(display, tmp_path / "profile", lines=2000, rooms=100, people=300) as window:
        painted = json.loads(window.child.wait_for_line(lambda line: "painted" in line, 20, "it is painted"))
        window.see("Everything is up to date")
    assert painted["painted"] < 0.7 * max(slow, slowness())
