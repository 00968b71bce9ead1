"""`lanchat listen`: a room's history and then what comes, one event a line."""

import asyncio
from collections.abc import Callable
from typing import Any

from lanchat.app import api
from lanchat.cli.follow import Follower
from lanchat.cli.lines import listen_row, message_text, state_name, state_text, user_name
from lanchat.cli.session import CliSession
from lanchat.i18n import _
from lanchat.terminal.output import OutputWriter, shown
from lanchat.wording.problems import details_text


class MessageLimitReached(Exception):
    """As many messages as were asked for."""


async def listen(session: CliSession) -> None:
    """Until `--count` messages were shown, `--for` seconds are over, or Ctrl-C."""
    options = session.options
    follower = Follower(session, options.history)
    view = EventView(follower, session.output, options.count)
    try:
        async with asyncio.timeout(options.duration) as limit:
            await follower.start(view)
            await follower.follow(view)
    except MessageLimitReached:
        return
    except TimeoutError:
        if not limit.expired():
            raise


class EventView:
    """Events as JSON objects, or as lines for a person: what was said on stdout, all about it on stderr."""

    def __init__(self, follower: Follower, output: OutputWriter, count: int | None = None) -> None:
        """`count`: how many messages are shown before MessageLimitReached is raised; None: no limit."""
        self._follower = follower
        self._output = output
        self._left = count

    def state(self, event: api.StateChanged) -> None:
        """Event `state`, or a line on stderr."""
        name = state_name(event.state)
        self._aside({"event": "state", "state": name, "peers": event.peers}, state_text(event))

    def live(self, head: int) -> None:
        """Event `live` with the head, or the mark between history and live messages on stderr."""
        self._aside({"event": "live", "room": self._follower.name, "head": head}, _("--- live ---"))

    def message(self, line: api.Line) -> None:
        """Event `message`, or a line on stdout. Raises MessageLimitReached after the last one of `count`."""
        values = listen_row(line, self._follower.name, self._follower.people)
        self._output.row(values, message_text(line, self._output.say))
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                raise MessageLimitReached

    def stored(self, id: str, seq: int) -> None:
        """Event `stored`, or a line on stderr with the number."""
        values = {"event": "stored", "room": self._follower.name, "id": id, "seq": seq}
        self._aside(values, _("Stored as #{seq}").format(seq=seq))

    def refused(self, event: api.LineRefused) -> None:
        """Event `refused` with the code, or a line on stderr with the reason."""
        values = {"event": "refused", "room": self._follower.name, "id": event.id, "code": int(event.code)}
        self._aside(values, _("A message was refused: {reason}").format(reason=shown(details_text(event.details))))

    def withdrawn(self, event: api.LineWithdrawn) -> None:
        """Event `refused` with the code (null: too many others came), or a line on stderr with the reason."""
        code = int(event.code) if event.code is not None else None
        values = {"event": "refused", "room": self._follower.name, "id": event.id, "code": code}
        if event.details is None:
            self._aside(values, _("Somebody's message that was not stored is no longer kept here"))
        else:
            text = _("Somebody's message was refused: {reason}")
            self._aside(values, text.format(reason=shown(details_text(event.details))))

    def waits(self, event: api.LineDelayed) -> None:
        """Event `waits` with the code, or a line on stderr with the reason."""
        values = {"event": "waits", "room": self._follower.name, "id": event.id, "code": int(event.code)}
        self._aside(values, _("A message waits: {reason}").format(reason=shown(details_text(event.details))))

    def room_updated(self, room: api.RoomView) -> None:
        """Nothing: `listen` is about one room."""

    def unwritable(self, text: str) -> None:
        """A line on stderr, also where the output is JSON."""
        self._output.warn(shown(text))

    def changed(self, change: api.LineChanged) -> None:
        """Event `edit`, `delete` or `reaction`, or a line on stdout. What is not stored yet has no number, as messages
        do."""
        author = user_name(change.by, self._follower.people)
        values, text = change_row(change, author, self._output.say)
        if not change.cause_seq:
            values |= {"seq": None, "id": change.id, "stored": False}
            text = _("{text} (not stored yet)").format(text=text)
        self._output.row(values | {"room": self._follower.name}, text)

    def _aside(self, values: dict[str, Any], text: str) -> None:
        if self._output.as_json:
            self._output.row(values, text)
        else:
            self._output.note(text)


def change_row(change: api.LineChanged, author: str, say: Callable[[str], str] = shown) -> tuple[dict[str, Any], str]:
    """An edit, deletion or reaction as an event without its room, and as a line. `say` makes a new text harmless."""
    values: dict[str, Any] = {
        "event": change.cause,
        "seq": change.cause_seq,
        "target": change.line.seq,
        "author": author,
    }
    names = {"author": shown(author), "number": change.line.seq}
    if change.cause == "edit":
        text = _("{author} changed #{number}: {text}").format(**names, text=say(change.text))
        return values | {"text": change.text}, text
    if change.cause == "delete":
        return values, _("{author} deleted #{number}").format(**names)
    emoji = change.text.removeprefix("-")
    removed = change.text.startswith("-")
    pattern = _("{author} took back {emoji} from #{number}") if removed else _("{author} put {emoji} to #{number}")
    return values | {"emoji": emoji, "removed": removed}, pattern.format(**names, emoji=shown(emoji))
