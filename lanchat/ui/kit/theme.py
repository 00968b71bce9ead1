"""Every colour of the window, as two palettes; no other file of the window names a colour.

A field of `Palette` is a role ("what it is for"), not a hue. `CONTRASTS` lists which text stands on which ground and
the contrast that WCAG 2.1 asks of it (success criteria 1.4.3 and 1.4.11); a test computes them for both palettes.
"""

import msgspec

TEXT = 4.5  # WCAG AA for text
SHAPE = 3.0  # WCAG AA for icons, borders of fields, large text


class Palette(msgspec.Struct, frozen=True):
    """The colours of one theme, `#rrggbb`."""

    name: str
    dark: bool

    sidebar: str  # ground of rooms, people and the state line
    surface: str  # ground of the conversation, of forms and dialogs
    field: str  # ground of entry fields
    line: str  # hairlines between areas
    field_line: str  # outline of entry fields
    text: str
    muted: str  # times, hints, previews
    accent: str  # buttons, focus rings, badges
    accent_hover: str
    accent_pressed: str
    on_accent: str
    link: str  # accent as text
    plain: str  # buttons without accent
    plain_hover: str
    plain_pressed: str
    disabled: str
    on_disabled: str
    row_hover: str
    row_selected: str
    on_row_selected: str
    muted_on_selected: str
    quiet_badge: str  # a badge that asks for less attention
    on_quiet_badge: str

    other: str  # bubbles of other people
    on_other: str
    muted_on_other: str
    own: str  # bubbles of this person
    on_own: str
    muted_on_own: str
    tick_read: str  # the ticks of a message that everybody has read
    quote: str  # ground of a quoted message inside a bubble of others
    quote_own: str
    chip: str  # reactions
    chip_own: str  # reactions with one of one's own among them
    on_chip: str
    flash: str  # a message that was jumped to
    selection: str  # selected text
    on_selection: str
    fresh: str  # the line above what was not read yet

    success: str
    warning: str
    danger: str
    danger_hover: str
    danger_pressed: str
    on_danger: str
    danger_soft: str  # bubbles that the server refused
    on_danger_soft: str
    online: str
    away: str
    offline: str
    tooltip: str
    on_tooltip: str
    avatars: tuple[str, ...]  # grounds of initials
    on_avatar: str
    warm: str  # pictures that stand for emoji: faces, hands, stars
    red: str
    green: str
    blue: str
    names: tuple[str, ...]  # authors' names in bubbles, in the order of `avatars`


LIGHT = Palette(
    name="lanchat-light",
    dark=False,
    sidebar="#f3f5f9",
    surface="#ffffff",
    field="#ffffff",
    line="#e0e5ed",
    field_line="#828c9c",
    text="#141b28",
    muted="#5a6577",
    accent="#2460d8",
    accent_hover="#1d51ba",
    accent_pressed="#18449c",
    on_accent="#ffffff",
    link="#1d56c4",
    plain="#eaeef5",
    plain_hover="#dde3ed",
    plain_pressed="#cfd7e4",
    disabled="#e6e9ef",
    on_disabled="#7b8494",
    row_hover="#e7ebf3",
    row_selected="#d7e4fc",
    on_row_selected="#10203f",
    muted_on_selected="#44536d",
    quiet_badge="#66728a",
    on_quiet_badge="#ffffff",
    other="#f0f3f8",
    on_other="#141b28",
    muted_on_other="#596476",
    own="#d6e6ff",
    on_own="#0f1c33",
    muted_on_own="#48597a",
    tick_read="#1d56c4",
    quote="#e2e7f0",
    quote_own="#c2d8fb",
    chip="#ffffff",
    chip_own="#fff3d1",
    on_chip="#263246",
    flash="#ffe9a8",
    selection="#9cc2ff",
    on_selection="#0c1730",
    fresh="#c2410c",
    success="#15713a",
    warning="#99520a",
    danger="#c1262d",
    danger_hover="#a61f26",
    danger_pressed="#8c191f",
    on_danger="#ffffff",
    danger_soft="#fdeaea",
    on_danger_soft="#8f1d22",
    online="#1f9d55",
    away="#c27803",
    offline="#7f8898",
    tooltip="#1f2937",
    on_tooltip="#f3f4f6",
    avatars=("#b4415f", "#a85413", "#5f7a1c", "#1b8057", "#17788c", "#2f6fd0", "#6f57cf", "#a447a8"),
    on_avatar="#ffffff",
    warm="#a8680a",
    red="#cf2f3c",
    green="#15803d",
    blue="#2563d9",
    names=("#a8324f", "#96480c", "#506a10", "#116c47", "#0f6678", "#1f5cbb", "#5e46c0", "#933797"),
)

DARK = Palette(
    name="lanchat-dark",
    dark=True,
    sidebar="#161b24",
    surface="#1c222d",
    field="#232b38",
    line="#2c3543",
    field_line="#6f7d93",
    text="#e9edf4",
    muted="#a2aec0",
    accent="#3069dd",
    accent_hover="#3f78ea",
    accent_pressed="#2459c4",
    on_accent="#ffffff",
    link="#9cc2ff",
    plain="#2e3746",
    plain_hover="#394456",
    plain_pressed="#445066",
    disabled="#2a323f",
    on_disabled="#8793a6",
    row_hover="#222a36",
    row_selected="#27426f",
    on_row_selected="#f2f6fd",
    muted_on_selected="#bccbe4",
    quiet_badge="#4c596e",
    on_quiet_badge="#ffffff",
    other="#2a3240",
    on_other="#e9edf4",
    muted_on_other="#a9b5c7",
    own="#244a82",
    on_own="#f1f6ff",
    muted_on_own="#bdd1f0",
    tick_read="#86d0ff",
    quote="#353f50",
    quote_own="#2c5590",
    chip="#39445a",
    chip_own="#5a4a1f",
    on_chip="#e9edf4",
    flash="#6b5618",
    selection="#4d7fd6",
    on_selection="#ffffff",
    fresh="#ff9f6b",
    success="#5fd394",
    warning="#f2b65a",
    danger="#d13a42",
    danger_hover="#dd4a52",
    danger_pressed="#b62f37",
    on_danger="#ffffff",
    danger_soft="#4a2329",
    on_danger_soft="#ffc9cc",
    online="#3ecb7f",
    away="#eab54a",
    offline="#7d899c",
    tooltip="#e5e9f0",
    on_tooltip="#161b24",
    avatars=("#b4415f", "#a85413", "#5f7a1c", "#1b8057", "#17788c", "#2f6fd0", "#6f57cf", "#a447a8"),
    on_avatar="#ffffff",
    warm="#f6c445",
    red="#ff8a94",
    green="#5fd394",
    blue="#8fbaff",
    names=("#ff9db3", "#f5b27c", "#c2d86f", "#7fdcb0", "#74d3e6", "#9dc1ff", "#c2b3ff", "#eba3ee"),
)

PALETTES = {"light": LIGHT, "dark": DARK}

_PICTURE_GROUNDS = ("surface", "sidebar", "other", "own", "chip", "chip_own", "field")
# (text or shape, the ground it stands on, what WCAG asks)
CONTRASTS: tuple[tuple[str, str, float], ...] = (
    ("text", "surface", TEXT),
    ("text", "sidebar", TEXT),
    ("text", "field", TEXT),
    ("text", "row_hover", TEXT),
    ("text", "plain", TEXT),
    ("text", "plain_hover", TEXT),
    ("text", "plain_pressed", TEXT),
    ("muted", "surface", TEXT),
    ("muted", "sidebar", TEXT),
    ("muted", "field", TEXT),
    ("muted", "row_hover", TEXT),
    ("link", "surface", TEXT),
    ("link", "sidebar", TEXT),
    ("link", "other", TEXT),
    ("link", "own", TEXT),
    ("on_accent", "accent", TEXT),
    ("on_accent", "accent_hover", SHAPE),
    ("on_accent", "accent_pressed", TEXT),
    ("on_danger", "danger", TEXT),
    ("on_danger", "danger_hover", SHAPE),
    ("on_danger", "danger_pressed", TEXT),
    ("on_row_selected", "row_selected", TEXT),
    ("muted_on_selected", "row_selected", TEXT),
    ("on_quiet_badge", "quiet_badge", TEXT),
    ("on_other", "other", TEXT),
    ("muted_on_other", "other", TEXT),
    ("on_own", "own", TEXT),
    ("muted_on_own", "own", TEXT),
    ("tick_read", "own", SHAPE),
    ("on_other", "quote", TEXT),
    ("muted_on_other", "quote", TEXT),
    ("on_own", "quote_own", TEXT),
    ("muted_on_own", "quote_own", TEXT),
    ("on_chip", "chip", TEXT),
    ("on_chip", "chip_own", TEXT),
    ("on_own", "flash", TEXT),
    ("on_other", "flash", TEXT),
    ("on_selection", "selection", SHAPE),
    ("on_own", "selection", SHAPE),
    ("on_other", "selection", SHAPE),
    ("fresh", "surface", TEXT),
    ("success", "sidebar", TEXT),
    ("success", "surface", TEXT),
    ("warning", "sidebar", TEXT),
    ("warning", "surface", TEXT),
    ("danger", "surface", SHAPE),
    ("danger", "sidebar", SHAPE),
    ("on_danger_soft", "danger_soft", TEXT),
    ("on_danger_soft", "surface", TEXT),
    ("on_danger_soft", "sidebar", TEXT),
    ("online", "sidebar", SHAPE),
    ("away", "sidebar", SHAPE),
    ("offline", "sidebar", SHAPE),
    ("field_line", "surface", SHAPE),
    ("accent", "surface", SHAPE),
    ("on_tooltip", "tooltip", TEXT),
    *((shape, ground, SHAPE) for shape in ("warm", "red", "green", "blue") for ground in _PICTURE_GROUNDS),
    ("on_disabled", "disabled", SHAPE),
)


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.1, definitions)."""
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 to 21 (WCAG 2.1, definitions)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def colour(palette: Palette, role: str) -> str:
    """The colour of a role."""
    value = getattr(palette, role)
    assert isinstance(value, str), role
    return value


ROLES = frozenset(field.name for field in msgspec.structs.fields(Palette) if field.type is str) - {"name"}
