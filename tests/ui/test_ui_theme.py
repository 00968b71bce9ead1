"""Contrast ratios of both palettes (WCAG 2.1); colours are defined in one file only."""

import re
from pathlib import Path

import msgspec
import pytest

from lanchat.ui.kit import theme
from lanchat.ui.kit.theme import CONTRASTS, DARK, LIGHT, TEXT, Palette, contrast

ROOT = Path(__file__).parents[2]
BOTH = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)


def test_contrast_of_known_colours() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the well-known grey that just fails
    assert contrast("#123456", "#123456") == 1


@BOTH
@pytest.mark.parametrize(("text", "ground", "least"), CONTRASTS, ids=lambda value: str(value))
def test_palette_pairs_have_their_minimum_contrast(palette: Palette, text: str, ground: str, least: float) -> None:
    assert contrast(theme.colour(palette, text), theme.colour(palette, ground)) >= least


@BOTH
def test_names_and_avatars_have_text_contrast(palette: Palette) -> None:
    for name in palette.names:
        assert contrast(name, palette.other) >= TEXT
        assert contrast(name, palette.surface) >= TEXT
    for ground in palette.avatars:
        assert contrast(palette.on_avatar, ground) >= TEXT
    assert len(palette.names) == len(palette.avatars) == 8


@BOTH
def test_every_text_role_is_in_contrasts(palette: Palette) -> None:
    """A new role that is text on something must get its line in CONTRASTS."""
    judged = {text for text, _ground, _least in CONTRASTS}
    roles = {field.name for field in msgspec.structs.fields(palette) if field.name.startswith(("on_", "muted", "text"))}
    assert roles - judged == {"on_avatar"}  # judged above


def test_low_contrast_palette_fails() -> None:
    bad = msgspec.structs.replace(LIGHT, muted="#b0b8c4")
    failing = [pair for pair in CONTRASTS if contrast(getattr(bad, pair[0]), getattr(bad, pair[1])) < pair[2]]
    assert ("muted", "surface", TEXT) in failing


def test_colours_are_defined_in_one_file_only() -> None:
    colour = re.compile(r"\"#[0-9a-fA-F]{3,6}\"|'#[0-9a-fA-F]{3,6}'")
    files = [file for file in (ROOT / "lanchat" / "ui").rglob("*.py") if file.name != "theme.py"]
    assert len(files) > 30
    assert [file.name for file in files if colour.search(file.read_text(encoding="utf-8"))] == []
