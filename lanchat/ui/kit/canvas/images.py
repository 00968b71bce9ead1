"""Small pictures drawn by Pillow, four times as large and reduced, so that edges are smooth: Tk's own are not.

Every picture is kept as long as the window: Tk shows nothing once Python has forgotten an image. They come from small
sets (sizes of the layout, colours of the palettes, known glyphs), so there are some hundreds of a few KiB at most.
"""

import tkinter as tk
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageTk

from lanchat.i18n.emoji import place_of
from lanchat.ui.kit.canvas.emoji_pictures import emoji_picture

_FINE = 4


class Images:
    """The pictures of one root. Main thread. `px` turns pixels at 96 dpi into pixels here."""

    def __init__(self, root: tk.Misc, px: Callable[[float], int]) -> None:
        """Nothing is drawn before it is asked for."""
        self._root = root
        self._px = px
        self._kept: dict[tuple[object, ...], ImageTk.PhotoImage] = {}

    def _keep(self, key: tuple[object, ...], draw: Callable[[], Image.Image]) -> ImageTk.PhotoImage:
        image = self._kept.get(key)
        if image is None:
            image = self._kept[key] = ImageTk.PhotoImage(draw(), master=self._root)
        return image

    def disc(self, size: int, fill: str, ground: str, ring: str = "") -> ImageTk.PhotoImage:
        """A disc of `size` pixels on its ground, with a ring of `ring` inside its edge."""
        return self._keep(("disc", size, fill, ground, ring), lambda: _disc(size, fill, ground, ring))

    def corner(self, radius: int, fill: str, ground: str, which: int) -> ImageTk.PhotoImage:
        """One corner of a box: 0 upper left, 1 upper right, 2 lower right, 3 lower left."""
        return self._keep(("corner", radius, fill, ground, which), lambda: _corner(radius, fill, ground, which))

    def icon(self, name: str, size: int, colour: str) -> ImageTk.PhotoImage:
        """A glyph of the icon font, `size` pixels at 96 dpi, on nothing. Raises ValueError: no such glyph."""
        pixels = max(self._px(size), 1)
        return self._keep(("icon", name, pixels, colour), lambda: _icon(name, pixels, colour))

    def emoji(self, text: str, size: int) -> ImageTk.PhotoImage:
        """An emoji in colour, `size` pixels at 96 dpi, on nothing. Only of what `has_picture`."""
        pixels, place = max(self._px(size), 1), place_of(text)
        assert place
        return self._keep(("emoji", place, pixels), lambda: emoji_picture(place, pixels))

    def menu_emoji(self, text: str) -> ImageTk.PhotoImage:
        """As `menu`, with an emoji of which there is a picture."""
        size, icon, place = (self._px(26), self._px(28)), self._px(18), place_of(text)
        assert place
        return self._keep(("menu emoji", place, size), lambda: _centred(emoji_picture(place, icon), size))

    def menu(self, name: str, colour: str) -> ImageTk.PhotoImage:
        """The picture at the left of a menu's entry, or the empty place of one: it also makes entries as high as a
        finger is wide, which Tk's menus have no option for."""
        size = (self._px(26), self._px(28))
        icon = self._px(16)
        return self._keep(("menu", name, size, colour), lambda: _menu(name, size, icon, colour))


def _disc(size: int, fill: str, ground: str, ring: str) -> Image.Image:
    large = Image.new("RGB", (size * _FINE, size * _FINE), ground)
    draw = ImageDraw.Draw(large)
    edge = size * _FINE - 1
    if ring:
        draw.ellipse((0, 0, edge, edge), fill=ring)
        inset = max(size // 5, 1) * _FINE
        draw.ellipse((inset, inset, edge - inset, edge - inset), fill=fill)
    else:
        draw.ellipse((0, 0, edge, edge), fill=fill)
    return large.resize((size, size), Image.Resampling.LANCZOS)


def rounded(width: int, height: int, radius: int, fill: str, ground: str, edge: str = "", line: int = 1) -> Image.Image:
    """A rectangle with round corners on its ground; `edge` draws an outline `line` pixels wide."""
    large = Image.new("RGB", (width * _FINE, height * _FINE), ground)
    draw = ImageDraw.Draw(large)
    draw.rounded_rectangle(
        (0, 0, width * _FINE - 1, height * _FINE - 1),
        radius * _FINE,
        fill=fill,
        outline=edge or None,
        width=line * _FINE if edge else 0,
    )
    return large.resize((width, height), Image.Resampling.LANCZOS)


def _corner(radius: int, fill: str, ground: str, which: int) -> Image.Image:
    whole = rounded(2 * radius, 2 * radius, radius, fill, ground)
    x, y = (which in (1, 2)) * radius, (which in (2, 3)) * radius
    return whole.crop((x, y, x + radius, y + radius))


def _icon(name: str, size: int, colour: str) -> Image.Image:
    from ttkbootstrap.style import IconRenderer

    image = IconRenderer.render(name, size, colour)  # type: ignore[no-untyped-call]
    assert isinstance(image, Image.Image)
    return image


def _menu(name: str, size: tuple[int, int], icon: int, colour: str) -> Image.Image:
    return _centred(_icon(name, icon, colour) if name else None, size)


def _centred(picture: Image.Image | None, size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    if picture:
        image.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return image
