"""The conversation on a real screen: its end stays in view, dragging scrolls, every stop of the Tab key can be seen."""

import io
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.support import xvfb
from tests.support.ui_probe import Seen
from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until

pytestmark = pytest.mark.display


@pytest.fixture
def window(display: str, tmp_path: Path) -> Iterator[UiWindow]:
    with fake_window(display, tmp_path / "profile", lines=120) as opened:
        opened.see("Everything is up to date")
        yield opened


def resize(window: UiWindow, width: int, height: int) -> None:
    xvfb.xdotool(window.display, "windowsize", "--sync", str(window.window), str(width), str(height))


def pane(window: UiWindow) -> Seen:
    canvases = [seen for seen in window.probe.seen("Canvas") if seen.width > 300 and seen.height > 200]
    return max(canvases, key=lambda seen: seen.width * seen.height)


def test_end_of_a_long_message_stays_in_view_at_another_size(window: UiWindow) -> None:
    resize(window, 1200, 500)
    window.send("!say bob " + "word " * 110 + "finis")
    window.see("Bob Lee: word word")
    window.keys("ctrl+End")
    window.see("finis", "item")
    for width, height in ((640, 880), (1200, 500), (600, 480), (1000, 880), (560, 890)):
        resize(window, width, height)
        window.see("finis", "item")


def test_drag_beyond_the_edge_scrolls_while_the_mouse_rests(window: UiWindow) -> None:
    area = pane(window)
    x, y = area.x + 120, area.y + area.height // 2

    def times() -> set[str]:
        texts = {seen.text for seen in window.probe.seen("item") if seen.path == area.path}
        return {text for text in texts if re.fullmatch(r"\d\d:\d\d", text)}

    before = times()
    xvfb.xdotool(window.display, "mousemove", str(x), str(y), "mousedown", "1")
    xvfb.xdotool(window.display, "mousemove", str(x), str(area.y - 30))
    wait_until(lambda: not before & times(), 20, "nothing of the first view is left")
    xvfb.xdotool(window.display, "mouseup", "1")


def screen(window: UiWindow) -> Image.Image:
    command = ["import", "-display", window.display, "-window", str(window.window), "png:-"]
    output = subprocess.run(command, check=True, capture_output=True, timeout=20).stdout
    return Image.open(io.BytesIO(output)).convert("RGB")


def test_every_tab_stop_can_be_seen(window: UiWindow) -> None:
    hidden, stops = [], set[str]()
    while True:
        before, was = screen(window), window.probe.focus
        window.keys("Tab")
        focus = wait_until(lambda was=was: (now := window.probe.focus) != was and now, 5, "the keyboard went on")
        if focus in stops:
            break
        stops.add(str(focus))
        seen = next(seen for seen in window.probe.seen() if seen.path == focus and seen.kind != "item")
        frame = (seen.x - 14, seen.y - 10, seen.x + seen.width + 14, seen.y + seen.height + 10)
        box = tuple(max(edge, 0) for edge in frame)

        def differs(before: Image.Image = before, box: tuple[int, ...] = box) -> bool:
            now = screen(window)
            return ImageChops.difference(before.crop(box), now.crop(box)).getbbox() is not None  # type: ignore[arg-type]

        try:
            wait_until(differs, 2, f"{focus} shows that it has the keyboard")
        except TimeoutError:
            hidden.append(focus)
    assert len(stops) > 8
    assert hidden == []
