"""How long answers take about existing and about missing things, for a user who may know neither.

Each question is asked about something that exists and about something that does not, one right after the other in an
order drawn by lot, so that whatever else the computer does meets both alike. The figure is the AUC of the
Mann-Whitney test: how often an answer of the one sort took longer than one of the other. 0.5: the times tell nothing;
1 or 0: one answer tells all.
"""

import bisect
import contextlib
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.protocol.log.messages import Kind
from lanchat_server.core.config import CoreConfig
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import RecordingClient, observed_server
from tests.attacks.rights import new_name, refused
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient

# Whoever may not tell two things apart by one answer: no AUC is further than this from 0.5.
APART_MAX = 0.1
# Each asks within the rates of everybody.
SESSIONS = 40
ROOMS_EACH = 200
# Longer than messages are gathered.
PAUSE = 2 * CoreConfig().gather
# So often a name may be tried before anybody has to wait.
TRIES_EACH = 10
_LIMITS = (
    "[limits]\nmessage_rate = 1000\nmessage_burst = 1000\ntotal_rate = 5000\n"
    "rooms_per_day = 100000\nrooms_total = 100000\naccounts_per_day = 100000\n"
)
Pairs = Sequence[tuple[Any, Any]]


def auc(some: Sequence[float], others: Sequence[float]) -> float:
    """How often one of `some` is larger than one of `others`; those that are equal count half."""
    ordered = sorted(others)
    smaller = sum(bisect.bisect_left(ordered, each) + bisect.bisect_right(ordered, each) for each in some)
    return smaller / 2 / len(some) / len(others)


class Question(NamedTuple):
    """`ask` gets the number of a pair and one of its two, and returns what was told and the seconds that it took."""

    name: str
    ask: Callable[[int, Any], tuple[object, float]]
    pairs: Pairs


def measured(question: Question, seed: int = 1) -> Outcome:
    """Another answer counts as accepted; times that tell are a fault."""
    draw, outcome = random.Random(seed), Outcome(f"times: {question.name}", 0)
    spent: tuple[list[float], list[float]] = ([], [])
    for number, pair in enumerate(question.pairs):
        answers: list[object] = [None, None]
        for side in draw.sample((0, 1), 2):
            answers[side], seconds = question.ask(number, pair[side])
            spent[side].append(seconds * 1000)
        outcome.attempts += 1
        outcome.accepted += answers[0] != answers[1]
    area = auc(*spent)
    medians = [statistics.median(each) for each in spent]
    outcome.seen = f"AUC {area:.3f}; medians {medians[0]:.2f} and {medians[1]:.2f} ms"
    outcome.expect(abs(area - 0.5) <= APART_MAX, f"times tell: {outcome.seen}")
    return outcome


def _timed(ask: Callable[[], Any], told: Callable[[Any], object]) -> tuple[object, float]:
    began = time.perf_counter()
    answer = ask()
    seconds = time.perf_counter() - began
    return told(answer), seconds


def _code(answer: Any) -> object:
    return answer.code if refused(answer) else type(answer)


@contextlib.contextmanager
def _people(server: ServerProcess, count: int) -> Iterator[list[RawClient]]:
    with contextlib.ExitStack() as stack:
        people = [stack.enter_context(RawClient(server.port, timeout=60)) for _ in range(count)]
        for person in people:
            assert isinstance(person.register(new_name("curious")), wire.LoggedIn)
        yield people


def _written(folder: Path, text: str) -> tuple[str, str]:
    """Options of a server with this configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.toml").write_text(text)
    return "--config", str(folder / "server.toml")


# --- Rooms ------------------------------------------------------------------------------------------------------------


def time_room_requests(folder: Path, pairs: int) -> Iterator[Outcome]:
    """Private rooms of others, by number and by name."""
    with observed_server(folder / "server", extra=_written(folder, _LIMITS)) as (server, _):
        names, numbers = _private_rooms(server, pairs)
        with _people(server, SESSIONS) as people:
            missing = [secret_number(each) for each in range(pairs)]
            yield measured(_by_request("nothing beside nothing, to compare", people, _history, missing, missing[::-1]))
            for title, operation in (
                ("joining a private room", wire.JoinRoom),
                ("history of a private room", _history),
                ("subscribing to a private room", lambda room: wire.Subscribe([room])),
                ("members of a private room", wire.ListMembers),
                ("a search in a private room", lambda room: wire.Search(room, "word", 0, 10)),
                ("inviting into a private room", lambda room: wire.InviteUser(room, people[0].user_id)),
                ("leaving a private room", wire.LeaveRoom),
            ):
                yield measured(_by_request(title, people, operation, numbers, missing))
            yield measured(_submitted("a message for a private room", people, list(zip(numbers, missing, strict=True))))
            fresh = [new_name("Nothing") for _ in names]
            yield measured(_by_request("making a room with a private room's name", people, _create, names, fresh))


def _private_rooms(server: ServerProcess, count: int) -> tuple[list[str], list[int]]:
    """Names and numbers of new ones."""
    names, numbers = list[str](), list[int]()
    with _people(server, -(-count // ROOMS_EACH)) as owners:
        for number in range(count):
            names.append(new_name("Merger"))
            made = _patiently(owners[number // ROOMS_EACH], _private(names[-1]))
            assert isinstance(made, wire.RoomResult), made
            numbers.append(made.room.id)
    return names, numbers


def _patiently(person: RawClient, operation: Any) -> Any:
    while refused(answer := person.request(operation, 60), wire.Code.BUSY):
        time.sleep(answer.retry_ms / 1000)
    return answer


def secret_number(each: int) -> int:
    """Of no room."""
    return random.Random(each).getrandbits(62) | 1


def _history(room: int) -> wire.History:
    return wire.History(room, 1, True, 10)


def _private(room: str) -> wire.CreateRoom:
    return wire.CreateRoom(room, RoomKind.PRIVATE, HistoryPolicy.EVERYTHING)


def _create(room: str) -> wire.CreateRoom:
    """By turns private and public, each name always the same."""
    kind = RoomKind.PRIVATE if sum(room.encode()) % 2 else RoomKind.PUBLIC
    return wire.CreateRoom(room, kind, HistoryPolicy.EVERYTHING)


def _by_request(
    title: str, people: list[RawClient], operation: Callable[[Any], Any], there: Sequence[Any], missing: Sequence[Any]
) -> Question:
    def ask(number: int, what: Any) -> tuple[object, float]:
        person, asked = people[number % len(people)], operation(what)
        # What has come meanwhile is read before, not within the time.
        _patiently(person, wire.GetProfile())
        person.events.clear()
        while (answer := _timed(lambda: person.request(asked, 60), _result_text))[0] == wire.Code.BUSY:
            # Over the rate of requests: it was not looked at.
            time.sleep(1)
        return answer

    return Question(title, ask, list(zip(there, missing, strict=True)))


def _result_text(answer: Any) -> object:
    return answer if isinstance(answer, wire.Subscribed) else _code(answer)


# --- Messages ---------------------------------------------------------------------------------------------------------


def time_message_numbers(folder: Path, pairs: int) -> Iterator[Outcome]:
    """Messages from before one's joining: those that live, those that were deleted, and none."""
    with (
        observed_server(folder / "server", extra=_written(folder, _LIMITS)) as (server, _),
        _people(server, 2) as (owner, late),
    ):
        made = owner.request(wire.CreateRoom(new_name("den"), RoomKind.PRIVATE, HistoryPolicy.SINCE_JOINING))
        room = made.room.id
        for number in range(1, 101):
            assert owner.say(room, f"number {number}").seq == number
        for number in range(2, 101, 2):
            assert owner.say(room, "", kind=Kind.DELETE, ref=number).seq
        assert owner.request(wire.InviteUser(room, late.user_id)) == wire.Done()
        late.wait_for(wire.RoomChanged)
        living = [1 + 2 * (number % 50) for number in range(pairs)]
        for title, others in (
            ("a deleted one", [number + 1 for number in living]),
            ("none", [1_000_000 + number for number in living]),
        ):
            given = [((room, number), (room, other)) for number, other in zip(living, others, strict=True)]
            what = f"naming a message from before one's joining, {title}"
            yield measured(_submitted(what, [late], given, (Kind.REACTION, Kind.EDIT, Kind.DELETE, Kind.TEXT)))


_TEXTS = {Kind.REACTION: "👍", Kind.EDIT: "other words", Kind.DELETE: "", Kind.TEXT: "a reply"}


def _submitted(title: str, people: list[RawClient], pairs: Pairs, kinds: Sequence[Kind] = (Kind.TEXT,)) -> Question:
    """What is asked about is a room, or a room and a number of a message."""

    def ask(number: int, what: Any) -> tuple[object, float]:
        person, kind = people[number % len(people)], kinds[number % len(kinds)]
        room, ref = what if isinstance(what, tuple) else (what, 0)
        message = person.message(room, _TEXTS[kind], kind=kind, ref=ref)
        _patiently(person, wire.GetProfile())
        person.events.clear()
        # What comes after a pause is written at once.
        time.sleep(PAUSE)

        def submit() -> Any:
            person.send(wire.Submit([message]))
            return person.wait_for(wire.Decided, 60)

        return _timed(submit, lambda decided: decided.receipts[0].code)

    return Question(title, ask, pairs)


# --- Codes ------------------------------------------------------------------------------------------------------------


def time_registration_codes(folder: Path, pairs: int) -> Iterator[Outcome]:
    """Registration codes that were good, beside codes that never were; names asked for with a wrong one."""
    extra = _written(folder, 'registration = "invite"\n' + _LIMITS)
    with observed_server(folder / "server", extra=extra) as (server, watcher):
        taken = [new_name("friend") for _ in range(-(-pairs // TRIES_EACH))]
        used = watcher.request(wire.CreateInvite(len(taken), 3600)).code
        voided = watcher.request(wire.CreateInvite(5, 3600)).code
        for user in taken:
            with RawClient(server.port) as friend:
                assert isinstance(friend.register(user, invite_code=used), wire.LoggedIn)
            watcher.request(wire.GetProfile(), 60)
        for each in watcher.everything(wire.ListInvites()):
            assert watcher.request(wire.VoidInvite(each.id)) == wire.Done()
        wrong = [_similar_code(voided, number) for number in range(pairs)]
        known = [(used, voided)[number % 2] for number in range(pairs)]
        yield measured(_registering(server, watcher, "a registration code that was good", known, wrong))
        free = [new_name("free") for _ in taken]
        there, missing = (
            [(names[number % len(names)], wrong[number]) for number in range(pairs)] for names in (taken, free)
        )
        yield measured(_registering(server, watcher, "a user name, with a wrong registration code", there, missing))


def _similar_code(code: str, number: int) -> str:
    """Another code of the same letters."""
    letters = [letter for letter in code if letter.isalnum()]
    random.Random(number).shuffle(letters)
    order = iter(letters)
    return "".join(next(order) if letter.isalnum() else letter for letter in code)


def _registering(
    server: ServerProcess, watcher: RecordingClient, title: str, there: Sequence[Any], missing: Sequence[Any]
) -> Question:
    def ask(number: int, what: Any) -> tuple[object, float]:
        user, code = what if isinstance(what, tuple) else (new_name("new"), what)
        if number % 20 == 0:
            watcher.request(wire.GetProfile(), 60)
        with RawClient(server.port, timeout=60) as stranger:
            stranger.hello()
            asked = wire.Register(user, "correct horse", stranger.enrolment(), invite_code=code)
            return _timed(lambda: stranger.request(asked, 60), _code)

    return Question(title, ask, list(zip(there, missing, strict=True)))
