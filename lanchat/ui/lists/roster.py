"""Rooms, people and servers as rows of a list. Pure."""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from lanchat.app.api import Person, RoomView, Server, Trust
from lanchat.i18n import _
from lanchat.protocol.codes import PresenceState, Role, RoomKind
from lanchat.protocol.text.names import name_key
from lanchat.protocol.text.search_words import fold
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import avatar_index, initials
from lanchat.ui.lists.rows import ListRow
from lanchat.ui.model.chat_model import ChatModel
from lanchat.ui.texts import words
from lanchat.wording.ways import via_text


class RoomRowKey(msgspec.Struct, frozen=True):
    """Stands for a room, by its number."""

    room: int


class PersonRowKey(msgspec.Struct, frozen=True):
    """Stands for an account, by its id."""

    user: int


class LineRowKey(msgspec.Struct, frozen=True):
    """Stands for a message, by room and number; `seq` is 0 when it is not stored."""

    room: int
    seq: int


class ServerRowKey(msgspec.Struct, frozen=True):
    """Stands for a server at one address: the same server may be found at several."""

    fingerprint: str
    host: str
    port: int


# Rooms


def room_rows(model: ChatModel, wanted: str) -> list[ListRow]:
    """The list at the left; with `wanted` (what was typed into the search field) what is found in it, and rooms to join
    and people without a conversation yet."""
    return _found_rows(model, wanted) if wanted else _own_rows(model)


def _own_rows(model: ChatModel) -> list[ListRow]:
    """Pinned ones first, then rooms and direct conversations as they come in the chosen order, then archived ones."""
    choices = model.choices
    rooms = [room for room in model.rooms.values() if room.joined]
    if choices.unread_only:
        rooms = [room for room in rooms if room.unread or room.room == model.current]

    def place(room: RoomView) -> tuple[bool, object]:
        order = _room_order(room) if choices.by_name else _recent(room)
        return room.room not in choices.pinned, order

    rows = [_room_row(model, room) for room in sorted((room for room in rooms if not room.archived), key=place)]
    archived = sorted((room for room in rooms if room.archived), key=_room_order)
    rows += _section(_("Archived"), [_room_row(model, room) for room in archived])
    if not rows and choices.unread_only:
        rows = [ListRow("nothing", _("Everything is read"), heading=True)]
    return rows


def _found_rows(model: ChatModel, wanted: str) -> list[ListRow]:
    joined = [room for room in model.rooms.values() if room.joined and _matches(wanted, room.title, room.name)]
    rooms = [room for room in joined if room.kind is not RoomKind.DIRECT and not room.archived]
    archived = [room for room in joined if room.archived]
    direct = [room for room in joined if room.kind is RoomKind.DIRECT]
    rows: list[ListRow] = []
    rows += _section(_("Rooms"), [_room_row(model, room) for room in sorted(rooms, key=_room_order)])
    rows += _section(_("Direct conversations"), [_room_row(model, room) for room in sorted(direct, key=_recent)])
    rows += _section(_("Archived"), [_room_row(model, room) for room in sorted(archived, key=_room_order)])
    rows += _section(_("People"), _new_partners(model, wanted))
    rows += _section(_("Rooms to join"), joinable_rows(model, wanted))
    return rows or [ListRow("nothing", _("Nothing found"), heading=True)]


def _section(title: str, rows: list[ListRow]) -> list[ListRow]:
    return [ListRow(f"heading {title}", title, heading=True), *rows] if rows else []


def _matches(wanted: str, *names: str) -> bool:
    letters = _letters(wanted.strip().lstrip("#@"))
    return not letters or any(letters in _letters(name) for name in names)


# Names of rooms and people are looked at with each key: 15 to 60 µs each. 4,096 × 0.3 KiB, of names that
# are made to grow 2.5 KiB.
@lru_cache(maxsize=4096)
def _letters(name: str) -> str:
    """A name in the form in which the search in messages compares letters, blanks single."""
    return " ".join(fold(name).split())


def _room_order(room: RoomView) -> tuple[bool, str]:
    return not room.general, name_key(room.title or room.name)


def _recent(room: RoomView) -> tuple[float, str]:
    """A room that is new to this person stands above, also while nothing is said in it."""
    return -max(room.last_time, room.joined_at), name_key(room.title)


def _room_row(model: ChatModel, room: RoomView) -> ListRow:
    direct, choices = room.kind is RoomKind.DIRECT, model.choices
    pinned, muted = room.room in choices.pinned, room.room in choices.muted
    title = glyphs.flat(words.room_title(room), 100)
    return ListRow(
        RoomRowKey(room.room),
        title,
        subtitle=preview(model, room),
        right=words.moment(room.last_time),
        badge=room.unread,
        loud=bool(room.unread) and not muted,
        strong=bool(room.unread) and not muted,
        called=bool(room.called),
        sign="lock-fill" if room.kind is RoomKind.PRIVATE else "",
        marks=("bell-slash",) * muted + ("pin-angle-fill",) * pinned,
        initials=initials(words.room_title(room)),
        index=avatar_index(room.partner if direct else room.room),
        presence=model.presence_of(room.partner) if direct else None,
        dim=room.archived,
    )


def preview(model: ChatModel, room: RoomView) -> str:
    """The line below a room's name: the draft, else what was said last."""
    draft = model.drafts.get(room.room)
    if draft and draft.text.strip() and not draft.editing and room.room != model.current:
        return _("Draft: {text}").format(text=glyphs.flat(draft.text, 80))
    if not room.last_text:
        return words.room_kind(room)
    text = glyphs.preview(room.last_text, 80)
    if room.kind is RoomKind.DIRECT or not room.last_author:
        return text
    return _("{author}: {text}").format(author=glyphs.flat(room.last_author, 40), text=text)


def _new_partners(model: ChatModel, wanted: str) -> list[ListRow]:
    partners = {room.partner for room in model.rooms.values() if room.kind is RoomKind.DIRECT}
    people = [
        person
        for person in model.people.values()
        if person.user_id not in partners | {model.me} and _matches(wanted, person.name, person.display_name)
    ]
    return [person_row(person, True) for person in sorted(people, key=_person_order)]


def joinable_rows(model: ChatModel, wanted: str = "") -> list[ListRow]:
    """Public rooms that this person is not in."""
    rooms = [room for room in model.rooms.values() if not room.joined and _matches(wanted, room.title, room.name)]
    return [
        ListRow(
            RoomRowKey(room.room),
            glyphs.flat(words.room_title(room), 100),
            subtitle=words.members(room.members),
            initials=initials(words.room_title(room)),
            index=avatar_index(room.room),
            dim=True,
        )
        for room in sorted(rooms, key=_room_order)
    ]


# People


def people_rows(model: ChatModel, everybody: bool) -> list[ListRow]:
    """The list at the right: online, away, offline; of the open room or all."""
    chosen = [
        person
        for person in model.people.values()
        if person.user_id != model.me and (everybody or person.user_id in model.members)
    ]
    rows: list[ListRow] = []
    for title, state in (
        (_("Online"), PresenceState.ONLINE),
        (_("Away"), PresenceState.AWAY),
        (_("Offline"), PresenceState.OFFLINE),
    ):
        people = sorted((person for person in chosen if person.state is state), key=_person_order)
        rows += _section(f"{title} — {len(people)}", [person_row(person) for person in people])
    if not rows:
        text = _("Nobody else has an account yet") if everybody else _("Nobody else is in this room")
        rows = [ListRow("nobody", text, heading=True)]
    return rows


def _person_order(person: Person) -> tuple[str, str]:
    return name_key(words.person_name(person)), name_key(person.name)


def person_row(person: Person, two_lines: bool = False) -> ListRow:
    """Somebody in a list; with two lines also the user name and since when they are away."""
    name = glyphs.flat(words.person_name(person), 80)
    state = words.presence(person)
    about = f"@{glyphs.flat(person.name, 40)} · {state}"
    return ListRow(
        PersonRowKey(person.user_id),
        name,
        subtitle=about if two_lines else "",
        initials=initials(words.person_name(person)),
        index=avatar_index(person.user_id),
        presence=person.state,
        dim=person.state is PresenceState.OFFLINE,
        hint="\n".join(part for part in (name, about, _role(person.role)) if part),
    )


def _role(role: Role) -> str:
    return {Role.ADMINISTRATOR: _("Administrator"), Role.MODERATOR: _("Moderator")}.get(role, "")


# Servers


def server_rows(servers: Iterable[Server]) -> list[ListRow]:
    """Servers that were found: name, address, how."""
    return [
        ListRow(
            ServerRowKey(server.fingerprint, server.host, server.port),
            glyphs.flat(server.name, 64) or server.host,
            subtitle=f"{server.host}:{server.port} · {via_text(server.via)}",
            icon={Trust.PINNED: "shield-check", Trust.CHANGED: "shield-exclamation"}.get(server.trust, "hdd-network"),
            right=_("known") if server.trust is Trust.PINNED else "",
        )
        for server in servers
    ]
