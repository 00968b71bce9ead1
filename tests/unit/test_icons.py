"""Icons: what is committed is what packaging/icons/draw.py draws, in all sizes."""

import runpy
import sys
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from lanchat.platform.programs import taskbar
from lanchat.ui.kit import program_icon
from tests.support.procs import ROOT

DRAW = runpy.run_path(str(ROOT / "packaging" / "icons" / "draw.py"))
FOLDER = ROOT / "packaging" / "icons"


def assert_same(one: Image.Image, other: Image.Image) -> None:
    """Other versions of the library may round otherwise."""
    assert one.size == other.size
    difference = ImageStat.Stat(ImageChops.difference(one.convert("RGBA"), other.convert("RGBA")))
    assert max(difference.mean) < 1


@pytest.mark.parametrize("name", DRAW["ICONS"])
def test_window_pictures_are_as_drawn(name: str) -> None:
    assert DRAW["WINDOW_SIZES"] == program_icon.SIZES
    for size in program_icon.SIZES:
        with Image.open(DRAW["WINDOW_FOLDER"] / f"{name}-{size}.png") as stored:
            assert_same(stored, DRAW["picture"](DRAW["ICONS"][name], size))


@pytest.mark.parametrize("name", DRAW["ICONS"])
def test_windows_icon_has_all_sizes(name: str) -> None:
    with Image.open(FOLDER / f"{name}.ico") as stored:
        icon: Any = stored.ico  # type: ignore[attr-defined]
        assert icon.sizes() == {(size, size) for size in DRAW["ICO_SIZES"]}
        for size in DRAW["ICO_SIZES"]:
            assert_same(icon.getimage((size, size)), DRAW["picture"](DRAW["ICONS"][name], size))


@pytest.mark.parametrize("name", DRAW["ICONS"])
def test_macos_icon_opens(name: str) -> None:
    with Image.open(FOLDER / f"{name}.icns") as stored:
        stored.load()
        assert stored.size == (1024, 1024)


@pytest.mark.parametrize("name", DRAW["ICONS"])
def test_vector_is_as_drawn(name: str) -> None:
    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == DRAW["vector"](DRAW["ICONS"][name])


def test_program_is_named_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    named: list[str] = []

    class Library:
        def __getattr__(self, name: str) -> Any:
            return self if name == "shell32" else named.append

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "windll", Library(), raising=False)
    taskbar.name_program(taskbar.CLIENT_ID)
    assert named == [taskbar.CLIENT_ID]


def test_nothing_is_named_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    taskbar.name_program(taskbar.CLIENT_ID)


def test_programs_have_ids_of_their_own() -> None:
    assert taskbar.CLIENT_ID != taskbar.SERVER_ID
