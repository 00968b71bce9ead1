"""The look of the standard controls: ttkbootstrap's theme in our colours; Pillow draws round buttons and fields.

ttk keeps styles and elements per theme and cannot redefine an element, so each palette gets its own theme once; going
back to it costs nothing.
"""

import enum
import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw, ImageTk

from lanchat.ui.drawing import Font
from lanchat.ui.theme import Palette

_FINE = 4
_RADIUS = 8


class Look(enum.Enum):
    """Styles for `style=` of ttk controls."""

    ACCENT = "Accent.Lanchat.TButton"
    PLAIN = "Plain.Lanchat.TButton"
    DANGER = "Danger.Lanchat.TButton"
    QUIET = "Quiet.Lanchat.TButton"  # no ground until the mouse is on it
    QUIET_SIDE = "QuietSide.Lanchat.TButton"
    LINK = "Link.Lanchat.TButton"
    ENTRY = "Lanchat.TEntry"
    TEXT = "Lanchat.TLabel"
    MUTED = "Muted.Lanchat.TLabel"
    SMALL = "Small.Lanchat.TLabel"
    ERROR = "Error.Lanchat.TLabel"
    DONE = "Done.Lanchat.TLabel"
    TITLE = "Title.Lanchat.TLabel"
    HUGE = "Huge.Lanchat.TLabel"
    MONO = "Mono.Lanchat.TLabel"
    FIELD_NAME = "FieldName.Lanchat.TLabel"
    SIDE_TEXT = "Side.Lanchat.TLabel"
    SIDE_MUTED = "SideMuted.Lanchat.TLabel"
    SIDE_SMALL = "SideSmall.Lanchat.TLabel"
    SIDE = "Side.Lanchat.TFrame"
    SIDE_CHECK = "Side.TCheckbutton"
    FIELD_FRAME = "Field.Lanchat.TFrame"  # around controls that together look like one entry field


class Styles:
    """The ttk styles of one root. Main thread."""

    def __init__(self, root: tk.Tk, px: Callable[[float], int]) -> None:
        self._root = root
        self._px = px
        self._images: list[ImageTk.PhotoImage] = []
        self._known: set[str] = set()
        # The class bindings of ttkbootstrap take the space bar from buttons; people who use the keyboard expect it.
        root.bind_class("TButton", "<Key-space>", lambda event: root.tk.call(str(event.widget), "invoke"))

    def use(self, palette: Palette) -> None:
        """Everything has this palette from now on."""
        from ttkbootstrap.style import Style, ThemeDefinition

        style = Style.get_instance()  # type: ignore[no-untyped-call]
        if palette.name not in self._known:
            mode = "dark" if palette.dark else "light"
            definition = ThemeDefinition(palette.name, _colours(palette), mode)  # type: ignore[no-untyped-call]
            style.register_theme(definition)
        style.theme_use(palette.name)
        if palette.name not in self._known:
            self._known.add(palette.name)
            self._define(ttk.Style(self._root), palette)
        self._root.configure(background=palette.surface)
        _set_defaults(self._root, palette)

    def _define(self, style: ttk.Style, palette: Palette) -> None:
        self._buttons(style, palette)
        self._fields(style, palette)
        _labels(style, palette)

    def _buttons(self, style: ttk.Style, p: Palette) -> None:
        filled = (p.disabled, "")
        self._button(style, Look.ACCENT, p, (p.accent, p.accent_hover, p.accent_pressed, *filled), p.on_accent)
        self._button(style, Look.DANGER, p, (p.danger, p.danger_hover, p.danger_pressed, *filled), p.on_danger)
        self._button(style, Look.PLAIN, p, (p.plain, p.plain_hover, p.plain_pressed, *filled), p.text)
        self._button(style, Look.QUIET, p, ("", p.row_hover, p.plain_pressed, "", ""), p.text)
        self._button(style, Look.QUIET_SIDE, p, ("", p.plain_hover, p.plain_pressed, "", ""), p.text)
        self._button(style, Look.LINK, p, ("", p.row_hover, p.plain_pressed, "", ""), p.link)

    def _button(self, style: ttk.Style, look: Look, p: Palette, grounds: tuple[str, ...], text: str) -> None:
        normal, hover, pressed, disabled, _edge = grounds
        name = look.value.replace(".TButton", ".box")
        ring = p.link
        style.element_create(
            name,
            "image",
            self._box(normal),
            ("disabled", self._box(disabled)),
            ("pressed", self._box(pressed)),
            ("focus", "active", self._box(hover, ring)),
            ("focus", self._box(normal, ring)),
            ("active", self._box(hover)),
            border=self._px(_RADIUS),
            sticky="nsew",
        )
        label: Any = [("Button.label", {"sticky": "nswe"})]
        padding: Any = [("Button.padding", {"sticky": "nswe", "children": label})]
        style.layout(look.value, [(name, {"sticky": "nswe", "children": padding})])
        wide = (10, 6) if look in (Look.QUIET, Look.QUIET_SIDE, Look.LINK) else (16, 7)
        style.configure(
            look.value, foreground=text, padding=[self._px(n) for n in wide], anchor="center", font="TkDefaultFont"
        )
        style.map(look.value, foreground=[("disabled", p.on_disabled)])

    def _fields(self, style: ttk.Style, p: Palette) -> None:
        style.element_create(
            "Lanchat.field",
            "image",
            self._box(p.field, p.field_line),
            ("disabled", self._box(p.disabled, p.line)),
            ("focus", self._box(p.field, p.accent, 2)),
            border=self._px(_RADIUS),
            sticky="nsew",
        )
        area: Any = [("Entry.padding", {"sticky": "nswe", "children": [("Entry.textarea", {"sticky": "nswe"})]})]
        style.layout(Look.ENTRY.value, [("Lanchat.field", {"sticky": "nswe", "children": area})])
        style.configure(
            Look.ENTRY.value,
            padding=[self._px(n) for n in (10, 6)],
            foreground=p.text,
            fieldbackground=p.field,
            insertcolor=p.text,
            insertwidth=max(self._px(1.5), 1),
            selectbackground=p.selection,
            selectforeground=p.on_selection,
        )
        style.map(Look.ENTRY.value, foreground=[("disabled", p.on_disabled)])
        style.layout(Look.FIELD_FRAME.value, [("Lanchat.field", {"sticky": "nswe"})])
        style.configure(Look.FIELD_FRAME.value, background=p.surface)

    def _box(self, fill: str, edge: str = "", line: float = 1.5) -> ImageTk.PhotoImage:
        """A stretchable picture of a round box on nothing; no `fill`: only the edge, or nothing at all."""
        radius = self._px(_RADIUS)
        size = (2 * radius + 3) * _FINE
        large = Image.new("RGBA", (size, size), (0, 0, 0, 0))
        if fill or edge:
            draw = ImageDraw.Draw(large)
            width = round(self._px(line * 2) / 2 * _FINE) if edge else 0
            shape = (0, 0, size - 1, size - 1)
            draw.rounded_rectangle(shape, radius * _FINE, fill=fill or None, outline=edge or None, width=width)
        image = ImageTk.PhotoImage(large.resize((size // _FINE,) * 2, Image.Resampling.LANCZOS), master=self._root)
        self._images.append(image)
        return image


def _labels(style: ttk.Style, p: Palette) -> None:
    on_surface: dict[Look, dict[str, Any]] = {
        Look.TEXT: {"foreground": p.text},
        Look.MUTED: {"foreground": p.muted},
        Look.SMALL: {"foreground": p.muted, "font": Font.SMALL.value},
        Look.ERROR: {"foreground": p.on_danger_soft},
        Look.DONE: {"foreground": p.success},
        Look.TITLE: {"foreground": p.text, "font": Font.TITLE.value},
        Look.HUGE: {"foreground": p.text, "font": Font.HUGE.value},
        Look.MONO: {"foreground": p.muted, "font": Font.MONO.value},
        Look.FIELD_NAME: {"foreground": p.text, "font": Font.SMALL_BOLD.value},
    }
    for look, options in on_surface.items():
        style.configure(look.value, background=p.surface, **options)
    style.configure(Look.SIDE_TEXT.value, background=p.sidebar, foreground=p.text, font=Font.NAME.value)
    style.configure(Look.SIDE_MUTED.value, background=p.sidebar, foreground=p.muted)
    style.configure(Look.SIDE_SMALL.value, background=p.sidebar, foreground=p.muted, font=Font.SMALL.value)
    style.configure(Look.SIDE.value, background=p.sidebar)
    style.configure(Look.SIDE_CHECK.value, background=p.sidebar, foreground=p.text)
    style.configure("TFrame", background=p.surface)
    style.configure("TCheckbutton", background=p.surface, foreground=p.text, font="TkDefaultFont")


def _set_defaults(root: tk.Tk, p: Palette) -> None:
    """Colours of controls that are not ttk's: menus."""
    for option, value in {
        "background": p.field,
        "foreground": p.text,
        "activeBackground": p.row_selected,
        "activeForeground": p.on_row_selected,
        "disabledForeground": p.on_disabled,
        "selectColor": p.text,
        "borderWidth": 1,
        "activeBorderWidth": 0,
        "relief": "flat",
    }.items():
        root.option_add(f"*Menu.{option}", value, "interactive")


def _colours(p: Palette) -> dict[str, str]:
    """The palette in ttkbootstrap's terms."""
    return {
        "primary": p.accent,
        "secondary": p.quiet_badge,
        "success": p.success,
        "info": p.link,
        "warning": p.warning,
        "danger": p.danger,
        "light": p.plain,
        "dark": p.text,
        "bg": p.surface,
        "fg": p.text,
        "selectbg": p.quiet_badge,
        "selectfg": p.on_quiet_badge,
        "border": p.field_line,
        "inputfg": p.text,
        "inputbg": p.field,
        "active": p.row_hover,
    }
