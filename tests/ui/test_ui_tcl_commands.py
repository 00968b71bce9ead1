"""The number of Tcl commands grows with what changes, not with what is shown. Counts are the same on every computer;
seconds are measured by the benchmarks."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.xvfb import screen_environment

pytestmark = pytest.mark.display

PANE = """
import json, tkinter
from lanchat.ui.kit.fonts import Fonts
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.conversation.pane import Pane
from lanchat.ui.kit.theme import LIGHT
from lanchat.ui.model.entries import EntryContext, arrange
from lanchat.ui.kit.styles import Styles
from tests.support.ui_kit import line
import ttkbootstrap

class NoListener:
    def near_top(self): pass
    def near_bottom(self): pass
    def scrolled(self): pass
    def explain(self, message, spot): return ""

class Counting:
    def __init__(self, tk):
        self.inner, self.calls = tk, 0
    def call(self, *arguments):
        self.calls += 1
        return self.inner.call(*arguments)
    def __getattr__(self, name):
        return getattr(self.inner, name)

root = ttkbootstrap.App(size=(900, 700))
fonts = Fonts(root)
Styles(root, fonts.px).use(LIGHT)
pane = Pane(root, fonts.kit(LIGHT), Images(root, fonts.px), NoListener())
pane.frame.pack(fill="both", expand=True)
root.update()
tk = pane.canvas.tk = Counting(pane.canvas.tk)
words = "Morning: the repair works on my segment, and the fallback kicked in when the old switch dropped".split()
text = lambda seq: " ".join(words[n % len(words)] for n in range(seq, seq + seq % 37 + 1))
lines = [line(seq, author=seq % 5 + 1, text=text(seq)) for seq in range(1, 2001)]
counts = {}

def counted(name, job):
    tk.calls = 0
    job()
    root.update()
    counts[name] = tk.calls

show = lambda first, last, **to: pane.show(arrange(lines[first:last], [], EntryContext()), **to)
pane.open(1, True)
counted("first", lambda: show(1900, 2000, end=True))
counted("unchanged", lambda: show(1900, 2000))
pane.canvas.yview_moveto(0)
counted("older", lambda: show(1800, 2000))
counted("older again", lambda: show(1600, 2000))
counted("scrolled", lambda: pane.scroll(60))
lines.append(line(2001, text="new"))
counted("new", lambda: show(1601, 2001))
print(json.dumps(counts), flush=True)
root.destroy()
"""


def test_conversation_redraws_only_what_changed(display: str) -> None:
    with Child([sys.executable, "-c", PANE], env=screen_environment(display), cwd=Path(__file__).parents[2]) as child:
        counts = json.loads(child.wait_for_line(lambda line: line.startswith("{"), 60, "it is counted"))
        child.wait(10)
    print(counts)
    # Some twenty lines are in sight; some ten commands draw one.
    limits = {"first": 400, "unchanged": 30, "older": 600, "older again": 30, "scrolled": 80, "new": 60}
    assert counts["first"] > 50
    assert {name: count for name, count in counts.items() if count > limits[name]} == {}
