"""Shows a menu (menus.py) at a place of the screen."""

import tkinter as tk
from collections.abc import Sequence

from lanchat.ui import glyphs
from lanchat.ui.menus import Entry, Item, Submenu
from lanchat.ui.toolkit import Toolkit


def popup(tools: Toolkit, entries: Sequence[Entry], x: int, y: int) -> None:
    """Opens the menu; what was chosen runs after it is gone."""
    menu = _built(tools, tools.root, entries)
    try:
        menu.tk_popup(x, y)
    finally:
        menu.grab_release()


def below(tools: Toolkit, widget: tk.Misc, entries: Sequence[Entry]) -> None:
    """Opens the menu under a control."""
    popup(tools, entries, widget.winfo_rootx(), widget.winfo_rooty() + widget.winfo_height())


def _built(tools: Toolkit, master: tk.Misc, entries: Sequence[Entry]) -> tk.Menu:
    palette = tools.palette
    menu = tk.Menu(
        master,
        tearoff=False,
        background=palette.field,
        foreground=palette.text,
        activebackground=palette.row_selected,
        activeforeground=palette.on_row_selected,
        disabledforeground=palette.on_disabled,
        borderwidth=1,
        activeborderwidth=tools.px(3),
        relief="raised",
    )
    for entry in entries:
        if isinstance(entry, Item):
            _add(tools, menu, entry)
        elif isinstance(entry, Submenu):
            menu.add_cascade(label=entry.label, menu=_built(tools, menu, entry.items))
        else:
            menu.add_separator()
    return menu


def _add(tools: Toolkit, menu: tk.Menu, item: Item) -> None:
    label = glyphs.one_line(item.label, 60)

    def run() -> None:
        tools.take_keyboard()
        item.run()

    menu.add_command(
        label=f" {label}" if item.icon else label,
        accelerator=item.keys,
        # A dialog must not open while the menu still holds the pointer.
        command=lambda: tools.root.after_idle(run),
        state="normal" if item.enabled else "disabled",
    )
    if item.icon:
        glyph, role = item.icon
        menu.entryconfigure("end", image=tools.images.icon(glyph, 16, getattr(tools.palette, role)), compound="left")
