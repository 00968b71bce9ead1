"""The middle of the main page: the room's name, the conversation, the way back to its end, what is told in passing."""

import threading
import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable

from lanchat.i18n import _, ngettext
from lanchat.protocol.codes import RoomKind
from lanchat.ui import dialogs
from lanchat.ui.conversation.composer import Composer
from lanchat.ui.conversation.pane import Pane
from lanchat.ui.dialogs.files import save_file
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import Font, HitArea, HitAreaKind
from lanchat.ui.kit.elided import ElidedLabel
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.room_actions import room_menu
from lanchat.ui.menus import menus
from lanchat.ui.menus.keys import Action
from lanchat.ui.menus.menus import MessageAction
from lanchat.ui.menus.popup import below, popup
from lanchat.ui.model.chat import Chat
from lanchat.ui.model.chat_model import ScrollTarget
from lanchat.ui.model.entries import MessageEntry, shown_time
from lanchat.ui.model.parts import WindowPart
from lanchat.ui.texts import words
from lanchat.ui.texts.files import shown_text

_NOTICE_MS = 8000


class MessagesView:
    """Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, chat: Chat, run: Callable[[Action], None]) -> None:
        """`run` does what a button or a menu asks for. Nothing is shown before the first `update`."""
        self._tools = tools
        self._chat = chat
        self._run = run
        self.frame = ttk.Frame(master)
        for side in ("left", "right"):  # the hairlines to the neighbours
            edge = tk.Frame(self.frame, background=tools.palette.line, width=1)
            edge.pack(side=side, fill="y")
        self._shown_room = -1
        self._build_header()
        self.composer = Composer(tools, self.frame, chat, self)
        self.composer.frame.pack(side="bottom", fill="x")
        self.pane = Pane(self.frame, tools.kit, tools.images, self)
        self.pane.frame.pack(fill="both", expand=True)
        self._down = tools.button(self.frame, "", chat.to_end, ControlStyle.PLAIN, "arrow-down")
        self._down_text = ""
        self._empty = tools.label(self.frame, "", ControlStyle.MUTED, 320)
        self._notice = _Notice(tools, self.frame, chat)

    def _build_header(self) -> None:
        tools, px = self._tools, self._tools.px
        header = ttk.Frame(self.frame, padding=(px(16), px(8), px(10), px(8)))
        header.pack(fill="x")
        tk.Frame(self.frame, background=tools.palette.line, height=1).pack(fill="x")
        buttons = ttk.Frame(header)
        buttons.pack(side="right")
        tools.icon_button(buttons, "search", _("Search in messages (Ctrl+F)"), lambda: self._run(Action.SEARCH)).pack(
            side="left"
        )
        tools.icon_button(
            buttons, "people", _("Show or hide the people (Ctrl+P)"), lambda: self._run(Action.PEOPLE_PANEL)
        ).pack(side="left")
        self._menu = tools.icon_button(buttons, "three-dots-vertical", _("Room"), self._room_menu)
        self._menu.pack(side="left")
        names = ttk.Frame(header)
        names.pack(side="left", fill="x", expand=True)
        self._title = ElidedLabel(tools, names, ControlStyle.TITLE, Font.TITLE)
        self._title.label.pack(anchor="w", fill="x")
        self._below = ElidedLabel(tools, names, ControlStyle.SMALL, Font.SMALL)
        self._below.label.pack(anchor="w", fill="x")

    def _room_menu(self) -> None:
        room = self._chat.model.room
        if room:
            entries = [*menus.conversation_entries(self._run), *room_menu(self._tools, self._chat, room)]
            below(self._tools, self._menu, entries)

    # Showing

    def update(self, part: WindowPart) -> None:
        """Draws what changed."""
        if part & (WindowPart.ROOM | WindowPart.PEOPLE):
            self._show_header()
        if WindowPart.LINES in part or WindowPart.ROOM in part:
            self._show_lines()
        if part & (WindowPart.DRAFT | WindowPart.ROOM):
            self.composer.show()
        if WindowPart.NOTICE in part:
            self._notice.show()

    def _show_header(self) -> None:
        model = self._chat.model
        room = model.room
        if room is None:
            self._title.show("LAN Chat")
            self._below.show("")
            return
        self._title.show(glyphs.one_line(words.room_title(room), 100))
        if room.kind is RoomKind.DIRECT:
            person = model.people.get(room.partner)
            about = f"@{glyphs.one_line(person.name, 40)} · {words.presence(person)}" if person else ""
            self._below.show(about)
        else:
            kind, online = words.room_kind(room), model.online_members()
            parts = (f"{kind} · {words.members(room.members, online)}", f"{kind} · {words.members(room.members)}")
            self._below.show(*parts, words.members(room.members))

    def _show_lines(self) -> None:
        model = self._chat.model
        if self._shown_room != model.current:
            self._shown_room = model.current
            room = model.room
            self.pane.open(model.me, room is None or room.kind is not RoomKind.DIRECT)
        jump, model.jump = model.jump, None
        entries = model.entries()
        self.pane.show(entries, self._target(jump), bool(jump and jump.end))
        self._show_empty(bool(entries))

    def _target(self, jump: ScrollTarget | None) -> str | None:
        return jump.key if jump and jump.key else None

    def _show_empty(self, filled: bool) -> None:
        timeline = self._chat.model.timeline
        if filled:
            self._empty.place_forget()
            return
        if timeline is None:
            text = _("Choose a room at the left.")
        elif timeline.loaded:
            text = _("No messages here yet. Write the first one!")
        else:
            text = _("Fetching the conversation…")
        self._empty.configure(text=text)
        self._empty.place(in_=self.pane.frame, relx=0.5, rely=0.5, anchor="center")

    # The pane's reports

    def near_top(self) -> None:
        """Loads older messages, unless that is under way or there are none."""
        self._chat.load_older()

    def near_bottom(self) -> None:
        """Loads newer messages, unless that is under way or there are none."""
        self._chat.load_newer()

    def scrolled(self) -> None:
        """What is visible has been seen; the button that leads to the end is there while the end is out of sight."""
        self.attend()
        timeline = self._chat.model.timeline
        away = timeline is not None and timeline.loaded and not (timeline.at_bottom and self.pane.at_end())
        if not away:
            self._chat.model.missed = 0
            self._down.place_forget()
            return
        missed = self._chat.model.missed
        told = ngettext("{n} new message", "{n} new messages", missed).format(n=missed)
        text = f" {told}" if missed else ""
        if text != self._down_text or not self._down.winfo_manager():
            self._down_text = text
            self._down.configure(text=text)
            px = self._tools.px
            self._down.place(in_=self.pane.canvas, relx=1, rely=1, x=-px(16), y=-px(14), anchor="se")

    def attend(self) -> None:
        """What is visible has been seen, when the person looks at this window."""
        if self._chat.model.focused:
            self._chat.seen(self._shown_room, self.pane.last_seen())

    def typed(self, text: str) -> None:
        """Puts the text into the composer, which takes the keyboard."""
        self.composer.type(text)

    def explain(self, message: MessageEntry, spot: HitArea) -> str:
        """The time in full, what the ticks mean, who reacted, or where a link leads; empty for everything else."""
        line = message.line
        if spot.touch in (HitAreaKind.TICKS, HitAreaKind.TIME):
            told = words.full_moment(shown_time(line))
            if line.imported:
                told += "\n" + _("Imported from another program: who wrote it is not proven")
            return f"{told}\n{words.ticks(line)}" if spot.touch is HitAreaKind.TICKS else told
        if spot.touch is HitAreaKind.CHIP:
            return self._reactors(message, spot.value)
        if spot.touch is HitAreaKind.LINK:
            return glyphs.one_line(spot.value, 300)
        if spot.touch is HitAreaKind.COPY_CODE:
            return _("Copy the code")
        return ""

    def _reactors(self, message: MessageEntry, emoji: str) -> str:
        people = self._chat.model.people
        users = next((r.users for r in message.line.reactions if r.emoji == emoji), ())
        names = [glyphs.one_line(words.person_name(people[user]), 40) for user in users if user in people]
        shown = ", ".join(names[:12]) + ("…" if len(users) > 12 else "")
        return f"{menus.reaction_name(emoji)}: {shown}"

    def touched(self, message: MessageEntry, spot: HitArea, event: "tk.Event[tk.Misc]") -> None:
        """Opens a link in the browser (copies an invite link), jumps to what is quoted, adds or takes back a reaction,
        shows receipts, or opens the menu at an author's name."""
        line = message.line
        match spot.touch:
            case HitAreaKind.LINK if spot.value.lower().startswith("lanchat:"):
                # A browser knows nothing of it, and to leave this server takes more than a click.
                self._copy(spot.value)
                self._chat.tell(_("The invite link is copied. Paste it where you choose a server."))
            case HitAreaKind.LINK:
                # Some systems wait for the browser.
                threading.Thread(target=_open_link, args=(spot.value,), daemon=True).start()
            case HitAreaKind.COPY_CODE:
                self._copy(spot.value)
                self._chat.tell(_("The code is copied."))
            case HitAreaKind.UNFOLD:
                self._fold_or_unfold(message)
            case HitAreaKind.QUOTE:
                self._chat.jump_to(line.room, line.reply_to)
            case HitAreaKind.CHIP:
                self._chat.react(line, spot.value)
            case HitAreaKind.TICKS if line.seq is not None:
                self._do(message, MessageAction.RECEIPTS)
            case HitAreaKind.AUTHOR if not line.mine:
                self.menu(message, event.x_root, event.y_root)
            case _:
                pass

    def _fold_or_unfold(self, message: MessageEntry) -> None:
        """The beginning of the message stays where it is."""
        self._chat.model.fold_or_unfold(message.key)
        self.pane.show(self._chat.model.entries(), follow=False)

    def menu(self, message: MessageEntry, x: int, y: int) -> None:
        """Opens the menu at a place of the screen, in pixels; an empty one is not opened."""
        model = self._chat.model
        entries = menus.message_menu(
            message.line,
            model.me,
            menus.may_moderate(model.account),
            bool(self.pane.selection.spans()),
            lambda verb: self._do(message, verb),
            lambda emoji: self._chat.react(message.line, emoji),
            archived=model.archived,
            choose=lambda: self.composer.choose_emoji(lambda emoji: self._chat.react(message.line, emoji)),
            save=lambda index: save_file(self._tools, self._chat, message.line, index),
        )
        if entries:
            popup(self._tools, entries, x, y)

    def _do(self, message: MessageEntry, verb: MessageAction) -> None:
        line = message.line
        match verb:
            case MessageAction.REPLY:
                self._chat.reply_to(line)
                self.composer.focus()
            case MessageAction.EDIT:
                self._chat.edit(line)
                self.composer.focus()
            case MessageAction.COPY:
                self._copy(shown_text(line))
            case MessageAction.COPY_SELECTION:
                self._copy(self.pane.selection.copied())
            case MessageAction.DELETE:
                dialogs.delete_message(self._tools, self._chat, line)
            case MessageAction.RECEIPTS:
                dialogs.receipts(self._tools, self._chat, line)
            case MessageAction.TO_COMPOSER:
                self.composer.type(line.text)
            case MessageAction.DIRECT:
                self._chat.open_direct(line.author_name)

    def copy(self) -> bool:
        """Copies the selected text; returns whether there was any."""
        text = self.pane.selection.copied()
        if text:
            self._copy(text)
        return bool(text)

    def _copy(self, text: str) -> None:
        self.frame.clipboard_clear()
        self.frame.clipboard_append(text)

    def kept(self) -> list[str]:
        """The message at the top of the view; nothing at the end of the conversation."""
        return [] if self.pane.at_end() else self.pane.reading()

    def restore(self, kept: list[str]) -> None:
        """Takes what `kept` returned: the conversation goes to that message when it is drawn next."""
        if kept:
            self._chat.model.jump = ScrollTarget(kept[0])

    # The composer's keys

    def scroll_page(self, direction: int) -> None:
        """For the composer's keys: a page up (-1) or down (1)."""
        self.pane.scroll_page(direction)

    def walk_messages(self) -> None:
        """For the composer's key: the keyboard goes to the last message."""
        self.pane.enter()


class _Notice:
    """A line over the conversation that goes away by itself."""

    def __init__(self, tools: Toolkit, master: tk.Misc, chat: Chat) -> None:
        palette, px = tools.palette, tools.px
        self._chat = chat
        self._over = master
        self._root = tools.root
        self._job = ""
        self.frame = tk.Frame(master, background=palette.danger_soft, padx=px(12), pady=px(8))
        self._label = tk.Label(
            self.frame,
            font=Font.BODY.value,
            background=palette.danger_soft,
            foreground=palette.on_danger_soft,
            justify="left",
            anchor="w",
        )
        close = tools.picture(self.frame, "x-lg", 14, palette.on_danger_soft, palette.danger_soft)
        close.configure(cursor="hand2")
        close.bind("<Button-1>", lambda event: self.hide())
        close.pack(side="right", anchor="n", padx=(px(10), 0))
        self._label.pack(side="left", fill="x", expand=True)
        self._px = px

    def show(self) -> None:
        """Tells what has come up since the last time."""
        notices, self._chat.model.notices = self._chat.model.notices, []
        if not notices:
            return
        width = max(self._over.winfo_width() - self._px(120), self._px(160))
        self._label.configure(text="\n".join(glyphs.inline(text) for text in notices[-3:]), wraplength=width)
        self.frame.place(relx=0.5, y=self._px(66), anchor="n")
        self.frame.lift()
        if self._job:
            self._root.after_cancel(self._job)
        self._job = self._root.after(_NOTICE_MS, self.hide)

    def hide(self) -> None:
        self._job = ""
        if self.frame.winfo_exists():
            self.frame.place_forget()


def _open_link(link: str) -> None:
    """In the person's browser."""
    import webbrowser  # not at the window's start, of which it would take a hundredth

    webbrowser.open(link)
