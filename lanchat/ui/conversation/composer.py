"""Where a message is written: the field, what it answers or changes, and why a text cannot be sent."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import Protocol

from lanchat.i18n import _, ngettext
from lanchat.protocol.codes import RoomKind
from lanchat.protocol.limits import BODY_CHARACTERS_MAX, BODY_OCTETS_MAX
from lanchat.protocol.text.cleaning import clean_text
from lanchat.ui.conversation.emoji_input import EmojiInput
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.editor import TextEditor
from lanchat.ui.kit.fields.offer import Offer, first_part, text_parts
from lanchat.ui.kit.fields.placeholder import Placeholder
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.chat import Chat
from lanchat.ui.texts import words
from lanchat.ui.texts.files import shown_text

ROWS_MAX = 8
PARTS_MAX = 20  # of a text that is too long for one message
_PASTE_MS = 20
_COUNT_FROM = BODY_CHARACTERS_MAX - 400  # from here on the rest is counted


class ComposerKeys(Protocol):
    """Keys of the composer that mean something elsewhere."""

    def scroll_page(self, direction: int) -> None:
        """The conversation moves a page up (-1) or down (1)."""

    def walk_messages(self) -> None:
        """The keyboard goes to the conversation, on its last message."""


class Composer:
    """Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, chat: Chat, elsewhere: ComposerKeys) -> None:
        """`elsewhere` takes the keys that act on the conversation. The draft is in the field after the first `show`."""
        self._tools = tools
        self._chat = chat
        self._elsewhere = elsewhere
        px = tools.px
        self.frame = ttk.Frame(master, padding=(px(14), px(4), px(14), px(12)))
        self._banner = ttk.Frame(self.frame)
        self._says = Offer(tools, self.frame, self._answered)
        self._asked: str | None = None  # the text to which a question belongs that is not answered yet
        self._build_banner()
        self._row = ttk.Frame(self.frame)
        self._row.pack(fill="x", side="bottom")
        self._send = tools.icon_button(self._row, "send-fill", _("Send (Enter)"), self.send, ControlStyle.ACCENT)
        self._send.pack(side="right", anchor="s", padx=(px(8), 0))
        face = tools.icon_button(self._row, "emoji-smile", _("Emoji"), self.choose_emoji)
        face.pack(side="right", anchor="s", padx=(px(4), 0))
        self._box = ttk.Frame(self._row, style=ControlStyle.FIELD_FRAME.value, padding=(px(9), px(5)))
        self._box.pack(side="left", fill="x", expand=True)
        self._editor = TextEditor(tools, self._box, self._changed, self._too_long)
        self._editor.on_picture = lambda: chat.tell(_("The clipboard holds a picture. Only text can be pasted here."))
        self.text = self._editor.text
        self.text.pack(fill="x")
        self._emoji = EmojiInput(tools, self.frame, self._row, self._editor, chat)
        self._placeholder = Placeholder(tools, self.text, 5, self._hint)
        self._shown_room = -1
        self._bind()

    def _build_banner(self) -> None:
        tools, px = self._tools, self._tools.px
        tk.Frame(self._banner, background=tools.palette.link, width=px(3)).pack(side="left", fill="y", padx=(0, px(8)))
        close = tools.icon_button(self._banner, "x-lg", _("Cancel (Esc)"), self._chat.cancel)
        close.pack(side="right")
        words_ = ttk.Frame(self._banner)
        words_.pack(side="left", fill="x", expand=True)
        self._banner_title = tools.label(words_, "", ControlStyle.FIELD_NAME)
        self._banner_title.pack(anchor="w")
        self._banner_text = tools.label(words_, "", ControlStyle.SMALL)
        self._banner_text.pack(anchor="w")

    def _bind(self) -> None:
        text = self.text
        for sequence in ("<Return>", "<KP_Enter>"):
            text.bind(sequence, lambda event: self._return())
        for sequence in ("<Shift-Return>", "<Control-Return>", "<Shift-KP_Enter>"):
            text.bind(sequence, lambda event: self._new_line())
        text.bind("<Up>", lambda event: self._up())
        text.bind("<Control-Up>", lambda event: self._walk())
        text.bind("<Prior>", lambda event: self._page(-1))
        text.bind("<Next>", lambda event: self._page(1))
        text.bind("<Tab>", lambda event: self._leave(text.tk_focusNext()))
        text.bind("<Shift-Tab>", lambda event: self._leave(text.tk_focusPrev()))
        text.bind("<FocusIn>", lambda event: self._box.state(["focus"]))
        text.bind("<FocusOut>", lambda event: self._box.state(["!focus"]))
        text.bind("<Configure>", lambda event: self._grow(), add="+")

    # Keys

    def _return(self) -> str:
        if self._editor.pasting:
            self._tools.root.after(_PASTE_MS, self._return)
        else:
            self.send()
        return "break"

    def _new_line(self) -> str:
        self._editor.insert("\n")
        return "break"

    def _up(self) -> str | None:
        if self._editor.get():
            return None
        self._chat.edit_last()
        return "break"

    def _walk(self) -> str:
        self._elsewhere.walk_messages()
        return "break"

    def _page(self, direction: int) -> str:
        self._elsewhere.scroll_page(direction)
        return "break"

    def _leave(self, widget: tk.Misc | None) -> str:
        if widget:
            widget.focus_set()
        return "break"

    # What is written

    def _changed(self) -> None:
        text = self._editor.get()
        if self._emoji.changed(text):
            return
        self._chat.model.draft.text = text
        self._grow()
        self._judge(text)
        self._placeholder.show(not text)

    def _grow(self) -> None:
        rows = self._editor.rows(ROWS_MAX)
        if int(self.text["height"]) != rows:
            self.text.configure(height=rows)

    def _judge(self, text: str) -> None:
        """Says while somebody types why the text cannot be sent, or how much room is left."""
        stripped = clean_text(text).strip()
        problem = self._chat.too_long(stripped)
        left = BODY_CHARACTERS_MAX - len(stripped)
        hint = _("{n} characters left").format(n=left) if not problem and len(stripped) > _COUNT_FROM else ""
        if text and self._chat.model.archived:
            # The field shows what was written before; why it does not go out is said above it.
            problem, hint = "", _("Archived: read only")
        if self._asked != text:
            self._asked = None
            self._show_problem(problem, hint, text)
        sendable = bool(stripped) and not problem and self._chat.model.can_send()
        self._send.state(["!disabled" if sendable else "disabled"])

    def _show_problem(self, problem: str, hint: str, text: str) -> None:
        """Why the text cannot be sent, with the offer to keep what can; else how much room is left."""
        part = first_part(text, BODY_CHARACTERS_MAX, BODY_OCTETS_MAX) if problem else ""
        button = _("Keep the first {n}").format(n=len(part)) if problem else ""
        look = ControlStyle.ERROR if problem else ControlStyle.SMALL
        more, send = self._parts_offer(text) if problem else ("", None)
        if self._says.show(problem or hint, look, button, lambda: self._editor.change_to(part), more, send):
            self._place_offer()
        else:
            self._says.frame.pack_forget()

    def _parts_offer(self, text: str) -> tuple[str, Callable[[], None] | None]:
        """The button that sends a text in parts and what it does; empty when it cannot be."""
        parts: list[str] = []
        if self._chat.model.can_send() and not self._chat.model.draft.editing:
            parts = text_parts(clean_text(text), BODY_CHARACTERS_MAX, BODY_OCTETS_MAX, PARTS_MAX)
        if len(parts) < 2:
            return "", None
        button = ngettext("Send in {n} part", "Send in {n} parts", len(parts)).format(n=len(parts))
        return button, lambda: self._send_parts(parts)

    def _send_parts(self, parts: list[str]) -> None:
        self._chat.submit_parts(parts)
        self.show()

    def _place_offer(self) -> None:
        self._says.frame.pack(fill="x", side="top", anchor="w", pady=(0, self._tools.px(4)), before=self._row)

    def _too_long(self, pasted: str) -> None:
        """Nothing of it is in the field: the part that can be sent with what is there is offered."""
        rest = self._editor.without_selection()
        characters, octets = BODY_CHARACTERS_MAX - len(rest), BODY_OCTETS_MAX - len(rest.encode("utf-8", "replace"))
        part = first_part(clean_text(pasted[: 2 * BODY_CHARACTERS_MAX]), characters, octets)
        words_ = _("Too long: {count} characters, and a message has {limit} at most.").format(
            count=len(pasted), limit=BODY_CHARACTERS_MAX
        )
        button = _("Insert the first {n}").format(n=len(part)) if part else ""
        self._asked = self._editor.get()
        self._place_offer()
        more, send = self._parts_offer(rest + pasted)
        self._says.ask(words_, button, lambda: self._editor.insert(part), more, send)

    def _answered(self) -> None:
        self._asked = None
        self.focus()
        self._changed()

    def send(self) -> None:
        """Sends the text, when it can be sent; else it stays."""
        if self._chat.submit(self._editor.get()):
            self.show()
        self.focus()

    def type(self, text: str) -> None:
        """Something was typed elsewhere that is meant for here."""
        self.focus()
        self._editor.insert(glyphs.joined(text))

    def choose_emoji(self, chosen: Callable[[str], None] | None = None) -> None:
        """Opens the choice of emoji; `chosen` gets one instead of the text."""
        self._emoji.choose(chosen)

    def focus(self) -> None:
        """The keyboard goes to the text field."""
        self._editor.focus()

    # What is shown

    def show(self) -> None:
        """The draft of the open room."""
        model = self._chat.model
        draft = model.draft
        self._editor.enable(True)
        if self._shown_room != model.current or self._editor.get() != draft.text:
            self._shown_room = model.current
            self._editor.set(draft.text)
        self._editor.enable(model.can_write())
        self._placeholder.update()
        self._show_banner()
        self._changed()

    def _hint(self) -> tuple[str, ...]:
        """What the empty field says, in fewer words where it is narrow."""
        model = self._chat.model
        if model.archived:
            return _("Archived: read only"), _("Read only")
        if not model.can_write():
            return _("Cannot write here now"), _("Writing is off")
        if model.room is None:
            return (_("No room is open"),)
        if model.room.kind is RoomKind.DIRECT:
            return (_("Write a message"),)
        return (_("Message to {room}").format(room=glyphs.one_line(words.room_title(model.room), 60)),)

    def _show_banner(self) -> None:
        draft = self._chat.model.draft
        line = draft.editing or draft.reply
        if line is None:
            self._banner.pack_forget()
            return
        name = glyphs.one_line(words.author(line), 60)
        title = _("Edit your message") if draft.editing else _("Reply to {name}").format(name=name)
        self._banner_title.configure(text=title)
        text = _("This message was deleted") if line.deleted else glyphs.inline(glyphs.preview(shown_text(line), 90))
        self._banner_text.configure(text=text)
        self._banner.pack(fill="x", side="top", pady=(0, self._tools.px(6)))
