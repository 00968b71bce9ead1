"""Shows a menu (menus.py) at a place of the screen."""

import tkinter as tk
from collections.abc import Sequence

from PIL import ImageTk

from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.theme import colour
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.menus.menus import Entry, MenuItem, Submenu


def popup(tools: Toolkit, entries: Sequence[Entry], x: int, y: int) -> None:
    """Opens the menu; what was chosen runs after it is gone."""
    _post(_built(tools, tools.root, entries), x, y)


def below(tools: Toolkit, widget: tk.Misc, entries: Sequence[Entry]) -> None:
    """Opens the menu under a control."""
    popup(tools, entries, widget.winfo_rootx(), widget.winfo_rooty() + widget.winfo_height())


def above(tools: Toolkit, widget: tk.Misc, entries: Sequence[Entry]) -> None:
    """Opens the menu over a control."""
    menu = _built(tools, tools.root, entries)
    menu.update_idletasks()
    _post(menu, widget.winfo_rootx(), max(widget.winfo_rooty() - menu.winfo_reqheight(), 0))


def _post(menu: tk.Menu, x: int, y: int) -> None:
    try:
        menu.tk_popup(x, y)
    finally:
        menu.grab_release()


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
        activeborderwidth=0,
        relief="raised",
    )
    for entry in entries:
        if isinstance(entry, MenuItem):
            _add(tools, menu, entry)
        elif isinstance(entry, Submenu):
            image = _image(tools, entry.icon, "text")
            menu.add_cascade(label=entry.label, menu=_built(tools, menu, entry.items), image=image, compound="left")
        else:
            menu.add_separator()
    return menu


def _add(tools: Toolkit, menu: tk.Menu, item: MenuItem) -> None:
    label = glyphs.one_line(item.label, 60)

    def run() -> None:
        tools.take_keyboard()
        item.run()

    menu.add_command(
        label=label,
        accelerator=f"  {item.keys}  " if item.keys else "  ",
        # A dialog must not open while the menu still holds the pointer.
        command=lambda: tools.root.after_idle(run),
        state="normal" if item.enabled else "disabled",
        image=tools.images.menu_emoji(item.emoji) if item.emoji else _image(tools, item.icon, item.role),
        compound="left",
    )


def _image(tools: Toolkit, icon: str, role: str) -> ImageTk.PhotoImage:
    return tools.images.menu(icon, colour(tools.palette, role))
