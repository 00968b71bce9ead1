"""Who the server is: accepting a new one, and the stop before one whose key has changed."""

import tkinter as tk
import tkinter.ttk as ttk

from lanchat.i18n import _
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.pages.card import WIDTH, FormPage
from lanchat.ui.texts import words


class IdentityPage(FormPage):
    """Name, words and digits of a server that this computer has not met."""

    def build(self) -> None:
        """The server is the model's, which must be there."""
        server = self.model.server
        assert server
        first = _("This computer connects to the server {name} for the first time. Nothing has been sent to it yet.")
        self.heading(_("Is this the right server?"), first.format(name=server.name))
        tools, px = self.tools, self.tools.px
        tools.label(self.body, f"{server.name} · {server.host}:{server.port}", ControlStyle.FIELD_NAME, WIDTH).pack(
            anchor="w"
        )
        fingerprint_box(tools, self.body, server.words, server.fingerprint).pack(fill="x", pady=px(8))
        for text in words_explained():
            tools.label(self.body, text, ControlStyle.MUTED, WIDTH).pack(anchor="w", pady=(px(2), px(4)))
        self._accept = self.submit(_("The words are the same: accept"), self.flow.accept, "shield-check")
        back = tools.button(self.body, _("Back"), self.flow.decline, ControlStyle.PLAIN)
        back.pack(fill="x")

    def focus(self) -> None:
        """The keyboard goes to the button that accepts."""
        self._accept.focus_set()


def words_explained() -> tuple[str, str]:
    """Where the words are shown, and what to do when they are the same, or not."""
    return (
        _(
            "The server shows its words in its window and when it starts. They are English for everybody; only compare"
            " them. By telephone the first four groups of the fingerprint are as good."
        ),
        _("If they are not the same, press \u201cBack\u201d and tell the administrator of the server."),
    )


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
    """The server has another key than before: whoever goes on has compared the words of the new one."""

    width = 480

    def build(self) -> None:
        """What happened, and what a person can do; the first button leads back to the list of servers."""
        tools, px = self.tools, self.tools.px
        title = ttk.Frame(self.body)
        title.pack(fill="x", pady=(0, px(6)))
        tools.picture(title, "shield-x", 34, tools.palette.danger, tools.palette.surface).pack(side="left")
        heading = tools.label(title, _("This is not the server that you know"), ControlStyle.TITLE, self.width - 50)
        heading.pack(side="left", padx=(px(10), 0))
        for text in self._texts():
            tools.label(self.body, text, ControlStyle.TEXT, self.width).pack(anchor="w", pady=(0, px(8)))
        if (anew := self.model.anew) is not None:
            fingerprint_box(tools, self.body, anew.words, anew.fingerprint).pack(fill="x")
        back = tools.button(self.body, _("Back to the list of servers"), self.flow.decline, ControlStyle.ACCENT)
        back.pack(fill="x", pady=(px(8), 0))
        if self.model.anew is not None:
            self._says.pack(anchor="w")
            self.link(self.body, _("The words are the same: start anew"), self.flow.start_anew).pack(anchor="w")
        self._back = back

    def _texts(self) -> tuple[str, ...]:
        server = self.model.anew or self.model.server
        happened = _(
            "The key of the server {name} is not the one that was accepted before. Somebody may be pretending to be"
            " your server. Nothing was sent to it, not even the password."
        )
        if server is None:
            happened = _(
                "The key of the server is not the one that was accepted before. Somebody may be pretending to be your"
                " server. Nothing was sent to it, not even the password."
            )
        texts = (
            happened.format(name=server.name if server else ""),
            _(
                "Ask the administrator of the server, by telephone or face to face. With its old key, from a backup,"
                " the server is trusted again by itself."
            ),
        )
        if self.model.anew is None:
            return texts
        return (
            *texts,
            _(
                "If the server was set up anew and shows these words, you can start anew with it, with a new account."
                " Old messages stay readable on this computer, in \u201cAbout the server\u201d."
            ),
        )

    def focus(self) -> None:
        """The keyboard goes to the button that leads back."""
        self._back.focus_set()
