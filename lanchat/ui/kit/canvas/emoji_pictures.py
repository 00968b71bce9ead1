"""Colour pictures of emoji, of Noto Emoji: 62 columns of small pictures in `emoji.zip`, of which those that are needed
are opened. packaging/dev/emoji_table.py makes the file."""

import io
import zipfile
from functools import lru_cache
from pathlib import Path

from PIL import Image

_FILE = Path(__file__).with_name("emoji.zip")
_CELL, _BORDER = 66, 1
_COLUMNS_KEPT = 8  # of 270 KB each, as long as they are used


@lru_cache(_COLUMNS_KEPT)
def _column(number: int) -> Image.Image:
    with zipfile.ZipFile(_FILE) as archive:
        image = Image.open(io.BytesIO(archive.read(f"{number}.png")))
        image.load()
        return image


def emoji_picture(place: tuple[int, int], size: int) -> Image.Image:
    """The picture at a place of the sheet (i18n/emoji.py), `size` pixels wide and high, on nothing."""
    column, row = place
    top = row * _CELL + _BORDER
    image = _column(column).crop((_BORDER, top, _CELL - _BORDER, top + _CELL - 2 * _BORDER)).convert("RGBA")
    return image.resize((size, size), Image.Resampling.LANCZOS)
