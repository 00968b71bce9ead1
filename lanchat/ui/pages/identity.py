"""Who the server is: accepting a new one, and the stop before one whose key has changed."""

import tkinter as tk

from lanchat.i18n import _
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model import words
from lanchat.ui.pages.card import WIDTH, FormPage


class IdentityPage(FormPage):
    """Name, words and digits of a server that this computer has not met."""

    def build(self) -> None:
        """The server is the model's, which must be there."""
        server = self.model.server
        assert server
        self.heading(
            _("Is this the right server?"),
            _("This computer meets {name} for the first time. Nothing has been sent to it yet.").format(
                name=server.name
            ),
        )
        tools, px = self.tools, self.tools.px
        tools.label(self.body, f"{server.name} · {server.host}:{server.port}", ControlStyle.FIELD_NAME, WIDTH).pack(
            anchor="w"
        )
        fingerprint_box(tools, self.body, server.words, server.fingerprint).pack(fill="x", pady=px(8))
        text = _(
            "Ask the person who runs the server for its eight words and compare them. "
            "If they are the same, nobody else can pretend to be this server to you."
        )
        tools.label(self.body, text, ControlStyle.MUTED, WIDTH).pack(anchor="w", pady=(px(4), px(8)))
        self._accept = self.submit(_("The words are the same: accept"), self.flow.accept, "shield-check")
        back = tools.button(self.body, _("Back"), self.flow.decline, ControlStyle.PLAIN)
        back.pack(fill="x")

    def focus(self) -> None:
        """The keyboard goes to the button that accepts."""
        self._accept.focus_set()


def fingerprint_box(tools: Toolkit, master: tk.Misc, said: str, fingerprint: str) -> tk.Frame:
    """The eight words of a fingerprint in two lines, its digits below."""
    palette, px = tools.palette, tools.px
    box = tk.Frame(master, background=palette.sidebar, padx=px(14), pady=px(12))
    parts = said.split()
    for row in range(0, len(parts), 4):
        for column, word in enumerate(parts[row : row + 4]):
            cell = tk.Label(
                box, text=word, font=Font.NAME.value, background=palette.sidebar, foreground=palette.text, anchor="w"
            )
            cell.grid(row=row // 4, column=column, sticky="w")
            box.columnconfigure(column, weight=1, uniform="words")
    digits = tk.Label(
        box,
        text=words.grouped_hex(fingerprint),
        font=Font.MONO_SMALL.value,
        background=palette.sidebar,
        foreground=palette.muted,
        justify="left",
    )
    digits.grid(row=9, column=0, columnspan=4, sticky="w", pady=(px(8), 0))
    return box


class ChangedPage(FormPage):
    """The server has another key than before: there is no button that goes on."""

    def build(self) -> None:
        """What happened, and what a person can do; the button leads back to the list of servers."""
        tools, px = self.tools, self.tools.px
        tools.picture(self.body, "shield-x", 46, tools.palette.danger, tools.palette.surface).pack(anchor="w")
        server = self.model.server
        name = server.name if server else _("The server")
        tools.label(self.body, _("This is not the server that you know"), ControlStyle.TITLE, WIDTH).pack(
            anchor="w", pady=(px(8), px(6))
        )
        for text in (
            _(
                "{name} shows another key than the one that this computer has accepted before. Somebody may be "
                "pretending to be your server. Nothing was sent to it, your password least of all."
            ).format(name=name),
            _("What to do: ask the person who runs the server, by telephone or face to face."),
            _(
                "If it was set up anew without its old key, the key can be brought back from a backup; the server is "
                "then trusted again by itself. Without a backup, begin with a new profile: lanchat --profile FOLDER."
            ),
        ):
            tools.label(self.body, text, ControlStyle.TEXT, WIDTH).pack(anchor="w", pady=(0, px(10)))
        back = tools.button(self.body, _("Back to the list of servers"), self.flow.decline, ControlStyle.PLAIN)
        back.pack(fill="x", pady=(px(6), 0))
        self._back = back

    def focus(self) -> None:
        """The keyboard goes to the button that leads back."""
        self._back.focus_set()
