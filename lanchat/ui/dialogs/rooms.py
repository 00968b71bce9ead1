"""Dialogs about rooms: making one, joining one, its members."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Hashable

from lanchat.app import api
from lanchat.app.api import Person, RoomView
from lanchat.i18n import _
from lanchat.protocol.codes import HistoryPolicy
from lanchat.protocol.limits import ROOM_NAME_MAX
from lanchat.protocol.text.names import name_key
from lanchat.ui.dialogs.base import WIDTH, Confirm, Dialog
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.check import checkbox
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.fields.forms import room_problem
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.lists.roster import PersonRowKey, RoomRowKey, joinable_rows, person_row
from lanchat.ui.lists.row_list import RowList
from lanchat.ui.lists.rows import ListRow
from lanchat.ui.menus.menus import person_menu
from lanchat.ui.menus.popup import popup
from lanchat.ui.model.chat import Chat
from lanchat.ui.texts import words


class NewRoomDialog(Dialog):
    """The name of a new room, who can join it, and what new members see; opens the room when it is made."""

    def __init__(self, tools: Toolkit, chat: Chat) -> None:
        """Opens the dialog."""
        self.title = _("New room")
        super().__init__(tools, chat)

    def build(self) -> None:
        """Neither box is ticked at first: a public room whose members see all messages."""
        self.text(self.title, ControlStyle.TITLE)
        self._name = self.field(_("Name"))
        self._name.limit = ROOM_NAME_MAX
        self._private = checkbox(
            self.tools, self.body, _("Private: only people who are invited see it and can join"), False
        )
        self._since = checkbox(self.tools, self.body, _("New members do not see earlier messages"), False)
        self.main_button(_("Make the room"), self._make)

    def _make(self) -> None:
        name = self._name.get().strip()
        if problem := room_problem(name):
            self.problem(problem)
            return
        policy = HistoryPolicy.SINCE_JOINING if self._since.get() else HistoryPolicy.EVERYTHING
        self.ask(api.CreateRoomCommand(name, self._private.get(), policy), self._made)

    def _made(self, room: RoomView) -> None:
        self.close()
        self.chat.enter(room)


class JoinRoomDialog(Dialog):
    """Public rooms that one is not in."""

    resizable = True

    def __init__(self, tools: Toolkit, chat: Chat) -> None:
        """Opens the dialog, with the rooms that the model knows until the server has answered."""
        self.title = _("Join a room")
        super().__init__(tools, chat)

    def build(self) -> None:
        """A field that filters the list; a click in the list joins the room and opens it."""
        tools, px = self.tools, self.tools.px
        self.text(self.title, ControlStyle.TITLE)
        self._filter = self.field("")
        self._list = RowList(self.body, tools.kit, tools.images, tools.palette.sidebar, two_lines=True)
        self._filter.on_change(self._show)
        self._filter.on_key("<Down>", self._list.canvas.focus_set)
        self._list.canvas.configure(width=px(WIDTH), height=px(280))
        self._list.frame.pack(fill="both", expand=True)
        self._list.choose = self._join
        self.close_button()
        self._show()
        self.read(api.ListRoomsCommand(), self._listed, busy=_("Loading…"))

    def _listed(self, rooms: list[RoomView]) -> None:
        self.chat.model.rooms.update((room.room, room) for room in rooms)
        self._show()

    def _show(self) -> None:
        rows = joinable_rows(self.chat.model, self._filter.get())
        self._list.show(rows or [ListRow("none", _("There is no other public room"), heading=True)])

    def _join(self, key: Hashable) -> None:
        assert isinstance(key, RoomRowKey)
        self.ask(api.JoinRoomCommand(key.room), self._joined)

    def _joined(self, room: RoomView) -> None:
        self.close()
        self.chat.enter(room)


class RoomDialog(Dialog):
    """What kind of room it is, who is in it; inviting and removing people."""

    resizable = True

    def __init__(self, tools: Toolkit, chat: Chat, room: RoomView) -> None:
        """`room`: as it is when the dialog opens. Its members are asked of the server."""
        self.title = words.room_title(room)
        self._room = room
        self._members: list[Person] = []
        super().__init__(tools, chat)

    def build(self) -> None:
        """Kind, a row that invites somebody, and the members, with mouse and keys as in the list of people."""
        tools, px = self.tools, self.tools.px
        self.text(glyphs.one_line(self.title, 64), ControlStyle.TITLE)
        about = f"{words.room_kind(self._room)} · {words.history_policy(self._room.history)}"
        self.text(about, ControlStyle.MUTED)
        self._invite_row()
        self._list = RowList(self.body, tools.kit, tools.images, tools.palette.sidebar, two_lines=True)
        self._list.canvas.configure(width=px(WIDTH), height=px(260))
        self._list.frame.pack(fill="both", expand=True)
        self._list.menu = self._menu
        self._list.activate = self._write_to
        self.text(_("A right click offers to remove somebody, where you may."), ControlStyle.SMALL)
        self.close_button()
        self._load()

    def _invite_row(self) -> None:
        tools, px = self.tools, self.tools.px
        row = ttk.Frame(self.body)
        row.pack(fill="x", pady=(0, px(10)))
        self._name = Field(tools, row, _("Invite somebody"))
        self._fields.append(self._name)
        self._name.frame.pack(side="left", fill="x", expand=True, padx=(0, px(8)))
        tools.button(row, _("Invite"), self._invite, ControlStyle.ACCENT).pack(side="right", anchor="s")
        self._name.on_return(self._invite)
        self._name.on_change(self._show)

    def first(self) -> tk.Misc:
        """The field for who is invited."""
        return self._name.entry

    def _load(self) -> None:
        self.read(api.ListMembersCommand(self._room.room), self._have, busy=_("Loading…"))

    def _have(self, people: list[api.Person]) -> None:
        self._members = people
        self._show()

    def _show(self) -> None:
        """Members; while a name is typed, those who could be meant."""
        wanted = name_key(self._name.get().strip().lstrip("@"))
        inside = {person.user_id for person in self._members}
        rows: list[ListRow] = []
        if wanted:
            others = [
                person
                for person in self.chat.model.people.values()
                if person.user_id not in inside and wanted in name_key(f"{person.name} {person.display_name}")
            ]
            if others:
                rows.append(ListRow("others", _("Can be invited"), heading=True))
                rows += [person_row(person, True) for person in others[:20]]
        members = _("Members")
        rows.append(ListRow("members", f"{members} — {len(self._members)}", heading=True))
        rows += [
            person_row(person, True) for person in sorted(self._members, key=lambda p: name_key(words.person_name(p)))
        ]
        self._list.show(rows)
        self._list.choose = self._take

    def _take(self, key: Hashable) -> None:
        """A click on somebody who can be invited puts the name into the field."""
        if isinstance(key, PersonRowKey) and key.user not in {person.user_id for person in self._members}:
            person = self.chat.model.people.get(key.user)
            if person:
                self._name.set(person.name)
                self._name.focus()

    def _invite(self) -> None:
        name = self._name.get().strip().lstrip("@")
        if not name:
            self.problem(_("Please type a user name."))
            return
        match = [p.name for p in self.chat.model.people.values() if name_key(p.display_name) == name_key(name)]
        name = match[0] if len(match) == 1 else name
        typed = self._name.get()
        self.ask(api.InviteUserCommand(self._room.room, name), lambda nothing: self._invited(typed))

    def _invited(self, typed: str) -> None:
        if self._name.get() == typed:  # not the next one's name
            self._name.set("")
        self._load()

    def _member(self, key: Hashable) -> Person | None:
        """Another member, whose row this is."""
        user = key.user if isinstance(key, PersonRowKey) and key.user != self.chat.model.me else 0
        return next((person for person in self._members if person.user_id == user), None)

    def _menu(self, key: Hashable, x: int, y: int) -> None:
        if person := self._member(key):
            removable = not self._room.general
            entries = person_menu(person, removable, lambda: self._write_to(key), lambda: self._remove(person))
            popup(self.tools, entries, x, y)

    def _write_to(self, key: Hashable) -> None:
        if person := self._member(key):
            self.close()
            self.chat.open_direct(person.name)

    def _remove(self, person: Person) -> None:
        self.close()
        confirm_remove(self.tools, self.chat, self._room, person)


def confirm_remove(tools: Toolkit, chat: Chat, room: RoomView, person: Person) -> None:
    """Asks before somebody is removed from a room."""
    name = words.person_name(person)
    text = _("{name} can no longer read or write in {room}.").format(name=name, room=words.room_title(room))
    Confirm(
        tools,
        chat,
        _("Remove {name}?").format(name=name),
        text,
        _("Remove"),
        lambda: chat.ask(api.RemoveUserCommand(room.room, person.name)),
    )


def confirm_leave(tools: Toolkit, chat: Chat, room: RoomView) -> None:
    """Asks before one leaves a room."""
    title = words.room_title(room)
    Confirm(
        tools,
        chat,
        _("Leave {room}?").format(room=title),
        _("You will not receive its messages any more. Into a private room only an invitation leads back."),
        _("Leave"),
        lambda: chat.leave(room.room),
    )


def confirm_archive(tools: Toolkit, chat: Chat, room: RoomView) -> None:
    """Asks before a room is archived, or taken back."""
    title = words.room_title(room)
    question, text = (
        _("Archive {room}?"),
        _("Its members can still read it, and nobody can write, join or invite there."),
    )
    button = _("Archive")
    if room.archived:
        question, text = _("Take {room} out of the archive?"), _("Its members can write there again.")
        button = _("Take out")
    do = api.ArchiveRoomCommand(room.room, not room.archived)
    Confirm(tools, chat, question.format(room=title), text, button, lambda: chat.ask(do))


class DeleteRoomDialog(Dialog):
    """Asks for the password: whoever found a computer of this person must not delete anything."""

    def __init__(self, tools: Toolkit, chat: Chat, room: RoomView) -> None:
        """`room`: as it is when the dialog opens."""
        self.title = _("Delete {room}?").format(room=words.room_title(room))
        self._room = room
        super().__init__(tools, chat)

    def build(self) -> None:
        """What it means to delete the room, a field for the password, the button that does it."""
        self.text(self.title, ControlStyle.TITLE)
        self.text(
            _(
                "All its messages are gone for everybody, for good. To keep them and only stop the conversation,"
                " archive the room instead."
            )
        )
        self._password = self.field(_("Your password"), secret=True)
        self.main_button(_("Delete the room"), self._delete, ControlStyle.DANGER)

    def _delete(self) -> None:
        self.ask(api.DeleteRoomCommand(self._room.room, self._password.get()), lambda nothing: self._gone())

    def _gone(self) -> None:
        self.close()
        self.chat.tell(_("{room} is deleted.").format(room=words.room_title(self._room)))
