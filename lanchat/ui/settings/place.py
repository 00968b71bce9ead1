"""Size and place of the window as text, read strictly and fitted to the screen that is there now. Pure; pixels."""

import re

import msgspec

# A place in Tk's notation; no size is 0.
_SIZE = "((?!0+(?![0-9]))[0-9]{1,6})"
GEOMETRY_PATTERN = f"{_SIZE}x{_SIZE}(?:([+-])(-?[0-9]{{1,6}})([+-])(-?[0-9]{{1,6}}))?"
_GEOMETRY = re.compile(GEOMETRY_PATTERN)


class ScreenArea(msgspec.Struct, frozen=True):
    """Where windows can be seen; with several monitors the rectangle around all of them."""

    x: int
    y: int
    width: int
    height: int


class WindowFrame(msgspec.Struct, frozen=True):
    """What a window manager puts around a window: left (and right, below), above."""

    side: int = 0
    top: int = 0


NO_FRAME = WindowFrame()


class WindowPlace(msgspec.Struct, frozen=True):
    """`x` and `y`: of the frame's corner, from the left and top edge unless `right` or `bottom`; None: anywhere."""

    width: int
    height: int
    x: int | None = None
    y: int | None = None
    right: bool = False
    bottom: bool = False

    @property
    def text(self) -> str:
        """In Tk's notation."""
        size = f"{self.width}x{self.height}"
        return size if self.x is None else f"{size}{'+-'[self.right]}{self.x}{'+-'[self.bottom]}{self.y}"


def parse(text: str) -> WindowPlace | None:
    """A place in Tk's notation; None when it is not one."""
    match = _GEOMETRY.fullmatch(text)
    if not match:
        return None
    width, height = int(match[1]), int(match[2])
    if match[3] is None:
        return WindowPlace(width, height)
    return WindowPlace(width, height, int(match[4]), int(match[6]), match[3] == "-", match[5] == "-")


def fit(
    place: WindowPlace,
    screen: ScreenArea,
    minimum: tuple[int, int],
    frame: WindowFrame = NO_FRAME,
) -> WindowPlace:
    """The place, changed only as far as the whole window, with its frame, is then on the screen. A screen smaller than
    `minimum` is filled."""
    free = (screen.width - 2 * frame.side, screen.height - frame.top - frame.side)
    width, height = (
        min(max(wanted, least), room)
        for wanted, least, room in zip((place.width, place.height), minimum, free, strict=True)
    )
    if place.x is None or place.y is None:
        return WindowPlace(width, height)
    outer = (width + 2 * frame.side, height + frame.top + frame.side)
    x = screen.x + screen.width - outer[0] - place.x if place.right else place.x
    y = screen.y + screen.height - outer[1] - place.y if place.bottom else place.y
    x = max(min(x, screen.x + screen.width - outer[0]), screen.x)
    y = max(min(y, screen.y + screen.height - outer[1]), screen.y)
    return WindowPlace(width, height, x, y)
