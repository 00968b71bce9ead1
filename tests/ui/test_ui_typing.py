"""The cost of a key press in the composer does not grow with its text: counted in Tcl commands and embedded pictures,
which are the same on every computer. Pasting too long a text offers to insert its beginning."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lanchat.protocol.limits import BODY_CHARACTERS_MAX
from tests.support.child import Child
from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until
from tests.support.xvfb import clipboard, screen_environment

pytestmark = pytest.mark.display

TYPING = """
import json, statistics, sys, time
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
root = window.root
def settle():
    for _ in range(3):
        root.update()
        time.sleep(0.01)
while not window._model.can_write():
    settle()
composer = window._page._messages.composer
editor, text = composer._editor, composer.text
text.focus_force()
settle()
told = {}

def press(*keys):
    for key in keys:
        text.event_generate(key)
        root.update()

def commands(*keys):
    before = int(root.tk.call("info", "cmdcount"))
    press(*keys)
    return int(root.tk.call("info", "cmdcount")) - before

for name, pasted in json.loads(Path(sys.argv[2]).read_text()).items():
    editor.set("")
    settle()
    editor.insert(pasted)
    settle()
    press("<Key-a>", "<Key-b>")
    counts, seconds = {}, []
    for key in ("<Key-x>", "<BackSpace>", "<Left>", "<Key-y>", "<<Undo>>", "<<Redo>>", "<Control-Home>", "<Key-z>"):
        start = time.perf_counter()
        counts[key] = commands(key)
        seconds.append(time.perf_counter() - start)
    settle()
    pictures = len(text.image_names()) + len(text.window_names())
    rows = [editor.rows(8), min(text.count("1.0", "end", "displaylines")[0], 8), int(text["height"])]
    told[name] = {"rows": rows, "counts": counts, "pictures": pictures, "text": editor.get(), "slowest": max(seconds)}
window.quit()
print(json.dumps(told), flush=True)
"""


def measure_typing(display: str, folder: Path, texts: dict[str, str]) -> dict[str, dict[str, Any]]:
    (folder / "texts").write_text(json.dumps(texts))
    with Child(
        [sys.executable, "-c", TYPING, str(folder / "profile"), str(folder / "texts")],
        env=screen_environment(display),
        cwd=Path(__file__).parents[2],
    ) as child:
        line = child.wait_for_line(lambda line: line.startswith('{"'), 120, "it is measured")
        child.wait(20)
    return dict(json.loads(line))


UNITS = {
    "emoji without a picture": "\U0001faff",
    "emoji with a picture": "👍",
    "emoji among letters": "a🦄",
    "letters": "x",
    "words": "word ",
    "lines": "\n",
    "marks": "e" + "\u0301" * 49,
}


def test_composer_grows_with_its_text_up_to_a_limit(display: str, tmp_path: Path) -> None:
    texts = {
        "none": "",
        "short": "ab",
        "two": "a\nb",
        "wrapped": "word " * 30,
        "pictures": "🦄 " * 30,
        "many": "\n" * 50,
    }
    told = measure_typing(display, tmp_path, texts)
    for name in texts:
        counted, asked, shown = told[name]["rows"]
        assert counted == asked == shown, name
    assert [told[name]["rows"][0] for name in ("none", "short", "two", "many")] == [1, 1, 2, 8]
    assert 1 < told["wrapped"]["rows"][0] < 8


def test_key_press_cost_is_independent_of_the_text(display: str, tmp_path: Path) -> None:
    lengths = (3640, 3980)  # nearly full: how many characters are left is said below the field
    texts = {f"{name} {n}": unit * (n // len(unit)) for name, unit in UNITS.items() for n in lengths}
    told = measure_typing(display, tmp_path, texts)
    for name in UNITS:
        less, more = (told[f"{name} {n}"] for n in lengths)
        assert more["pictures"] <= 300, name
        assert more["text"] == "z" + texts[f"{name} {lengths[1]}"] + "a" + "y" + "b", name
        for key, count in more["counts"].items():
            assert count <= less["counts"][key] + 100, (name, key)


def composer(window: UiWindow) -> str:
    return next(seen.text for seen in window.probe.seen("Text"))


@pytest.mark.parametrize("unit", ["x", "я", "🦄", "line\n", "word "])
def test_pasting_a_megabyte_offers_its_beginning(display: str, tmp_path: Path, unit: str) -> None:
    text = unit * (1_000_000 // len(unit.encode()))
    with fake_window(display, tmp_path / "profile") as window, clipboard(display, text):
        window.see("Everything is up to date")
        window.keys("ctrl+v")
        window.see(f"Too long: {len(text)} characters")
        assert composer(window) == ""
        window.keys("Escape")
        window.probe.wait_gone("Too long")
        assert composer(window) == ""
        window.write("a")
        window.keys("ctrl+v")
        window.see("Too long")
        window.click("Insert the first 3999", "TButton")
        window.probe.wait_gone("Insert the first")
        wait_until(lambda: len(composer(window)) > 3000, 10, "the part is there")
        window.keys("ctrl+Home", "Delete", "Return")
        sent = window.wait_command("Send")["text"]
        assert sent == text[: BODY_CHARACTERS_MAX - 1].strip()


def test_too_long_text_can_be_shortened(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile") as window, clipboard(display, "y" * 5000):
        window.see("Everything is up to date")
        window.keys("ctrl+v")
        window.see("Too long: 5000 of 4000")
        window.click("Keep the first 4000", "TButton")
        wait_until(lambda: composer(window) == "y" * 4000, 10, "it is shortened")
        window.keys("ctrl+z")
        wait_until(lambda: composer(window) == "y" * 5000, 10, "undone")
        window.keys("ctrl+y", "Return")
        assert window.wait_command("Send")["text"] == "y" * 4000


def test_four_thousand_emoji_are_edited_and_sent(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile") as window, clipboard(display, "🦄" * 3998):
        window.see("Everything is up to date")
        window.keys("ctrl+v")
        wait_until(lambda: len(composer(window)) > 3000, 10, "they are there")
        window.write("ab")
        window.keys("Left", "BackSpace", "ctrl+a", "BackSpace")
        wait_until(lambda: composer(window) == "", 10, "all is gone")
        window.keys("ctrl+z")
        wait_until(lambda: len(composer(window)) > 3000, 10, "they are there again")
        window.keys("ctrl+End", "Left", "BackSpace", "Return")
        assert window.wait_command("Send")["text"] == "🦄" * 3997 + "b"


def test_pasting_a_megabyte_into_a_field_offers_its_beginning(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile") as window, clipboard(display, "y" * 1_000_000):
        window.see("Everything is up to date")
        window.keys("ctrl+n")
        window.see("Make the room")
        window.write("z")
        window.keys("ctrl+v")
        window.see("Too long: 1000000 characters")
        window.keys("Escape")
        window.probe.wait_gone("Too long")
        window.see("Make the room")
        window.keys("ctrl+v")
        window.see("Insert the first 63")
        window.keys("Return")
        wait_until(lambda: window.probe.find("z" + "y" * 63, "TEntry"), 10, "the part is there")
        window.keys("Escape")
        window.keys("ctrl+f")
        window.see("In all rooms")
        window.keys("ctrl+v")
        window.click("Insert the first 200", "TButton")
        wait_until(lambda: window.probe.find("y" * 200, "TEntry"), 10, "the part is there")
