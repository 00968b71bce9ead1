"""The rooms in `lanchat chat`: which there are and what is unread, going to another one, searching."""

from lanchat.app import api
from lanchat.cli.follow import Follower, FollowView
from lanchat.cli.lines import message_text, room_name, room_text
from lanchat.cli.session import CliSession
from lanchat.i18n import _, ngettext
from lanchat.protocol.text.search_query import parse_query
from lanchat.terminal.output import OutputWriter, shown

FOUND_MAX = 20


class ChatRooms:
    """Prints lines for a person. `names`: of the rooms that the person is in, as `/room` takes them."""

    def __init__(self, session: CliSession, follower: Follower, output: OutputWriter) -> None:
        """Nothing is asked before a method is called."""
        self._session = session
        self._follower = follower
        self._output = output
        self._told: dict[int, int] = {}  # what was said to be unread, by room
        self.names: list[str] = []

    async def refresh(self) -> list[api.RoomView]:
        """The rooms of this person, by name; `names` are theirs."""
        rooms: list[api.RoomView] = [
            room for room in await self._session.call(api.ListRoomsCommand()) if room.joined
        ]  # fmt: skip
        rooms.sort(key=lambda room: room_name(room, self._follower.people).casefold())
        self.names = [room_name(room, self._follower.people) for room in rooms]
        return rooms

    async def show(self, *, unread: bool = False) -> None:
        """A line for each room, or for each that has something unread."""
        rooms = await self.refresh()
        chosen = [room for room in rooms if not unread or (room.unread and room.room != self._follower.room)]
        for room in chosen:
            here = "* " if room.room == self._follower.room else "  "
            self._output.warn(here + room_text(room, self._follower.people))
        if not chosen:
            self._output.warn(_("Nothing is unread"))

    async def go(self, name: str, view: FollowView) -> None:
        """To another room. Raises CommandError, CliError; then nothing has changed."""
        await self._follower.switch(view, name)
        self._told.pop(self._follower.room, None)
        self._output.note(_("You are in {room}. /help lists the commands").format(room=shown(self._follower.name)))

    def updated(self, room: api.RoomView) -> None:
        """Something came to another room: said when it is the first that is unread there."""
        before, self._told[room.room] = self._told.get(room.room, 0), room.unread
        if room.room == self._follower.room or not room.joined or before or not room.unread:
            return
        name = shown(room_name(room, self._follower.people))
        text = ngettext("{n} new message in {room}", "{n} new messages in {room}", room.unread)
        self._output.note(text.format(n=room.unread, room=name))

    async def search(self, words: str) -> None:
        """The newest messages of this room with these words, oldest first."""
        found: list[api.Line] = []
        if not parse_query(words).is_empty:
            found = await self._session.call(api.SearchCommand(self._follower.room, words, 0, FOUND_MAX))
        for line in reversed(found):
            self._output.warn(message_text(line, self._output.say))
        if not found:
            self._output.warn(_("Nothing was found"))
