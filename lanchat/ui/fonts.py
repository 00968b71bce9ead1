"""The named fonts of the window. Sizes are points, so they follow the display's scaling; `enlarge` follows the person.

A named font is changed in one place and every widget that uses it follows.
"""

import tkinter as tk
from tkinter import font as tkfont

from lanchat.ui.drawing import Font, Kit
from lanchat.ui.theme import Palette

# The first one that is installed; all have Cyrillic. Elsewhere than on X11 Tk's default is the system's own font.
_X11_FAMILIES = ("Inter", "Noto Sans", "Cantarell", "Ubuntu", "Open Sans", "Liberation Sans", "DejaVu Sans")
_BASE = {"x11": 10, "win32": 10, "aqua": 13}
_BASELINE = {"x11": 4 / 3, "win32": 4 / 3, "aqua": 1.0}  # `tk scaling` of a display without scaling
SIZES = (-2, -1, 0, 1, 2, 4, 6)  # steps that a person may choose, points more or less
_MEASURED_MAX = 20_000  # words whose width is remembered: about 2 MiB


class Fonts:
    """The fonts of one root. Main thread."""

    def __init__(self, root: tk.Tk, step: int = 0) -> None:
        self._root = root
        system = str(root.tk.call("tk", "windowingsystem"))
        factor = float(root.tk.call("tk", "scaling")) / _BASELINE[system]
        quarter = round(factor * 4) / 4
        self.scale = quarter if abs(factor - quarter) < 0.05 else factor
        self._family = self._choose_family(system)
        self._base = _BASE[system]
        self._fonts = {role: tkfont.Font(root, name=role.value, exists=False) for role in Font}
        self._widths: dict[tuple[Font, str], int] = {}
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
            Font.INITIALS: {"size": max(size - 1, 7), "weight": "bold"},
            Font.MONO_SMALL: {"size": size - 2, "family": fixed},
        }
        for role, wanted in options.items():
            self._fonts[role].configure(**({"family": self._family} | wanted))  # type: ignore[arg-type]
        for name in ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont", "TkCaptionFont", "TkTooltipFont"):
            tkfont.nametofont(name, self._root).configure(family=self._family, size=size)
        self._widths.clear()

    def px(self, pixels: float) -> int:
        """Pixels at 96 dpi as pixels of this display."""
        return round(pixels * self.scale)

    def measure(self, role: Font, text: str) -> int:
        """Width in pixels. Remembered: a conversation uses the same words again and again."""
        key = (role, text)
        width = self._widths.get(key)
        if width is None:
            if len(self._widths) >= _MEASURED_MAX:
                self._widths.clear()
            width = self._widths[key] = int(self._root.tk.call("font", "measure", role.value, text))
        return width

    def kit(self, palette: Palette) -> Kit:
        """What laying out needs."""
        height = {role: int(face.metrics("linespace")) for role, face in self._fonts.items()}
        return Kit(palette, self.measure, height, self.px)
