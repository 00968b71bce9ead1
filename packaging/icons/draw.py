"""Draws the icons of both programs:  .venv/bin/python packaging/icons/draw.py

A speech bubble in the accent colour of the window (lanchat/ui/kit/theme.py), for the server above two machines. Each
icon is a few shapes, from which the vector file for Linux, the icons of Windows and macOS (beside this file) and the
pictures in the frames of the windows (lanchat/ui/kit/icons) are made. What is made is committed;
tests/unit/test_icons.py compares it with the shapes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lanchat.ui.kit.theme import LIGHT  # noqa: E402

HERE = ROOT / "packaging" / "icons"
WINDOW_FOLDER = ROOT / "lanchat" / "ui" / "kit" / "icons"
WINDOW_SIZES = (16, 24, 32, 48, 64, 128)
ICO_SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
ICNS_SIZES = (16, 32, 64, 128, 256, 512, 1024)
GRID = 64  # units of the shapes below
_FINE = 8  # drawn so much larger, then reduced: smooth edges


class Box(NamedTuple):
    """A rectangle with round corners."""

    left: float
    top: float
    right: float
    bottom: float
    radius: float
    colour: str


class Disc(NamedTuple):
    x: float
    y: float
    radius: float
    colour: str


class Polygon(NamedTuple):
    points: tuple[tuple[float, float], ...]
    colour: str


Shape = Box | Disc | Polygon

_BLUE, _DARK, _WHITE, _GREEN = LIGHT.accent, LIGHT.accent_pressed, LIGHT.on_accent, "#4ade80"

ICONS: dict[str, Sequence[Shape]] = {
    "lanchat": (
        Polygon(((14, 40), (14, 62), (34, 46)), _BLUE),
        Box(2, 5, 62, 51, 16, _BLUE),
        *(Disc(x, 28, 5, _WHITE) for x in (18, 32, 46)),
    ),
    "lanchat-server": (
        Box(4, 38, 60, 49, 4, _DARK),
        Box(4, 51, 60, 62, 4, _DARK),
        *(Disc(12, y, 2.6, _GREEN) for y in (43.5, 56.5)),
        *(Box(32, y - 1.5, 53, y + 1.5, 1.5, _WHITE) for y in (43.5, 56.5)),
        Polygon(((20, 24), (20, 36), (33, 28)), _BLUE),
        Box(10, 1, 54, 31, 12, _BLUE),
        *(Disc(x, 16, 3.6, _WHITE) for x in (21, 32, 43)),
    ),
}


def picture(shapes: Sequence[Shape], size: int) -> Image.Image:
    """The icon with `size` pixels each way, on nothing."""
    scale = size * _FINE / GRID
    large = Image.new("RGBA", (size * _FINE, size * _FINE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(large)
    for shape in shapes:
        match shape:
            case Box(left, top, right, bottom, radius, colour):
                corners = (left * scale, top * scale, right * scale - 1, bottom * scale - 1)
                draw.rounded_rectangle(corners, radius * scale, fill=colour)
            case Disc(x, y, radius, colour):
                draw.ellipse([(at + side * radius) * scale for side in (-1, 1) for at in (x, y)], fill=colour)
            case Polygon(points, colour):
                draw.polygon([(x * scale, y * scale) for x, y in points], fill=colour)
    return large.resize((size, size), Image.Resampling.BOX)


def vector(shapes: Sequence[Shape]) -> str:
    """The icon as SVG."""
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="128" height="128" viewBox="0 0 {GRID} {GRID}">']
    for shape in shapes:
        match shape:
            case Box(left, top, right, bottom, radius, colour):
                size = f'width="{right - left:g}" height="{bottom - top:g}" rx="{radius:g}"'
                lines.append(f'  <rect x="{left:g}" y="{top:g}" {size} fill="{colour}"/>')
            case Disc(x, y, radius, colour):
                lines.append(f'  <circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{colour}"/>')
            case Polygon(points, colour):
                corners = " ".join(f"{x:g},{y:g}" for x, y in points)
                lines.append(f'  <polygon points="{corners}" fill="{colour}"/>')
    return "\n".join([*lines, "</svg>", ""])


def main() -> int:
    WINDOW_FOLDER.mkdir(exist_ok=True)
    for name, shapes in ICONS.items():
        (HERE / f"{name}.svg").write_text(vector(shapes), encoding="utf-8", newline="\n")
        for size in WINDOW_SIZES:
            picture(shapes, size).save(WINDOW_FOLDER / f"{name}-{size}.png", optimize=True)
        for suffix, sizes in (("ico", ICO_SIZES), ("icns", ICNS_SIZES)):
            *others, largest = [picture(shapes, size) for size in sizes]
            options: dict[str, Any] = {"sizes": [(size, size) for size in sizes]} if suffix == "ico" else {}
            largest.save(HERE / f"{name}.{suffix}", append_images=others, **options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
