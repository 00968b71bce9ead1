"""The command that searches in messages: on the server, while it is away in the local copy; and its operators."""

import asyncio
import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind, Line
from lanchat.app.commands.conversation import CERTIFICATE_PATIENCE
from lanchat.app.commands.rooms import joined_room
from lanchat.core.view.fold import DecodedRecord, FoldedText, fold, is_shown
from lanchat.core.view.search import LocalHit, Place, find, place_of
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import SEARCH_CHARACTERS_MAX, SEARCH_HITS_MAX
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.names import inert
from lanchat.protocol.text.search_query import Day, SearchQuery, parse_query
from lanchat.protocol.text.search_words import fold as fold_letters
from lanchat.protocol.text.search_words import query_words

if TYPE_CHECKING:
    from lanchat.app.account_session import AccountSession
    from lanchat.app.client_state import ClientState

# Pages of hits that are looked through for those that the operators choose: 1,000 hits are looked at most.
_PAGES = 20


class HitFilter(msgspec.Struct, frozen=True):
    """What the operators of a search choose. `authors`, `rooms`: ids, None for all; `after`, `before`: seconds since
    the epoch, the first one included, the second one not."""

    authors: frozenset[int] | None = None
    rooms: frozenset[int] | None = None
    after: float = 0.0
    before: float = float("inf")

    @property
    def is_open(self) -> bool:
        """Whether it takes whatever has the words."""
        return self == HitFilter()

    def takes(self, line: Line) -> bool:
        """Whether a stored message is among what was asked for."""
        return (self.rooms is None or line.room in self.rooms) and self._takes(
            line.author, line.sent_at if line.imported else line.stored_at
        )

    def takes_text(self, text: FoldedText) -> bool:
        """The same of a text of the local copy, whose room is looked at before."""
        time_ms = text.header.sent_ms if text.author.imported else text.stored_ms
        return self._takes(text.author.user, time_ms / 1000)

    def _takes(self, author: int, time: float) -> bool:
        return (self.authors is None or author in self.authors) and self.after <= time < self.before


async def search(client: "ClientState", command: api.SearchCommand) -> list[Line]:
    """On the server; in the local copy while it is away, and for operators without a word. Hits that cannot be checked
    are left out, so there may be fewer than `limit`. Raises CommandError INVALID for operators that name nobody, no
    room or no day."""
    member = client.logged_in()
    query = parse_query(command.words[:SEARCH_CHARACTERS_MAX])
    chosen = _filter(member, query)
    room = command.room
    if chosen.rooms is not None:
        room = next(iter(chosen.rooms)) if len(chosen.rooms) == 1 else 0
    if room:
        joined_room(member, room)
    limit = max(1, min(command.limit, SEARCH_HITS_MAX))
    command = replace(command, room=room, words=query.words, limit=limit)
    if not query_words(query.words):
        return await _search_local_copy(member, command, chosen) if query.filters else []
    try:
        return await _chosen_hits(member, command, chosen)
    except CommandError as error:
        if error.kind is not ErrorKind.OFFLINE:
            raise
        return await _search_local_copy(member, command, chosen)


def _filter(member: "AccountSession", query: SearchQuery) -> HitFilter:
    if query.no_day:
        raise CommandError(ErrorKind.INVALID, Problem.NOT_A_DAY, text=inert(query.no_day))
    authors = rooms = None
    if query.author:
        users = member.core.directory.users.values()
        authors = _named(query.author, ((user.id, (user.name, user.display_name)) for user in users))
        if not authors:
            raise CommandError(ErrorKind.INVALID, Problem.UNKNOWN_USER, name=inert(query.author))
    if query.room:
        known = [room for room in member.core.directory.rooms.values() if room.joined]
        rooms = _named(query.room, ((room.id, (room.name, member.book.title(room))) for room in known))
        if not rooms:
            raise CommandError(ErrorKind.INVALID, Problem.UNKNOWN_ROOM, name=inert(query.room))
    after = _midnight(query.after) if query.after else 0.0
    return HitFilter(authors, rooms, after, _midnight(query.before) if query.before else float("inf"))


def _named(wanted: str, named: Iterable[tuple[int, tuple[str, ...]]]) -> frozenset[int]:
    """The ids of those that have this name; else of those whose name begins so."""
    letters = _letters(wanted)
    folded = [(number, [_letters(name) for name in names if name]) for number, names in named]
    exact = frozenset(number for number, names in folded if letters in names)
    return exact or frozenset(number for number, names in folded if any(name.startswith(letters) for name in names))


def _letters(name: str) -> str:
    return " ".join(fold_letters(name.strip().lstrip("#@")).split())


def _midnight(day: Day) -> float:
    """The beginning of a day on this computer, in seconds since the epoch."""
    try:
        return datetime.datetime(*day).astimezone().timestamp()
    except (OverflowError, ValueError, OSError):
        return float("inf")


async def _chosen_hits(member: "AccountSession", command: api.SearchCommand, chosen: HitFilter) -> list[Line]:
    """Pages of hits from the server, until enough of them are chosen or nothing older can be."""
    page = command.limit if chosen.is_open else SEARCH_HITS_MAX
    question = wire.Search(command.room, command.words, command.before, page, command.before_room)
    lines: list[Line] = []
    for _turn in range(1 if chosen.is_open else _PAGES):
        hits = await _search_server(member, question)
        lines += [line for line in await _lines(member, command.room, hits) if chosen.takes(line)]
        if len(lines) >= command.limit or len(hits) < page or hits[-1].record.time_ms / 1000 < chosen.after:
            break
        last = hits[-1]
        question = replace(question, before=last.record.seq, before_room=0 if command.room else last.room)
    return lines[: command.limit]


async def _lines(member: "AccountSession", asked: int, hits: list[wire.Hit]) -> list[Line]:
    lines = [_hit_line(member, asked, hit) for hit in hits]
    if missing := member.core.authors.take_missing():
        # An answer has the certificates of some hundred authors.
        member.ask_for_certificates(missing)
        await member.wait_for_certificates(CERTIFICATE_PATIENCE)
        lines = [_hit_line(member, asked, hit) for hit in hits]
    return [line for line in lines if line is not None]


async def _search_server(member: "AccountSession", question: wire.Search) -> list[wire.Hit]:
    """On the server. Hits that did not fit an answer are asked for as well. Raises CommandError."""
    hits: list[wire.Hit] = []
    while True:
        found: wire.Found = await member.ask(question)
        member.core.authors.learn_untrusted(found.certificates)
        hits += found.hits
        left = question.limit - len(found.hits)
        if not (found.more and found.hits and left > 0):
            return hits
        last = found.hits[-1]
        before_room = 0 if question.room else last.room
        question = replace(question, before=last.record.seq, before_room=before_room, limit=left)


def _hit_line(member: "AccountSession", asked: int, hit: wire.Hit) -> Line | None:
    """None for what cannot be shown; `asked`: the room that was searched, 0 for all."""
    try:
        note = DecodedRecord(hit.record)
        if note.header.room != hit.room or asked not in (0, hit.room) or not is_shown(note.header.kind):
            return None
        folded = fold(member.core.authors, note, [DecodedRecord(record) for record in hit.changes])
    except ProtocolError:
        return None
    return member.book.line(hit.room, folded)


async def _search_local_copy(member: "AccountSession", command: api.SearchCommand, chosen: HitFilter) -> list[Line]:
    """In the local copy. The event loop goes on after each part."""
    rooms = [room for room in member.core.directory.rooms.values() if room.joined and command.room in (0, room.id)]
    before = command.before if command.room else 0
    behind: Place | None = None
    if not command.room and command.before_room and command.before:
        for place in place_of(member.store, command.before_room, command.before):
            behind = place
            await asyncio.sleep(0)
    takes = None if chosen.is_open else chosen.takes_text
    hits: list[tuple[int, LocalHit]] = []
    for room in rooms:
        texts = member.book.state(room.id).fold
        if chosen.rooms is not None and room.id not in chosen.rooms:
            continue
        bounds = {"first_seq": room.first_seq, "before": before, "limit": command.limit}
        for part in find(member.store, texts, room.id, command.words, behind=behind, takes=takes, **bounds):
            hits += [(room.id, found) for found in part]
            await asyncio.sleep(0)
    hits.sort(key=lambda hit: (hit[1].time_ms, hit[0], hit[1].folded.seq), reverse=True)
    return [member.book.line(room, found.folded) for room, found in hits[: command.limit]]


HANDLERS: dict[type, Any] = {api.SearchCommand: search}
