"""The state line at the bottom: what the connection is doing, in plain words."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable

from lanchat.app.api import LinkState
from lanchat.i18n import _
from lanchat.ui.kit import tooltip
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.elided import ElidedLabel
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.chat_model import ChatModel
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.texts.state_words import state_lines

_GOOD = {LinkState.LIVE}
_BAD = {LinkState.FORKED, LinkState.REFUSED}
# In a narrower window the whole line is for the state: the server's name is behind its icon.
_NAMED_FROM = 800


class StatusBar:
    """`about` shows the server's identity. Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, model: ChatModel, about: Callable[[], None]) -> None:
        """Empty until `update`; the caller places `frame`."""
        self._tools = tools
        self._model = model
        px, palette = tools.px, tools.palette
        self.frame = tk.Frame(master, background=palette.sidebar)
        tk.Frame(self.frame, background=palette.line, height=1).pack(fill="x")
        line = ttk.Frame(self.frame, style=ControlStyle.SIDE.value, padding=(px(12), px(3)))
        line.pack(fill="x")
        self._server = tk.Label(
            line,
            background=palette.sidebar,
            foreground=palette.muted,
            font=Font.SMALL.value,
            compound="left",
            cursor="hand2",
        )
        self._server.bind("<Button-1>", lambda event: about())
        tooltip.attach(self._server, palette, _("About this server"))
        self._server.pack(side="right")
        self._dot = tk.Label(line, background=palette.sidebar, borderwidth=0)
        self._dot.pack(side="left", padx=(0, px(6)))
        # One line whatever it says: what stands above must not move while somebody types or reads.
        self._says = ElidedLabel(tools, line, ControlStyle.SIDE_SMALL, Font.SMALL)
        self._says.label.pack(side="left", fill="x", expand=True)
        self._name = ""
        line.bind("<Configure>", self._resized)

    def update(self, part: WindowPart) -> None:
        """Draws what changed."""
        if part & (WindowPart.LINK | WindowPart.ACCOUNT):
            self._show()

    def _show(self) -> None:
        link, server, palette = self._model.link, self._model.server, self._tools.palette
        name = glyphs.one_line(server.name, 40) if server else ""
        state = link.state
        if state in _GOOD:
            colour, text_colour = palette.online, palette.success
        elif state in _BAD:
            colour, text_colour = palette.danger, palette.on_danger_soft
        else:
            colour, text_colour = palette.away, palette.warning
        dot = self._tools.images.disc(self._tools.px(10), colour, palette.sidebar)
        self._dot.configure(image=dot)
        self._says.label.configure(foreground=text_colour)
        self._says.show(*state_lines(link, name))
        shield = self._tools.images.icon("shield-check", 12, palette.muted)
        self._name = name
        self._server.configure(image=shield if name else "")
        self._show_name(self.frame.winfo_width())

    def _resized(self, event: "tk.Event[tk.Misc]") -> None:
        self._show_name(event.width)

    def _show_name(self, width: int) -> None:
        shown = self._name and width >= self._tools.px(_NAMED_FROM)
        self._server.configure(text=f" {self._name}" if shown else "")
