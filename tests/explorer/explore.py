"""Pairs of requests in every order, and what is judged of each.

* **Right**: a change is committed only while the tables say that its author may (`rights.may_commit`).
* **Knowledge**: an answer or event goes only to who may know it then (`rights.may_know`).
* **As one after the other**: what both came to, and the state in the end, are those of one of the two requests after
  the other; of the first before the second where it was answered before the second began. A request may also be
  refused with BUSY and have changed nothing.
* **Sums and uniqueness** hold in the end, the server's memory is what the database has, and each client believes to be
  in the rooms that it is in.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import fields
from enum import Enum
from typing import Any, NamedTuple

from msgspec.structs import astuple

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role, RoomKind
from lanchat.protocol.text.names import name_key
from lanchat_server.core.limits.allowance import AllowanceKind
from lanchat_server.core.refusals import Refused
from tests.explorer import rights
from tests.explorer.cases import CASES, COMMANDS, Actor, Case, carry_out
from tests.explorer.harness import (
    MEMBER,
    OWNER,
    SESSIONS,
    Client,
    ServerHarness,
    Setting,
    certified,
    typed,
    without_signatures,
)
from tests.explorer.orders import Run, every_order
from tests.support.memory_store import MemoryDatabase

ALL = {**CASES, **COMMANDS}
_NEW_SESSION = {"A": 77, "B": 78}
Trace = tuple[tuple[str, str], ...]
# The session ended before the answer.
UNANSWERED = "unanswered"
GONE = (UNANSWERED, Code.DEVICE_REVOKED.name, Code.ACCOUNT_DISABLED.name)
# Of a request that came too late and has changed nothing.
PUT_OFF = (*GONE, Code.BUSY.name, Code.LIMIT_REACHED.name)


class Relation(Enum):
    """Between who makes the first request and who makes the second."""

    SAME_SESSION = "same session"
    TWO_SESSIONS = "two sessions"
    TWO_USERS = "two users"


class Pair(NamedTuple):
    first: str
    second: str
    relation: Relation
    setting: Setting = Setting()

    def __str__(self) -> str:
        scarce = ", one left of everything" if self.setting.scarce else ""
        return f"{self.first} / {self.second} ({self.relation.value}{scarce})"


class Finding(NamedTuple):
    """`trace`: the order in which it happens."""

    pair: Pair
    what: str
    trace: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.pair}: {self.what}\n    " + ", ".join(f"{name} {what}" for name, what in self.trace)


class Outcome(NamedTuple):
    """What the requests came to, and the state of the database and the sessions in the end."""

    came_to: dict[str, str]
    state: Hashable

    def as_if(self, other: "Outcome") -> bool:
        """Whether this is what `other` is, as far as the sessions that asked have heard."""
        pairs = zip(self.came_to.values(), other.came_to.values(), strict=True)
        return self.state == other.state and all(_is_or_was(one, result) for one, result in pairs)


def _is_or_was(one: str, result: str) -> bool:
    """Whether an answer is that one, or says that who asked has lost the right to hear it."""
    return one in (result, *GONE) or (one, result) == (Code.NOT_FOUND.name, "RoomResult")


# --- One run ----------------------------------------------------------------------------------------------------------


class PairRun:
    """A harness with the requests of a pair. `came_to`: what each came to."""

    def __init__(self, pair: Pair, alone: str = "") -> None:
        self.pair = pair
        self.harness = ServerHarness(pair.setting)
        self.wrong: list[str] = []
        self.came_to: dict[str, str] = dict.fromkeys("AB", "not asked")
        self.under_way: dict[str, tuple[Case, Any, Actor]] = {}
        self._members: set[tuple[int, int]] = set()
        self.harness.committing, self.harness.heard = self._committing, self._heard
        requests = self._requests()
        self.requests = {name: requests[name] for name in requests if not alone or name == alone}
        self.run = self.harness.run = Run(dict(self.requests))

    def _requests(self) -> dict[str, Callable[[], Any]]:
        pair = self.pair
        first, second = ALL[pair.first], ALL[pair.second]
        if pair.relation is Relation.SAME_SESSION:
            actor = self._actor("A", MEMBER, first)
            if _waits(first) and _waits(second):
                return {"A": lambda: self._one_after_the_other(actor)}
            # What is no request is not put into the line of those that wait.
            return {"A": lambda: self._one("A", first, actor), "B": lambda: self._one("B", second, actor)}
        user = OWNER if pair.relation is Relation.TWO_USERS else MEMBER
        one, other = self._actor("A", MEMBER, first), self._actor("B", user, second)
        return {"A": lambda: self._one("A", first, one), "B": lambda: self._one("B", second, other)}

    def _actor(self, name: str, user: int, case: Case) -> Actor:
        session = 1 if user == OWNER else 2 if name == "A" else 4
        same = self.pair.relation is Relation.TWO_SESSIONS or self.pair.relation is Relation.SAME_SESSION
        against = 2 if name == "B" else 4 if same else 1
        client = self.harness.unauthenticated(_NEW_SESSION[name]) if case.enters else self.harness.clients[session]
        other, author = SESSIONS[against]
        actor = Actor(client, user, SESSIONS[session][1].device, other, author.device)
        actor.coded = self.pair.setting.registration is wire.Registration.INVITE
        return actor

    async def _one_after_the_other(self, actor: Actor) -> None:
        """Requests of a session are answered in turn; when it ends, those that wait are dropped."""
        await self._one("A", ALL[self.pair.first], actor)
        if actor.client.ended:
            self.came_to["B"] = "dropped"
        else:
            await self._one("B", ALL[self.pair.second], actor)

    async def _one(self, name: str, case: Case, actor: Actor) -> None:
        if actor.client.user is None and not case.enters and not isinstance(case.type, str):
            self.came_to[name] = "not logged in"
            return
        self.harness.who = name
        self.under_way[name] = case, None if isinstance(case.type, str) else case.make(actor), actor
        self.came_to[name] = UNANSWERED
        try:
            result = await carry_out(self.harness, case, actor)
        except Refused as refused:
            result = Code(refused.code).name
        if result is not None:
            self.came_to[name] = result if isinstance(result, str) else "done"
        elif self.came_to[name] == UNANSWERED and not _waits(case):
            self.came_to[name] = "done"

    # What happens

    def _committing(self, who: str, touched: set[str]) -> None:
        case, operation, actor = self.under_way[who]
        if not rights.may_commit(self.harness.database, actor, case.type, operation, touched):
            self.wrong.append(f"{case.name}: committed without the right to it ({', '.join(sorted(touched))})")
        if case.type is wire.ChangePassword and "update_user" in touched:
            actor.client.password = operation.new
        if case.type is wire.Submit:
            self._members = set(self.harness.database.memberships)

    def _heard(self, who: str, client: Client, frame: Any) -> None:
        case, operation, actor = self.under_way[who]
        # What was said while somebody was a member he may hear, whenever it comes.
        heard = (
            case.type is wire.Submit and isinstance(frame, wire.Records) and (frame.room, client.user) in self._members
        )
        if not heard and not rights.may_know(self.harness.database, client.user, operation, frame):
            self.wrong.append(f"{case.name}: session {client.session} is told what it may not know: {_kind(frame)}")
        if isinstance(frame, (wire.Response, wire.Failure)) and client is actor.client:
            self.came_to[who] = _kind(frame)
            if isinstance(frame, wire.Failure) and frame.text == "internal error":
                self.wrong.append(f"{case.name}: failed")
            if isinstance(frame, wire.Response) and isinstance(frame.result, wire.LoggedIn):
                self._log_in(actor, case, operation, frame.result)

    def _log_in(self, actor: Actor, case: Case, operation: Any, result: wire.LoggedIn) -> None:
        actor.user, actor.device = result.user.id, result.device
        present = typed(self.harness.database.users[actor.user].password_hash)
        actor.client.password = getattr(operation, "password", present)
        actor.fresh = case.type is not wire.LoginDevice

    # What it came to

    @property
    def sequential(self) -> str:
        """The names of the requests when each was done before the next began, as "AB"; empty: they were mixed."""
        names = [name.partition("+")[0] for name, _ in self.run.trace]
        blocks = [name for place, name in enumerate(names) if not place or names[place - 1] != name]
        return "".join(blocks) if len(set(blocks)) == len(blocks) else ""

    @property
    def answered_before(self) -> str:
        """The order that everybody saw: "AB" when B began after A's answer; empty: they overlap."""
        starts = {name: place for place, (name, what) in enumerate(self.run.trace) if what == "start"}
        last = {name: place for place, (name, _) in enumerate(self.run.trace)}
        if len(self.requests) < 2 or len(starts) > 2:
            # What goes on behind an answer may come later.
            return ""
        return "AB" if last["A"] < starts["B"] else "BA" if last["B"] < starts["A"] else ""

    def outcome(self) -> "Outcome":
        return Outcome(self.came_to, self._state())

    def _state(self) -> Hashable:
        db, sessions = self.harness.database, self.harness.service.core.sessions
        tables = (_STATE.get(field.name, _rows)(getattr(db, field.name)) for field in fields(db))
        return (*tables, tuple(sorted((s.user, s.device, tuple(sorted(s.rooms))) for s in sessions.all())))

    def judge_end(self) -> None:
        """Everything that must hold when nothing is under way."""
        self.wrong += _broken_sums(self.harness.database, self.harness)
        self.wrong += _other_memory(self.harness)
        for client in self.harness.clients.values():
            if client.user is not None and not client.ended:
                self.wrong += _believes_wrongly(self.harness.database, client)


def _rows(table: Any) -> Hashable:
    return frozenset(table.items() if isinstance(table, dict) else table) if isinstance(table, (dict, set)) else table


# Of these tables what makes a difference: not when a certificate ends, what a room key is, how records are chained, or
# that a message was refused.
_STATE: dict[str, Callable[[Any], Hashable]] = {
    "devices": lambda table: frozenset((d.id, d.user, d.revoked_ms, certified(d).display_name) for d in table.values()),
    "rooms": lambda table: frozenset((*astuple(room)[:6], room.head.seq, room.archived) for room in table.values()),
    "records": lambda table: frozenset((row.key, row.record.body) for rows in table.values() for row in rows),
    "decisions": lambda table: frozenset(key for key, decision in table.items() if not decision.code),
    "octets": lambda _octets: None,
    "allowances": lambda table: frozenset(row for row in table.items() if row[0].what is not AllowanceKind.OCTETS),
    "room_keys": lambda table: frozenset((key.room, key.number) for key in table.values()),
    "invites": lambda table: frozenset((code, *values) for code, values in table.items()),
}


def _waits(case: Case) -> bool:
    """Whether it is a request, which is answered in turn."""
    return not isinstance(case.type, str) and not issubclass(case.type, wire.LiveFromClient)


def _kind(frame: Any) -> str:
    if isinstance(frame, wire.Failure):
        return Code(frame.code).name
    return type(frame.result if isinstance(frame, wire.Response) else frame).__name__


def _broken_sums(db: MemoryDatabase, harness: ServerHarness) -> Iterator[str]:
    names = [name_key(user.name) for user in db.users.values()]
    rooms = [name_key(room.name) for room in db.rooms.values() if room.kind is not RoomKind.PRIVATE]
    if len(set(names)) < len(names) or len(set(rooms)) < len(rooms):
        yield "two of one name"
    if not any(user.role is Role.ADMINISTRATOR and not user.disabled for user in db.users.values()):
        yield "no administrator is left"
    if any(values[0] < 0 for values in db.invites.values()):
        yield "a code was used too often"
    service = harness.service
    if sum(room.kind is not RoomKind.DIRECT for room in db.rooms.values()) > service.config.rooms_total:
        yield "more rooms than may be"
    for user in db.users:
        if len(service.core.sessions.of_user(user)) > service.config.sessions_per_user:
            yield "more sessions of a user than may be"
    for session in service.core.sessions.all():
        user = db.users[session.user]
        before = harness.clients[session.id].password != typed(user.password_hash)
        if before or user.disabled or db.devices[session.device].revoked_ms:
            yield "a session without a right to be there"


# Heads, times of last-seen, receipts and certificates are kept elsewhere, or written later.
_COMPARED: dict[str, Callable[[Any], Any]] = {
    "users": lambda user: astuple(user)[:7],
    "devices": lambda device: (*astuple(device)[:4], device.revoked_ms),
    "rooms": lambda room: astuple(room)[:6],
    "memberships": lambda row: astuple(row)[:4],
    "room_keys": lambda key: key,
}


def _other_memory(harness: ServerHarness) -> Iterator[str]:
    known, stored = harness.service.directory.snapshot(), harness.store.snapshot()
    for name, compared in _COMPARED.items():
        if set(map(compared, getattr(known, name))) != set(map(compared, getattr(stored, name))):
            yield f"the server's memory of {name} is not what the database has"


def _believes_wrongly(db: MemoryDatabase, client: Client) -> Iterator[str]:
    assert client.user is not None
    for room, believed in client.rooms.items():
        if not rights.sees(db, client.user, room):
            yield f"session {client.session} lists room {room}, which it may not see"
        elif believed != rights.member(db, client.user, room):
            yield f"session {client.session} believes {'' if believed else 'not '}to be in room {room}"
    missing = {room for room in db.rooms if rights.member(db, client.user, room)} - client.rooms.keys()
    if missing:
        yield f"session {client.session} does not know of rooms {sorted(missing)}"


# --- All orders of a pair ---------------------------------------------------------------------------------------------


class Explorer:
    """Explores pairs; `orders` counts what was run."""

    def __init__(self) -> None:
        self.orders = 0
        self._alone: dict[tuple[Any, ...], set[Hashable]] = {}

    def explore(self, pair: Pair) -> list[Finding]:
        """What is wrong in any order, the first of each kind."""
        with without_signatures():
            return self._explore(pair)

    def _explore(self, pair: Pair) -> list[Finding]:
        found: dict[str, Finding] = {}
        sequential: dict[str, list[Outcome]] = {"AB": [], "BA": []}
        mixed: list[tuple[Trace, str, Outcome]] = []
        for pair_run in self._pair_runs(pair):
            trace = tuple(pair_run.run.trace)
            if pair_run.sequential in sequential:
                sequential[pair_run.sequential].append(pair_run.outcome())
            elif len(pair_run.requests) > 1:
                mixed.append((trace, pair_run.answered_before, pair_run.outcome()))
            for wrong in pair_run.wrong:
                found.setdefault(wrong, Finding(pair, wrong, trace))
        either = sequential["AB"] + sequential["BA"]
        for trace, order, outcome in mixed:
            like = any(outcome.as_if(other) for other in sequential.get(order, either))
            if not like and not self._only_put_off(pair, outcome):
                what = f"not as one after the other: {outcome.came_to}"
                found.setdefault(what, Finding(pair, what, trace))
        return list(found.values())

    def _pair_runs(self, pair: Pair, alone: str = "") -> Iterator[PairRun]:
        def make() -> tuple[Run, PairRun]:
            pair_run = PairRun(pair, alone)
            return pair_run.run, pair_run

        for pair_run in every_order(make, lambda pair_run: pair_run.harness.service.flush()):
            self.orders += 1
            pair_run.judge_end()
            yield pair_run

    def _only_put_off(self, pair: Pair, outcome: Outcome) -> bool:
        """Whether one was refused and has changed nothing: what the other came to is what it comes to alone."""
        for refused, other in (("A", "B"), ("B", "A")):
            alone = self._of_one(pair, other)
            if outcome.came_to[refused] in PUT_OFF and (outcome.came_to[other], outcome.state) in alone:
                return True
        return False

    def _of_one(self, pair: Pair, name: str) -> set[Hashable]:
        case = pair.first if name == "A" else pair.second
        key = (case, name, pair.relation, pair.setting)
        if key not in self._alone:
            pair_runs = self._pair_runs(pair, name)
            self._alone[key] = {(pair_run.came_to[name], pair_run.outcome().state) for pair_run in pair_runs}
        return self._alone[key]


def all_pairs(*, variants: bool = True) -> Iterator[Pair]:
    """Every pair that the two who make them may come to make. Two sessions of a user are alike, so that which of them
    makes the first request makes no difference."""
    ours, both = ([name for name in cases if variants or "," not in name] for cases in (CASES, ALL))
    for place, first in enumerate(ours):
        for second in ours[place:]:
            yield Pair(first, second, Relation.TWO_SESSIONS)
        for second in ours:
            yield Pair(first, second, Relation.SAME_SESSION)
        for second in both:
            yield Pair(first, second, Relation.TWO_USERS)
    for pair in scarce_pairs():
        if {pair.first, pair.second} <= set(both):
            yield pair


# What takes of something that is bounded, or gives it back.
SPENDING = (
    "register", "register, other", "log in", "log in, again", "log in by key", "log in by old key", "create room",
    "create room, private", "open direct", "open direct, third", "create invite", "void invite", "log out",
    "revoke own",
    "revoke other, third", "new password", "new password, alone", "confirm, alone", "command disable account",
    "command set role", "command add account",
)  # fmt: skip


def scarce_pairs() -> Iterator[Pair]:
    """Where of everything that is bounded one is left."""
    for setting in (Setting(True), Setting(True, wire.Registration.OPEN)):
        for place, first in enumerate(SPENDING):
            if first not in CASES:
                continue
            for second in SPENDING[place:]:
                if second in CASES:
                    yield Pair(first, second, Relation.TWO_SESSIONS, setting)
            for second in SPENDING:
                yield Pair(first, second, Relation.TWO_USERS, setting)
