"""People as a process of their own:  python -m tests.office.people FOLDER ADDRESS FINGERPRINT FIRST COUNT PACE

Each is a real client engine with a profile of his own, and does something every PACE seconds on average: mostly he
writes, else he edits, reacts, deletes, reads on or back, searches, looks at lists and receipts, changes his profile,
joins and leaves a room, goes away and comes back, logs out and in again, and mistypes his password.

Prints `ready` when all are live, then at each SIGUSR2 a JSON object with what was done and what this process holds.
Ends at SIGTERM.
"""

import asyncio
import contextlib
import json
import random
import signal
import sys
from collections import Counter, deque
from pathlib import Path
from typing import Any

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.protocol import wire
from lanchat.store.profile import ProfileStore
from tests.office.holdings import holdings, trace
from tests.support.ports import free_port
from tests.support.raw import RawClient

PASSWORD = "correct horse"
ROOMS = tuple(f"team {number}" for number in range(8))
# Rooms beside `general` that somebody is in.
_ROOMS_EACH = 2
_WORDS = ("server", "build", "meeting", "coffee", "lunch", "printer", "report", "garden", "ticket", "answer", "morning")
_EMOJI = ("👍", "🎉", "❤️", "😄")
# How often what is done, of all that is done.
_WEIGHTS = {
    "write": 600, "react": 120, "edit": 50, "delete": 20, "read": 80, "page": 40, "search": 25, "lists": 15,
    "receipts": 20, "activity": 10, "profile": 5, "move": 6, "reconnect": 4, "log_in_again": 3, "mistype": 2,
}  # fmt: skip


class Person:
    """One of them. Keeps nothing that grows."""

    def __init__(self, folder: Path, number: int, address: str, fingerprint: str, counts: Counter[str]) -> None:
        self.name = f"person{number}"
        self._random = random.Random(number)
        self._address, self._fingerprint = address, fingerprint
        self._counts = counts
        self.client = Client(ProfileStore.open(folder), self._take, discovery_port=free_port(), use_zeroconf=False)
        self._mine: deque[tuple[int, int]] = deque(maxlen=20)
        self._others: deque[tuple[int, int]] = deque(maxlen=20)
        self._rooms: list[int] = []

    def _take(self, event: api.Event) -> None:
        match event:
            case api.LineAdded() if event.line.seq is not None and event.live:
                self._counts["lines shown"] += 1
                (self._mine if event.line.mine else self._others).append((event.line.room, event.line.seq))
            case api.LineStored():
                self._counts["stored"] += 1
            case api.LineRefused():
                self._counts[f"refused: {event.code}"] += 1

    async def enter(self) -> None:
        """Into the office for the first time."""
        await self._come_back(api.RegisterCommand(self.name, PASSWORD))
        self._rooms = [(await self.client.call(api.FindRoomCommand("general"))).room]
        for name in self._random.sample(ROOMS, _ROOMS_EACH):
            await self._join(name)

    async def _patiently(self, command: api.Command) -> None:
        """As often as the server allows: all of them come from one address."""
        while True:
            try:
                await self.client.call(command)
                return
            except api.CommandError as error:
                if not error.retry_s:
                    raise
                self._counts["too many tries"] += 1
                await asyncio.sleep(error.retry_s)

    async def _connect(self) -> None:
        await self.client.call(api.ConnectCommand(address=self._address, fingerprint=self._fingerprint, timeout=30))

    async def _join(self, name: str) -> None:
        room = (await self.client.call(api.FindRoomCommand(name))).room
        await self.client.call(api.JoinRoomCommand(room))
        self._rooms.append(room)

    async def live(self, pace: float) -> None:
        """Do this and that for ever."""
        names, weights = list(_WEIGHTS), list(_WEIGHTS.values())
        while True:
            await asyncio.sleep(self._random.expovariate(1 / pace))
            what = self._random.choices(names, weights)[0]
            try:
                await getattr(self, f"_{what}")()
                self._counts[what] += 1
            except api.CommandError as error:
                self._counts[f"{what}: {error.kind.value} {error.code.name if error.code else ''}".strip()] += 1

    def _text(self) -> str:
        words = min(200, 2 + int(self._random.expovariate(1 / 10)))
        return " ".join(self._random.choices(_WORDS, k=words))

    async def _write(self) -> None:
        await self.client.call(api.SendCommand(self._random.choice(self._rooms), self._text()))

    async def _edit(self) -> None:
        if self._mine:
            await self.client.call(api.EditCommand(*self._random.choice(self._mine), self._text()))

    async def _delete(self) -> None:
        if self._mine:
            place = self._random.choice(self._mine)
            self._mine.remove(place)
            await self.client.call(api.DeleteCommand(*place))

    async def _react(self) -> None:
        if self._others:
            place = self._random.choice(self._others)
            await self.client.call(api.ReactCommand(*place, self._random.choice(_EMOJI), self._random.random() < 0.2))

    async def _read(self) -> None:
        if self._others:
            await self.client.call(api.MarkReadCommand(*self._others[-1]))

    async def _page(self) -> None:
        room = self._random.choice(self._rooms)
        lines = await self.client.call(api.LoadLinesCommand(room, 0, 50))
        if lines and lines[0].seq:
            await self.client.call(api.LoadLinesCommand(room, self._random.randint(1, lines[0].seq), 50))

    async def _search(self) -> None:
        words = " ".join(self._random.sample(_WORDS, 2))
        await self.client.call(api.SearchCommand(self._random.choice((0, *self._rooms)), words))

    async def _lists(self) -> None:
        await self.client.call(api.ListRoomsCommand(counted=True))
        await self.client.call(api.ListPeopleCommand(certain=True))
        await self.client.call(api.ListMembersCommand(self._rooms[0]))
        await self.client.call(api.ListDevicesCommand())

    async def _receipts(self) -> None:
        if self._mine:
            await self.client.call(api.ReceiptsCommand(*self._mine[-1]))

    async def _activity(self) -> None:
        await self.client.call(api.SetActivityCommand(self._random.random() < 0.5))

    async def _profile(self) -> None:
        await self.client.call(api.SetProfileCommand(display_name=f"{self.name} {self._random.randint(1, 99)}"))

    async def _move(self) -> None:
        if len(self._rooms) == 1:  # the last time nobody could join
            await self._join(self._random.choice(ROOMS))
            return
        left = self._rooms.pop()
        await self.client.call(api.LeaveRoomCommand(left))
        for places in (self._mine, self._others):
            for place in [each for each in places if each[0] == left]:
                places.remove(place)
        await self._join(self._random.choice(ROOMS))

    async def _reconnect(self) -> None:
        await self.client.call(api.DisconnectCommand())
        await asyncio.sleep(self._random.uniform(0, 20))
        await self._come_back()

    async def _log_in_again(self) -> None:
        await self.client.call(api.LogoutCommand())
        await self._come_back(api.LoginCommand(self.name, PASSWORD))

    async def _come_back(self, log_in: api.Command | None = None) -> None:
        """Also when it does not work at once."""
        while True:
            try:
                await self._connect()
                if log_in is not None:
                    await self._patiently(log_in)
                await self.client.call(api.WaitLiveCommand(120))
                return
            except api.CommandError as error:
                self._counts[f"came back later: {error.kind.value}"] += 1
                await asyncio.sleep(5)

    async def _mistype(self) -> None:
        port = int(self._address.rpartition(":")[2])
        await asyncio.to_thread(_wrong_password, port, self.name)


def _wrong_password(port: int, name: str) -> None:
    with contextlib.suppress(OSError, EOFError), RawClient(port, timeout=30.0) as client:
        answer = client.log_in(name, "incorrect horse")
        assert isinstance(answer, wire.Failure), answer


async def run(folder: Path, address: str, fingerprint: str, numbers: range, pace: float) -> None:
    counts: Counter[str] = Counter()
    people = [Person(folder / str(number), number, address, fingerprint, counts) for number in numbers]
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGUSR2, lambda: _tell(counts))
    for person in people:
        await person.enter()
    print("ready", flush=True)
    living = [asyncio.create_task(person.live(pace)) for person in people]
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([*living, waiting], return_when=asyncio.FIRST_COMPLETED)
    for task in living:
        task.cancel()
    results = await asyncio.gather(*living, return_exceptions=True)
    await asyncio.gather(*(person.client.close() for person in people))
    for result in results:
        if isinstance(result, Exception):
            raise result


def _tell(counts: Counter[str]) -> None:
    told: dict[str, Any] = {"counts": counts, **holdings()}
    print(json.dumps(told), flush=True)


def main() -> None:
    trace()
    folder, address, fingerprint = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    first, count, pace = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
    asyncio.run(run(folder, address, fingerprint, range(first, first + count), pace))


if __name__ == "__main__":
    main()
