"""The named fonts of the window. Sizes are points, so they follow the display's scaling; `enlarge` follows the person.

A named font is changed in one place and every widget that uses it follows.
"""

import re
import tkinter as tk
from collections.abc import Callable
from functools import cached_property, partial
from tkinter import font as tkfont

from lanchat.ui.kit.canvas.drawing import Font, LayoutContext
from lanchat.ui.kit.theme import Palette

# The first one that is installed; all have Cyrillic. Elsewhere than on X11 Tk's default is the system's own font.
_X11_FAMILIES = ("Inter", "Noto Sans", "Cantarell", "Ubuntu", "Open Sans", "Liberation Sans", "DejaVu Sans")
_BASE = 10  # points
_BASELINE = 4 / 3  # `tk scaling` of a display without scaling, on X11 and Windows
_AQUA_PIXELS = 13  # macOS scales by itself: sizes are the same on every display, whatever Tk takes for a point
SIZES = (-2, -1, 0, 1, 2, 4, 6)  # steps that a person may choose, points more or less
_MEASURED_MAX = 20_000  # words of one font whose width is remembered: 2 MiB of common ones, 10 at most
_WORD_MAX = 64  # longer ones are parts of words without a break and do not come again
# Letters that stand beside each other without changing: Latin, Greek, Cyrillic, punctuation; no marks that combine.
_LETTERS = re.compile("[ -~\u00a1-\u00ac\u00ae-\u024f\u0370-\u0482\u048a-\u052f]+")
_NO_CHARACTER = "\U0002fffe"
_PROBE = "AVATAR Wo. To, fi ffl LT r. «Тур» ГА, РА. Yы 11,71 Έκτ"


class Fonts:
    """The fonts of one root. Main thread."""

    def __init__(self, root: tk.Tk, step: int = 0) -> None:
        """Makes the named fonts in `root`. `step`: points more or less than usual."""
        self._root = root
        system = str(root.tk.call("tk", "windowingsystem"))
        self.scale, self._base = sizes(system, float(root.tk.call("tk", "scaling")))
        self._family = self._choose_family(system)
        self._fonts = {role: tkfont.Font(root, name=role.value, exists=False) for role in Font}
        self._widths: dict[Font, dict[str, int]] = {role: {} for role in Font}
        self._letters: dict[Font, _Letters] = {}
        self.enlarge(step)

    def _choose_family(self, system: str) -> str:
        if system == "x11":
            installed = set(tkfont.families(self._root))
            if chosen := next((family for family in _X11_FAMILIES if family in installed), None):
                return chosen
        return str(tkfont.nametofont("TkDefaultFont", self._root).actual("family"))

    def enlarge(self, step: int) -> None:
        """All fonts, `step` points larger or smaller than usual."""
        size = self._base + step
        fixed = str(tkfont.nametofont("TkFixedFont", self._root).actual("family"))
        options: dict[Font, dict[str, object]] = {
            Font.BODY: {"size": size},
            Font.ITALIC: {"size": size, "slant": "italic"},
            Font.LINK: {"size": size, "underline": True},
            Font.NAME: {"size": size, "weight": "bold"},
            Font.SMALL: {"size": size - 2},
            Font.SMALL_BOLD: {"size": size - 2, "weight": "bold"},
            Font.TITLE: {"size": size + 3, "weight": "bold"},
            Font.HUGE: {"size": size + 10, "weight": "bold"},
            # Their discs keep their size.
            Font.INITIALS: {"size": min(max(size - 1, 7), self._base + 1), "weight": "bold"},
            Font.BOLD_ITALIC: {"size": size, "weight": "bold", "slant": "italic"},
            Font.MONO: {"size": size, "family": fixed},
            Font.MONO_SMALL: {"size": size - 2, "family": fixed},
        }
        for role, wanted in options.items():
            self._fonts[role].configure(**({"family": self._family} | wanted))  # type: ignore[arg-type]
        for name in ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont", "TkCaptionFont", "TkTooltipFont"):
            tkfont.nametofont(name, self._root).configure(family=self._family, size=size)
        for widths in self._widths.values():
            widths.clear()
        self._letters = {role: _Letters(partial(self._ask, role)) for role in Font}

    def px(self, pixels: float) -> int:
        """Pixels at 96 dpi as pixels of this display."""
        return round(pixels * self.scale)

    def measure(self, role: Font, text: str) -> int:
        """Width in pixels. Remembered: a conversation uses the same words again and again."""
        widths = self._widths[role]
        width = widths.get(text)
        if width is None:
            if len(widths) >= _MEASURED_MAX:
                widths.clear()
            letters = self._letters[role]
            plain = letters.add_up and _LETTERS.fullmatch(text)
            width = letters.sum(text) if plain else self._ask(role, text)
            if len(text) <= _WORD_MAX:
                widths[text] = width
        return width

    def draws(self, letter: str) -> bool:
        """Whether a font has it: what no font has is as wide as a character that cannot be."""
        return self._ask(Font.BODY, letter) != self._ask(Font.BODY, _NO_CHARACTER)

    def _ask(self, role: Font, text: str) -> int:
        return int(self._root.tk.call("font", "measure", role.value, text))

    def kit(self, palette: Palette) -> LayoutContext:
        """What laying out needs."""
        height = {role: int(face.metrics("linespace")) for role, face in self._fonts.items()}
        return LayoutContext(palette, self.measure, height, self.px)


def sizes(system: str, scaling: float) -> tuple[float, int]:
    """Pixels here for one at 96 dpi, and the usual size of text in points. `scaling`: pixels of a point, as Tk reports
    it; on macOS 1.0 up to Tk 8.6, and other values from 9 on."""
    if system == "aqua":
        return 1.0, max(round(_AQUA_PIXELS / scaling), 1)
    factor = scaling / _BASELINE
    quarter = round(factor * 4) / 4
    return (quarter if abs(factor - quarter) < 0.05 else factor), _BASE


class _Letters(dict[str, int]):
    """The widths of a font's letters, each asked of Tk once: asking for each new word takes most of the time in which a
    page of text is laid out."""

    def __init__(self, ask: Callable[[str], int]) -> None:
        super().__init__()
        self._ask = ask

    @cached_property
    def add_up(self) -> bool:
        """Whether a text is as wide as its letters are together. So it is on X11; where letters move closer to each
        other or are drawn as one, it is not."""
        return self._ask(_PROBE) == self.sum(_PROBE)

    def sum(self, text: str) -> int:
        """Of all letters of a text."""
        return sum(map(self.__getitem__, text))

    def __missing__(self, letter: str) -> int:
        width = self[letter] = self._ask(letter)
        return width
