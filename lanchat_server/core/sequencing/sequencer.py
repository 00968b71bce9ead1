"""One batch of messages becomes one transaction: judge, number, chain, insert, commit; then, and only then, tell.

Runs on the writer thread, one batch at a time. Numbers come from the rooms' rows inside the transaction, so a rollback
leaves no hole and a second server cannot number in parallel (the store's lease check would raise first).

What is decided is decided for ever: a message that was stored or refused before gets that answer again, until its room
is deleted: then whoever was a member hears that of each. A refusal is
kept only when the author's signature holds; otherwise a member could have other people's future messages refused by
handing in forgeries under their names first. For the same reason nothing is answered for a forgery but to whoever
handed it in.

Order within a run: n is taken when n-1 is decided. An early one is handed back to wait (intake.py) and comes
again with `force` when nobody brought its predecessor in time: then it is taken and the gap stays. A late predecessor
is still stored, after its successors: losing it would be worse.
"""

import enum
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.codes import Code, Role
from lanchat.protocol.errors import ProtocolError, TooLong
from lanchat.protocol.log.files import file_body_untrusted
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Header, Kind, Message, MessageKey, body_text_untrusted, check_author
from lanchat.protocol.log.records import Head, Record, blanked, chain_hash, sign_head
from lanchat_server.core.accounts.accounts import stated
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.limits import usage
from lanchat_server.core.limits.meter import Meter, QuotaShortage, QuotaWarning
from lanchat_server.core.model import (
    ChangesKey,
    Decision,
    MembershipRow,
    NewRecord,
    QuarantinedMessage,
    Rejection,
    RoomHead,
    RunKey,
    Target,
    UserRow,
)
from lanchat_server.core.ports import Store, Transaction
from lanchat_server.core.reseeding.beginnings import earlier_beginnings
from lanchat_server.core.sequencing.quarantine import SHUT_OUT, QuarantineRoom

# Answers that are not decisions: nobody has shown that the message is its author's.
FORGERIES = frozenset((Code.UNKNOWN_DEVICE, Code.BAD_SIGNATURE))
_TAKEN_KINDS = frozenset((Kind.TEXT, Kind.EDIT, Kind.DELETE, Kind.REACTION, Kind.FILE))
# What others may refer to, and what may refer to nothing.
_SAID = frozenset((Kind.TEXT, Kind.FILE))


class Verdict(enum.Enum):
    """What an administrator says of a message in the quarantine."""

    TAKE = "as if its author were not shut out"
    DROP = "refused for good"


class Submission(msgspec.Struct, eq=False):
    """A message that a session handed in. `own`: it is the author's own. `force`: its predecessor was waited for long
    enough. `genuine`: whether its author signed it, once that was looked at. `fault`: why it can only be refused, its
    header being malformed. `run` follows from the header. `by` and `by_device`: of the session. `verdict`: an
    administrator takes it out of the quarantine."""

    session: int
    message: Message
    header: Header
    own: bool = True
    force: bool = False
    genuine: bool | None = None
    fault: Code | None = None
    run: RunKey = RunKey(0, b"", 0)
    by: int = 0
    by_device: bytes = b""
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        """Set `run`; what was given for it does not count."""
        header = self.header
        self.run = RunKey(header.room, header.device, header.run)


def judged(message: QuarantinedMessage, verdict: Verdict) -> Submission:
    """A message of the quarantine as a submission of nobody's session."""
    return Submission(0, message.message, message.header, own=False, force=True, verdict=verdict)


class Committed(msgspec.Struct, frozen=True):
    """Records of one room that one transaction stored, and the head after them."""

    records: list[Record]
    head: Head


class BatchOutcome(msgspec.Struct):
    """What a batch came to. `early`: submissions whose predecessor is missing, with the number waited for. `gaps`: runs
    of which one was taken without its predecessor. `waiting`: submissions for which there is no room, with the author.
    `near`: whose quotas are nearly used up. `log_octets`: what the log takes now. `quarantined`: what waits for an
    administrator from now on; `quarantine`: how much does in all, None when nothing came or went. `begin_earlier`:
    memberships that begin with these messages instead of after them."""

    decided: list[tuple[Submission, Decision]] = []
    early: list[tuple[Submission, int]] = []
    committed: dict[int, Committed] = {}
    gaps: list[RunKey] = []
    waiting: list[tuple[Submission, int, QuotaShortage]] = []
    near: list[QuotaWarning] = []
    quarantined: list[QuarantinedMessage] = []
    begin_earlier: list[MembershipRow] = []
    quarantine: int | None = None
    log_octets: int = 0
    repeated: int = 0


class RunProgress:
    """The highest number decided of recent runs, so that the usual next message needs no look-up."""

    def __init__(self, bound: int) -> None:
        """`bound`: runs that are remembered; the one that advanced least recently gives way."""
        self._bound = bound
        self._last: OrderedDict[RunKey, int] = OrderedDict()

    def get(self, run: RunKey) -> int | None:
        """None: not remembered, so that the database has to be asked."""
        return self._last.get(run)

    def advance(self, run: RunKey, n: int) -> None:
        """`n` was decided. The number of a run never goes down."""
        self._last[run] = max(n, self._last.get(run, 0))
        self._last.move_to_end(run)
        if len(self._last) > self._bound:
            self._last.popitem(last=False)

    def forget(self, runs: Iterable[RunKey]) -> None:
        """Remember nothing of these runs, as after a transaction that failed or may have."""
        for run in runs:
            self._last.pop(run, None)


def is_genuine(directory: Directory, submission: Submission) -> bool | None:
    """Whether the author signed this message; None when the device is not known (yet). A device's id follows from its
    key, so the answer stays true whatever changes in the directory. Any thread."""
    message = submission.message
    device = directory.devices.get(submission.header.device)
    if device is None:
        return None
    body_hash = sha256(message.body)
    try:
        check_author(device.public_key, directory.log.log_id, message.header, body_hash, message.signature)
    except ProtocolError:
        return False
    return True


class Sequencer:
    """The writer's judgement. One per server process."""

    def __init__(self, directory: Directory, log_key: Ed25519PrivateKey, config: CoreConfig) -> None:
        """`log_key` signs heads. `directory` is only read, but for where members of a log that comes back begin."""
        self._directory = directory
        self._log_key = log_key
        self._progress = RunProgress(config.progress_max)
        self._config = config

    def commit(self, store: Store, batch: list[Submission], now_ms: int) -> BatchOutcome:
        """Decide and store a batch. `now_ms`: what the clock shows; it may be earlier than at the batch before.
        Raises StoreError; then nothing was decided as far as anybody was told."""
        runs = {submission.run for submission in batch}
        try:
            with store.transaction() as tx:
                draft = _Draft(self._directory, tx, now_ms, self._config)
                draft.look_up(batch, {run: last for run in runs if (last := self._progress.get(run)) is not None})
                for submission in _author_order(batch):
                    draft.judge(submission)
                outcome = draft.write(self._log_key)
        except BaseException:
            self._progress.forget(runs)
            raise
        draft.apply()
        for run, last in draft.last.items():
            self._progress.advance(run, last)
        return outcome

    def took_back(self, runs: Iterable[RunKey]) -> None:
        """Messages of these runs were stored otherwise. Writer thread."""
        self._progress.forget(runs)

    def sign(self, room: int, head: RoomHead) -> Head:
        """The signed head of a room as it stands in the database."""
        log = self._directory.log
        return sign_head(self._log_key, log.log_id, log.epoch, room, head.seq, head.hash, head.time_ms)


class _Draft:
    """One transaction in the making."""

    def __init__(self, directory: Directory, tx: Transaction, now_ms: int, config: CoreConfig) -> None:
        self._directory = directory
        self._tx = tx
        self._now_ms = now_ms
        self._changes_max = {Kind.EDIT: config.edits_per_message, Kind.REACTION: config.reactions_per_message}
        self._meter = Meter(config, tx, now_ms)
        self._contents_retry = config.contents_retry
        # Runs of which a message waits for room: what follows waits too.
        self._full: dict[RunKey, QuotaShortage] = {}
        self._changes: dict[ChangesKey, int] = {}
        self._known: dict[MessageKey, Decision] = {}
        self._heads: dict[int, RoomHead] = {}
        self._targets: dict[int, dict[int, Target]] = {}
        self._new: dict[int, list[NewRecord]] = {}
        self._rejections: list[Rejection] = []
        # (room, user) of deleted rooms.
        self._were_members: set[tuple[int, int]] = set()
        # Of what an administrator judged, those that are decided; of what authors made who were shut out, what waits.
        self._judged: list[MessageKey] = []
        self._in_quarantine: set[MessageKey] = set()
        self._config = config
        self._quarantine = QuarantineRoom(config, {})
        self._outcome = BatchOutcome()
        # What the directory learns once the transaction is committed.
        self.apply: Callable[[], None] = _nothing
        self.last: dict[RunKey, int] = {}

    def look_up(self, batch: list[Submission], progress: dict[RunKey, int]) -> None:
        """Everything that judging needs, in a fixed number of statements."""
        tx = self._tx
        self._heads = tx.heads({submission.header.room for submission in batch})
        self.last = dict(progress)
        unknown = {submission.run for submission in batch} - progress.keys()
        if unknown:
            self.last.update(tx.last_numbers(unknown))
        old = [item.header.key for item in batch if item.header.n <= self.last.get(item.run, 0)]
        if old:
            self._known = tx.decisions(old)
        # Rooms of others are looked up too: the time of the answer must not tell which there are.
        places = {(item.header.room, item.header.device) for item in batch}
        foreign = {place for pair in places if (place := self._foreign_place(*pair)) is not None}
        if foreign:
            self._were_members = tx.were_members(foreign)
        refs: dict[int, set[int]] = {}
        for item in batch:
            if item.header.ref:
                refs.setdefault(item.header.room, set()).add(item.header.ref)
        self._targets = {room: tx.targets(room, seqs) for room, seqs in refs.items()}
        changes = {changes_key(item.header) for item in batch if item.header.kind in self._changes_max}
        if changes:
            self._changes = tx.count_changes(changes)
        self._look_up_quarantine(batch)
        devices = self._directory.devices
        authors = {item.header.device for item in batch if item.header.device in devices}
        self._meter.look_up({devices[device].user for device in authors})

    def _look_up_quarantine(self, batch: list[Submission]) -> None:
        brought = [item for item in batch if not item.own and self._is_shut_out(item.header.device)]
        if brought:
            found = self._tx.quarantined([item.header.key for item in brought])
            self._in_quarantine = {row.header.key for row in found}
            self._quarantine = QuarantineRoom(self._config, self._tx.quarantine_sizes())

    def _is_shut_out(self, device: bytes) -> bool:
        """Whether the device or its account lost its right; False for those that are not known."""
        known = self._directory.devices.get(device)
        return known is not None and (bool(known.revoked_ms) or self._directory.users[known.user].disabled)

    def _foreign_place(self, room: int, author: bytes) -> tuple[int, int] | None:
        """The room and the author's user, unless that is a member of the room, whether or not it is there."""
        device = self._directory.devices.get(author)
        if device is None or self._directory.membership(room, device.user) is not None:
            return None
        return room, device.user

    def judge(self, submission: Submission) -> None:
        """Decide one message, or hand it back as early."""
        header = submission.header
        # First: the answer to a forgery under another device's run and number would tell what that device wrote into
        # rooms that the forger may not read.
        code = self._check_author(submission)
        if code is not None:
            self._outcome.decided.append((submission, Decision(0, code)))
            return
        if self._were_members and self._foreign_place(header.room, header.device) in self._were_members:
            # Whatever was decided about it went with the room; this answer stays.
            self._answer(submission, Decision(0, Code.ROOM_DELETED))
            return
        known = self._known.get(header.key)
        if known is not None:
            self._outcome.repeated += 1
            self._answer(submission, known)
            return
        author = self._directory.users[self._directory.devices[header.device].user]
        if self._quarantined(submission, author):
            return
        octets = usage.message_octets(len(submission.message.header), len(submission.message.body))
        lack = self._full.get(submission.run) or self._meter.lacks(author.id, octets)
        if submission.verdict is Verdict.DROP:
            lack = None
        # A deletion gives room: it is taken at once, without the predecessors that wait.
        if lack is not None and header.kind is not Kind.DELETE:
            self._wait(submission, author, lack)
            return
        last = self.last.get(submission.run, 0)
        if header.n > last + 1 and not submission.force and lack is None:
            self._outcome.early.append((submission, last + 1))
            return
        if not self._decide(submission, author, octets, lack):
            return
        if header.n > last + 1:
            self._outcome.gaps.append(submission.run)
        self.last[submission.run] = max(last, header.n)

    def _quarantined(self, submission: Submission, author: UserRow) -> bool:
        """Whether it is answered, and no decision: somebody else handed it in, its author is shut out, and it could be
        stored otherwise. Nothing is kept where there is no room, or when who handed it in is shut out, too."""
        header = submission.header
        if submission.own or submission.verdict is not None or submission.fault is not None:
            return False
        code = self._check_rights(submission, author)
        if code not in SHUT_OUT or self._refuses_for_others(header, author):
            return False
        try:
            body_text_untrusted(header.kind, submission.message.body)
        except ProtocolError:
            return False
        self._outcome.decided.append((submission, Decision(0, code)))
        kept = QuarantinedMessage(submission.message, header, author.id, submission.by, self._now_ms)
        fresh = header.key not in self._in_quarantine and not self._is_shut_out(submission.by_device)
        if fresh and self._quarantine.take(kept):
            self._in_quarantine.add(header.key)
            self._outcome.quarantined.append(kept)
        return True

    def _refuses_for_others(self, header: Header, author: UserRow) -> bool:
        """Whether an author who is not shut out could not store it either."""
        if header.room not in self._heads or self._directory.membership(header.room, author.id) is None:
            return True
        # Contents of files would not wait with the message.
        return self._directory.rooms[header.room].archived or header.kind not in _TAKEN_KINDS - {Kind.FILE}

    def _wait(self, submission: Submission, author: UserRow, lack: QuotaShortage) -> None:
        """There is no room for this message, nor for a refusal of it."""
        self._full.setdefault(submission.run, lack)
        self._outcome.waiting.append((submission, author.id, lack))

    def _check_author(self, submission: Submission) -> Code | None:
        """A code when this cannot be shown to come from its author; such an answer is not a decision."""
        if submission.genuine is None:
            submission.genuine = is_genuine(self._directory, submission)
        if submission.genuine is None:
            return Code.UNKNOWN_DEVICE
        return None if submission.genuine else Code.BAD_SIGNATURE

    def _decide(self, submission: Submission, author: UserRow, octets: int, lack: QuotaShortage | None) -> bool:
        """False: it waits. With a `lack` it is a deletion, and nothing but what can be carried out is taken."""
        header, text = submission.header, ""
        code = self._check_rights(submission, author) or submission.fault
        if code is None:
            try:
                text = body_text_untrusted(header.kind, submission.message.body)
                code = self._check_target(header, author, self._first_seq(header.room, author))
                if code is None and header.kind is Kind.FILE:
                    lack = lack or self._check_contents(author, text)
            except TooLong:
                code = Code.TOO_LARGE
            except ProtocolError:
                code = Code.BAD_TEXT
        if lack is not None and (code is not None or lack.code is Code.CONTENTS_MISSING):
            self._wait(submission, author, lack)
            return False
        if code is not None:
            self._refuse(submission, author, code)
        else:
            self._store(submission, author, octets, text)
        return True

    def _check_contents(self, author: UserRow, text: str) -> QuotaShortage | None:
        """What is missing of the contents that a message names. Raises ProtocolError for a manifest that says something
        else of them than is true."""
        manifests = file_body_untrusted(text).files
        first_seqs = self._directory.first_seqs(author.id)
        found = self._tx.nameable(author.id, {manifest.root for manifest in manifests}, first_seqs)
        for manifest in manifests:
            row = found.get(manifest.root)
            if row is None:
                return QuotaShortage(Code.CONTENTS_MISSING, self._contents_retry)
            if (row.size, row.sha256) != (manifest.size, manifest.sha256):
                raise ProtocolError("a manifest of other contents")
        return None

    def _check_rights(self, submission: Submission, author: UserRow) -> Code | None:
        header = submission.header
        if submission.verdict is Verdict.DROP:
            return Code.AUTHOR_REVOKED
        if author.disabled and submission.verdict is None:
            return Code.AUTHOR_DISABLED
        if self._directory.devices[header.device].revoked_ms and submission.verdict is None:
            return Code.AUTHOR_REVOKED
        member = self._directory.membership(header.room, author.id)
        if header.room not in self._heads or member is None:
            return Code.NOT_A_MEMBER
        if self._directory.rooms[header.room].archived:
            return Code.ROOM_ARCHIVED
        if header.kind not in _TAKEN_KINDS:
            return Code.UNSUPPORTED_KIND
        return None

    def _first_seq(self, room: int, author: UserRow) -> int:
        """The lowest number that a member may read."""
        member = self._directory.membership(room, author.id)
        return member.first_seq if member is not None else 1

    def _check_target(self, header: Header, author: UserRow, first_seq: int) -> Code | None:
        if header.kind in _SAID and not header.ref:
            return None
        # A target below the author's first number counts as none: another answer would tell its kind.
        target = self._targets.get(header.room, {}).get(header.ref) if header.ref >= first_seq else None
        if target is None or target.kind not in _SAID or (target.erased and header.kind not in _SAID):
            return Code.NO_SUCH_TARGET
        if header.kind is Kind.EDIT and target.author != author.id:
            return Code.TARGET_NOT_YOURS
        if header.kind is Kind.DELETE and target.author != author.id and author.role < Role.MODERATOR:
            return Code.TARGET_NOT_YOURS
        most = self._changes_max.get(header.kind)
        if most is not None and self._changes.get(changes_key(header), 0) >= most:
            return Code.TOO_MANY_CHANGES
        return None

    def _refuse(self, submission: Submission, author: UserRow, code: Code) -> None:
        key = submission.header.key
        self._rejections.append(Rejection(key, code, self._now_ms))
        self._meter.take(author.id, usage.REJECTION_OCTETS)
        self._settle(submission, Decision(0, code))

    def _store(self, submission: Submission, author: UserRow, octets: int, text: str) -> None:
        header, message = submission.header, submission.message
        head = self._heads[header.room]
        record = Record(head.seq + 1, self._now_ms, message.header, message.signature, message.body)
        chain = chain_hash(self._directory.log.log_id, header.room, head.hash, record)
        self._new.setdefault(header.room, []).append(NewRecord(record, header, author.id, chain, text))
        self._heads[header.room] = RoomHead(record.seq, chain, self._now_ms)
        self._meter.take(author.id, octets)
        targets = self._targets.setdefault(header.room, {})
        if header.kind in self._changes_max:
            self._changes[changes_key(header)] = self._changes.get(changes_key(header), 0) + 1
        targets[record.seq] = Target(header.kind, author.id, erased=False)
        if header.kind is Kind.DELETE:
            targets[header.ref] = targets[header.ref]._replace(erased=True)
        self._settle(submission, Decision(record.seq, 0))

    def _settle(self, submission: Submission, decision: Decision) -> None:
        self._known[submission.header.key] = decision
        self._answer(submission, decision)

    def _answer(self, submission: Submission, decision: Decision) -> None:
        """With what is decided for good."""
        self._outcome.decided.append((submission, decision))
        if submission.verdict is not None:
            self._judged.append(submission.header.key)

    def write(self, log_key: Ed25519PrivateKey) -> BatchOutcome:
        """Insert what was decided; the caller's transaction commits after this."""
        log = self._directory.log
        for room, new in self._new.items():
            head = self._heads[room]
            self._tx.append(room, new, head)
            signed = sign_head(log_key, log.log_id, log.epoch, room, head.seq, head.hash, head.time_ms)
            self._outcome.committed[room] = Committed(_relayed(new), signed)
            self._outcome.begin_earlier += earlier_beginnings(self._directory, room, new[0].record.seq)
        self._begin_earlier(self._outcome.begin_earlier)
        if self._rejections:
            self._tx.reject(self._rejections)
        self._write_quarantine()
        self._meter.write()
        self._outcome.near = self._meter.near
        self._outcome.log_octets = self._tx.log_octets()
        return self._outcome

    def _begin_earlier(self, members: list[MembershipRow]) -> None:
        if members:
            self._tx.add_members(members)
            rooms = {member.room for member in members}
            self.apply = stated(self._tx, self._directory, lambda: self._directory.put_members(members), rooms=rooms)

    def _write_quarantine(self) -> None:
        kept, decided = self._outcome.quarantined, self._judged
        if kept:
            self._tx.quarantine(kept)
        if decided:
            self._tx.release_quarantined(decided)
        if kept or decided:
            self._outcome.quarantine = max(0, self._quarantine.messages - len(decided))


def _nothing() -> None:
    """Nothing is to be learnt."""


def changes_key(header: Header) -> ChangesKey:
    """What this edit or reaction is one more of."""
    return ChangesKey(header.room, header.ref, header.kind)


def _author_order(batch: list[Submission]) -> Iterator[Submission]:
    """The order of arrival, but the places that a run has are taken in the order of its numbers."""
    runs: dict[RunKey, list[Submission]] = {}
    for submission in batch:
        runs.setdefault(submission.run, []).append(submission)
    ordered = {run: iter(sorted(items, key=lambda item: item.header.n)) for run, items in runs.items()}
    return (next(ordered[submission.run]) for submission in batch)


def _relayed(new: list[NewRecord]) -> list[Record]:
    """The records as they go out: what was deleted within the same batch goes without its body."""
    gone = {item.header.ref for item in new if item.header.kind is Kind.DELETE}
    return [
        blanked(item.record) if item.record.seq in gone or _edits_one_of(item.header, gone) else item.record
        for item in new
    ]


def _edits_one_of(header: Header, targets: set[int]) -> bool:
    return header.kind is Kind.EDIT and header.ref in targets
