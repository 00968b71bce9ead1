"""Edits, deletions and reactions that are not stored yet: shown over the stored texts until the log has them.

What the log will make of them the server decides. Shown is what it will take by all that is known here: an edit by the
text's author, a deletion by the author or a moderator, as the log's statements say.
"""

from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from lanchat.core.view.changes import EMOJI_MAX
from lanchat.core.view.fold import FoldedText
from lanchat.protocol.codes import Role
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import Header, Kind, MessageKey, body_text_untrusted
from lanchat.protocol.text.reactions import BACK, normal_reaction

CHANGES = frozenset((Kind.EDIT, Kind.DELETE, Kind.REACTION))
_CHANGEABLE = frozenset((Kind.TEXT, Kind.FILE))


class PendingChange(msgspec.Struct, frozen=True):
    """`author`: the user, whose signature was checked. `text`: the new text, or the emoji with "-" before one that is
    taken back."""

    key: MessageKey
    kind: Kind
    target: int
    author: int
    lamport: int
    text: str


def pending_change(header: Header, body: bytes, author: int) -> PendingChange | None:
    """A message as a change; None when it is none, or says nothing."""
    if header.kind not in CHANGES or not header.ref:
        return None
    try:
        text = body_text_untrusted(header.kind, body)
    except ProtocolError:
        return None
    if header.kind is Kind.REACTION and not (text := normal_reaction(text)).removeprefix(BACK):
        return None
    return PendingChange(header.key, header.kind, header.ref, author, header.lamport, text)


class PendingChanges:
    """Of one room, in `about` by the text that they are about. As many as the parts that keep the messages keep."""

    def __init__(self, changes: Iterable[PendingChange] = ()) -> None:
        """Begins with these."""
        self.about: dict[int, dict[MessageKey, PendingChange]] = {}
        self._targets: dict[MessageKey, int] = {}
        for change in changes:
            self.add(change)

    def add(self, change: PendingChange) -> None:
        """Once for each message."""
        self._targets[change.key] = change.target
        self.about.setdefault(change.target, {})[change.key] = change

    def pop(self, key: MessageKey) -> PendingChange | None:
        """It is decided: stored or refused. None: it was not here."""
        target = self._targets.pop(key, None)
        if target is None:
            return None
        about = self.about[target]
        change = about.pop(key)
        if not about:
            del self.about[target]
        return change

    def target(self, key: MessageKey) -> int:
        """Which text this change is about; 0: it is not here."""
        return self._targets.get(key, 0)

    def shown(self, folded: FoldedText, role: Callable[[int], Role]) -> FoldedText:
        """The text with what is pending about it, in the order in which it was made as far as anybody can tell. `role`:
        of a user."""
        about = self.about.get(folded.seq)
        if about is None or folded.deleted or folded.header.kind not in _CHANGEABLE:
            return folded
        changes = [change for change in about.values() if may_change(folded, change, role)]
        for change in sorted(changes, key=lambda change: (change.lamport, change.key)):
            folded = _changed(folded, change)
            if folded.deleted:
                break
        return folded


def may_change(folded: FoldedText, change: PendingChange, role: Callable[[int], Role]) -> bool:
    """Whether the server will take this, by all that is known here."""
    own = change.author == folded.author.user
    if change.kind is Kind.EDIT:
        return own
    return change.kind is Kind.REACTION or own or role(change.author) >= Role.MODERATOR


def _changed(folded: FoldedText, change: PendingChange) -> FoldedText:
    match change.kind:
        case Kind.EDIT:
            return replace(folded, text=change.text, edited=True, pending=True)
        case Kind.DELETE:
            return replace(folded, text="", deleted=True, reactions=(), pending=True)
        case _:
            return _reacted(folded, change)


def _reacted(folded: FoldedText, change: PendingChange) -> FoldedText:
    emoji, gives = change.text.removeprefix(BACK), not change.text.startswith(BACK)
    reactions = dict(folded.reactions)
    users = reactions.get(emoji, ())
    if gives is (change.author in users) or (not users and len(reactions) >= EMOJI_MAX):
        return folded
    users = (*users, change.author) if gives else tuple(user for user in users if user != change.author)
    reactions[emoji] = users
    left = tuple((emoji, users) for emoji, users in reactions.items() if users)
    return replace(folded, reactions=left, pending=True)
