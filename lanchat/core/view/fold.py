"""What a conversation shows: texts, with the messages about them (edits, deletions, reactions) folded in.

`RoomFold` reads one room's local copy. A message about a message has a higher number than its target, so a text is
folded right when everything above it was looked at: `_low` is the number down to which that is so, and it moves down as
somebody scrolls up. What was looked at is kept as numbers only: which records are texts, which of those are unread when
the reading position is below them, and what was said about each (changes.py). Bodies are read when they are shown.

Signatures are checked here, when something is shown: a text whose author did not sign it is left out, and so is an
edit, a deletion or a reaction. Who may edit and delete was judged by the server before it gave the record its number;
that an edit is the author's own is checked again, because it puts words into his mouth.
"""

import bisect
from collections.abc import Callable, Iterable, Iterator

import msgspec

from lanchat.core.config import DEFAULT_CONFIG, ClientConfig
from lanchat.core.people.authors import Authors, UnknownDevice
from lanchat.core.ports import LogReader
from lanchat.core.view.bodies import said_text, shown_body
from lanchat.core.view.changes import Read, TextChange, TextChanges
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import CertificateBody
from lanchat.protocol.log.files import Manifest
from lanchat.protocol.log.messages import Header, Kind, body_text_untrusted, decode_header_untrusted
from lanchat.protocol.log.records import Record
from lanchat.protocol.text.reactions import BACK, normal_reaction

# Records that are read at a time: a few milliseconds.
CHUNK = 256
# The newest records, kept as they came until the next ones do: what has just been stored is shown without reading it.
_FRESH_MAX = 16
# Texts that lie so close together are read together with what is between them.
_NEAR = 4
# Texts of unknown authors that are passed over to find one for a preview.
_TRIES = 20
_ABOUT = frozenset((Kind.EDIT, Kind.DELETE, Kind.REACTION))
_SHOWN = frozenset((Kind.TEXT, Kind.NOTICE, Kind.FILE))


class FoldedText(msgspec.Struct, frozen=True):
    """A text as it is shown; with `files` it may be empty. `reactions`: emoji to users, in the order of the first one.
    `pending`: some of it is not stored yet (pending.py)."""

    seq: int
    header: Header
    author: CertificateBody
    stored_ms: int
    text: str
    edited: bool = False
    deleted: bool = False
    reactions: tuple[tuple[str, tuple[int, ...]], ...] = ()
    pending: bool = False
    files: tuple[Manifest, ...] = ()


class DecodedRecord:
    """A record with its header, decoded once."""

    __slots__ = ("header", "record")

    def __init__(self, record: Record, header: Header | None = None) -> None:
        """`header`: that of the record, where it was decoded before. Raises ProtocolError for one that this version
        cannot read."""
        self.record = record
        self.header: Header = decode_header_untrusted(record.header) if header is None else header


def is_shown(kind: Kind) -> bool:
    """Whether a message of this kind is a line of its own."""
    return kind in _SHOWN


def signed_text(authors: Authors, note: DecodedRecord) -> tuple[CertificateBody, str]:
    """Author and text of a record; the text is empty when it was deleted. Raises UnknownDevice, and ProtocolError when
    it is not the author's, or no text."""
    record, header = note.record, note.header
    author = authors.check(header, record.header, record.body_hash, record.signature)
    return author, "" if record.body is None else body_text_untrusted(header.kind, record.body)


def readable_change(authors: Authors, note: DecodedRecord) -> TextChange:
    """A message about a message. Raises as `signed_text`."""
    author, text = signed_text(authors, note)
    if note.header.kind is Kind.REACTION and not (text := normal_reaction(text)).removeprefix(BACK):
        raise ProtocolError("reaction without an emoji")
    return TextChange(note.record.seq, note.header.kind, note.header.ref, author, text)


def fold(authors: Authors, note: DecodedRecord, about: Iterable[DecodedRecord]) -> FoldedText:
    """A text with what was said about it. Raises ProtocolError when the text is not its author's."""
    notes = {change.record.seq: change for change in about if change.header.ref == note.record.seq}
    read = _reader(authors, notes.get)
    changes = TextChanges()
    for seq, change in notes.items():
        changes.note(change.header.kind, seq, read)
    return _fold(authors, note, changes, read)


def _reader(authors: Authors, find: Callable[[int], DecodedRecord | None]) -> Read:
    def read(seq: int) -> TextChange | None:
        note = find(seq)
        try:
            return readable_change(authors, note) if note is not None else None
        except UnknownDevice:
            return None

    return read


def _fold(authors: Authors, note: DecodedRecord, changes: TextChanges | None, read: Read) -> FoldedText:
    author, text = signed_text(authors, note)
    seq, stored_ms = note.record.seq, note.record.time_ms
    if changes is not None:
        if note.record.body is None:
            changes.forget()
        changes.settle(read)
    if note.record.body is None or (changes is not None and changes.deleted):
        return FoldedText(seq, note.header, author, stored_ms, "", deleted=True)
    body = shown_body(note.header.kind, text)
    edit = changes.edit_by(author.user, read) if changes is not None else None
    return FoldedText(
        seq,
        note.header,
        author,
        stored_ms,
        body.text if edit is None else edit.text,
        edited=edit is not None,
        reactions=changes.reactions() if changes is not None else (),
        files=body.files,
    )


class RoomFold:
    """One room's stored texts. `authors` tells who signed; `me` is this user. Raises LocalStoreError."""

    def __init__(
        self,
        room: int,
        store: LogReader,
        authors: Authors,
        me: int,
        config: ClientConfig = DEFAULT_CONFIG,
        calls_me: Callable[[str, int], bool] = lambda text, author: False,
    ) -> None:
        """Begins at the last stored number; what is below is read when it is asked for. `calls_me`: whether a text of
        an author (0: not known) mentions this user."""
        self._calls_me = calls_me
        self._folded_max = config.folded_max
        self._room = room
        self._store = store
        self._authors = authors
        self._me = me
        self._read = _reader(authors, self._find)
        span = store.span(room)
        self._begin_at(span.cursor if span else 0)

    def _begin_at(self, top: int) -> None:
        """Nothing was looked at: `top` is the last number that is stored."""
        self._top = top
        self._low = top + 1
        self._about: dict[int, TextChanges] = {}
        # Ascending: all texts; those by other users; by device, those whose author is not known yet.
        self._texts: list[int] = []
        self._others: list[int] = []
        self._unknown: dict[bytes, list[int]] = {}
        self._called: list[int] = []  # those of `_others` that mention this user
        self._fresh: dict[int, DecodedRecord] = {}
        # `note` was called, so that nothing else needs to be looked for once.
        self._just_noted = False

    # --- What comes -------------------------------------------------------------------------------------------------

    def note(self, records: Iterable[DecodedRecord]) -> list[DecodedRecord]:
        """New records at the top, ascending; returned without those that are known already."""
        fresh = [note for note in records if note.record.seq > self._top]
        if fresh and fresh[0].record.seq > self._top + 1:
            # Another process stored what is between, or the span began anew: look again from here.
            self._begin_at(fresh[0].record.seq - 1)
        self._just_noted = bool(fresh)
        if fresh:
            self._fresh = {note.record.seq: note for note in fresh[-_FRESH_MAX:]}
        for note in fresh:
            self._look_at(note)
            self._top = note.record.seq
        if fresh and self._top - self._low >= self._folded_max:
            self._forget()
        return fresh

    def _forget(self) -> None:
        """All but the newest records were not looked at."""
        self._begin_at(self._top)
        bounds = self._bounds()
        if bounds is not None and bounds[1] >= self._top:
            self._cover_chunk(bounds[0])

    def _look_at(self, note: DecodedRecord) -> None:
        seq, kind = note.record.seq, note.header.kind
        if is_shown(kind):
            bisect.insort(self._texts, seq)
            if note.record.body is not None:
                self._count(note)
        elif kind in _ABOUT:
            self._about.setdefault(note.header.ref, TextChanges()).note(kind, seq, self._read)
            if kind is Kind.DELETE:
                self._discount(note.header.ref)
                self._fresh.pop(note.header.ref, None)

    def _cover(self, first: int) -> None:
        """Look at every record from `first` up, which is stored. What another process added is looked at, too."""
        while fresh := self._store.records(self._room, self._top + 1, self._top + CHUNK):
            self.note(map(DecodedRecord, fresh))
        self._just_noted = False
        while self._low > first:
            self._cover_chunk(first)

    def _cover_chunk(self, first: int) -> None:
        """Look at the next records below, not below `first`: what is not stored yet must be looked at when it comes."""
        below = max(first, self._low - CHUNK)
        # Aside for the moment: a list grows at its end for nothing, at its beginning by moving the rest.
        texts, others, self._texts, self._others = self._texts, self._others, [], []
        for record in self._store.records(self._room, below, self._low - 1):
            self._look_at(DecodedRecord(record))
        self._texts += texts
        self._others += others
        self._low = below

    def _bounds(self) -> tuple[int, int] | None:
        """The first and last number that are stored; None for none. What began anew above a hole is looked at again."""
        span = self._store.span(self._room)
        if span is None:
            return None
        if span.base > self._top:
            self._begin_at(span.cursor)
        return span.base + 1, span.cursor

    # --- What is shown ----------------------------------------------------------------------------------------------

    def folded(self, seq: int) -> FoldedText | None:
        """One text; None when it is not here, is no text, or is not signed by its author."""
        note = self._find(seq)
        if note is None:
            return None
        self._cover(seq)
        return self._fold(note)

    def noted(self, seq: int) -> FoldedText | None:
        """As `folded`, with what was said about the text in the records that `note` was given, whatever else is stored
        by now."""
        if seq < self._low:
            return self.folded(seq)
        note = self._find(seq)
        return self._fold(note) if note is not None else None

    def _find(self, seq: int) -> DecodedRecord | None:
        fresh = self._fresh.get(seq)
        if fresh is not None:
            return fresh
        records = self._store.records(self._room, seq, seq)
        return DecodedRecord(records[0]) if records else None

    def _fold(self, note: DecodedRecord) -> FoldedText | None:
        if not is_shown(note.header.kind):
            return None
        try:
            return _fold(self._authors, note, self._about.get(note.record.seq), self._read)
        except ProtocolError:
            return None

    def below(self, before: int, limit: int) -> list[FoldedText]:
        """Up to `limit` texts below `before` (0: the newest), ascending."""
        bounds = self._bounds()
        if bounds is None:
            return []
        first, last = bounds
        self._cover(min(before, last + 1) if before else last + 1)
        found: list[FoldedText] = []
        top = min(before - 1, last) if before else last
        while len(found) < limit and top >= first:
            place = bisect.bisect_right(self._texts, top)
            wanted = self._texts[max(0, place - (limit - len(found))) : place]
            if not wanted and self._low > first:
                self._cover_chunk(first)
                continue
            if not wanted:
                break
            found = [*self._shown(wanted), *found]
            top = wanted[0] - 1
        return found

    def above(self, first: int, limit: int) -> list[FoldedText]:
        """Up to `limit` texts from `first` up, ascending."""
        bounds = self._bounds()
        if bounds is None:
            return []
        bottom = max(first, bounds[0])
        self._cover(bottom)
        found: list[FoldedText] = []
        place = bisect.bisect_left(self._texts, bottom)
        while len(found) < limit and (wanted := self._texts[place : place + limit - len(found)]):
            found.extend(self._shown(wanted))
            place += len(wanted)
        return found

    def between(self, bottom: int, top: int) -> list[FoldedText]:
        """The texts from `bottom` to `top`, ascending."""
        self._cover(bottom)
        first, end = bisect.bisect_left(self._texts, bottom), bisect.bisect_right(self._texts, top)
        return list(self._shown(self._texts[first:end]))

    def newest(self) -> FoldedText | None:
        """The newest of the texts that were looked at, passing over a few that cannot be shown."""
        for seq in reversed(self._texts[-_TRIES:]):
            note = self._find(seq)
            folded = self._fold(note) if note is not None else None
            if folded is not None:
                return folded
        return None

    def _shown(self, seqs: list[int]) -> Iterator[FoldedText]:
        """Those of these texts, ascending, that are here and signed by their authors."""
        for first, last in _runs(seqs):
            for record in self._store.records(self._room, first, last):
                folded = self._fold(DecodedRecord(record))
                if folded is not None:
                    yield folded

    # --- What is unread ---------------------------------------------------------------------------------------------

    def _count(self, note: DecodedRecord) -> None:
        seq, device = note.record.seq, note.header.device
        owner = self._authors.owner(device)
        if owner is None:
            bisect.insort(self._unknown.setdefault(device, []), seq)
        if owner is None or owner.user != self._me:
            bisect.insort(self._others, seq)
            body = note.record.body or b""
            if b"@" in body and self._calls_me(said_text(note.header.kind, body), owner.user if owner else 0):
                bisect.insort(self._called, seq)

    def _discount(self, seq: int) -> None:
        if seq in self._called:
            self._called.remove(seq)
        place = bisect.bisect_left(self._others, seq)
        if place < len(self._others) and self._others[place] == seq:
            del self._others[place]

    def _recognize(self) -> None:
        """Leave out what turned out to be this user's own, said on another device."""
        for device in list(self._unknown):
            owner = self._authors.owner(device)
            if owner is not None:
                for seq in self._unknown.pop(device) if owner.user == self._me else ():
                    self._discount(seq)
                self._unknown.pop(device, None)

    def unread(self, read: int, limit: int) -> int:
        """Texts by others above `read` that were not deleted, counted up to `limit`. Signatures are not checked: it is
        a number only."""
        if not self._just_noted:
            self._cover(self._top + 1)
        self._just_noted = False
        if self._low > read + 1 and (bounds := self._bounds()) is not None:
            bottom = max(bounds[0], read + 1)
            while self._above(read) < limit and self._low > bottom:
                self._cover_chunk(bottom)
        self._recognize()
        return min(limit, self._above(read))

    def first_call(self, read: int) -> int:
        """The first text above `read`, of those that `unread` looked at, that mentions this user; 0: none."""
        place = bisect.bisect_right(self._called, read)
        return self._called[place] if place < len(self._called) else 0

    def _above(self, read: int) -> int:
        return len(self._others) - bisect.bisect_right(self._others, read)


def _runs(seqs: list[int]) -> Iterator[tuple[int, int]]:
    """Ranges that hold these ascending numbers and little else, none longer than CHUNK."""
    first = last = 0
    for seq in seqs:
        if first and (seq > last + _NEAR or seq >= first + CHUNK):
            yield first, last
            first = 0
        first, last = first or seq, seq
    if first:
        yield first, last
