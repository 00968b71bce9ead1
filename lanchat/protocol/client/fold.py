"""What a conversation shows: texts, with the messages about them (edits, deletions, reactions) folded in.

`RoomFold` reads one room's local copy. A message about a message has a higher number than its target, so a text is
folded right when everything above it was looked at: `_low` is the number down to which that is so, and it moves down as
somebody scrolls up. Only messages about messages are kept in memory.

Signatures are checked here, when something is shown: a text whose author did not sign it is left out, and so is an
edit, a deletion or a reaction. Who may edit and delete was judged by the server before it gave the record its number;
that an edit is the author's own is checked again, because it puts words into his mouth.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from lanchat.protocol.certificates import CertificateBody
from lanchat.protocol.client.authors import Authors
from lanchat.protocol.client.ports import LocalStore
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.messages import Header, Kind, body_text_untrusted, decode_header_untrusted
from lanchat.protocol.reactions import BACK, normal_reaction
from lanchat.protocol.records import Record

# Records that are read at a time: a few milliseconds.
CHUNK = 256
_ABOUT = frozenset((Kind.EDIT, Kind.DELETE, Kind.REACTION))
_SHOWN = frozenset((Kind.TEXT, Kind.NOTICE))


class Folded(msgspec.Struct, frozen=True):
    """A text as it is shown. `reactions`: emoji to users, in the order of the first one."""

    seq: int
    header: Header
    author: CertificateBody
    stored_ms: int
    text: str
    edited: bool = False
    deleted: bool = False
    reactions: tuple[tuple[str, tuple[int, ...]], ...] = ()


class Change(msgspec.Struct, frozen=True):
    """A message about a message. `text`: the new text, or the emoji with "-" before one that is taken back."""

    seq: int
    kind: Kind
    target: int
    author: CertificateBody
    text: str


class Note:
    """A record with its header, decoded once."""

    __slots__ = ("header", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.header: Header = decode_header_untrusted(record.header)


def is_shown(kind: Kind) -> bool:
    """Whether a message of this kind is a line of its own."""
    return kind in _SHOWN


def signed_text(authors: Authors, note: Note) -> tuple[CertificateBody, str]:
    """Author and text of a record; the text is empty when it was deleted. Raises ProtocolError when it is not the
    author's, or no text."""
    record, header = note.record, note.header
    author = authors.check(header, record.header, record.body_hash, record.signature)
    return author, "" if record.body is None else body_text_untrusted(header.kind, record.body)


def fold(authors: Authors, note: Note, about: Iterable[Note]) -> Folded:
    """A text with what was said about it, ascending. Raises ProtocolError when the text is not its author's."""
    author, text = signed_text(authors, note)
    folded = Folded(note.record.seq, note.header, author, note.record.time_ms, text, deleted=note.record.body is None)
    reactions: dict[str, dict[int, None]] = {}
    for change in readable_changes(authors, about):
        folded = _apply(folded, change, reactions)
    shown = tuple((emoji, tuple(users)) for emoji, users in reactions.items() if users)
    return replace(folded, reactions=() if folded.deleted else shown)


def _apply(folded: Folded, change: Change, reactions: dict[str, dict[int, None]]) -> Folded:
    match change.kind:
        case Kind.DELETE:
            return replace(folded, deleted=True, text="", edited=False)
        case Kind.EDIT if not folded.deleted and change.author.user == folded.author.user:
            return replace(folded, text=change.text, edited=True)
        case Kind.REACTION:
            emoji = change.text.removeprefix("-")
            users = reactions.setdefault(emoji, {})
            if emoji == change.text:
                users[change.author.user] = None
            else:
                users.pop(change.author.user, None)
    return folded


def readable_changes(authors: Authors, about: Iterable[Note]) -> list[Change]:
    """Messages about messages whose signatures hold, ascending, each record once."""
    found: dict[int, Change] = {}
    for note in sorted(about, key=lambda item: item.record.seq):
        try:
            author, text = signed_text(authors, note)
        except ProtocolError:
            continue
        header = note.header
        if header.kind is Kind.REACTION and not (text := normal_reaction(text)).removeprefix(BACK):
            continue
        found[note.record.seq] = Change(note.record.seq, header.kind, header.ref, author, text)
    return list(found.values())


class RoomFold:
    """One room's stored texts. `authors` tells who signed; `me` is this user. Raises LocalStoreError."""

    def __init__(self, room: int, store: LocalStore, authors: Authors, me: int) -> None:
        self._room = room
        self._store = store
        self._authors = authors
        self._me = me
        self._about: dict[int, dict[int, Note]] = {}
        span = store.span(room)
        self._top = span.cursor if span else 0
        self._low = self._top + 1

    # --- What comes -------------------------------------------------------------------------------------------------

    def note(self, records: Iterable[Record]) -> list[Note]:
        """New records at the top, ascending; returned with their headers. Those that are known already stay out."""
        fresh = [Note(record) for record in records if record.seq > self._top]
        if fresh and fresh[0].record.seq > self._top + 1:
            # Another process stored what is between, or the span began anew: look again from here.
            self._about.clear()
            self._low = fresh[0].record.seq
        for note in fresh:
            self._index(note)
            self._top = note.record.seq
        return fresh

    def _index(self, note: Note) -> None:
        if note.header.kind in _ABOUT:
            self._about.setdefault(note.header.ref, {})[note.record.seq] = note

    def _cover(self, first: int) -> None:
        """Look at every record from `first` up, which is stored. What another process added is looked at, too."""
        while fresh := self._store.records(self._room, self._top + 1, self._top + CHUNK):
            self.note(fresh)
        while self._low > first:
            # Not below what was asked for: what is not stored yet must be looked at when it comes.
            below = max(first, self._low - CHUNK)
            for record in self._store.records(self._room, below, self._low - 1):
                self._index(Note(record))
            self._low = below

    # --- What is shown ----------------------------------------------------------------------------------------------

    def folded(self, seq: int) -> Folded | None:
        """One text; None when it is not here, is no text, or is not signed by its author."""
        records = self._store.records(self._room, seq, seq)
        if not records:
            return None
        self._cover(seq)
        return self._fold(Note(records[0]))

    def _fold(self, note: Note) -> Folded | None:
        if not is_shown(note.header.kind):
            return None
        try:
            return fold(self._authors, note, self._about.get(note.record.seq, {}).values())
        except ProtocolError:
            return None

    def below(self, before: int, limit: int) -> list[Folded]:
        """Up to `limit` texts below `before` (0: the newest), ascending."""
        span = self._store.span(self._room)
        if span is None:
            return []
        found: list[Folded] = []
        top = min(before - 1, span.cursor) if before else span.cursor
        while top > span.base and len(found) < limit:
            bottom = max(span.base + 1, top - CHUNK + 1)
            found.extend(self._texts(bottom, top, descending=True, enough=limit - len(found)))
            top = bottom - 1
        return found[::-1]

    def above(self, first: int, limit: int) -> list[Folded]:
        """Up to `limit` texts from `first` up, ascending."""
        span = self._store.span(self._room)
        if span is None:
            return []
        found: list[Folded] = []
        bottom = max(first, span.base + 1)
        while bottom <= span.cursor and len(found) < limit:
            top = min(span.cursor, bottom + CHUNK - 1)
            found.extend(self._texts(bottom, top, descending=False, enough=limit - len(found)))
            bottom = top + 1
        return found

    def between(self, bottom: int, top: int) -> list[Folded]:
        """The texts from `bottom` to `top`, ascending."""
        return self._texts(bottom, top, descending=False, enough=max(0, top - bottom + 1))

    def _texts(self, bottom: int, top: int, *, descending: bool, enough: int) -> list[Folded]:
        self._cover(bottom)
        records = self._store.records(self._room, bottom, top)
        found: list[Folded] = []
        for record in reversed(records) if descending else records:
            folded = self._fold(Note(record))
            if folded is not None:
                found.append(folded)
                if len(found) == enough:
                    break
        return found

    def unread(self, read: int, limit: int) -> int:
        """Texts by others above `read`, counted up to `limit`. Signatures are not checked: it is a number only."""
        return sum(1 for _ in self._others(read, limit))

    def _others(self, read: int, limit: int) -> Iterable[int]:
        span = self._store.span(self._room)
        if span is None:
            return
        top, count = span.cursor, 0
        while top > max(read, span.base) and count < limit:
            bottom = max(read + 1, span.base + 1, top - CHUNK + 1)
            for record in reversed(self._store.records(self._room, bottom, top)):
                if count < limit and self._counts(Note(record)):
                    count += 1
                    yield record.seq
            top = bottom - 1

    def _counts(self, note: Note) -> bool:
        if not is_shown(note.header.kind) or note.record.body is None:
            return False
        owner = self._authors.owner(note.header.device)
        return owner is None or owner.user != self._me

    def counts_as_unread(self, note: Note) -> bool:
        """Whether a new record is a text by somebody else."""
        return self._counts(note)
