"""A question over the server's window, with buttons in the language of the window; Tk's own follow the system's."""

import tkinter as tk
import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit

_WIDTH = 400


def ask(tools: Toolkit, text: str, detail: str, button: str) -> bool:
    """Waits for the answer. `button`: what a yes does; every other way out is a no. Raises TclError when the window
    goes away meanwhile."""
    root, px = tools.root, tools.px
    answer: list[bool] = []
    window = tk.Toplevel(root, background=tools.palette.surface)
    window.withdraw()
    window.title(button)
    window.transient(root)
    window.resizable(False, False)
    frame = ttk.Frame(window, padding=px(20))
    frame.pack(fill="both", expand=True)
    for words, look in ((text, ControlStyle.TEXT), (detail, ControlStyle.MUTED)):
        tools.label(frame, words, look, _WIDTH).pack(anchor="w", pady=(0, px(8)))
    row = ttk.Frame(frame)
    row.pack(anchor="e", pady=(px(8), 0))

    def end(yes: bool) -> None:
        answer.append(yes)
        window.destroy()

    tools.button(row, button, lambda: end(True), ControlStyle.DANGER).pack(side="right")
    cancel = tools.button(row, _("Cancel"), lambda: end(False))
    cancel.pack(side="right", padx=px(8))
    window.protocol("WM_DELETE_WINDOW", lambda: end(False))
    window.bind("<Escape>", lambda _event: end(False))
    window.update_idletasks()
    x = root.winfo_rootx() + (root.winfo_width() - window.winfo_reqwidth()) // 2
    y = root.winfo_rooty() + (root.winfo_height() - window.winfo_reqheight()) // 3
    window.geometry(f"+{max(x, 0)}+{max(y, 0)}")
    window.deiconify()
    window.wait_visibility()
    window.grab_set()
    cancel.focus_force()
    root.wait_window(window)
    return answer == [True]
