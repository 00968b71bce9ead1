"""What was said about one text: edits, deletions, reactions, kept as the numbers of the records that say it.

A member may edit a text thousands of times. Of that only the newest edit by the text's author counts, so bodies are
read when they are shown, each change is looked at once, and what can no longer matter is forgotten. Changes come in any
order: from above as they are said, from below as older pages are read.
"""

import bisect
from collections.abc import Callable

import msgspec

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import CertificateBody
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.text.reactions import BACK

# Changes of one kind per text that nobody has looked at, or whose authors are not known yet; the newest ones win. One
# below so many unreadable ones would matter only when the server had taken those without checking who signed.
PENDING_MAX = 64
# Emoji that one text shows: the first ones. More would cost everybody's screen, and no text has so many in earnest.
EMOJI_MAX = 100


class TextChange(msgspec.Struct, frozen=True):
    """A message about a message. `text`: the new text, or the emoji with "-" before one that is taken back; of a body
    that was erased, the empty text."""

    seq: int
    kind: Kind
    target: int
    author: CertificateBody
    text: str


# A change by its number: None while nobody knows whose it is; raises ProtocolError when it is nobody's.
Read = Callable[[int], TextChange | None]


class _Reaction:
    """One user's emoji: the newest number that gave it, the newest that took it back, and since when it stands."""

    __slots__ = ("given", "since", "taken")

    def __init__(self) -> None:
        self.given = self.taken = self.since = 0

    @property
    def stands(self) -> bool:
        return self.given > self.taken

    def give(self, seq: int) -> None:
        self.given = max(self.given, seq)
        if seq > self.taken:
            self.since = min(self.since, seq) if self.since > self.taken else seq

    def take(self, seq: int) -> None:
        self.taken = max(self.taken, seq)
        if self.since < self.taken:
            self.since = self.given


class TextChanges:
    """About one text. Bounded but for the reactions that people gave: one entry per user and emoji."""

    __slots__ = ("_deletions", "_edits", "_oldest_edit", "_reacted", "_reactions", "deleted")

    def __init__(self) -> None:
        """Nothing was said about the text yet."""
        self.deleted = False
        self._deletions: list[int] = []
        # Ascending. Once the newest readable one is known, those below `_oldest_edit` are nothing.
        self._edits: list[int] = []
        self._oldest_edit = 0
        self._reactions: list[int] = []
        self._reacted: dict[tuple[str, int], _Reaction] = {}

    def note(self, kind: Kind, seq: int, read: Read) -> None:
        """There is such a change; `read` is used when too many were not looked at."""
        if self.deleted:
            return
        match kind:
            case Kind.EDIT if seq >= self._oldest_edit:
                _keep_newest(self._edits, seq)
            case Kind.DELETE:
                _keep_newest(self._deletions, seq)
            case Kind.REACTION:
                if len(self._reactions) >= PENDING_MAX:
                    self._react(read)
                _keep_newest(self._reactions, seq)

    def settle(self, read: Read) -> None:
        """Look at deletions and reactions that are new."""
        for seq in list(self._deletions):
            change, later = _look(read, seq)
            if change is not None:
                self.forget()
                return
            if not later:
                self._deletions.remove(seq)
        self._react(read)
        if not self._reactions:
            # Everything above a text that is shown was looked at: what was taken back can only be given anew.
            self._reacted = {key: reaction for key, reaction in self._reacted.items() if reaction.stands}

    def forget(self) -> None:
        """The text is deleted, or its body is gone: nothing else matters any more."""
        self.deleted = True
        self._deletions.clear()
        self._edits.clear()
        self._reactions.clear()
        self._reacted.clear()

    def _react(self, read: Read) -> None:
        unknown: list[int] = []
        for seq in self._reactions:
            change, later = _look(read, seq)
            if change is not None and change.text:
                emoji = change.text.removeprefix(BACK)
                reaction = self._reacted.setdefault((emoji, change.author.user), _Reaction())
                (reaction.give if emoji == change.text else reaction.take)(seq)
            elif later:
                unknown.append(seq)
        if self._reactions != unknown:
            self._limit_emoji()
        self._reactions = unknown

    def _limit_emoji(self) -> None:
        """Keep the emoji that were given first."""
        first: dict[str, int] = {}
        for (emoji, _user), reaction in self._reacted.items():
            number = max(reaction.since, reaction.taken)
            first[emoji] = min(first.get(emoji, number), number)
        for emoji in sorted(first, key=first.__getitem__)[EMOJI_MAX:]:
            for key in [key for key in self._reacted if key[0] == emoji]:
                del self._reacted[key]

    def edit_by(self, user: int, read: Read) -> TextChange | None:
        """The newest edit by the text's author `user`."""
        for index in range(len(self._edits) - 1, -1, -1):
            seq = self._edits[index]
            change, later = _look(read, seq)
            if change is not None and change.author.user == user and change.text:
                del self._edits[:index]
                self._oldest_edit = seq
                return change
            if not later:
                del self._edits[index]
        return None

    def reactions(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Emoji to users, in the order of the first one who gave it and still does."""
        standing = [(reaction.since, *key) for key, reaction in self._reacted.items() if reaction.stands]
        shown: dict[str, list[int]] = {}
        for _since, emoji, user in sorted(standing):
            shown.setdefault(emoji, []).append(user)
        return tuple((emoji, tuple(users)) for emoji, users in shown.items())


def _keep_newest(numbers: list[int], seq: int) -> None:
    """Put `seq` into its place, once."""
    place = bisect.bisect_left(numbers, seq)
    if place == len(numbers) or numbers[place] != seq:
        numbers.insert(place, seq)
        del numbers[:-PENDING_MAX]


def _look(read: Read, seq: int) -> tuple[TextChange | None, bool]:
    """A change, and, when there is none, whether there may be one later."""
    try:
        change = read(seq)
    except ProtocolError:
        return None, False
    return change, change is None
