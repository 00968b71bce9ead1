"""`lanchat chat`: a conversation in a terminal, or through a pipe, line by line.

What is typed is sent at once; a line of one's own is shown when it is stored, with its number, and before that only
when the server is away. A line that begins with a slash is a command, `//` sends a slash.
"""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from lanchat.app import api
from lanchat.cli.commands.chat_rooms import ChatRooms
from lanchat.cli.commands.listen import EventView
from lanchat.cli.completion import Completer
from lanchat.cli.exit_codes import code_of
from lanchat.cli.follow import Follower
from lanchat.cli.lines import person_text
from lanchat.cli.session import CliSession
from lanchat.i18n import _
from lanchat.i18n.input_rules import not_text
from lanchat.protocol.codes import PresenceState
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.cleaning import clean_text
from lanchat.terminal.arguments import translated_metavars
from lanchat.terminal.exits import DONE, FAILED, NOT_STORED, USAGE, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat.terminal.prompts import TypedLines, UnreadableInput, has_terminal, terminal_kept
from lanchat.wording.problems import details_text, error_text

HISTORY = 20
PRINTED_MAX = 200  # lines; more than a screen holds
LAST_WORDS = 10.0  # seconds for the last messages to be stored when the person leaves


async def chat(session: CliSession) -> None:
    """Until /quit or the end of input. Exit code 6 when the last messages were not stored in time, not 0 when a line
    from a pipe could not be sent."""
    if sys.stdin is None:
        raise CliError(USAGE, _("Standard input is closed"))
    with terminal_kept():
        await Conversation(session).run()


class ConversationOutput(OutputWriter):
    """Prints above what is being typed. `printed`: the newest lines on the screen."""

    def __init__(self, as_json: bool) -> None:
        """`typed` is set for as long as lines are taken from standard input."""
        super().__init__(as_json)
        self.typed: TypedLines | None = None
        self.printed: deque[str] = deque(maxlen=PRINTED_MAX)
        self._prints_on_screen = sys.stdout is not None and sys.stdout.isatty()

    def write(self, line: str, end: str = "\n") -> None:
        """As the base method; on a screen the line is put above what is being typed and kept in `printed`."""
        if self._prints_on_screen:
            super().write(*self._around(line, end))
        else:
            super().write(line, end)

    def warn(self, text: str, end: str = "\n") -> None:
        """As the base method, but above what is being typed; the line is kept in `printed`."""
        super().warn(*self._around(text, end))

    def _around(self, text: str, end: str) -> tuple[str, str]:
        self.printed += text.split("\n")
        return (self.typed.around(text + end), "") if self.typed else (text, end)


class ConversationView(EventView):
    """As `listen`, but a line of one's own waits for its number before it is shown."""

    def __init__(self, follower: Follower, output: OutputWriter) -> None:
        """`held_back`: lines of one's own that have no number yet and were not shown, by id, oldest first."""
        super().__init__(follower, output)
        self.held_back: dict[str, api.Line] = {}
        self.updated: Callable[[api.RoomView], None] = lambda room: None
        self.seen: Callable[[int], None] = lambda seq: None  # gets the number of each message that was shown
        self._away = False

    def state(self, event: api.StateChanged) -> None:
        """Tells the state; when the server is away, also shows the lines that were held back."""
        super().state(event)
        self._away = event.state is api.LinkState.AWAY
        if self._away:
            lines, self.held_back = self.held_back, {}
            for line in lines.values():
                super().message(line)

    def message(self, line: api.Line) -> None:
        """Shows a line, or holds back one of one's own until it has its number. As JSON, and while the server is away,
        nothing is held back."""
        if line.mine and line.seq is None and not (self._away or self._output.as_json):
            self.held_back[line.id] = line
        else:
            super().message(line)
            self.seen(line.seq or 0)

    def room_updated(self, room: api.RoomView) -> None:
        """Says when something is unread in another room."""
        self.updated(room)

    def stored(self, id: str, seq: int) -> None:
        """Shows a line that is held back, now with its number; of any other line the number alone is told."""
        if line := self.held_back.pop(id, None):
            super().message(replace(line, seq=seq))
        else:
            super().stored(id, seq)

    def refused(self, event: api.LineRefused) -> None:
        """Tells the reason. A line that is held back is not shown any more."""
        self.held_back.pop(event.id, None)
        super().refused(event)


class Conversation:
    """One person in one room: reads lines, shows lines."""

    def __init__(self, session: CliSession) -> None:
        """Output is JSON when the session's is. Nothing is sent before `run`."""
        self._session = session
        self._output = ConversationOutput(session.output.as_json)
        self._follower = Follower(session, HISTORY)
        self._view = ConversationView(self._follower, self._output)
        self._rooms = ChatRooms(session, self._follower, self._output)
        self._read = 0  # the number up to which the room on the screen is read
        self._marking: asyncio.Task[None] | None = None
        self._last_sent = ""
        self._failed = DONE  # exit code of the last line that a script wrote and that could not be sent

    async def run(self) -> None:
        """Both directions at once, until the person leaves."""
        if not self._output.as_json:
            self._view.updated = self._rooms.updated
        if has_terminal():
            self._view.seen = self._seen
        await self._follower.start(self._view)
        self._output.note(_("You are in {room}. /help lists the commands").format(room=self._follower.name))
        complete = Completer(
            (f"/{name}" for name in self._commands()),
            lambda: self._rooms.names,
            lambda: (person.name for person in self._follower.people.values()),
        )
        with contextlib.suppress(api.CommandError):
            await self._rooms.refresh()
        self._output.typed = typed = TypedLines(self._output.printed, complete)
        following = asyncio.ensure_future(self._follower.follow(self._view))
        typing = asyncio.ensure_future(self._take_lines(typed))
        try:
            await asyncio.wait((following, typing), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
            typing.result()
            self._output.typed = None
            typed.close()
            await self._last_words()
            if self._failed:
                raise CliError(self._failed, _("Not everything could be done"))
        finally:
            following.cancel()
            typing.cancel()
            if self._output.typed is not None:
                self._output.typed = None
                typed.close()

    def _seen(self, seq: int) -> None:
        """A person has this message on the screen: it is read."""
        self._read = max(self._read, seq)
        if seq and (self._marking is None or self._marking.done()):
            self._marking = asyncio.ensure_future(self._mark_read())

    async def _mark_read(self) -> None:
        marked = 0
        while marked < self._read and self._follower.ready:
            room, marked = self._follower.room, self._read
            with contextlib.suppress(api.CommandError):
                await self._session.call(api.MarkReadCommand(room, marked))

    async def _last_words(self) -> None:
        """Give what was just typed the time to be stored. They are stored in order: the last one is
        enough."""
        if not self._last_sent:
            return
        stored = await self._session.wait_stored(self._last_sent, self._session.deadline.left(LAST_WORDS))
        if not isinstance(stored, int):
            raise CliError(NOT_STORED, shown(details_text(stored)))
        self._follower.catch_up(self._view)

    async def _take_lines(self, typed: TypedLines) -> None:
        while True:
            try:
                line = await typed.next()
                if line is None or not await self._take(line):
                    return
            except ProtocolError as error:
                self._failed = USAGE
                self._output.warn(_("A line was not sent: {reason}").format(reason=not_text(error)))
            except UnreadableInput as error:
                self._failed = FAILED
                self._output.warn(_("Standard input cannot be read: {reason}").format(reason=error))
                return
            except api.CommandError as error:
                if not has_terminal():
                    self._failed = code_of(error)
                self._output.warn(error_text(error))

    async def _take(self, line: str) -> bool:
        """Do what the line says; False: leave."""
        line = clean_text(line)
        if not line.strip():
            return True
        if line.startswith("//"):
            line = line[1:]
        elif line.startswith("/"):
            name, _space, rest = line[1:].partition(" ")
            return await self._command(name.lower(), rest.strip())
        await self._send_text(line)
        return True

    async def _command(self, name: str, rest: str) -> bool:
        if name in ("quit", "exit", "q"):
            return False
        command = self._commands().get(name)
        if command is None:
            self._output.warn(_("There is no command /{name}; /help lists them").format(name=name))
        else:
            await command(rest)
        return True

    def _commands(self) -> dict[str, Callable[[str], Awaitable[None]]]:
        return {
            "help": self._help,
            "who": self._list_members,
            "rooms": lambda rest: self._rooms.show(),
            "unread": lambda rest: self._rooms.show(unread=True),
            "room": self._go_to_room,
            "search": self._search,
            "reply": self._reply,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
        }

    async def _go_to_room(self, rest: str) -> None:
        if not rest:
            self._output.warn(_("Type it like this: {form}").format(form=_("/room ROOM")))
            return
        self._read = 0
        try:
            await self._rooms.go(rest, self._view)
        except (CliError, api.CommandError) as error:
            text, code = (
                (str(error), error.code) if isinstance(error, CliError) else (error_text(error), code_of(error))
            )
            if not has_terminal():  # what follows is not meant for this room
                raise CliError(code, text) from None
            self._output.warn(text)

    async def _search(self, rest: str) -> None:
        await self._rooms.search(rest)

    async def _send_text(self, text: str, reply_to: int = 0) -> None:
        line: api.Line = await self._session.call(api.SendCommand(self._follower.room, text, reply_to))
        self._last_sent = line.id
        self._follower.sent(self._view, line)

    async def _help(self, rest: str) -> None:
        self._output.warn(
            "\n".join(
                (
                    _("/who              who is in this room"),
                    _("/rooms            your rooms, and what is unread"),
                    _("/unread           only rooms with something unread"),
                    _("/room ROOM        go to another room; @USER: talk to one person"),
                    _("/search WORDS     find messages in this room"),
                    _("/reply N TEXT     answer message N"),
                    _("/edit N TEXT      change your message N"),
                    _("/delete N         delete your message N"),
                    _("/react N EMOJI    react to message N; -EMOJI takes it back"),
                    _("/quit             leave; so does the end of input"),
                    _("//text            send a text that begins with a slash"),
                    _("Tab               completes commands, rooms, names and emoji (:tada)"),
                )
            )
        )

    async def _list_members(self, rest: str) -> None:
        members = await self._session.call(api.ListMembersCommand(self._follower.room))
        for person in sorted(members, key=lambda person: (person.state is PresenceState.OFFLINE, person.name)):
            self._output.warn(person_text(person))

    async def _reply(self, rest: str) -> None:
        if found := self._numbered(rest, translated_metavars("/reply N TEXT")):
            await self._send_text(found[1], reply_to=found[0])

    async def _edit(self, rest: str) -> None:
        if found := self._numbered(rest, translated_metavars("/edit N TEXT")):
            self._last_sent = await self._session.call(api.EditCommand(self._follower.room, *found))

    async def _delete(self, rest: str) -> None:
        if found := self._numbered(rest + " -", "/delete N"):
            self._last_sent = await self._session.call(api.DeleteCommand(self._follower.room, found[0]))

    async def _react(self, rest: str) -> None:
        if found := self._numbered(rest, translated_metavars("/react N EMOJI")):
            number, emoji = found
            remove = emoji.startswith("-")
            self._last_sent = await self._session.call(
                api.ReactCommand(self._follower.room, number, emoji.removeprefix("-"), remove)
            )

    def _numbered(self, rest: str, form: str) -> tuple[int, str] | None:
        """A message's number (`12` or `#12`) and the text after it; None and a complaint when they are not there."""
        number, _space, text = rest.partition(" ")
        number = number.removeprefix("#")
        if number.isascii() and number.isdigit() and 0 < len(number) < 19 and text.strip():
            return int(number), text.strip()
        self._output.warn(_("Type it like this: {form}").format(form=form))
        return None
