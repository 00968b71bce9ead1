"""Each submitted message is answered: with a decision, the expected predecessor, or a time to retry."""

from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import SUBMIT_MAX
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import Kind, submitted_header_untrusted
from lanchat_server.core.accounts import accounts
from lanchat_server.core.hub import decisions
from lanchat_server.core.relay.outbound import pack_frames
from tests.support.rig import GENERAL, Author
from tests.vectors import outcomes
from tests.vectors.outcomes import CASES, Answer, Bench, Case, header_of, outcome, signed

EXPECTED = {
    "a good message": (0, True, "stored"),
    "with a ninth element in the header": (0, True, "stored"),
    "signature does not hold": (Code.BAD_SIGNATURE, False, "Expect"),
    "device not enrolled here": (Code.UNKNOWN_DEVICE, False, Code.UNKNOWN_DEVICE),
    "header is no msgpack, or does not begin with room, device, run, n": (Code.BAD_HEADER, False, "Expect"),
    "header of another shape behind these four": (Code.BAD_HEADER, True, "stored"),
    "header above 128 octets": (Code.BAD_HEADER, True, "stored"),
    "unknown kind": (Code.UNSUPPORTED_KIND, True, "stored"),
    "kind 6": (Code.UNSUPPORTED_KIND, True, "stored"),
    "a character that is not allowed, not UTF-8, nothing to see, a deletion with a body": (
        Code.BAD_TEXT,
        True,
        "stored",
    ),
    "above 4000 characters": (Code.TOO_LARGE, True, "stored"),
    "above 16384 octets": (Code.TOO_LARGE, True, "stored"),
    "room of which the author is no member, or that never was": (Code.NOT_A_MEMBER, True, Code.NOT_A_MEMBER),
    "author's account disabled": (Code.AUTHOR_DISABLED, True, Code.AUTHOR_DISABLED),
    "author's device revoked": (Code.AUTHOR_REVOKED, True, Code.AUTHOR_REVOKED),
    "files whose contents are not here": (
        Answer("Busy", Code.CONTENTS_MISSING),
        False,
        "Expect",
    ),
    "target is none (see Targets)": (Code.NO_SUCH_TARGET, True, "stored"),
    "target is somebody else's": (Code.TARGET_NOT_YOURS, True, "stored"),
    "target has as many changes as it takes": (Code.TOO_MANY_CHANGES, True, "stored"),
    "room is archived": (Code.ROOM_ARCHIVED, True, Code.ROOM_ARCHIVED),
    "room was deleted; the author was a member then": (Code.ROOM_DELETED, True, Code.ROOM_DELETED),
    "over the rate of the session or of the server": ("Busy", False, "Busy"),
    "queue full, server stopping, database away": ("Busy", False, "Busy"),
    "the author's quota of a day is used up": (Answer("Busy", Code.USER_QUOTA), False, Answer("Busy", Code.USER_QUOTA)),
    "the log is full": (Answer("Busy", Code.LOG_FULL), False, Answer("Busy", Code.LOG_FULL)),
    "the server's disk is nearly full": (Answer("Busy", Code.DISK_FULL), False, Answer("Busy", Code.DISK_FULL)),
}


def as_answer(expected: str | int | Answer) -> Answer:
    """`stored` and codes are decisions; the number of a record is left out."""
    if isinstance(expected, Answer):
        return expected
    if isinstance(expected, int):
        return Answer("Decided", expected)
    return Answer("Decided") if expected == "stored" else Answer(expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_message_gets_the_same_answer_twice(case: Case) -> None:
    answer, uses_n, follows = EXPECTED[case.name]
    found = outcome(case)
    assert found.answer._replace(seq=0) == as_answer(answer)
    assert found.again == found.answer
    assert found.uses_n == uses_n
    assert found.follows._replace(seq=0) == as_answer(follows)


def test_every_case_has_an_expectation() -> None:
    assert {case.name for case in CASES} == set(EXPECTED)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\xc1",
        encode([]),
        encode([GENERAL, b"d" * 16, 5, 0]),
        encode([GENERAL, b"d" * 15, 5, 1]),
        encode({"room": 1}),
    ],
)
def test_header_without_a_key_is_answered_by_its_hash(octets: bytes) -> None:
    bench = Bench()
    with pytest.raises(ProtocolError):
        submitted_header_untrusted(octets)
    assert bench.hand_in(signed(bench.author.key, octets)) == Answer("Decided", Code.BAD_HEADER)


def test_forged_malformed_header_uses_no_number() -> None:
    bench = Bench()
    forged = signed(bench.rig.authors[3].key, encode(header_of(bench.author, kind=7)))
    assert bench.hand_in(forged) == Answer("Decided", Code.BAD_SIGNATURE)
    assert bench.said("real") == 1


def test_malformed_header_waits_for_its_predecessor() -> None:
    bench = Bench()
    early = signed(bench.author.key, encode(header_of(bench.author, n=2, kind=7)))
    assert bench.hand_in(early) == Answer("Expect")
    assert bench.said("first", n=1) == 1
    assert bench.hand_in(early) == Answer("Decided", Code.UNSUPPORTED_KIND)


def test_decisions_about_unreadable_headers_fit_datagrams() -> None:
    bench = Bench()
    hashes = [keys.sha256(bytes([number])) for number in range(SUBMIT_MAX)]
    frames = decisions([], hashes)
    assert [found for frame in frames for found in frame.unreadable] == hashes
    pack_frames(frames)
    messages = [signed(bench.author.key, bytes([0xC1, number])) for number in range(SUBMIT_MAX)]
    bench.rig.core.receive(2, wire.Submit(messages), outcomes.Transport.TLS, bench.now)
    answers = [frame for frame in bench.frames(2) if isinstance(frame, wire.Decided)]
    assert sum(len(frame.unreadable) for frame in answers) == SUBMIT_MAX


@pytest.mark.parametrize("text", ["\u200b", "\u200b \u2060\n", "\u2800", "\u3164\u034f", "\ufe0f"])
def test_invisible_text_is_refused(text: str) -> None:
    bench = Bench()
    message = signed(bench.author.key, encode(header_of(bench.author)), text.encode())
    assert bench.hand_in(message) == Answer("Decided", Code.BAD_TEXT)


@pytest.mark.parametrize(
    ("text", "code"), [("-", Code.BAD_TEXT), ("-\u200b", Code.BAD_TEXT), ("-+1", 0), ("x" * 17, Code.TOO_LARGE)]
)
def test_reaction_without_visible_text_is_refused(text: str, code: int) -> None:
    bench = Bench()
    ref = bench.said("text", bench.rig.authors[3])
    header = encode(header_of(bench.author, kind=Kind.REACTION, ref=ref))
    assert bench.hand_in(signed(bench.author.key, header, text.encode())).code == code


@pytest.mark.parametrize(("gap", "seconds"), list(zip(outcomes.GAPS, [60.0, 10.0, None], strict=True)))
def test_hold_time_depends_on_the_gap(gap: outcomes.Gap, seconds: float | None) -> None:
    assert outcomes.gap_seconds(gap) == seconds


def test_first_of_several_reasons_is_returned() -> None:
    """Each message has a fault and all later ones of the table."""
    bench = Bench()
    author = bench.author
    bad = b"x\r" * 9000

    def code(author: Author, header: list[Any], body: bytes = bad) -> int:
        return bench.hand_in(signed(author.key, encode(header), body), by=author.user).code

    other = bench.rig.authors[3]
    assert code(other, header_of(other, kind=7, ref=9, room=bench.rig.PRIVATE)) == Code.NOT_A_MEMBER
    assert code(author, [*header_of(author, n=1, kind=7), "x" * 128]) == Code.BAD_HEADER
    assert code(author, header_of(author, n=2, kind=7, ref=9)) == Code.UNSUPPORTED_KIND
    assert code(author, header_of(author, n=3, kind=6, ref=9)) == Code.UNSUPPORTED_KIND
    assert code(author, header_of(author, n=4, kind=2, ref=9)) == Code.TOO_LARGE
    assert code(author, header_of(author, n=5, kind=2, ref=9), b"a\r") == Code.BAD_TEXT
    assert code(author, header_of(author, n=6, kind=2, ref=9), b"a") == Code.NO_SUCH_TARGET
    with bench.rig.store.transaction() as tx:
        revoked = accounts.revoke_devices(tx, bench.rig.directory, [author.device], 1)
    revoked.apply()
    assert code(author, header_of(author, n=1, kind=7, room=77)) == Code.AUTHOR_REVOKED
    with bench.rig.store.transaction() as tx:
        disabled = accounts.update_user(tx, bench.rig.directory, 2, disabled=True)
    disabled.apply()
    assert code(author, header_of(author, n=2, kind=7, room=77)) == Code.AUTHOR_DISABLED
