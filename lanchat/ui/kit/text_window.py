"""A window with long texts: their titles in a list, and below it the one that is chosen. For both programs."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Sequence

from lanchat.i18n import _
from lanchat.ui.kit.canvas.glyphs import inline, one_line
from lanchat.ui.kit.theme import Palette

_SIZE = (720, 560)
_LISTED = 8


class TextWindow:
    """Opens over `root` and closes with Esc or its button. Main thread. The first text is shown at once."""

    def __init__(
        self,
        root: tk.Tk,
        palette: Palette,
        px: Callable[[float], int],
        heading: tuple[str, str],
        texts: Sequence[tuple[str, str]],
    ) -> None:
        """`px` turns pixels at 96 dpi into pixels here; `heading`: title, and what stands above the list; `texts`:
        titles and texts, which may be none."""
        self._texts = texts
        window = self.window = tk.Toplevel(root, background=palette.surface)
        window.title(one_line(heading[0]))
        window.transient(root)
        width, height = (min(px(size), most) for size, most in zip(_SIZE, window.maxsize(), strict=True))
        x = max(root.winfo_rootx() + (root.winfo_width() - width) // 2, 0)
        y = max(root.winfo_rooty() + (root.winfo_height() - height) // 3, 0)
        window.geometry(f"{width}x{height}+{x}+{y}")
        frame = tk.Frame(window, background=palette.surface, padx=px(16), pady=px(12))
        frame.pack(fill="both", expand=True)
        above = tk.Label(frame, text=inline(heading[1]), anchor="w", justify="left", wraplength=px(_SIZE[0] - 40))
        above.configure(background=palette.surface, foreground=palette.text)
        above.pack(fill="x", pady=(0, px(10)))
        ttk.Button(frame, text=_("Close"), command=window.destroy).pack(side="bottom", anchor="e", pady=(px(10), 0))
        self._titles = tk.Listbox(frame, height=_LISTED, exportselection=False, activestyle="none")
        self._text = tk.Text(frame, wrap="word", font="TkFixedFont", state="disabled", padx=px(8), pady=px(6))
        if texts:
            self._fill(frame, palette, px)
        for keys in ("<Escape>", "<Control-w>"):
            window.bind(keys, lambda event: window.destroy())

    def _fill(self, frame: tk.Frame, palette: Palette, px: Callable[[float], int]) -> None:
        for part, expands in ((self._titles, False), (self._text, True)):
            part.configure(background=palette.field, foreground=palette.text, borderwidth=0, highlightthickness=1)
            part.configure(highlightbackground=palette.line, highlightcolor=palette.accent)
            part.configure(selectbackground=palette.row_selected, selectforeground=palette.on_row_selected)
            row = tk.Frame(frame, background=palette.surface)
            row.pack(fill="both" if expands else "x", expand=expands, pady=(0, 0 if expands else px(8)))
            bar = ttk.Scrollbar(row, command=part.yview)
            part.configure(yscrollcommand=bar.set)
            bar.pack(in_=row, side="right", fill="y")
            part.pack(in_=row, side="left", fill="both", expand=True)
            part.lift()
        self._titles.insert("end", *(one_line(title) for title, _text in self._texts))
        self._titles.bind("<<ListboxSelect>>", lambda event: self._show())
        self._titles.selection_set(0)
        self._titles.focus_set()
        self._show()

    def _show(self) -> None:
        chosen = self._titles.curselection()  # type: ignore[no-untyped-call]
        if not chosen:
            return
        self._text.configure(state="normal")
        self._text.delete("1.0", "end")
        self._text.insert("1.0", inline(self._texts[chosen[0]][1]))
        self._text.configure(state="disabled")
        self._text.yview_moveto(0)
