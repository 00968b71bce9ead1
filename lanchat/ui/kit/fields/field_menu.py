"""The context menu of every text field: undo, cut, copy, paste, select all."""

import tkinter as tk
import tkinter.ttk as ttk
from functools import partial

from lanchat.i18n import _
from lanchat.ui.kit.toolkit import menu_button

_CLASSES = ("TEntry", "Entry", "Text", "TCombobox")
_KEYS = ("<Menu>", "<Shift-F10>")


def install(root: tk.Tk) -> None:
    """From now on each text field of this root has the menu. Once per root."""
    for kind in _CLASSES:
        root.bind_class(kind, menu_button(root), partial(_open_at_mouse, root), add="+")
        for key in _KEYS:
            root.bind_class(kind, key, partial(_open_at_cursor, root), add="+")


def _open_at_mouse(root: tk.Tk, event: "tk.Event[tk.Misc]") -> None:
    _open(root, event.widget, event.x_root, event.y_root)


def _open_at_cursor(root: tk.Tk, event: "tk.Event[tk.Misc]") -> str:
    field = event.widget
    place = field.bbox("insert") if isinstance(field, ttk.Entry | tk.Text) else None
    x, y, _width, height = place or (0, 0, 0, field.winfo_height())
    _open(root, field, field.winfo_rootx() + x, field.winfo_rooty() + y + height)
    return "break"


def _open(root: tk.Tk, field: tk.Misc, x: int, y: int) -> None:
    if isinstance(field, str) or not field.winfo_exists():
        return
    field.focus_set()
    menu = tk.Menu(field, tearoff=False)
    for entry in _entries(root, field):
        if entry is None:
            menu.add_separator()
        else:
            label, keys, event, possible = entry
            menu.add_command(
                label=label,
                accelerator=f"  {keys}  ",
                command=partial(field.event_generate, event),
                state="normal" if possible else "disabled",
            )
    # What was chosen runs after the menu is gone from the screen.
    menu.bind("<Unmap>", lambda event: root.after_idle(menu.destroy))
    try:
        menu.tk_popup(x, y)
    finally:
        menu.grab_release()


def _entries(root: tk.Tk, field: tk.Misc) -> list[tuple[str, str, str, bool] | None]:
    """Label, keys, virtual event, whether it does anything now; None: a line between."""
    changeable = str(field.cget("state")) == "normal" and not _is_resting(field)
    copyable = _has_selection(field) and not _is_secret(field)
    return [
        (_("Undo"), "Ctrl+Z", "<<Undo>>", changeable and not _is_secret(field)),
        None,
        (_("Cut"), "Ctrl+X", "<<Cut>>", copyable and changeable),
        (_("Copy"), "Ctrl+C", "<<Copy>>", copyable),
        (_("Paste"), "Ctrl+V", "<<Paste>>", changeable and _has_clipboard(root)),
        None,
        (_("Select all"), "Ctrl+A", "<<SelectAll>>", True),
    ]


def _is_resting(field: tk.Misc) -> bool:
    return isinstance(field, ttk.Widget) and any(field.instate([state]) for state in ("disabled", "readonly"))


def _is_secret(field: tk.Misc) -> bool:
    return isinstance(field, ttk.Entry) and bool(field.cget("show"))


def _has_selection(field: tk.Misc) -> bool:
    if isinstance(field, tk.Text):
        return bool(field.tag_ranges("sel"))
    return isinstance(field, ttk.Entry) and field.selection_present()


def _has_clipboard(root: tk.Tk) -> bool:
    try:
        return bool(root.clipboard_get())
    except tk.TclError:  # empty, or too large for Tk, which pastes it in another way
        return True
