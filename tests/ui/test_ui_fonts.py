"""Text widths computed from letter widths equal those that Tk measures."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.xvfb import screen_environment

pytestmark = pytest.mark.display

PROGRAM = """
import json, random, tkinter
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.fonts import Fonts

root = tkinter.Tk()
fonts = Fonts(root)
letters = [chr(code) for span in ((32, 127), (0xA1, 0x250), (0x370, 0x530), (0x4E00, 0x4E10), (0x300, 0x310))
           for code in range(*span)]
draw = random.Random(1)
wrong, asked = [], 0
for step in (0, 4):
    fonts.enlarge(step)
    for role in Font:
        for _ in range(60):
            text = "".join(draw.choices(letters, weights=[9] * 95 + [1] * (len(letters) - 95), k=draw.randint(1, 12)))
            if fonts.measure(role, text) != int(root.tk.call("font", "measure", role.value, text)):
                wrong.append((role.value, text))
for n in range(300):
    fonts.measure(Font.BODY, "x" * (4000 - n))
kept = sum(len(word) for widths in fonts._widths.values() for word in widths)
print(json.dumps({"kept": kept < 200_000}), flush=True)
print(json.dumps({"wrong": wrong, "added": all(letters.add_up for letters in fonts._letters.values())}), flush=True)
"""


def test_summed_letter_widths_equal_measured_widths(display: str) -> None:
    with Child(
        [sys.executable, "-c", PROGRAM], env=screen_environment(display), cwd=Path(__file__).parents[2]
    ) as child:
        kept = json.loads(child.wait_for_line(lambda line: line.startswith('{"kept'), 60, "long words are measured"))
        measured = json.loads(child.wait_for_line(lambda line: line.startswith('{"wrong'), 60, "it is measured"))
        child.wait(10)
    assert kept == {"kept": True}
    assert measured == {"wrong": [], "added": True}
