"""The look of the standard controls: ttkbootstrap's theme in our colours; Pillow draws round buttons and fields.

ttk keeps styles and elements per theme and cannot redefine an element, so each palette gets its own theme once; going
back to it costs nothing.
"""

import enum
import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import Any

import msgspec
from PIL import Image, ImageDraw, ImageTk

from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.theme import Palette

_FINE = 4
_RADIUS = 8
# Of the pictures of boxes. ttk fills a control with copies of the middle, and each copy of a picture with soft edges
# asks the X server what is below it: 3 pixels at a time, that took half a second of the window's start.
_MIDDLE = (128, 32)


class ControlStyle(enum.Enum):
    """Styles for `style=` of ttk controls."""

    ACCENT = "Accent.Lanchat.TButton"
    PLAIN = "Plain.Lanchat.TButton"
    DANGER = "Danger.Lanchat.TButton"
    QUIET = "Quiet.Lanchat.TButton"  # no ground until the mouse is on it
    PLAIN_SIDE = "PlainSide.Lanchat.TButton"
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
    FIELD_NAME = "FieldName.Lanchat.TLabel"
    SIDE_TEXT = "Side.Lanchat.TLabel"
    SIDE_MUTED = "SideMuted.Lanchat.TLabel"
    SIDE_SMALL = "SideSmall.Lanchat.TLabel"
    SIDE = "Side.Lanchat.TFrame"
    SCROLLBAR = "Lanchat.Vertical.TScrollbar"
    SIDE_SCROLLBAR = "LanchatSide.Vertical.TScrollbar"
    CHECK = "Lanchat.TCheckbutton"
    SIDE_CHECK = "LanchatSide.TCheckbutton"
    FIELD_FRAME = "Field.Lanchat.TFrame"  # around controls that together look like one entry field


class _Grounds(msgspec.Struct, frozen=True):
    """The colours of a button in its states; empty: what it stands on."""

    normal: str
    hover: str
    pressed: str
    disabled: str


class Styles:
    """The ttk styles of one root. Main thread."""

    def __init__(self, root: tk.Tk, px: Callable[[float], int]) -> None:
        """`px` turns pixels at 96 dpi into pixels here. No style is there before `use`."""
        self._root = root
        self._px = px
        self._images: list[ImageTk.PhotoImage] = []
        self._known: set[str] = set()
        # The class bindings of ttkbootstrap take the space bar from buttons; people who use the keyboard expect it.
        for key in ("<Key-space>", "<Return>", "<KP_Enter>"):
            root.bind_class("TButton", key, self._press)

    def _press(self, event: "tk.Event[tk.Misc]") -> str:
        """The button that has the keyboard, and not the default one as well."""
        self._root.tk.call(str(event.widget), "invoke")
        return "break"

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
        self._scrollbar(style, palette, ControlStyle.SCROLLBAR, palette.surface)
        self._scrollbar(style, palette, ControlStyle.SIDE_SCROLLBAR, palette.sidebar)
        self._check(style, palette, ControlStyle.CHECK, palette.surface)
        self._check(style, palette, ControlStyle.SIDE_CHECK, palette.sidebar)
        _labels(style, palette)

    def _buttons(self, style: ttk.Style, p: Palette) -> None:
        plain = _Grounds(p.plain, p.plain_hover, p.plain_pressed, p.disabled)
        quiet = _Grounds("", p.row_hover, p.plain_pressed, "")
        accent = _Grounds(p.accent, p.accent_hover, p.accent_pressed, p.disabled)
        danger = _Grounds(p.danger, p.danger_hover, p.danger_pressed, p.disabled)
        self._button(style, ControlStyle.ACCENT, p, accent, (p.on_accent, p.surface))
        self._button(style, ControlStyle.DANGER, p, danger, (p.on_danger, p.surface))
        self._button(style, ControlStyle.PLAIN, p, plain, (p.text, p.surface))
        self._button(style, ControlStyle.QUIET, p, quiet, (p.text, p.surface))
        self._button(style, ControlStyle.LINK, p, quiet, (p.link, p.surface))
        self._button(style, ControlStyle.PLAIN_SIDE, p, plain, (p.text, p.sidebar))
        self._button(style, ControlStyle.QUIET_SIDE, p, quiet, (p.text, p.sidebar))

    def _button(
        self, style: ttk.Style, look: ControlStyle, p: Palette, grounds: "_Grounds", colours: tuple[str, str]
    ) -> None:
        """A round box in four states; `colours`: the words, and what the button stands on."""
        name = look.value.replace(".TButton", ".box")
        style.element_create(
            name,
            "image",
            self._box(grounds.normal),
            ("disabled", self._box(grounds.disabled)),
            ("pressed", self._box(grounds.pressed)),
            ("focus", "active", self._box(grounds.hover, p.link)),
            ("focus", self._box(grounds.normal, p.link)),
            ("active", self._box(grounds.hover)),
            border=self._px(_RADIUS),
            padding=0,
            sticky="nsew",
            **self._smallest_box(),
        )
        label: Any = [("Button.label", {"sticky": "nswe"})]
        padding: Any = [("Button.padding", {"sticky": "nswe", "children": label})]
        style.layout(look.value, [(name, {"sticky": "nswe", "children": padding})])
        filled = look in (ControlStyle.ACCENT, ControlStyle.DANGER, ControlStyle.PLAIN)
        wide = (18, 9) if filled else (10, 8)
        style.configure(
            look.value,
            foreground=colours[0],
            background=colours[1],
            padding=[self._px(n) for n in wide],
            anchor="center",
            font="TkDefaultFont",
        )
        style.map(look.value, foreground=[("disabled", p.on_disabled)], background=[])

    def _scrollbar(self, style: ttk.Style, p: Palette, look: ControlStyle, ground: str) -> None:
        """A thumb without a trough; wider while the mouse is on it."""
        name = look.value.replace(".Vertical.TScrollbar", ".thumb")
        style.element_create(
            name,
            "image",
            self._thumb(p.plain_pressed, 6),
            ("pressed", self._thumb(p.on_disabled, 8)),
            ("active", self._thumb(p.on_disabled, 8)),
            border=self._px(5),
            sticky="ns",
            width=self._px(10),
            height=self._px(14),
        )
        thumb: Any = [(name, {"expand": "1", "sticky": "nswe"})]
        style.layout(look.value, [("Vertical.Scrollbar.trough", {"sticky": "ns", "children": thumb})])
        style.configure(
            look.value, background=ground, troughcolor=ground, bordercolor=ground, borderwidth=0, relief="flat"
        )

    def _thumb(self, fill: str, wide: float) -> ImageTk.PhotoImage:
        """A stretchable round bar in the middle of nothing."""
        width, height, bar = self._px(10) * _FINE, self._px(14) * _FINE, self._px(wide) * _FINE
        large = Image.new("RGBA", (width, height), (0, 0, 0, 0))
        left = (width - bar) // 2
        ImageDraw.Draw(large).rounded_rectangle((left, 0, left + bar - 1, height - 1), bar // 2, fill=fill)
        return self._photo(large, (1, self._px(_MIDDLE[0])))

    def _fields(self, style: ttk.Style, p: Palette) -> None:
        style.element_create(
            "Lanchat.field",
            "image",
            self._box(p.field, p.field_line),
            ("disabled", self._box(p.disabled, p.line)),
            ("focus", self._box(p.field, p.accent, 2)),
            border=self._px(_RADIUS),
            padding=0,
            sticky="nsew",
            **self._smallest_box(),
        )
        area: Any = [("Entry.padding", {"sticky": "nswe", "children": [("Entry.textarea", {"sticky": "nswe"})]})]
        style.layout(ControlStyle.ENTRY.value, [("Lanchat.field", {"sticky": "nswe", "children": area})])
        style.configure(
            ControlStyle.ENTRY.value,
            padding=[self._px(n) for n in (11, 8)],
            foreground=p.text,
            background=p.surface,
            fieldbackground=p.field,
            insertcolor=p.text,
            insertwidth=max(self._px(1.5), 1),
            selectbackground=p.selection,
            selectforeground=p.on_selection,
        )
        style.map(ControlStyle.ENTRY.value, foreground=[("disabled", p.on_disabled)])
        style.layout(ControlStyle.FIELD_FRAME.value, [("Lanchat.field", {"sticky": "nswe"})])
        style.configure(ControlStyle.FIELD_FRAME.value, background=p.surface)

    def _check(self, style: ttk.Style, p: Palette, look: ControlStyle, ground: str) -> None:
        """A box to tick, with its words."""
        name = look.value.replace(".TCheckbutton", ".box")
        style.element_create(
            name,
            "image",
            self._tick_box(p.field, p.field_line, ""),
            ("disabled", self._tick_box(p.disabled, p.line, "")),
            ("selected", "focus", self._tick_box(p.accent, p.link, p.on_accent)),
            ("selected", self._tick_box(p.accent, p.accent, p.on_accent)),
            ("focus", self._tick_box(p.field, p.accent, "")),
            sticky="",
        )
        parts: Any = [(name, {"side": "left"}), ("Checkbutton.label", {"side": "left", "expand": "1"})]
        style.layout(look.value, [("Checkbutton.padding", {"sticky": "nswe", "children": parts})])
        style.configure(look.value, background=ground, foreground=p.text, font="TkDefaultFont", padding=self._px(2))
        style.map(look.value, background=[], foreground=[("disabled", p.on_disabled)])

    def _tick_box(self, fill: str, edge: str, tick: str) -> ImageTk.PhotoImage:
        size, gap = self._px(18) * _FINE, self._px(8) * _FINE
        large = Image.new("RGBA", (size + gap, size), (0, 0, 0, 0))
        draw = ImageDraw.Draw(large)
        line = round(self._px(3) / 2 * _FINE)
        draw.rounded_rectangle((0, 0, size - 1, size - 1), size // 4, fill=fill, outline=edge, width=line)
        if tick:
            points = [(size * 0.24, size * 0.52), (size * 0.43, size * 0.71), (size * 0.77, size * 0.31)]
            draw.line(points, fill=tick, width=size // 8, joint="curve")
        return self._photo(large)

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
        return self._photo(large, (self._px(_MIDDLE[0]), self._px(_MIDDLE[1])))

    def _smallest_box(self) -> dict[str, int]:
        """Without it no box would be smaller than its picture."""
        return {"width": 2 * self._px(_RADIUS) + 3, "height": 2 * self._px(_RADIUS) + 3}

    def _photo(self, large: Image.Image, middle: tuple[int, int] = (1, 1)) -> ImageTk.PhotoImage:
        """Of its quarter size, with so many columns and rows in the place of the middle one."""
        size = (large.width // _FINE, large.height // _FINE)
        small = _widened(large.resize(size, Image.Resampling.LANCZOS), middle[0])
        turned = _widened(small.transpose(Image.Transpose.TRANSPOSE), middle[1])
        image = ImageTk.PhotoImage(turned.transpose(Image.Transpose.TRANSPOSE), master=self._root)
        self._images.append(image)
        return image


def _widened(image: Image.Image, columns: int) -> Image.Image:
    """The middle column drawn out to so many."""
    half, height = image.width // 2, image.height
    wider = Image.new(image.mode, (image.width - 1 + columns, height))
    wider.paste(image.crop((0, 0, half, height)), (0, 0))
    wider.paste(image.crop((half, 0, half + 1, height)).resize((columns, height)), (half, 0))
    wider.paste(image.crop((half + 1, 0, image.width, height)), (half + columns, 0))
    return wider


def _labels(style: ttk.Style, p: Palette) -> None:
    on_surface: dict[ControlStyle, dict[str, Any]] = {
        ControlStyle.TEXT: {"foreground": p.text},
        ControlStyle.MUTED: {"foreground": p.muted},
        ControlStyle.SMALL: {"foreground": p.muted, "font": Font.SMALL.value},
        ControlStyle.ERROR: {"foreground": p.on_danger_soft},
        ControlStyle.DONE: {"foreground": p.success},
        ControlStyle.TITLE: {"foreground": p.text, "font": Font.TITLE.value},
        ControlStyle.HUGE: {"foreground": p.text, "font": Font.HUGE.value},
        ControlStyle.FIELD_NAME: {"foreground": p.text, "font": Font.SMALL_BOLD.value},
    }
    for look, options in on_surface.items():
        style.configure(look.value, background=p.surface, **options)
    style.configure(ControlStyle.SIDE_TEXT.value, background=p.sidebar, foreground=p.text, font=Font.NAME.value)
    style.configure(ControlStyle.SIDE_MUTED.value, background=p.sidebar, foreground=p.muted)
    style.configure(ControlStyle.SIDE_SMALL.value, background=p.sidebar, foreground=p.muted, font=Font.SMALL.value)
    style.configure(ControlStyle.SIDE.value, background=p.sidebar)
    style.configure("TFrame", background=p.surface)


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
