"""The log in the server's window: the last lines, of a level, with some words in them."""

import logging
import tkinter as tk
import tkinter.ttk as ttk
from typing import Any

from lanchat.i18n import _
from lanchat.protocol.text.cleaning import clean_line
from lanchat.ui.administration.page_view import choice
from lanchat.ui.kit.canvas.glyphs import inline
from lanchat.ui.kit.fields.entry_text import EntryText
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.theme import Palette
from lanchat.ui.kit.toolkit import Toolkit
from lanchat_server.window.log import LINES_MAX, LogLine, WindowLog

_LEVELS = (logging.NOTSET, logging.WARNING, logging.ERROR)


class LogPane:
    """Main thread."""

    def __init__(self, tools: Toolkit, parent: Any, log: WindowLog) -> None:
        """The caller places `frame` in `parent`. Shows nothing before `refresh`."""
        self._source = log
        self._tools = tools
        px = tools.px
        self._shown = 0
        self._filter: tuple[int, str] = (_LEVELS[0], "")
        self.frame = ttk.Frame(parent)
        self.frame.columnconfigure(0, weight=1)
        self.frame.rowconfigure(1, weight=1)
        self._build_filter()
        self._text = tk.Text(self.frame, height=8, wrap="word", state="disabled", borderwidth=0, padx=px(8), pady=px(4))
        self._text.configure(font="TkFixedFont", highlightthickness=1, takefocus=True)
        self._text.grid(row=1, column=0, sticky="nsew")
        bar = ttk.Scrollbar(self.frame, command=self._text.yview, style=ControlStyle.SCROLLBAR.value)
        bar.grid(row=1, column=1, sticky="ns")
        self._text.configure(yscrollcommand=bar.set)
        self._following = True
        self._top = "1.0"
        self._text.bind("<Configure>", lambda _event: self._follow())

    def _build_filter(self) -> None:
        tools, px = self._tools, self._tools.px
        row = ttk.Frame(self.frame)
        row.grid(row=0, column=0, columnspan=2, sticky="ew", pady=(0, px(4)))
        row.columnconfigure(0, weight=1)
        tools.label(row, _("Log"), ControlStyle.TITLE).grid(row=0, column=0, sticky="w")
        tools.label(row, _("Show")).grid(row=0, column=1, padx=(0, px(6)))
        names = [_("everything"), _("warnings and errors"), _("errors")]
        self._level = choice(tools, row, names, lambda place: self.refresh())
        self._level.current(0)
        self._level.grid(row=0, column=2, padx=(0, px(16)))
        tools.label(row, _("containing")).grid(row=0, column=3, padx=(0, px(6)))
        entry = ttk.Entry(row, width=22, style=ControlStyle.ENTRY.value, font="TkTextFont")
        entry.grid(row=0, column=4)
        self._words = EntryText(entry)
        self._words.on_change(self.refresh)

    def refresh(self) -> None:
        """Add what came; begin anew when the filter was changed."""
        wanted = (_LEVELS[self._level.current()], clean_line(self._words.get()))
        if wanted != self._filter:
            self._filter, self._shown = wanted, 0
            self._write([], clear=True)
        elif self._source.count == self._shown:
            return
        newest = self._source.count
        lines = self._source.after(self._shown, *self._filter)
        self._shown = newest
        self._write([line for line in lines if line.number <= newest])

    def _write(self, lines: list[LogLine], clear: bool = False) -> None:
        # Where it stood after the last line came is where it still stands, unless somebody scrolled.
        stayed = self._following and self._text.index("@0,0") == self._top
        self._following = clear or stayed or self._text.yview()[1] >= 0.999
        self._text.configure(state="normal")
        if clear:
            self._text.delete("1.0", "end")
        for line in lines:
            self._text.insert("end", f"{inline(line.text)}\n", _tag(line.level))
        surplus = int(self._text.index("end-1c").split(".")[0]) - 1 - LINES_MAX
        if surplus > 0:
            self._text.delete("1.0", f"{surplus + 1}.0")
        self._text.configure(state="disabled")
        self._follow()

    def _follow(self) -> None:
        """Keep the newest line in sight, unless somebody scrolled up to read."""
        if self._following:
            # Else the widget, which measures lines when it has time, would not know yet where the end is.
            self._text.tk.call(self._text, "sync")
            self._text.yview_moveto(1.0)
            self._top = self._text.index("@0,0")

    def paint(self, palette: Palette) -> None:
        """The colours of a theme that was just chosen, also of the lines that are there."""
        self._text.configure(
            background=palette.field,
            foreground=palette.text,
            highlightbackground=palette.line,
            highlightcolor=palette.accent,
            selectbackground=palette.selection,
            selectforeground=palette.on_selection,
        )
        self._text.tag_configure("warning", foreground=palette.warning)
        self._text.tag_configure("error", foreground=palette.on_danger_soft)
        self._text.tag_raise("sel")


def _tag(level: int) -> str:
    return "error" if level >= logging.ERROR else "warning" if level >= logging.WARNING else ""
