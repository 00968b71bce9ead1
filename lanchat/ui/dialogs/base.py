"""A small window over the main one: title, content, what went wrong, buttons. Esc closes it, Return does it."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import TypeVar

from lanchat.app import api
from lanchat.i18n import _
from lanchat.ui.dialogs.requests import DialogRequests
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.chat import Chat

T = TypeVar("T")
WIDTH = 400


class Dialog:
    """Subclasses fill `body` in `build`. Answers that come after it was closed are dropped. Main thread."""

    title = ""
    resizable = False

    def __init__(self, tools: Toolkit, chat: Chat) -> None:
        """Builds and opens the dialog. It takes the keyboard and all clicks in the window until it is closed."""
        self.tools = tools
        self.chat = chat
        px = tools.px
        self.window = tk.Toplevel(tools.root, background=tools.palette.surface)
        self.window.withdraw()
        self.window.title(glyphs.one_line(self.title))
        self.window.transient(tools.root)
        self.window.resizable(self.resizable, self.resizable)
        frame = ttk.Frame(self.window, padding=px(20))
        frame.pack(fill="both", expand=True)
        self.buttons = ttk.Frame(frame)
        self.buttons.pack(side="bottom", fill="x", pady=(px(14), 0))
        self._says = tools.label(frame, "", ControlStyle.ERROR, WIDTH)
        self._says.pack(side="bottom", anchor="w")
        self.body = ttk.Frame(frame)
        self.body.pack(fill="both", expand=True)
        self._fields: list[Field] = []
        self._requests = DialogRequests(chat.ask, self._show_requests)
        self._main: ttk.Button | None = None
        self.build()
        self._open()

    def build(self) -> None:
        """Put the controls into `body` and `buttons`."""

    def first(self) -> tk.Misc:
        """What has the keyboard when the dialog opens."""
        return self._fields[0].entry if self._fields else self._main or self.window

    def _open(self) -> None:
        window, root = self.window, self.tools.root
        window.protocol("WM_DELETE_WINDOW", self.close)
        window.bind("<Escape>", lambda event: self.close())
        for key in ("<Return>", "<KP_Enter>"):
            window.bind(key, self._return)
        window.update_idletasks()
        width, height = window.winfo_reqwidth(), window.winfo_reqheight()
        x = root.winfo_rootx() + (root.winfo_width() - width) // 2
        y = root.winfo_rooty() + (root.winfo_height() - height) // 3
        x = max(min(x, window.winfo_screenwidth() - width), 0)
        y = max(min(y, window.winfo_screenheight() - height), 0)
        window.geometry(f"+{x}+{y}")
        window.deiconify()
        window.wait_visibility()
        window.grab_set()
        self.first().focus_force()

    def _return(self, event: "tk.Event[tk.Misc]") -> None:
        """The default button, from wherever Return has no meaning of its own (a box, the dialog itself)."""
        if self._main and (event.widget is self.window or isinstance(event.widget, ttk.Checkbutton)):
            self._main.invoke()

    def close(self) -> None:
        """Takes the window away; the keyboard goes back to where it was."""
        self._requests.close()
        if self.window.winfo_exists():
            self.window.grab_release()
            self.window.destroy()
            self.tools.take_keyboard()

    # Content

    def text(self, words: str, look: ControlStyle = ControlStyle.TEXT) -> ttk.Label:
        """A paragraph in `body`, wrapped at the width of dialogs."""
        label = self.tools.label(self.body, words, look, WIDTH)
        label.pack(anchor="w", pady=(0, self.tools.px(10)))
        return label

    def field(self, name: str, value: str = "", *, secret: bool = False, hint: str = "") -> Field:
        """An entry field in `body`. `main_button`, when it is made afterwards, binds Return in it."""
        field = Field(self.tools, self.body, name, value, secret=secret, hint=hint)
        field.entry.configure(width=44)
        field.frame.pack(fill="x", pady=(0, self.tools.px(10)))
        self._fields.append(field)
        return field

    def main_button(
        self, text: str, command: Callable[[], None], look: ControlStyle = ControlStyle.ACCENT
    ) -> ttk.Button:
        """The button that does it, with Cancel beside it."""
        px = self.tools.px
        self._main = self.tools.button(self.buttons, text, command, look)
        self._main.pack(side="right")
        self.tools.button(self.buttons, _("Cancel"), self.close, ControlStyle.PLAIN).pack(side="right", padx=px(8))
        for field in self._fields:
            field.on_return(command)
        return self._main

    def close_button(self) -> ttk.Button:
        """The button of a dialog without `main_button`; it has the keyboard first where there is no field."""
        self._main = self.tools.button(self.buttons, _("Close"), self.close, ControlStyle.PLAIN)
        self._main.pack(side="right")
        return self._main

    # Commands

    def problem(self, text: str) -> None:
        """Says what is wrong; empty: nothing."""
        self._requests.problem = text

    def ask(self, command: api.Command[T], then: Callable[[T], None]) -> None:
        """Runs what a person chose, after what was chosen before; the main button rests. Its error is shown here."""
        self._requests.act(command, then)

    def read(
        self,
        command: api.Command[T],
        then: Callable[[T], None],
        *,
        busy: str = "",
        ended: Callable[[], None] | None = None,
    ) -> None:
        """Runs what the dialog itself needs, beside what is chosen meanwhile; its error is shown here. `busy`: what is
        said until the answer, empty for nothing. `ended` is called after `then`, or when it failed."""
        self._requests.read(command, then, busy=busy, ended=ended)

    def _show_requests(self) -> None:
        if not self.window.winfo_exists():
            return
        requests = self._requests
        look = ControlStyle.MUTED if requests.busy else ControlStyle.ERROR
        self._says.configure(text=glyphs.inline(requests.busy or requests.problem), style=look.value)
        if self._main:
            self._main.state(["disabled" if requests.acts else "!disabled"])


class Confirm(Dialog):
    """A question with a button that says what it does."""

    def __init__(self, tools: Toolkit, chat: Chat, title: str, text: str, button: str, do: Callable[[], None]) -> None:
        """`do` is called after the button was pressed and the dialog is closed."""
        self.title = title
        self._text = text
        self._button = button
        self._do = do
        super().__init__(tools, chat)

    def build(self) -> None:
        """The question, what follows from a yes, and the button in the colour of danger."""
        self.text(self.title, ControlStyle.TITLE)
        self.text(self._text)
        self.main_button(self._button, self._yes, ControlStyle.DANGER)

    def _yes(self) -> None:
        self.close()
        self._do()


def key_line(tools: Toolkit, master: tk.Misc, row: int, left: str, right: str) -> None:
    """A line of a table with a name and a text."""
    px = tools.px
    name = tools.label(master, left, ControlStyle.FIELD_NAME)
    name.configure(font=Font.SMALL_BOLD.value)
    name.grid(row=row, column=0, sticky="nw", padx=(0, px(16)), pady=px(3))
    tools.label(master, right, ControlStyle.TEXT, 260).grid(row=row, column=1, sticky="nw", pady=px(3))
