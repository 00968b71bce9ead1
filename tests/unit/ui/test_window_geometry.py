"""Size and position of the window: only valid geometry is parsed, and the window is always on the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.ui.settings.place import ScreenArea, WindowFrame, WindowPlace, fit, parse

SCREEN = ScreenArea(0, 0, 1280, 900)
MINIMUM = (520, 460)


@pytest.mark.parametrize("text", ["1000x700+140+60", "1000x700", "800x600+-5+20", "800x600-10-20", "1x1+0+0"])
def test_geometry_is_written_as_parsed(text: str) -> None:
    place = parse(text)
    assert place is not None
    assert place.text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "nan",
        "1000",
        "1000x",
        "x700+1+1",
        "0x0+0+0",
        "-100x200",
        "1e9x700+0+0",
        "1000x700+0",
        "1000x700+0+0+0",
        "99999999999999999999x700+0+0",
        "1000x700+99999999999999+0",
        "1000x700+0+0\n",
        "١٠٠٠x٧٠٠+٠+٠",
        "1000.5x700+0+0",
        "=1000x700+0+0",
    ],
)
def test_invalid_geometry_is_refused(text: str) -> None:
    assert parse(text) is None


def fitted(text: str, screen: ScreenArea = SCREEN, frame: WindowFrame = WindowFrame()) -> str:  # noqa: B008
    place = parse(text)
    assert place is not None
    return fit(place, screen, MINIMUM, frame).text


@pytest.mark.parametrize("text", ["1000x700+140+60", "1280x900+0+0", "600x500", "520x460+760+440"])
def test_geometry_on_the_screen_is_unchanged(text: str) -> None:
    assert fitted(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000x700+2000+100", "1000x700+280+100"),  # on a monitor that is gone
        ("1000x700+-1900+-40", "1000x700+0+0"),
        ("2560x1400+0+0", "1280x900+0+0"),  # a smaller screen
        ("1200x800+140+160", "1200x800+80+100"),
        ("10x10+5+5", "520x460+5+5"),
        ("999999x999999+999999+999999", "1280x900+0+0"),
        ("800x600-0-0", "800x600+480+300"),
        ("800x600--50-20", "800x600+480+280"),
    ],
)
def test_geometry_outside_the_screen_is_moved(text: str, expected: str) -> None:
    assert fitted(text) == expected


def test_screen_smaller_than_the_minimum_is_filled() -> None:
    assert fitted("800x600+0+0", ScreenArea(0, 0, 480, 320)) == "480x320+0+0"


def test_monitors_at_the_left_have_negative_coordinates() -> None:
    assert fitted("800x600+-1500+20", ScreenArea(-1920, 0, 3200, 1080)) == "800x600+-1500+20"


def test_frame_is_on_the_screen_too() -> None:
    assert fitted("800x600+480+300", frame=WindowFrame(1, 20)) == "800x600+478+279"


@given(
    st.builds(
        WindowPlace,
        st.integers(1, 999_999),
        st.integers(1, 999_999),
        st.integers(-999_999, 999_999),
        st.integers(-999_999, 999_999),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(ScreenArea, st.integers(-5000, 0), st.integers(-5000, 0), st.integers(200, 9000), st.integers(200, 5000)),
)
def test_result_is_on_the_screen_and_idempotent(place: WindowPlace, screen: ScreenArea) -> None:
    once = fit(place, screen, MINIMUM)
    assert once.x is not None
    assert once.y is not None
    assert screen.x <= once.x <= once.x + once.width <= screen.x + screen.width
    assert screen.y <= once.y <= once.y + once.height <= screen.y + screen.height
    assert fit(once, screen, MINIMUM) == once
    assert parse(once.text) == once
