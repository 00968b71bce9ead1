"""Messages, rooms and people as rows: the JSON keys that scripts rely on, and the line that a person reads."""

from collections.abc import Callable, Mapping
from typing import Any

from lanchat.app import api
from lanchat.i18n import _, ngettext
from lanchat.i18n.sizes import size_text
from lanchat.protocol.codes import PresenceState, RoomKind
from lanchat.terminal.output import clock, rfc3339, shown
from lanchat.wording.problems import details_text

People = Mapping[int, api.Person]


def room_name(room: api.RoomView, people: People) -> str:
    """The name under which any command takes the room: a direct one is `@user`."""
    if room.kind is RoomKind.DIRECT:
        partner = people.get(room.partner)
        return f"@{partner.name}" if partner else room.name
    return room.name


def user_name(user: int, people: People) -> str:
    """The name of an account, `#id` when it is not known."""
    person = people.get(user)
    return person.name if person else f"#{user}"


def message_row(line: api.Line, room: str) -> dict[str, Any]:
    """The keys that each message has. `sent_at` is what the author's clock said, `stored_at` the server's time;
    `pending`: a change of it that is shown is not stored yet."""
    return {
        "room": room,
        "seq": line.seq,
        "id": line.id,
        "author": line.author_name,
        "text": "" if line.deleted else line.text,
        "sent_at": rfc3339(line.sent_at),
        "stored_at": rfc3339(line.stored_at),
        "stored": line.seq is not None,
        **({"imported": True} if line.imported else {}),
        **({"mentions_you": True} if line.called else {}),
        **({"pending": True} if line.pending else {}),
        **({"files": [file_row(file) for file in line.files]} if line.files else {}),
    }


def file_row(file: api.FileView) -> dict[str, Any]:
    """A file of a message."""
    return {"name": file.name, "size": file.size, "sha256": file.sha256, "type": file.type}


def file_text(file: api.FileView) -> str:
    """A file as a person reads it."""
    return _("[file {name}, {size}]").format(name=shown(file.name), size=size_text(file.size))


def folded_row(line: api.Line, people: People) -> dict[str, Any]:
    """What was said about a message since: always all four keys."""
    return {
        "edited": line.edited,
        "deleted": line.deleted,
        "reactions": {item.emoji: [user_name(user, people) for user in item.users] for item in line.reactions},
        "reply_to": line.reply_to or None,
    }


def history_row(line: api.Line, room: str, people: People) -> dict[str, Any]:
    """A message with everything folded in."""
    return message_row(line, room) | folded_row(line, people)


def listen_row(line: api.Line, room: str, people: People) -> dict[str, Any]:
    """A message as an event: of what is folded in only what applies."""
    folded = {key: value for key, value in folded_row(line, people).items() if value}
    return {"event": "message"} | message_row(line, room) | folded


def message_text(line: api.Line, say: Callable[[str], str] = shown) -> str:
    """A message as a person reads it: the server's time (of this computer while it is not stored, of the other program
    when it is imported), number, author, text as `say` makes it harmless, and what was said about it."""
    number = f"#{line.seq}" if line.seq else _("(not stored yet)")
    if line.refused is not None:
        number = _("(refused)")
    reply = _(" (reply to #{number})").format(number=line.reply_to) if line.reply_to else ""
    text = _("(deleted)") if line.deleted else " ".join(filter(None, (say(line.text), *map(file_text, line.files))))
    edited = _(" (edited)") if line.edited and not line.deleted else ""
    if line.pending:
        edited += _(" (change not stored yet)")
    imported = _(" (imported)") if line.imported else ""
    called = _(" (mentions you)") if line.called else ""
    moment = line.sent_at if line.imported else line.stored_at or line.sent_at
    reactions = "".join(f"  {shown(item.emoji)} {len(item.users)}" for item in line.reactions)
    return f"{clock(moment)} {number} {shown(line.author_name)}{imported}{called}{reply}: {text}{edited}{reactions}"


ROOM_KINDS = {RoomKind.PUBLIC: "public", RoomKind.PRIVATE: "private", RoomKind.DIRECT: "direct"}
PRESENCES = {PresenceState.OFFLINE: "offline", PresenceState.ONLINE: "online", PresenceState.AWAY: "away"}


def room_row(room: api.RoomView, people: People) -> dict[str, Any]:
    """A room."""
    return {
        "room": room_name(room, people),
        "title": room.title,
        "kind": ROOM_KINDS[room.kind],
        "joined": room.joined,
        "members": room.members,
        "head": room.head,
        "unread": room.unread,
        **({"archived": True} if room.archived else {}),
        **({"number": room.room} if room.alike else {}),
        **({"mentioned_in": room.called} if room.called else {}),
    }


def room_text(room: api.RoomView, people: People) -> str:
    """A room as a person reads it."""
    kinds = {RoomKind.PUBLIC: _("public"), RoomKind.PRIVATE: _("private"), RoomKind.DIRECT: _("direct")}
    details = [kinds[room.kind], ngettext("{number} member", "{number} members", room.members)]
    if room.archived:
        details.append(_("archived"))
    if not room.joined:
        details.append(_("not joined"))
    elif room.unread:
        details.append(ngettext("{unread} unread", "{unread} unread", room.unread))
    name = shown(room.title if room.alike else room_name(room, people))
    return f"{name}  " + ", ".join(details).format(number=room.members, unread=room.unread)


def person_row(person: api.Person) -> dict[str, Any]:
    """An account with presence."""
    return {
        "user": person.name,
        "display_name": person.display_name,
        "state": PRESENCES[person.state],
        "last_seen": rfc3339(person.last_seen),
    }


def presence_text(state: PresenceState) -> str:
    """Presence in words."""
    words = {PresenceState.ONLINE: _("online"), PresenceState.AWAY: _("away"), PresenceState.OFFLINE: _("offline")}
    return words[state]


def person_text(person: api.Person) -> str:
    """An account as a person reads it."""
    display_name = person.display_name
    # The mark of a name that somebody else has too: the user name stands before it already.
    while display_name.endswith(mark := f" (@{person.name})"):
        display_name = display_name.removesuffix(mark)
    called = f" ({shown(display_name)})" if display_name not in ("", person.name) else ""
    return f"{shown(person.name)}{called}  {presence_text(person.state)}"


def state_name(state: api.LinkState) -> str:
    """The state as scripts know it; logging in is a part of connecting."""
    return "connecting" if state is api.LinkState.AUTHENTICATING else state.value


def state_text(event: api.StateChanged) -> str:
    """The state of the link in plain words."""
    words = {
        api.LinkState.CONNECTING: _("Connecting"),
        api.LinkState.AUTHENTICATING: _("Logging in"),
        api.LinkState.SYNCING: _("Loading messages"),
        api.LinkState.LIVE: _("Connected"),
        api.LinkState.LAGGING: _("Behind: catching up"),
        api.LinkState.AWAY: _("The server is away"),
        api.LinkState.RESYNCING: _("The server was restored to an older state"),
        api.LinkState.FORKED: _("The server's log is not the one this computer knows"),
        api.LinkState.REFUSED: _("The server refused"),
    }
    text = words[event.state]
    if event.reason is not None:
        text = f"{text}: {shown(details_text(event.reason))}"
    if event.state is api.LinkState.AWAY and event.peers:
        reached = ngettext("{number} colleague can be reached", "{number} colleagues can be reached", event.peers)
        text = f"{text} ({reached.format(number=event.peers)})"
    return text
