"""Messages with files in a conversation: text, names, edits, deletion; bodies that cannot be read."""

from typing import Any

from lanchat.core.view.bodies import said_text, shown_body, summary
from lanchat.core.view.fold import RoomFold
from lanchat.protocol.log.files import FileBody, Manifest, encode_file_body
from lanchat.protocol.log.messages import Header, Kind, Message, make_message
from tests.support.fake_log import LOG_ID, device_of
from tests.unit.core.test_fold import ME, Room

PLAN = Manifest("../plan.pdf", 5, "application/pdf", bytes(32), bytes(32))
BODY = encode_file_body("look @me", [PLAN, PLAN])


def test_files_are_shown_with_their_text() -> None:
    room = Room()
    folded = room.one(room.add("anna", BODY, Kind.FILE))
    assert (folded.text, folded.files) == ("look @me", (PLAN, PLAN))
    assert room.texts() == ["look @me"]


def test_edit_changes_the_text_alone() -> None:
    room = Room()
    seq = room.add("anna", BODY, Kind.FILE)
    room.add("anna", "look here", Kind.EDIT, seq)
    folded = room.one(seq)
    assert (folded.text, folded.edited, folded.files) == ("look here", True, (PLAN, PLAN))


def test_deletion_takes_the_files_away() -> None:
    room = Room()
    seq = room.add("anna", BODY, Kind.FILE)
    room.add("anna", "", Kind.DELETE, seq)
    folded = room.one(seq)
    assert (folded.text, folded.files, folded.deleted) == ("", (), True)


def test_text_is_looked_through_for_mentions_not_the_names() -> None:
    room = Room()
    asked: list[str] = []

    def calls_me(text: str, author: int) -> bool:
        asked.append(text)
        return "@me" in text

    room.fold = RoomFold(1, room.store, room.authors, ME, calls_me=calls_me)
    first = room.add("anna", BODY, Kind.FILE)
    room.add("anna", encode_file_body("", [Manifest("@me.pdf", 5, "a/b", bytes(32), bytes(32))]), Kind.FILE)
    assert room.fold.unread(0, 10) == 2
    assert room.fold.first_call(0) == first
    assert sorted(asked) == ["", "look @me"]


def unchecked(key: Any, body: bytes) -> Message:
    """A signed message that a client of ours would not make."""
    header = Header(1, device_of(key), 1, 1, Kind.FILE, 0, 1_000, 1)
    message = make_message(key, LOG_ID, header, BODY)
    return Message(message.header, body, message.signature)


def test_body_that_nobody_can_read_is_no_line() -> None:
    room = Room()
    room.keep(unchecked(room.users["anna"][1], b'["text", []]'))
    assert room.texts() == []
    assert said_text(Kind.FILE, b"\xff@me") == ""


def test_one_text_for_a_preview() -> None:
    assert summary(*_both(shown_body(Kind.FILE, BODY))) == "look @me"
    assert summary("", (PLAN, PLAN)) == "plan.pdf, plan.pdf"
    assert summary(*_both(shown_body(Kind.TEXT, b"hello"))) == "hello"


def _both(body: FileBody) -> tuple[str, tuple[Manifest, ...]]:
    return body.text, body.files
