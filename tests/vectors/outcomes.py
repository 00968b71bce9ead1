"""What becomes of each kind of message, found out by handing it in to the server core: the tables of outcomes and of
targets in docs/PROTOCOL.md are written from here (tables.py)."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import BODY_CHARACTERS_MAX, BODY_OCTETS_MAX
from lanchat.protocol.log import keys
from lanchat.protocol.log.files import encode_file_body
from lanchat.protocol.log.messages import HEADER_MAX, Kind, Message, MessageKey, submitted_header_untrusted
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import FrameReader, decode_from_server_untrusted
from lanchat_server.core.accounts import accounts
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.outbound import SendFrames
from tests.support.rig import GENERAL, LOG_ID, Author, Rig, make_author
from tests.vectors.examples import FILE

# Virtual seconds for which a client offers a message again every two seconds before it counts as never decided.
_PATIENCE = 240.0
_EVERY = 2.0


class Answer(NamedTuple):
    """`frame`: Decided, Expect, Busy, or nothing; `code` and `seq` as in a decision."""

    frame: str
    code: int = 0
    seq: int = 0

    def __str__(self) -> str:
        if self.frame != "Decided":
            return f"`{self.frame}`" + (f" with {code_name(self.code)}" if self.code else "")
        return f"`Decided` {code_name(self.code) if self.code else 'as stored'}"


class Outcome(NamedTuple):
    """`answer`: to the message; `again`: to the same octets later; `uses_n`: whether the decision is kept under its
    number; `follows`: what is answered to the next number."""

    answer: Answer
    again: Answer
    uses_n: bool
    follows: Answer


def code_name(code: int) -> str:
    """As it stands in the table of codes."""
    return f"`{Code(code).name}`"


class Case(NamedTuple):
    """`make` prepares the server and gives a message of user 2 with number 1; `advice`: what a client does."""

    name: str
    make: Callable[["Bench"], Message]
    advice: str


class Bench:
    """A server core with users 1 (administrator), 2 and 3 in `general`, each with a session over TLS."""

    def __init__(self, **config: Any) -> None:
        free = {
            "message_rate": 1e6,
            "message_burst": 10_000,
            "total_rate": 1e6,
            "gather_longest": 0.0,
            "expect_interval": 0.0,
        }
        self.rig = Rig(CoreConfig(**(free | config)))
        self.author = self.rig.authors[2]
        self.now = 1.0
        for user in self.rig.authors:
            self.log_in(user)

    def log_in(self, user: int) -> None:
        self.rig.core.add_session(user, user, self.rig.authors[user].device, self.now)

    def log_out(self, user: int) -> None:
        self.rig.core.remove_session(user, self.now)

    def hand_in(self, message: Message, by: int = 2) -> Answer:
        """What the session of user `by` is answered to this message."""
        self.rig.core.receive(by, wire.Submit([message]), Transport.TLS, self.now)
        return self.answer(message, by)

    def answer(self, message: Message, by: int = 2) -> Answer:
        """What the session is told about this message now."""
        if (due := self.rig.core.timer()) is not None and due <= self.now:
            self.rig.core.handle_timer(self.now)
        self.rig.run_batches(self.now)
        return next((found for frame in self.frames(by) if (found := _about(frame, message))), Answer("nothing"))

    def frames(self, session: int) -> Iterator[Any]:
        """What the session was sent since the last call."""
        for output in self.rig.core.take_outputs():
            if isinstance(output, SendFrames) and session in output.sessions:
                yield from map(decode_from_server_untrusted, FrameReader().feed_untrusted(output.payload))

    def said(self, text: str, author: Author | None = None, kind: Kind = Kind.TEXT, ref: int = 0, n: int = 0) -> int:
        """The number under which the next message of `author` is stored."""
        author = author or self.author
        answer = self.hand_in(author.message(text, kind=kind, ref=ref, n=n), by=author.user)
        assert answer.seq, answer
        return answer.seq


def _about(frame: Any, message: Message) -> Answer | None:
    if isinstance(frame, wire.Decided) and keys.sha256(message.header) in frame.unreadable:
        return Answer("Decided", Code.BAD_HEADER)
    key = _name(message)
    if key is None:
        return None
    if isinstance(frame, wire.Decided):
        return next((Answer("Decided", item.code, item.seq) for item in frame.receipts if item.key == key), None)
    if isinstance(frame, wire.Expect) and (frame.room, frame.device, frame.run) == key[:3]:
        return Answer("Expect")
    named = isinstance(frame, wire.Busy) and any(item[:3] == key[:3] for item in map(_range, frame.not_taken))
    return Answer("Busy", frame.code) if named else None


def _range(item: wire.NotTaken) -> tuple[int, bytes, int, int, int]:
    return item.room, item.device, item.run, item.n, item.last


def _name(message: Message) -> MessageKey | None:
    try:
        return submitted_header_untrusted(message.header).header.key
    except ProtocolError:
        return None


def signed(key: Ed25519PrivateKey, header: bytes, body: bytes = b"x") -> Message:
    """A message with these octets and a good signature."""
    return Message(header, body, key.sign(keys.MESSAGE_CONTEXT + LOG_ID + header + keys.sha256(body)))


def header_of(author: Author, *, n: int = 1, kind: int = 1, ref: Any = 0, room: int = GENERAL) -> list[Any]:
    """The elements of a header."""
    return [room, author.device, author.run, n, kind, ref, 1_000, n]


def _with_body(body: bytes, kind: Kind = Kind.TEXT, ref: int = 0) -> Callable[[Bench], Message]:
    return lambda bench: signed(bench.author.key, encode(header_of(bench.author, kind=kind, ref=ref)), body)


def _with_header(header: Callable[[Author], Any]) -> Callable[[Bench], Message]:
    return lambda bench: signed(bench.author.key, encode(header(bench.author)))


def _good(bench: Bench) -> Message:
    return bench.author.message("hello")


def _forged(bench: Bench) -> Message:
    message = _good(bench)
    return Message(message.header, b"not mine", message.signature)


def _unknown(bench: Bench) -> Message:
    bench.rig.authors[2] = bench.author = make_author(200)
    return _good(bench)


def _elsewhere(bench: Bench) -> Message:
    bench.rig.authors[2] = bench.author = bench.rig.authors[3]
    return bench.author.message("hello", room=Rig.PRIVATE)


def _disabled(bench: Bench) -> Message:
    with bench.rig.store.transaction() as tx:
        changed = accounts.update_user(tx, bench.rig.directory, 2, disabled=True)
    changed.apply()
    return _good(bench)


def _revoked(bench: Bench) -> Message:
    with bench.rig.store.transaction() as tx:
        changed = accounts.revoke_devices(tx, bench.rig.directory, [bench.author.device], 1)
    changed.apply()
    return _good(bench)


def _archived(bench: Bench) -> Message:
    with bench.rig.store.transaction() as tx:
        changed = accounts.set_archived(tx, bench.rig.directory, Rig.PRIVATE, True)
    changed.apply()
    return bench.author.message("hello", room=Rig.PRIVATE)


def _deleted(bench: Bench) -> Message:
    with bench.rig.store.transaction() as tx:
        changed = accounts.delete_rooms(tx, bench.rig.directory, [Rig.PRIVATE])
    changed.apply()
    bench.rig.core.drop_rooms({Rig.PRIVATE})
    return bench.author.message("hello", room=Rig.PRIVATE)


def _missing_target(bench: Bench) -> Message:
    return bench.author.message("x", kind=Kind.EDIT, ref=99)


def _foreign_target(bench: Bench) -> Message:
    return bench.author.message("x", kind=Kind.EDIT, ref=bench.said("theirs", bench.rig.authors[3]))


def _changed_too_often(bench: Bench) -> Message:
    ref = bench.said("theirs", bench.rig.authors[3])
    for _ in range(bench.rig.config.reactions_per_message):
        bench.said("+1", bench.rig.authors[3], Kind.REACTION, ref)
    return bench.author.message("+1", kind=Kind.REACTION, ref=ref)


def _second(bench: Bench) -> Message:
    """After another one, which uses up what there is."""
    bench.hand_in(bench.author.message("x" * 200, room=Rig.PRIVATE))
    return _good(bench)


def _over_rate(bench: Bench) -> Message:
    return _second(bench)


def _over_quota(bench: Bench) -> Message:
    return _second(bench)


def _log_full(bench: Bench) -> Message:
    return _second(bench)


def _disk_full(bench: Bench) -> Message:
    bench.rig.core.closed.disk_full = True
    return _good(bench)


def _without_contents(bench: Bench) -> Message:
    return bench.author.message(encode_file_body("", [FILE]), kind=Kind.FILE)


def _stopping(bench: Bench) -> Message:
    bench.rig.core.stop()
    return _good(bench)


FINAL = "tell the person; write it anew under the next number"
MENDS = "send it again, mended, under the same number"
RATE = "after `retry_ms` again, what `not_taken` names first"
FULL = "keep it, tell the person why, offer it again after `retry_ms`, at the latest after 10 minutes"
# In the order in which the server looks.
CASES = [
    Case("header is no msgpack, or does not begin with room, device, run, n", _with_header(lambda a: [1]), MENDS),
    Case("the server's disk is nearly full", _disk_full, FULL),
    Case("the log is full", _log_full, FULL),
    Case("the author's quota of a day is used up", _over_quota, FULL),
    Case("queue full, server stopping, database away", _stopping, RATE),
    Case("over the rate of the session or of the server", _over_rate, RATE),
    Case("signature does not hold", _forged, MENDS),
    Case("device not enrolled here", _unknown, "enrol the device, send it again"),
    Case("room was deleted; the author was a member then", _deleted, "tell the person; erase the room"),
    Case("author's account disabled", _disabled, FINAL),
    Case("author's device revoked", _revoked, "enrol a new key; write it anew with that"),
    Case("room of which the author is no member, or that never was", _elsewhere, FINAL),
    Case("room is archived", _archived, FINAL),
    Case(
        f"header above {HEADER_MAX} octets",
        _with_header(lambda a: [*header_of(a), "x" * HEADER_MAX]),
        FINAL,
    ),
    Case("header of another shape behind these four", _with_header(lambda a: header_of(a, ref="two")), FINAL),
    Case("unknown kind", _with_header(lambda a: header_of(a, kind=7)), FINAL),
    Case("kind 6", _with_header(lambda a: header_of(a, kind=6)), FINAL),
    Case(f"above {BODY_OCTETS_MAX} octets", _with_body(b"x" * (BODY_OCTETS_MAX + 1)), FINAL),
    Case(f"above {BODY_CHARACTERS_MAX} characters", _with_body(b"x" * (BODY_CHARACTERS_MAX + 1)), FINAL),
    Case(
        "a character that is not allowed, not UTF-8, nothing to see, a deletion with a body", _with_body(b"a\rb"), FINAL
    ),
    Case("files whose contents are not here", _without_contents, "bring the contents, offer it again"),
    Case("target is none (see Targets)", _missing_target, FINAL),
    Case("target is somebody else's", _foreign_target, FINAL),
    Case("target has as many changes as it takes", _changed_too_often, FINAL),
    Case("a good message", _good, "done; the record follows"),
    Case("with a ninth element in the header", _with_header(lambda a: [*header_of(a), "new"]), "done"),
]
_CONFIGS: dict[Callable[[Bench], Message], dict[str, float]] = {
    _changed_too_often: {"reactions_per_message": 2},
    _over_rate: {"message_rate": 0.001, "message_burst": 1},
    _over_quota: {"user_octets_per_day": 1000},
    _log_full: {"log_octets": 1000},
}


def bench_for(case: Case) -> Bench:
    """A server for this case alone."""
    return Bench(**_CONFIGS.get(case.make, {}))


def outcome(case: Case) -> Outcome:
    """What the server says to the message, twice, and to a good one of the next number."""
    bench = bench_for(case)
    message = case.make(bench)
    answer, again = bench.hand_in(message), bench.hand_in(message)
    name = _name(message)
    with bench.rig.store.transaction() as tx:
        kept = bool(name and tx.decisions([name]))
    following = bench.author.message("good", room=name.room if name else GENERAL, n=2)
    return Outcome(answer, again, kept or answer.code == Code.ROOM_DELETED, bench.hand_in(following))


def outcomes_table() -> str:
    """Rows in the order in which the server looks."""
    lines = [
        "| message | answer | the same octets again | `n` used up | then `n` + 1 | what a client does |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for case in CASES:
        answer, again, uses_n, follows = outcome(case)
        same = "the same" if again == answer else str(again)
        lines.append(f"| {case.name} | {answer} | {same} | {'yes' if uses_n else 'no'} | {follows} | {case.advice} |")
    return "\n".join(lines)


# Gaps: a number comes whose predecessor is missing


class Gap(NamedTuple):
    """`by`: whose session offers the message; `online`: the author has a session."""

    name: str
    by: int
    online: bool


GAPS = [
    Gap("the author's device hands it in", 2, True),
    Gap("somebody else hands it in, the author has no session", 3, False),
    Gap("somebody else hands it in, the author has a session", 3, True),
]


def gap_seconds(gap: Gap) -> float | None:
    """Virtual seconds until a message without its predecessor is decided, offered every two seconds; None: never."""
    bench = Bench()
    message = bench.author.message("second", n=2)
    if not gap.online:
        bench.log_out(2)
    begin = bench.now
    while bench.now - begin < _PATIENCE:
        if bench.hand_in(message, by=gap.by).frame == "Decided":
            return bench.now - begin
        bench.now += _EVERY
    return None


def gaps_table() -> str:
    lines = ["| who offers the message all the time | it is stored, with a gap before it, after |", "| --- | --- |"]
    for gap in GAPS:
        seconds = gap_seconds(gap)
        lines.append(f"| {gap.name} | {'never: `Expect` each time' if seconds is None else f'{seconds:g} s'} |")
    return "\n".join(lines)


# Targets


class Who(NamedTuple):
    name: str
    user: int


# The target is user 2's.
WHO = [Who("its author, on any device", 2), Who("another member", 3), Who("moderator, administrator", 1)]
CHANGES = [Kind.TEXT, Kind.EDIT, Kind.DELETE, Kind.REACTION]
TARGETS = [
    "a text or a reply",
    "a text that was deleted",
    "an edit, a deletion or a reaction",
    "a number below the author's `first_seq`",
    "a number that there is not",
    "0",
]


def _target(bench: Bench, target: str) -> int:
    """The number of a record of user 2."""
    if target == TARGETS[5]:
        return 0
    if target == TARGETS[4]:
        return 99
    text = bench.said("target")
    if target == TARGETS[1]:
        bench.said("", kind=Kind.DELETE, ref=text)
    if target == TARGETS[2]:
        return bench.said("edited", kind=Kind.EDIT, ref=text)
    return text


def target_code(kind: Kind, target: str, who: Who) -> int:
    """0: stored, else the code of the refusal."""
    bench = Bench()
    ref = _target(bench, target)
    if target == TARGETS[3]:
        bench.rig.join(GENERAL, who.user, first_seq=ref + 1)
        bench.rig.start(bench.now)
        bench.log_in(who.user)
    body = "" if kind is Kind.DELETE else "x"
    answer = bench.hand_in(bench.rig.authors[who.user].message(body, kind=kind, ref=ref), by=who.user)
    assert answer.frame == "Decided"
    return answer.code


def targets_table() -> str:
    kinds = {Kind.TEXT: "text (a reply)", Kind.EDIT: "edit", Kind.DELETE: "deletion", Kind.REACTION: "reaction"}
    lines = ["| `ref` names | " + " | ".join(kinds.values()) + " |", "| --- " * (1 + len(kinds)) + "|"]
    for target in TARGETS:
        cells = [_target_cell([target_code(kind, target, who) for who in WHO]) for kind in kinds]
        lines.append(f"| {target} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _target_cell(codes: list[int]) -> str:
    taken = [who.name for who, code in zip(WHO, codes, strict=True) if not code]
    refused = dict.fromkeys(code_name(code) for code in codes if code)
    if not taken:
        return ", ".join(refused)
    if not refused:
        return "everybody"
    return f"{'; '.join(taken)}; others {', '.join(refused)}"
