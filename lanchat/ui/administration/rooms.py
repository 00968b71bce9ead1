"""The page of rooms as plain values: which there are, and what an administrator does with them. No Tk."""

from collections.abc import Callable

from lanchat.i18n import _, ngettext
from lanchat.protocol.administration import RoomSummary
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.ui.administration.list_model import ListModel
from lanchat.ui.administration.page_model import Question
from lanchat.ui.administration.people import moment
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.kit.fields.forms import room_problem
from lanchat.ui.kit.table_rows import TableRow

_GENERAL_CREATOR = 0


def history_names() -> dict[HistoryPolicy, str]:
    """What new members may read, in the language in use."""
    return {
        HistoryPolicy.EVERYTHING: _("all earlier messages"),
        HistoryPolicy.SINCE_JOINING: _("only messages since they joined"),
    }


def _kind_names() -> dict[RoomKind, str]:
    return {RoomKind.PUBLIC: _("public"), RoomKind.PRIVATE: _("private"), RoomKind.DIRECT: _("direct")}


class RoomsModel(ListModel[RoomSummary]):
    """Direct conversations are counted and not listed: nobody but their two members has to do with them."""

    def __init__(self, server: AdministrationPort, changed: Callable[[], None]) -> None:
        """Nothing is asked before `refresh`."""
        super().__init__(changed)
        self._server = server
        self._direct = 0

    # What is shown

    @property
    def room(self) -> RoomSummary | None:
        """The one that was chosen."""
        return self._current

    @property
    def is_general(self) -> bool:
        """Whether it is the room that everybody is in, which is neither archived nor deleted."""
        return self.room is not None and self.room.creator == _GENERAL_CREATOR

    @property
    def count_line(self) -> str:
        """How many rooms there are."""
        count = len(self._entries)
        rooms = ngettext("{count} room", "{count} rooms", count).format(count=count)
        direct = ngettext("{count} direct conversation", "{count} direct conversations", self._direct)
        return f"{rooms}, {direct.format(count=self._direct)}" if self._direct else rooms

    def _texts(self, entry: RoomSummary) -> tuple[str, ...]:
        return (entry.name,)

    def _row(self, key: int, entry: RoomSummary) -> TableRow:
        state = _("archived") if entry.archived else ""
        numbers = (str(entry.members), str(entry.messages))
        texts = (entry.name, _kind_names()[entry.kind], *numbers, moment(entry.created_ms), state)
        return TableRow(key, texts, entry.archived)

    # What people do

    def refresh(self) -> None:
        """Reads the rooms again."""
        self._read(self._server.list_rooms, self._have)

    def _have(self, rooms: list[RoomSummary]) -> None:
        self._replace_entries((room.id, room) for room in rooms if room.kind is not RoomKind.DIRECT)
        self._direct = len(rooms) - len(self._entries)

    def rename(self, name: str) -> None:
        """Gives the chosen room another name."""
        room = self.room
        if room is None or name.strip() == room.name:
            return
        if problem := room_problem(name):
            self._refuse(problem)
            return
        self._change(room, name, None, _("The room was renamed."))

    def set_history(self, history: HistoryPolicy) -> None:
        """Sets what those who join the chosen room from now on may read."""
        room = self.room
        if room is not None and room.history is not history:
            self._change(room, None, history, _("For those who join from now on."))

    def _change(self, room: RoomSummary, name: str | None, history: HistoryPolicy | None, text: str) -> None:
        self._act(lambda _password, reply: self._server.change_room(room.id, name, history, reply), self._after(text))

    def ask_archive(self) -> None:
        """Archives the chosen room after a question, or takes it back at once."""
        room = self.room
        if room is None or self.is_general:
            return
        if room.archived:
            self._archive(room, False)
            return
        text = _("“{room}” can still be read by its members, and nothing can be sent there until you take it back.")
        self.ask(Question(text.format(room=room.name), _("Archive")), lambda _p: self._archive(room, True))

    def _archive(self, room: RoomSummary, archived: bool) -> None:
        text = _("Room {room} is archived") if archived else _("Room {room} is no longer archived")
        self._act(
            lambda _password, reply: self._server.archive_room(room.id, archived, reply),
            self._after(text.format(room=room.name)),
        )

    def ask_delete(self) -> None:
        """Deletes the chosen room after a question."""
        room = self.room
        if room is None or self.is_general:
            return
        text = ngettext(
            "“{room}” and its {count} message are erased for everybody, on the server and on all computers. "
            "This cannot be undone.",
            "“{room}” and its {count} messages are erased for everybody, on the server and on all computers. "
            "This cannot be undone.",
            room.messages,
        ).format(room=room.name, count=room.messages)
        done = _("Room {room} was deleted").format(room=room.name)
        self.ask(
            Question(text, _("Delete the room"), danger=True),
            lambda _p: self._act(
                lambda password, reply: self._server.delete_room(room.id, password, reply), self._after(done)
            ),
        )
