"""A network's thread without a network: it answers the window's commands from memory, as ClientThread would.

It has its own thread, so that answers and events come from where the real ones come from. What others do is asked for
in the conversation itself: a text that begins with `!` is an order to the fake, obeyed once it is stored.

    !say bob Hello            bob says Hello in this room
    !tell 3 bob Hello         bob says Hello in room 3
    !file bob plan.pdf        bob sends this file
    !hold / !release          nothing is stored any more / everything is
    !carry bob Hello          bob's message comes without the server: it is not stored
    !handin / !withdraw       all of these are stored / the last one never will be
    !refuse                   the next message is refused
    !state away NO_ANSWER     the link has this state, for this reason (which may be left out)
    !archive                  this room is archived
    !receipts                 everybody has received and read everything in this room
    !revoke                   the server ends this log-in
    !ignore Name              commands of this name are not answered any more
    !fail Name                the next command of this name fails
"""

import concurrent.futures
import dataclasses
import json
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import asdict, replace

from lanchat.app import api
from lanchat.app.api import (
    Account,
    ChangedIdentity,
    CommandError,
    ErrorKind,
    Line,
    LinkState,
    MemberReceipt,
    Person,
    Reaction,
    RoomView,
    Server,
    ServerOffer,
    StateChanged,
    Trust,
)
from lanchat.protocol.codes import Code, HistoryPolicy, PresenceState, Registration, Role, RoomKind, Setup
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.protocol.text.identity import fingerprint_words, make_invite
from lanchat.protocol.text.search_query import parse_query
from tests.support.problem_details import details_of

FINGERPRINT = "3fa2" * 16
ME = 1
FAILURE = "The server is away, and this needs it"
Handler = Callable[[Any], Any]


@dataclasses.dataclass
class Scenario:
    """What the fake world looks like at the start. `remembered`: this profile is enrolled as ivan."""

    remembered: bool = True
    trust: Trust = Trust.NEW
    servers: int = 2
    found_after: float = 0.05
    registration: Registration = Registration.OPEN
    setup: Setup = Setup.NONE
    mail: bool = True
    replaced: bool = False  # there is a local copy of a server before this one
    lines: int = 30
    rooms: int = 4
    people: int = 6
    away_at_start: bool = False
    long_names: bool = False
    emoji: bool = False  # in every name and text
    trace: bool = False  # every command as a JSON line on stdout


class World:
    """Rooms, people and messages. Only the fake's thread touches it."""

    def __init__(self, scenario: Scenario) -> None:
        self.me = Account(ME, "ivan.petrov", "Иван Петров", Role.MEMBER)
        self.people = {person.user_id: person for person in _people(scenario)}
        self.rooms: dict[int, RoomView] = {}
        self.members: dict[int, set[int]] = {}
        self.lines: dict[int, list[Line]] = {}
        for number in range(1, scenario.rooms + 1):
            self._first_room(number, scenario)
        self._number = 0

    def _first_room(self, number: int, scenario: Scenario) -> None:
        names = ["general", "разработка", "random", "ops"]
        name = names[number - 1] if number <= len(names) else f"room {number:03}"
        if scenario.long_names and number > 1:
            name = f"{name} with a very long name that nobody can read in a narrow column"[:64]
        name += " 🚀" if scenario.emoji and number > 1 else ""
        self.rooms[number] = _room(number, name)
        self.members[number] = set(self.people) | {ME}
        self.lines[number] = []
        for _ in range(scenario.lines if number == 1 else 3):
            self.history(number, scenario.lines)
        head = len(self.lines[number])
        read = head if number != 3 else max(head - 2, 0)
        self._renew(number, read=read)

    def history(self, room: int, total: int) -> None:
        """One line of the past."""
        seq = len(self.lines[room]) + 1
        ids = sorted(self.people)
        author = (ME, *ids)[(seq * 7 // 3) % (len(ids) + 1)]
        text = _TEXTS[seq % len(_TEXTS)]
        when = time.time() - 97.0 * (total - seq) - 3600 * 5 * (seq < total // 2)
        self.lines[room].append(self.line(room, author, text, seq, when))

    def line(self, room: int, author: int, text: str, seq: int | None, when: float, reply_to: int = 0) -> Line:
        number = getattr(self, "_number", 0) + 1
        self._number = number
        person = self.people.get(author)
        name = person.name if person else self.me.name
        shown = person.display_name if person else self.me.display_name
        replied = self.lines[room][reply_to - 1] if reply_to else None
        return Line(
            id=f"{room:x}.d{author}.r1.{number}",
            room=room,
            seq=seq,
            author=author,
            author_name=name,
            display_name=shown,
            mine=author == ME,
            text=text,
            sent_at=when,
            stored_at=when if seq else 0.0,
            reply_to=reply_to,
            reply_text=replied.text if replied else "",
            reply_author=replied.display_name if replied else "",
            members=len(self.members[room]) - 1,
            received=(seq or 0) % len(self.members[room]) if author == ME else 0,
        )

    def _renew(self, room: int, **changes: Any) -> RoomView:
        lines = self.lines[room]
        last = lines[-1] if lines else None
        view = replace(self.rooms[room], **changes)
        unread = sum(1 for line in lines if not line.mine and (line.seq or 0) > view.read)
        view = replace(
            view,
            head=len(lines),
            unread=unread,
            members=len(self.members[room]),
            last_text=last.text if last else "",
            last_author=last.display_name if last else "",
            last_time=last.stored_at if last else 0.0,
        )
        self.rooms[room] = view
        return view

    def renewed(self, room: int, **changes: Any) -> RoomView:
        """The room's view after something in it changed."""
        return self._renew(room, **changes)

    def store(self, line: Line) -> Line:
        """Numbers a line."""
        stored = replace(line, seq=len(self.lines[line.room]) + 1, stored_at=time.time())
        self.lines[line.room].append(stored)
        return stored


class FakeEngine:
    """Looks like ClientThread. `on_event` is called on the fake's thread."""

    def __init__(self, on_event: Callable[[api.Event], None], scenario: Scenario) -> None:
        self._on_event = on_event
        self.scenario = scenario
        self.world = World(scenario)
        self._jobs: queue.Queue[tuple[Any, concurrent.futures.Future[Any]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="fake-net", daemon=True)
        self._held: list[Line] | None = None
        self._carried: list[Line] = []
        self._refuse_next = False
        self._full = False
        self._outbox: list[Line] = []
        self._live = False
        self._ignored: set[str] = set()
        self._failing: set[str] = set()
        self.calls: list[api.Command[Any]] = []

    def start(self) -> None:
        self._thread.start()

    def call(self, command: api.Command[Any]) -> "concurrent.futures.Future[Any]":
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._jobs.put((command, future))
        return future

    def stop(self, timeout: float = 5.0) -> None:
        self._jobs.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            command, future = job
            self._trace(command)
            if _name(command) in self._ignored:
                continue
            try:
                future.set_result(self._handle(command))
            except CommandError as error:
                future.set_exception(error)

    def _trace(self, command: api.Command[Any]) -> None:
        self.calls.append(command)
        if self.scenario.trace:
            fields = {key: str(value) for key, value in asdict(command).items()}
            print(json.dumps({"command": _name(command)} | fields, ensure_ascii=False), flush=True)

    def _handle(self, command: Any) -> Any:
        if (name := _name(command)) in self._failing:
            self._failing.discard(name)
            raise CommandError(ErrorKind.OFFLINE, details_of(FAILURE))
        handler: Handler = getattr(self, f"_do_{name}")
        return handler(command)

    def emit(self, event: api.Event) -> None:
        self._on_event(event)

    # Finding, trusting, logging in

    def _servers(self) -> list[Server]:
        names = ["Office 🏢" if self.scenario.emoji else "Office", "Мастерская"] + [f"Server {n}" for n in range(3, 40)]
        return [
            Server(
                name,
                f"192.168.1.{10 + n}",
                45454,
                FINGERPRINT if n == 0 else f"{n:02x}" * 32,
                fingerprint_words(FINGERPRINT if n == 0 else f"{n:02x}" * 32),
                "zeroconf" if n % 2 else "probe",
                self.scenario.trust if n == 0 else Trust.NEW,
            )
            for n, name in enumerate(names[: self.scenario.servers])
        ]

    def _server(self) -> Server:
        return self._servers()[0]

    def _do_Discover(self, command: api.DiscoverCommand) -> list[Server]:
        time.sleep(self.scenario.found_after)
        for server in self._servers():
            self.emit(api.ServerFound(server))
        return self._servers()

    def _do_Connect(self, command: api.ConnectCommand) -> Server:
        if self.scenario.away_at_start:
            self.emit(StateChanged(LinkState.AWAY, retry_in=5.0))
            raise CommandError(ErrorKind.NO_SERVER, details_of("No server found"))
        if command.address.startswith("10.0.0.99"):
            raise CommandError(ErrorKind.NO_SERVER, details_of("Nobody answers at 10.0.0.99"))
        if self.scenario.trust is Trust.CHANGED:
            raise ChangedIdentity("Office", self._server())
        self.emit(StateChanged(LinkState.CONNECTING))
        if self.scenario.remembered:
            return replace(self._server(), trust=Trust.PINNED)
        return self._server()

    def _offer(self) -> ServerOffer:
        name = self.world.me.name if self.scenario.remembered else ""
        invite = make_invite("192.168.1.10", 45454, FINGERPRINT)
        server = replace(self._server(), trust=Trust.PINNED, invite=invite)
        return ServerOffer(server, self.scenario.registration, self.scenario.mail, name, self.scenario.setup)

    def _do_AcceptIdentity(self, command: api.AcceptIdentityCommand) -> ServerOffer:
        assert command.fingerprint == FINGERPRINT
        return self._offer()

    def _do_StartAnew(self, command: api.StartAnewCommand) -> ServerOffer:
        assert command.fingerprint == FINGERPRINT
        self.scenario.trust = Trust.PINNED
        return self._offer()

    def _do_ListReplaced(self, command: api.ListReplacedCommand) -> list[Server]:
        return [replace(self._server(), name="Old", fingerprint="5c" * 32)] if self.scenario.replaced else []

    def _do_GetOffer(self, command: api.GetOfferCommand) -> ServerOffer:
        offer = self._offer()
        if offer.remembered:
            self._enter()
        return offer

    def _enter(self) -> Account:
        self._live = True
        self.emit(StateChanged(LinkState.AUTHENTICATING))
        self.emit(api.AccountLoggedIn(self.world.me, self._offer().server))
        self.emit(StateChanged(LinkState.SYNCING))
        for room in self.world.rooms.values():
            if room.joined:
                self.emit(api.RoomLive(room.room, room.head))
        self.emit(StateChanged(LinkState.LIVE))
        return self.world.me

    def _do_Login(self, command: api.LoginCommand) -> Account:
        time.sleep(0.05)
        if command.password != "secret password":
            raise CommandError(ErrorKind.REFUSED, details_of("User name or password is wrong"), Code.BAD_CREDENTIALS)
        return self._enter()

    def _do_Register(self, command: api.RegisterCommand) -> Account:
        if command.user == "taken":
            raise CommandError(ErrorKind.REFUSED, details_of("This name is taken"), Code.NAME_TAKEN)
        self.world.me = Account(ME, command.user, command.display_name or command.user, Role.MEMBER)
        return self._enter()

    def _do_Recover(self, command: api.RecoverCommand) -> None:
        return None

    def _do_RecoverConfirm(self, command: api.RecoverConfirmCommand) -> None:
        if command.code != "123456":
            raise CommandError(ErrorKind.REFUSED, details_of("The code is wrong or too old"), Code.RECOVERY_INVALID)

    def _do_WaitLive(self, command: api.WaitLiveCommand) -> Account:
        return self.world.me

    def _do_Logout(self, command: api.LogoutCommand) -> None:
        self.scenario.remembered = False

    def _do_Disconnect(self, command: api.DisconnectCommand) -> None:
        return None

    # Rooms and people

    def _do_ListRooms(self, command: api.ListRoomsCommand) -> list[RoomView]:
        return list(self.world.rooms.values())

    def _do_ListPeople(self, command: api.ListPeopleCommand) -> list[Person]:
        return list(self.world.people.values())

    def _do_ListMembers(self, command: api.ListMembersCommand) -> list[Person]:
        return [self.world.people[user] for user in sorted(self.world.members[command.room]) if user != ME]

    def _do_FindRoom(self, command: api.FindRoomCommand) -> RoomView:
        name = command.name.lstrip("@#")
        for person in self.world.people.values():
            if person.name == name:
                return self._direct(person)
        raise CommandError(ErrorKind.INVALID, details_of(f"There is nobody called {name}{' 😢' * self.scenario.emoji}"))

    def _direct(self, person: Person) -> RoomView:
        for room in self.world.rooms.values():
            if room.partner == person.user_id:
                return room
        number = max(self.world.rooms) + 1
        view = replace(_room(number, ""), title=person.display_name, kind=RoomKind.DIRECT, partner=person.user_id)
        return self._new_room(view, {ME, person.user_id})

    def _new_room(self, view: RoomView, members: set[int]) -> RoomView:
        self.world.rooms[view.room] = view
        self.world.members[view.room] = members
        self.world.lines[view.room] = []
        view = self.world.renewed(view.room)
        self.emit(api.RoomUpdated(view))
        return view

    def _do_CreateRoom(self, command: api.CreateRoomCommand) -> RoomView:
        if any(room.name == command.name for room in self.world.rooms.values()):
            raise CommandError(ErrorKind.REFUSED, details_of("There is a room of this name already"), Code.NAME_TAKEN)
        kind = RoomKind.PRIVATE if command.private else RoomKind.PUBLIC
        view = replace(_room(max(self.world.rooms) + 1, command.name), kind=kind, history=command.history)
        return self._new_room(view, {ME})

    def _do_JoinRoom(self, command: api.JoinRoomCommand) -> RoomView:
        self.world.members[command.room].add(ME)
        view = self.world.renewed(command.room, joined=True)
        self.emit(api.RoomUpdated(view))
        return view

    def _do_LeaveRoom(self, command: api.LeaveRoomCommand) -> None:
        self.world.members[command.room].discard(ME)
        self.world.renewed(command.room, joined=False)
        self.emit(api.RoomRemoved(command.room))

    def _do_ArchiveRoom(self, command: api.ArchiveRoomCommand) -> None:
        self.emit(api.RoomUpdated(self.world.renewed(command.room, archived=command.archived)))

    def _do_DeleteRoom(self, command: api.DeleteRoomCommand) -> None:
        if command.password == "wrong":
            raise CommandError(ErrorKind.REFUSED, details_of("Wrong name or password"), Code.BAD_CREDENTIALS)
        del self.world.rooms[command.room]
        self.emit(api.RoomRemoved(command.room, deleted=True))

    def _do_InviteUser(self, command: api.InviteUserCommand) -> None:
        for person in self.world.people.values():
            if person.name == command.user:
                self.world.members[command.room].add(person.user_id)
                self.emit(api.RoomUpdated(self.world.renewed(command.room)))
                return
        raise CommandError(ErrorKind.INVALID, details_of(f"There is nobody called {command.user}"))

    def _do_RemoveUser(self, command: api.RemoveUserCommand) -> None:
        for person in self.world.people.values():
            if person.name == command.user:
                self.world.members[command.room].discard(person.user_id)
        self.emit(api.RoomUpdated(self.world.renewed(command.room)))

    # Conversation

    def _do_LoadLines(self, command: api.LoadLinesCommand) -> list[Line]:
        lines = self.world.lines[command.room]
        older = lines[: command.before - 1] if command.before else lines
        page = older[-command.limit :]
        waiting = [line for line in self._outbox if line.room == command.room]
        return page if command.before else page + waiting

    def _do_LoadLinesFrom(self, command: api.LoadLinesFromCommand) -> list[Line]:
        return self.world.lines[command.room][command.first - 1 : command.first - 1 + command.limit]

    def _do_Search(self, command: api.SearchCommand) -> list[Line]:
        words = parse_query(command.words).words.casefold().split()
        rooms = [command.room] if command.room else list(self.world.lines)
        hits = [
            line
            for room in rooms
            for line in self.world.lines[room]
            if all(word in line.text.casefold() for word in words)
        ]
        hits.sort(key=lambda line: (line.stored_at, line.room, line.seq or 0), reverse=True)
        if command.before:
            wanted = command.before_room or command.room
            place = next(n for n, line in enumerate(hits, 1) if (line.room, line.seq) == (wanted, command.before))
            hits = hits[place:]
        return hits[: command.limit]

    def _do_Send(self, command: api.SendCommand) -> Line:
        line = self.world.line(command.room, ME, command.text, None, time.time(), command.reply_to)
        self._outbox.append(line)
        self.emit(api.LineAdded(line, True))
        if command.text.startswith("!"):
            if self._held is None:
                self._store_all()
            self._order(command.room, *command.text[1:].split(" ", 2))
        elif self._refuse_next:
            self._refuse_next = False
            self._outbox.remove(line)
            self.emit(api.LineRefused(line.id, line.room, Code.NOT_A_MEMBER, details_of("You are no longer a member")))
        elif self._held is None:
            self._store_all()
        elif self._full:
            self.emit(api.LineDelayed(line.id, line.room, Code.DISK_FULL, details_of("The disk is full")))
        return line

    def _store_all(self) -> None:
        waiting, self._outbox = self._outbox, []
        for line in waiting:
            stored = self.world.store(line)
            self.emit(api.LineStored(stored.id, stored.room, stored.seq or 0))
            self.emit(api.LineAdded(stored, True))
            self.emit(api.RoomUpdated(self.world.renewed(stored.room)))

    def _order(self, room: int, name: str, *rest: str) -> None:
        match name:
            case "say":
                self.say(room, rest[0], rest[1])
            case "tell":
                name, _blank, text = rest[1].partition(" ")
                self.say(int(rest[0]), name, text)
            case "file":
                self.say(room, rest[0], "", (api.FileView(rest[1], 3 << 20, "00" * 32, "application/pdf"),))
            case "hold" | "full":
                self._held, self._full = [], name == "full"
            case "release":
                self._held = None
                self._store_all()
            case "carry":
                self._carry(room, rest[0], rest[1])
            case "handin":
                carried, self._carried = self._carried, []
                for line in carried:
                    self.emit(api.LineAdded(self.world.store(line), True))
            case "withdraw":
                self.emit(api.LineWithdrawn(self._carried.pop().id, room))
            case "refuse":
                self._refuse_next = True
            case "state":
                self.emit(StateChanged(LinkState(rest[0]), _reason(*rest[1:]), peers=2, retry_in=4.0))
            case "archive":
                self.emit(api.RoomUpdated(self.world.renewed(room, archived=True)))
            case "receipts":
                self._all_read(room)
            case "ignore":
                self._ignored.add(rest[0])
            case "fail":
                self._failing.add(rest[0])
            case "revoke":
                self.emit(StateChanged(LinkState.REFUSED, details_of("This computer's access was revoked.")))
            case _:
                raise CommandError(ErrorKind.INVALID, details_of(f"no order {name}"))

    def _carry(self, room: int, name: str, text: str) -> None:
        """Somebody else's message comes without the server."""
        author = next(person.user_id for person in self.world.people.values() if person.name == name)
        self._carried.append(self.world.line(room, author, text, None, time.time()))
        self.emit(api.LineAdded(self._carried[-1], True))

    def say(self, room: int, name: str, text: str, files: tuple[api.FileView, ...] = ()) -> None:
        """Somebody else says something."""
        author = next(person.user_id for person in self.world.people.values() if person.name == name)
        said = replace(self.world.line(room, author, text, None, time.time()), files=files)
        self.emit(api.LineAdded(self.world.store(said), True))
        self.emit(api.RoomUpdated(self.world.renewed(room)))

    def _all_read(self, room: int) -> None:
        others = len(self.world.members[room]) - 1
        lines = self.world.lines[room]
        lines[:] = [replace(line, received=others, read=others) if line.mine else line for line in lines]
        self.emit(api.ReceiptsChanged(room))

    def _change(self, room: int, seq: int, cause: str, **changes: Any) -> str:
        if not 1 <= seq <= len(self.world.lines[room]):
            raise CommandError(ErrorKind.INVALID, details_of("There is no such message"))
        line = replace(self.world.lines[room][seq - 1], **changes)
        self.world.lines[room][seq - 1] = line
        self.emit(api.LineChanged(line, cause, seq, ME))
        return f"{line.id}.{cause}"

    def _do_Edit(self, command: api.EditCommand) -> str:
        return self._change(command.room, command.seq, "edit", text=command.text, edited=True)

    def _do_Delete(self, command: api.DeleteCommand) -> str:
        return self._change(command.room, command.seq, "delete", text="", deleted=True)

    def _do_React(self, command: api.ReactCommand) -> str:
        line = self.world.lines[command.room][command.seq - 1]
        users = {reaction.emoji: set(reaction.users) for reaction in line.reactions}
        chosen = users.setdefault(command.emoji, set())
        chosen.discard(ME) if command.remove else chosen.add(ME)
        reactions = tuple(Reaction(emoji, tuple(sorted(who))) for emoji, who in users.items() if who)
        return self._change(command.room, command.seq, "reaction", reactions=reactions)

    def _do_MarkRead(self, command: api.MarkReadCommand) -> None:
        self.emit(api.RoomUpdated(self.world.renewed(command.room, read=command.seq)))

    def _do_SetActivity(self, command: api.SetActivityCommand) -> None:
        return None

    def _do_FetchFile(self, command: api.FetchFileCommand) -> api.FetchedFile:
        return api.FetchedFile(command.out, 3 << 20, "00" * 32, 3 << 20)

    def _do_Receipts(self, command: api.ReceiptsCommand) -> list[MemberReceipt]:
        return [
            MemberReceipt(person.user_id, person.name, person.display_name, index % 3 != 2, index % 3 == 0)
            for index, person in enumerate(self.world.people.values())
            if person.user_id in self.world.members[command.room]
        ]

    # Account

    def _do_ListDevices(self, command: api.ListDevicesCommand) -> list[api.DeviceInfo]:
        now = time.time()
        return [
            api.DeviceInfo("01" * 16, "PC in the office", now - 86_400 * 40, now, False, True),
            api.DeviceInfo("02" * 16, "Old laptop", now - 86_400 * 400, now - 86_400 * 9, False, False),
            api.DeviceInfo("03" * 16, "Lost telephone", now - 86_400 * 500, now - 86_400 * 90, True, False),
        ]

    def _do_RevokeDevice(self, command: api.RevokeDeviceCommand) -> None:
        return None

    def _do_ChangePassword(self, command: api.ChangePasswordCommand) -> None:
        if command.old != "secret password":
            raise CommandError(ErrorKind.REFUSED, details_of("The present password is wrong"), Code.BAD_CREDENTIALS)

    def _do_GetProfile(self, command: api.GetProfileCommand) -> api.AccountProfile:
        return api.AccountProfile(self.world.me.display_name, "ivan@example.org")

    def _do_SetProfile(self, command: api.SetProfileCommand) -> None:
        return None


def _reason(name: str = "") -> ProblemDetails | None:
    """Details without values, by the name of a problem or of a code."""
    if not name:
        return None
    return ProblemDetails.of(Code[name] if name in Code.__members__ else Problem[name])


def _name(command: api.Command[Any]) -> str:
    return type(command).__name__.removesuffix("Command")


_TEXTS = (
    "Доброе утро! Сервер обновлён, проверьте журнал.",
    "Morning. Repair works on my segment: 0 losses in 10k datagrams, and the fallback kicked in properly when the old "
    "switch dropped the group.",
    "ok",
    "Отлично! Сейчас выложу сборку для Windows.",
    "See https://example.org/builds/2024/11 for the list.",
    "Thanks 👍 that was quick 😀",
    "First line\nSecond line\n\tindented",
    "Готово: lanchat-setup.exe, 41 МБ",
)

_NAMES = (
    ("anna", "Анна Смирнова"),
    ("bob", "Bob Lee"),
    ("m.ali", "محمد علي"),
    ("david", "דוד כהן"),
    ("chen", "Chen Wei"),
    ("maria", "María José García"),
)


def _people(scenario: Scenario) -> list[Person]:
    now = time.time()
    people = []
    for number in range(scenario.people):
        name, shown = _NAMES[number] if number < len(_NAMES) else (f"user{number}", f"Person Number {number}")
        if scenario.long_names:
            shown = f"{shown} of the Department for Exceedingly Long Names"[:64]
        shown += " 👩‍💻" if scenario.emoji else ""
        state = (PresenceState.ONLINE, PresenceState.ONLINE, PresenceState.AWAY, PresenceState.OFFLINE)[number % 4]
        role = Role.ADMINISTRATOR if number == 0 else Role.MEMBER
        people.append(Person(number + 2, name, shown, state, now - 3600.0 * number, role))
    return people


def _room(number: int, name: str) -> RoomView:
    general = number == 1
    return RoomView(number, name, name, RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, True, 1, 0, 0, 0, 0, general=general)
