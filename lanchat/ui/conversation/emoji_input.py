"""Names that are typed in the composer: of emoji (`:tada:`) and members (`@anna`), what they may become, and the choice
of all emoji."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable

from lanchat.app.api import Person
from lanchat.i18n.emoji import Emoji, named, suggestions, typed_name
from lanchat.protocol.text.mentions import typed_mention
from lanchat.ui.conversation.emoji_picker import EmojiPicker
from lanchat.ui.conversation.emoji_suggestions import EmojiSuggestions
from lanchat.ui.kit.fields.editor import TextEditor
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.mentions import mentionable

_NAME_MAX = 40  # characters before the cursor that are looked at


class EmojiInput:
    """Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, row: ttk.Frame, editor: TextEditor, chat: Chat) -> None:
        """`row`: what the suggestions stand above, a child of `master`."""
        self._tools = tools
        self._row = row
        self._editor = editor
        self._chat = chat
        self._length = 0
        self._dismissed = ""  # the beginning for which nothing more is suggested
        self._picker: EmojiPicker | None = None
        self._suggestions = EmojiSuggestions(tools, master, self._complete)
        text = editor.text
        tag = f"EmojiInput{text}"
        text.bindtags((tag, *text.bindtags()))
        keys: dict[str, Callable[[], None]] = {
            "Tab": self._suggestions.accept,
            "Down": lambda: self._suggestions.move(1),
            "Up": lambda: self._suggestions.move(-1),
            "Escape": self._dismiss,
        }
        for key, do in keys.items():
            text.bind_class(tag, f"<{key}>", lambda event, do=do: self._key(do))  # type: ignore[misc]

    def _key(self, do: Callable[[], None]) -> str | None:
        if not self._suggestions:
            return None
        do()
        return "break"

    def changed(self, text: str) -> bool:
        """The text became this one. True: a name that was just completed is an emoji now, and the change was told of
        anew."""
        grown, self._length = len(text) - self._length == 1, len(text)
        before = self._editor.before_cursor(_NAME_MAX)
        found = typed_name(before)
        if grown and found and found[1] and (emoji := named(found[0])):
            self._put(emoji, len(found[0]) + 2)
            return True
        self._suggest(before, found)
        return False

    def _suggest(self, before: str, found: tuple[str, bool] | None) -> None:
        if not (found or typed_mention(before) is not None) or not before.endswith(self._dismissed):
            self._dismissed = ""
        shown: tuple[Emoji | Person, ...] = ()
        if not self._dismissed:
            shown = tuple(suggestions(before, 6)) or mentionable(self._chat.model, before)
        if self._suggestions.show(shown):
            self._suggestions.frame.pack(
                fill="x", side="top", anchor="w", pady=(0, self._tools.px(4)), before=self._row
            )
        else:
            self._suggestions.frame.pack_forget()

    def _dismiss(self) -> None:
        before = self._editor.before_cursor(_NAME_MAX)
        self._dismissed = before
        self._suggest(before, typed_name(before))

    def _complete(self, emoji: Emoji | Person) -> None:
        if isinstance(emoji, Person):
            begun = typed_mention(self._editor.before_cursor(_NAME_MAX)) or ""
            self._editor.replace_before(len(begun) + 1, f"@{emoji.name} ")
            self._editor.focus()
            return
        found = typed_name(self._editor.before_cursor(_NAME_MAX))
        if found:
            self._put(emoji, len(found[0]) + 1 + found[1])
        self._editor.focus()

    def _put(self, emoji: Emoji, instead: int) -> None:
        self._chat.model.used_emoji(emoji.text)
        self._editor.replace_before(instead, emoji.text)

    def choose(self, chosen: Callable[[str], None] | None = None) -> None:
        """Opens the choice of all emoji, or closes it; `chosen` gets one instead of the text."""
        if self._picker:
            self._picker.close()
            return

        def take(emoji: str) -> None:
            self._chat.model.used_emoji(emoji)
            (chosen or self._editor.insert)(emoji)

        model = self._chat.model
        self._picker = EmojiPicker(self._tools, self._row, model.recent_emoji, take, self._closed)

    def _closed(self) -> None:
        self._picker = None
        self._editor.focus()
