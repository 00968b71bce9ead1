"""Changes that are not stored yet: shown over the stored text, when the one who made them may."""

import pytest
from msgspec.structs import replace

from lanchat.core.view.fold import FoldedText
from lanchat.core.view.pending import PendingChange, PendingChanges, pending_change
from lanchat.protocol.codes import Role
from lanchat.protocol.log.certificates import CertificateBody
from lanchat.protocol.log.messages import Header, Kind

ANNA, BORIS, MODERATOR = 2, 3, 4
ROOM = 1


def role(user: int) -> Role:
    return Role.MODERATOR if user == MODERATOR else Role.MEMBER


def text(seq: int = 5, said: str = "hello", **values: object) -> FoldedText:
    header = Header(ROOM, b"a" * 16, 1, seq, Kind.TEXT, 0, 0, seq)
    author = CertificateBody(b"l" * 16, ANNA, b"k" * 32, "anna", "Anna", 0, 1)
    return replace(FoldedText(seq, header, author, 0, said), **values)


def change(kind: Kind, author: int, said: str = "", n: int = 1, *, seq: int = 5, lamport: int = 0) -> PendingChange:
    header = Header(ROOM, bytes([author]) * 16, 1, n, kind, seq, 0, lamport or n)
    found = pending_change(header, said.encode(), author)
    assert found is not None
    return found


def shown(*changes: PendingChange, of: FoldedText | None = None) -> FoldedText:
    return PendingChanges(changes).shown(of or text(), role)


def test_edit_by_author_is_shown_as_pending() -> None:
    found = shown(change(Kind.EDIT, ANNA, "better"))
    assert (found.text, found.edited, found.pending) == ("better", True, True)


@pytest.mark.parametrize("author", [BORIS, MODERATOR])
def test_edit_by_somebody_else_is_not_shown(author: int) -> None:
    assert shown(change(Kind.EDIT, author, "forged")) == text()


def test_last_edit_counts_in_whichever_order_they_came() -> None:
    one, two = change(Kind.EDIT, ANNA, "one", 1, lamport=7), change(Kind.EDIT, ANNA, "two", 2, lamport=8)
    assert shown(two, one).text == shown(one, two).text == "two"


@pytest.mark.parametrize(("author", "deleted"), [(ANNA, True), (MODERATOR, True), (BORIS, False)])
def test_deletion_is_for_author_and_moderators(author: int, deleted: bool) -> None:
    found = shown(change(Kind.DELETE, author), change(Kind.EDIT, ANNA, "later", 9))
    assert (found.deleted, found.text) == (deleted, "" if deleted else "later")


def test_reactions_are_given_and_taken_back() -> None:
    given = text(reactions=(("👍", (ANNA,)),))
    assert shown(change(Kind.REACTION, BORIS, "👍"), of=given).reactions == (("👍", (ANNA, BORIS)),)
    assert shown(change(Kind.REACTION, ANNA, "-👍"), of=given).reactions == ()
    same = shown(change(Kind.REACTION, ANNA, "👍"), change(Kind.REACTION, BORIS, "-👍"), of=given)
    assert same == given


def test_nothing_is_shown_over_deleted_text() -> None:
    gone = text(said="", deleted=True)
    assert shown(change(Kind.EDIT, ANNA, "back"), change(Kind.REACTION, BORIS, "👍"), of=gone) == gone


def test_decided_change_is_not_shown_any_more() -> None:
    edit = change(Kind.EDIT, ANNA, "better")
    pending = PendingChanges([edit])
    assert pending.pop(edit.key) == edit
    assert pending.shown(text(), role) == text()
    assert pending.pop(edit.key) is None
    assert not pending.about


@pytest.mark.parametrize(
    ("kind", "ref", "body"),
    [
        (Kind.TEXT, 5, b"reply"),
        (Kind.EDIT, 0, b"nothing"),
        (Kind.REACTION, 5, b""),
        (Kind.REACTION, 5, b"-"),
        (Kind.EDIT, 5, b"\xff"),
    ],
)
def test_what_is_no_change_is_left_out(kind: Kind, ref: int, body: bytes) -> None:
    assert pending_change(Header(ROOM, b"a" * 16, 1, 1, kind, ref, 0, 1), body, ANNA) is None


def test_changes_of_other_texts_are_left_alone() -> None:
    assert shown(change(Kind.EDIT, ANNA, "other", seq=6)) == text()
