"""The frame of the pages before the conversation: a column in the middle, with the program's name, errors, what is
being waited for, and the switches for language and theme."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import Protocol

from lanchat.core.policy import LANGUAGE, THEME, Policy
from lanchat.i18n import _, language
from lanchat.ui.about import open_about
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.check import Check, checkbox
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.fields.field_problems import FieldName
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.entry import LoginFlow
from lanchat.ui.model.entry_model import LoginModel
from lanchat.ui.model.parts import WindowPart

WIDTH = 400
_TICKED = "ticked"


class PageHost(Protocol):
    """What the window as a whole offers to every page."""

    @property
    def policy(self) -> Policy:
        """What an administrator fixed on this computer."""

    def switch_language(self) -> None:
        """The other language, at once and from now on; the page is made anew."""

    def switch_theme(self) -> None:
        """Light or dark, at once and from now on; the page is made anew."""


class FormPage:
    """A page with a form. Subclasses fill `body` in `build` and say what has the keyboard first. Main thread."""

    width = WIDTH

    def __init__(self, tools: Toolkit, master: tk.Misc, flow: LoginFlow, switches: PageHost) -> None:
        """Builds the page and shows the model's state; the caller places `frame`."""
        self.tools = tools
        self.flow = flow
        self.model: LoginModel = flow.model
        px = tools.px
        self.frame = ttk.Frame(master)
        self._corner(switches)
        self.column = ttk.Frame(self.frame, width=px(self.width))
        self.column.place(relx=0.5, rely=0.5, anchor="center")
        self._keep_inside()
        head = self._head = ttk.Frame(self.column)
        tools.picture(head, "chat-dots-fill", 34, tools.palette.accent, tools.palette.surface).pack(side="left")
        tools.label(head, "LAN Chat", ControlStyle.HUGE).pack(side="left", padx=px(12))
        self.body = ttk.Frame(self.column)
        self.body.pack(fill="both", expand=True)
        self._says = tools.label(self.body, "", ControlStyle.ERROR, self.width)
        self._fields: list[Field] = []
        self._checks: list[Check] = []
        self._by_name: dict[FieldName, Field] = {}
        self._complained: tuple[str, FieldName | None] = ("", None)
        self._buttons: list[ttk.Button] = []
        self.build()
        self.update()

    def _corner(self, switches: PageHost) -> None:
        tools, px = self.tools, self.tools.px
        corner = ttk.Frame(self.frame)
        corner.place(relx=1, rely=1, x=-px(12), y=-px(10), anchor="se")
        other = "English" if language() == "ru" else "Русский"
        language_button = tools.button(corner, other, switches.switch_language, ControlStyle.QUIET, "translate")
        language_button.pack(side="left")
        dark = tools.palette.dark
        hint = _("Light theme") if dark else _("Dark theme")
        theme_button = tools.icon_button(corner, "sun" if dark else "moon", hint, switches.switch_theme)
        theme_button.pack(side="left")
        about = tools.icon_button(corner, "info-circle", _("About LAN Chat"), lambda: open_about(tools))
        about.pack(side="left")
        for name, button in ((LANGUAGE, language_button), (THEME, theme_button)):
            button.state(["disabled" if switches.policy.fixes(name) else "!disabled"])

    def _keep_inside(self) -> None:
        """In a small window the column takes what there is, and goes without the program's name."""

        def fit(event: "tk.Event[tk.Misc]") -> None:
            self._fit(event.width, event.height)

        def fit_again(_event: "tk.Event[tk.Misc]") -> None:
            if self.frame.winfo_height() > 1:  # else it is not on the screen yet
                self._fit(self.frame.winfo_width(), self.frame.winfo_height())

        self.frame.bind("<Configure>", fit)
        self.column.bind("<Configure>", fit_again)

    def _fit(self, width: int, height: int) -> None:
        px = self.tools.px
        self.column.place_configure(width=min(px(self.width), width - px(24)))
        named = self.body.winfo_reqheight() + self._head.winfo_reqheight() + px(30) <= height
        if named and not self._head.winfo_manager():
            self._head.pack(fill="x", pady=(0, px(14)), before=self.body)
        elif not named:
            self._head.pack_forget()

    def build(self) -> None:
        """Put the controls into `body`."""

    def focus(self) -> None:
        """The keyboard goes where somebody will type first."""
        empty = [field for field in self._fields if not field.get()]
        if chosen := next(iter(empty or self._fields), None):
            chosen.focus()

    def leave(self) -> None:
        """The page is about to be destroyed."""

    def heading(self, text: str, below: str = "") -> None:
        """A title in `body`; `below`: a paragraph under it, empty for none."""
        tools, px = self.tools, self.tools.px
        tools.label(self.body, text, ControlStyle.TITLE, self.width).pack(
            anchor="w", pady=(0, px(2) if below else px(12))
        )
        if below:
            tools.label(self.body, below, ControlStyle.MUTED, self.width).pack(anchor="w", pady=(0, px(14)))

    def field(
        self,
        name: str,
        value: str = "",
        *,
        about: FieldName,
        secret: bool = False,
        hint: str = "",
        master: tk.Misc | None = None,
    ) -> Field:
        """`about`: whose problems are shown below it."""
        field = Field(self.tools, master or self.body, name, value, secret=secret, hint=hint)
        if master is None:
            field.frame.pack(fill="x", pady=(0, self.tools.px(10)))
        self._fields.append(field)
        self._by_name[about] = field
        return field

    def checkbox(self, text: str, ticked: bool) -> Check:
        """A box in `body`; `ticked`: at first."""
        check = checkbox(self.tools, self.body, text, ticked)
        self._checks.append(check)
        return check

    def submit(self, text: str, command: Callable[[], None], icon: str = "") -> ttk.Button:
        """The button of the form, with what is wrong above it; Return in any field or box does the same."""
        self._says.pack(anchor="w")
        button = self.tools.button(self.body, text, command, ControlStyle.ACCENT, icon)
        button.pack(fill="x", pady=(self.tools.px(6), self.tools.px(6)))
        self._buttons.append(button)
        for field in self._fields:
            field.on_return(command)
        for check in self._checks:
            check.on_return(command)
        return button

    def link(self, master: tk.Misc, text: str, command: Callable[[], None]) -> ttk.Button:
        """A button that looks like a link, disabled while something is being waited for; the caller places it."""
        button = self.tools.button(master, text, command, ControlStyle.LINK)
        self._buttons.append(button)
        return button

    def server_line(self) -> None:
        """Which server this is about, with its fingerprint's words."""
        server = self.model.server
        if server is None:
            return
        tools, px = self.tools, self.tools.px
        line = ttk.Frame(self.body)
        line.pack(fill="x", pady=(0, px(14)))
        tools.picture(line, "shield-check", 18, tools.palette.success, tools.palette.surface).pack(
            side="left", anchor="n", padx=(0, px(8))
        )
        words = ttk.Frame(line)
        words.pack(side="left", fill="x", expand=True)
        tools.label(words, server.name, ControlStyle.FIELD_NAME).pack(anchor="w")
        tools.label(words, f"{server.host}:{server.port}", ControlStyle.SMALL).pack(anchor="w")
        tools.label(words, server.words, ControlStyle.SMALL, WIDTH - 30).pack(anchor="w")

    def kept(self) -> list[str]:
        """What was typed and ticked, for the same page in another language or theme."""
        return [field.get() for field in self._fields] + [_TICKED if check.get() else "" for check in self._checks]

    def restore(self, kept: list[str]) -> None:
        """Takes what `kept` of such a page returned: the texts of the fields, then the boxes, in their order."""
        for field, value in zip(self._fields, kept, strict=False):
            field.set(value)
        for check, value in zip(self._checks, kept[len(self._fields) :], strict=False):
            check.set(value == _TICKED)

    def attend(self) -> None:
        """Nothing here is read as a message is."""

    def update(self, part: WindowPart = WindowPart.ENTRY) -> None:
        """Shows errors, results and what is being waited for."""
        model = self.model
        at = self._by_name.get(model.field) if model.error and model.field else None
        text = model.busy or ("" if at else model.error) or model.done
        look = ControlStyle.MUTED if model.busy else ControlStyle.ERROR if model.error else ControlStyle.DONE
        self._says.configure(text=glyphs.inline(text), style=look.value)
        if not self._says.winfo_manager():
            self._says.pack(anchor="w", pady=(self.tools.px(8), 0))
        for field in self._fields:
            field.enable(not model.busy)
        for button in self._buttons:
            button.state(["disabled" if model.busy else "!disabled"])
        for field in self._fields:
            field.complain(model.error if field is at else "")
        complained = (model.error, model.field)
        if at and complained != self._complained:
            at.focus()
        self._complained = complained
