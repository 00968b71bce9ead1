"""One person on one computer of the lab: the real client engine, which finds the server by itself and talks when told.

    python -m tests.lab.talker PROFILE NAME COUNT RATE [ADDRESS]

Goes live, then waits for SIGUSR1, writes COUNT messages, RATE a second, and goes on listening until SIGTERM. Everything
that it does and sees is a line of JSON with `at`, in seconds of the clock that all computers of a lab share
(CLOCK_MONOTONIC): live, state, made, stored, refused, shown.
"""

import asyncio
import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.store.profile import ProfileStore
from lanchat.wording.problems import error_text
from tests.support.waiting import patient

PASSWORD = "correct horse"
# Also on a network that loses nearly every packet somebody gets in at some time.
ENTRY_PATIENCE = patient(60.0)


def tell(what: str, **more: Any) -> None:
    print(json.dumps({"event": what, "at": time.monotonic()} | more), flush=True)


def take(event: api.Event) -> None:
    match event:
        case api.StateChanged():
            tell("state", state=event.state.value)
        case api.LineStored():
            tell("stored", id=event.id, seq=event.seq)
        case api.LineRefused():
            tell("refused", id=event.id, code=int(event.code))
        case api.LineAdded() if event.line.seq is not None:
            tell("shown", id=event.line.id, seq=event.line.seq, mine=event.line.mine)


async def enter(client: Client, name: str, address: str) -> int:
    """The room, once this person is in it and live. Raises api.CommandError."""
    end = time.monotonic() + ENTRY_PATIENCE
    while True:
        try:
            if client.member is None:
                await client.call(api.ConnectCommand(address=address, accept_new=True, timeout=patient(10)))
                await client.call(api.RegisterCommand(name, PASSWORD))
            await client.call(api.WaitLiveCommand(patient(30)))
            room: api.RoomView = await client.call(api.FindRoomCommand("general"))
            return room.room
        except api.CommandError as error:
            tell("failed", text=error_text(error))
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)


async def talk(client: Client, room: int, name: str, count: int, rate: float) -> None:
    draw = random.Random(name)
    for number in range(count):
        line = await client.call(api.SendCommand(room, f"{name} says {number}"))
        tell("made", id=line.id)
        await asyncio.sleep(draw.uniform(0.2, 1.8) / rate)
    tell("said")


async def main(profile: str, name: str, count: str, rate: str, address: str = "") -> None:
    go, end = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, go.set)
    loop.add_signal_handler(signal.SIGTERM, end.set)
    client = Client(ProfileStore.open(Path(profile)), take)
    try:
        room = await enter(client, name, address)
        tell("live")
        await go.wait()
        await talk(client, room, name, int(count), float(rate))
        await end.wait()
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
