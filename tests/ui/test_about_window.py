"""The window "About LAN Chat" of both programs: version, and the licence of each part."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.child import Child
from tests.support.procs import ROOT, plain_environment
from tests.support.xvfb import screen_environment

pytestmark = pytest.mark.display

LOOK = """
import json, tkinter as tk
def walk(widget):
    yield widget
    for child in widget.winfo_children():
        yield from walk(child)
def look(root):
    window = next(each for each in root.winfo_children() if isinstance(each, tk.Toplevel))
    root.update()
    parts = list(walk(window))
    titles = next(each for each in parts if isinstance(each, tk.Listbox))
    text = next(each for each in parts if isinstance(each, tk.Text))
    said = {"title": window.title(), "above": [each["text"] for each in parts if isinstance(each, tk.Label)][0],
            "titles": list(titles.get(0, "end")), "first": text.get("1.0", "end")}
    titles.selection_clear(0, "end")
    titles.selection_set(1)
    titles.event_generate("<<ListboxSelect>>")
    root.update()
    said["second"] = text.get("1.0", "end")
    window.event_generate("<Escape>")
    root.update()
    said["open"] = bool(window.winfo_exists())
    print(json.dumps(said), flush=True)
"""

CLIENT = """
import tkinter as tk
from lanchat.about.texts import about
from lanchat.ui.kit.text_window import TextWindow
from lanchat.ui.kit.theme import LIGHT
root = tk.Tk()
TextWindow(root, LIGHT, round, *about())
look(root)
"""

SERVER = """
import tkinter as tk
from lanchat_server.window.log import WindowLog
from lanchat_server.window.view import ServerView, WindowActions, make_root
root = make_root(False)
ServerView(root, False, WindowLog(), WindowActions(*[lambda *rest: None] * 4))
next(each for each in walk(root) if each.winfo_class() == "TButton" and each["text"] == "About").invoke()
look(root)
"""

EMPTY = """
import tkinter as tk
from pathlib import Path
from lanchat.about import licences
from lanchat.about.texts import about
from lanchat.ui.kit.text_window import TextWindow
from lanchat.ui.kit.theme import DARK
licences._FOLDER = Path("{folder}")
root = tk.Tk()
window = TextWindow(root, DARK, round, *about())
root.update()
print(json.dumps([each["text"] for each in walk(window.window) if isinstance(each, tk.Label)]), flush=True)
"""


def said(program: str, display: str, folder: Path) -> Any:
    environment = screen_environment(display, plain_environment(folder))
    with Child([sys.executable, "-c", LOOK + program], env=environment, cwd=ROOT) as child:
        line = child.wait_for_line(lambda line: line.startswith(("{", "[")), 30, "the window")
        assert child.wait(20) == 0, child.transcript()
    assert child.stderr == []
    return json.loads(line)


@pytest.mark.parametrize("program", [CLIENT, SERVER])
def test_window_shows_version_and_licences(program: str, display: str, tmp_path: Path) -> None:
    window = said(program, display, tmp_path)
    assert window["title"] == "About LAN Chat"
    assert window["above"].startswith("LAN Chat 0.")
    assert any(title.startswith("cryptography ") for title in window["titles"])
    assert "MIT License" in window["first"]
    assert window["second"].strip()
    assert window["second"] != window["first"]
    assert not window["open"]


def test_damaged_folder_of_licences_is_told(display: str, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{")
    assert any("cannot be read" in text for text in said(EMPTY.replace("{folder}", str(tmp_path)), display, tmp_path))
