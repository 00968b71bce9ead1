"""The window restores its geometry, on a real screen, with a window manager and without one."""

import contextlib
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import xvfb
from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until

pytestmark = pytest.mark.display


@contextmanager
def screen(folder: Path, managed: bool, size: tuple[int, int] = xvfb.SIZE) -> Iterator[str]:
    with xvfb.Screen(size) as made:
        if not managed:
            yield made.display
        else:
            with xvfb.WindowManager(made.display, folder):
                yield made.display


def open_again(display: str, folder: Path) -> UiWindow:
    return fake_window(display, folder / "profile", geometry="")


def settings(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / "profile" / "settings.toml").read_text())


def client_box(window: UiWindow) -> tuple[int, int, int, int]:
    """Place and size of the content on the screen."""
    command = ["xwininfo", "-display", window.display, "-id", str(window.window)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
    names = ("Absolute upper-left X", "Absolute upper-left Y", "Width", "Height")
    values = dict(line.strip().split(":", 1) for line in output.splitlines() if ":" in line)
    x, y, width, height = (int(values[name]) for name in names)
    return x, y, width, height


def test_position_chosen_by_the_window_manager_is_kept(tmp_path: Path) -> None:
    with screen(tmp_path, managed=True) as display:
        boxes = []
        for _start in range(3):
            with open_again(display, tmp_path) as window:
                window.see("Everything is up to date")
                boxes.append(client_box(window))
                window.quit()
        assert boxes[0][:2] > (20, 40)
        assert boxes == boxes[:1] * 3


@pytest.mark.parametrize("managed", [True, False], ids=["openbox", "none"])
def test_restarts_keep_position_and_size(tmp_path: Path, managed: bool) -> None:
    with screen(tmp_path, managed) as display:
        with open_again(display, tmp_path) as window:
            window.see("Everything is up to date")
            xvfb.xdotool(display, "windowsize", "--sync", str(window.window), "900", "600")
            xvfb.xdotool(display, "windowmove", "--sync", str(window.window), "150", "110")
            wait_until(lambda: client_box(window)[2:] == (900, 600), 10, "the window is resized")
            first = client_box(window)
            window.quit()
        kept = settings(tmp_path)["geometry"]
        for _restart in range(4):
            with open_again(display, tmp_path) as window:
                wait_until(lambda window=window: client_box(window) == first, 10, f"{first} again")
                window.quit()
            assert settings(tmp_path)["geometry"] == kept


def double_click_title(window: UiWindow, until: Callable[[], bool]) -> None:
    """Again when the second click came too late for the window manager to see a double one."""
    for _ in range(10):
        xvfb.xdotool(window.display, "mousemove", "400", "8", "click", "--repeat", "2", "--delay", "50", "1")
        with contextlib.suppress(TimeoutError):
            wait_until(until, 1, "the double click takes effect")
            return
    pytest.fail("ten double clicks had no effect")


def test_maximised_state_and_normal_size_are_restored(tmp_path: Path) -> None:
    with screen(tmp_path, managed=True) as display:
        (tmp_path / "profile").mkdir(mode=0o700)
        written = 'language = "en"\ntheme = "light"\ngeometry = "800x600+200+150"\nmaximised = true\n'
        (tmp_path / "profile" / "settings.toml").write_text(written)
        for _restart in range(3):
            with open_again(display, tmp_path) as window:
                wait_until(lambda window=window: client_box(window)[2] > 1200, 10, "it fills the screen")
                window.see("Everything is up to date")
                window.quit()
            assert settings(tmp_path)["maximised"] is True
            assert settings(tmp_path)["geometry"] == "800x600+200+150"
        with open_again(display, tmp_path) as window:
            wait_until(lambda: client_box(window)[2] > 1200, 10, "it fills the screen")
            window.see("Everything is up to date")
            double_click_title(window, until=lambda: client_box(window)[2:] == (800, 600))
            window.quit()
        assert settings(tmp_path)["maximised"] is False
        assert settings(tmp_path)["geometry"] == "800x600+200+150"


@pytest.mark.parametrize("managed", [True, False], ids=["openbox", "none"])
@pytest.mark.parametrize(
    "geometry",
    ["1000x700+5000+5000", "1000x700+-3000+-2000", "4000x3000+10+10", "1000x700+200+190", "30x20+1279+899"],
)
def test_window_is_always_on_the_screen(tmp_path: Path, managed: bool, geometry: str) -> None:
    width, height = 1024, 768
    with screen(tmp_path, managed, (width, height)) as display:
        (tmp_path / "profile").mkdir(mode=0o700)
        (tmp_path / "profile" / "settings.toml").write_text(f'language = "en"\ngeometry = "{geometry}"\n')
        with open_again(display, tmp_path) as window:

            def is_whole() -> bool:
                x, y, wide, high = client_box(window)
                title = 15 if managed else 0
                return x >= 0 and y >= title and x + wide <= width and y + high <= height

            wait_until(is_whole, 10, "the whole window on the screen")
            wide, high = client_box(window)[2:]
            assert wide >= 500
            assert high >= 440
            window.see("Everything is up to date")
            window.quit()


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("geometry = 17", "geometry"),
        ('geometry = "huge"', "geometry"),
        ('geometry = "99999999999x700+0+0"', "geometry"),
        ("geometry = [1000, 700, 0, 0]", "geometry"),
        ("geometry = nan", "geometry"),
        ('theme = "solarized"', "theme"),
        ("theme = true", "theme"),
        ('language = "xx"', "language"),
        ("text_size = 1" + "0" * 30, "text_size"),
        ("text_size = nan", "text_size"),
        ('maximised = "yes"', "maximised"),
        ("last_rooms = 5", "last_rooms"),
        ('drafts_07070707070707070707070707070707_1 = "text"', "drafts"),
    ],
)
def test_invalid_entry_is_set_aside_with_a_notice(display: str, tmp_path: Path, written: str, named: str) -> None:
    (tmp_path / "profile").mkdir(mode=0o700)
    usual = "" if written.startswith("language") else 'language = "en"\n'
    (tmp_path / "profile" / "settings.toml").write_text(f'{usual}other = "kept"\n{written}\n')
    with open_again(display, tmp_path) as window:
        window.see("set aside")
        window.see(named)
        window.quit()
    kept = settings(tmp_path)
    assert kept["other"] == "kept"
    (aside,) = kept["set_aside"]  # type: ignore[misc]
    assert aside.startswith(named)
    with open_again(display, tmp_path) as window:
        window.see("Everything is up to date")
        assert window.probe.find("set aside") is None
        window.quit()


def test_invalid_toml_file_is_set_aside_with_a_notice(display: str, tmp_path: Path) -> None:
    (tmp_path / "profile").mkdir(mode=0o700)
    (tmp_path / "profile" / "settings.toml").write_bytes(b"\x00\xff geometry = = [[[")
    with fake_window(display, tmp_path / "profile", geometry="") as window:
        window.see("set aside")
        window.quit()
