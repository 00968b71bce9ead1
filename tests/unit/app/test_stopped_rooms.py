"""Rooms that accept no messages in a session because the server has another history: waiting commands complete."""

import asyncio
from pathlib import Path as File

from lanchat.app import api
from tests.support.fake_log import FakeLog, key_of
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person
from tests.support.waiting import patient
from tests.unit.app.test_silent_server import play


def log_of(*texts: str) -> FakeLog:
    log = FakeLog()
    log.enrol(key_of(9), 99, "other")
    for text in texts:
        log.say(text=text)
    return log


def test_wait_live_completes_when_the_server_has_another_history(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.DisconnectCommand())
        devices = server.log.devices
        server.log = log_of("another past")
        server.log.devices.update(devices)
        await anna.call(api.ConnectCommand())
        async with asyncio.timeout(patient(20)):
            account = await anna.call(api.WaitLiveCommand(1000))
        assert account.name == "anna"
        await anna.state(api.LinkState.FORKED)

    play(scenario, tmp_path, log_of("one past"))
