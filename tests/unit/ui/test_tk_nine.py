"""What Tk 9 reports otherwise than Tk 8.6: the size of a point, and the touchpad's movements."""

import pytest

from lanchat.ui.kit.fonts import sizes
from lanchat.ui.kit.wheel import touchpad_notches


@pytest.mark.parametrize(
    ("system", "scaling", "scale", "points"),
    [
        ("x11", 4 / 3, 1.0, 10),
        ("x11", 8 / 3, 2.0, 10),
        ("x11", 1.9, 1.9 / (4 / 3), 10),
        ("win32", 2.0, 1.5, 10),
        ("aqua", 1.0, 1.0, 13),
        ("aqua", 4 / 3, 1.0, 10),
        ("aqua", 2.0, 1.0, 6),
    ],
)
def test_sizes_follow_the_scaling_that_tk_reports(system: str, scaling: float, scale: float, points: int) -> None:
    assert sizes(system, scaling) == (pytest.approx(scale), points)


def test_text_on_macos_is_as_high_whatever_a_point_is() -> None:
    heights = [sizes("aqua", scaling)[1] * scaling for scaling in (1.0, 1.2, 4 / 3, 1.5)]
    assert all(abs(height - 13) < 0.8 for height in heights)


@pytest.mark.parametrize(
    ("right", "down", "notches"), [(0, 48, -1.0), (0, -48, 1.0), (30, -24, 0.5), (-30, 24, -0.5), (5, 0, 0.0)]
)
def test_touchpad_deltas_are_unpacked(right: int, down: int, notches: float) -> None:
    packed = ((right & 0xFFFF) << 16) | (down & 0xFFFF)
    assert touchpad_notches(packed) == notches
    assert touchpad_notches(packed - (1 << 32) if packed >= 1 << 31 else packed) == notches
