"""A server whose clock was ten years ahead for seconds: certificates of that time do not block clients."""

from pathlib import Path as File

from lanchat.app import api
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import CertificateBody, issue_certificate
from tests.support.fake_log import LOG_ID, FakeLog, device_of, key_of
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import ROOM, Person, until
from tests.unit.app.test_silent_server import play

NOW_MS = 1_800_000_000_000
AHEAD_MS = NOW_MS + 10 * 365 * 86_400_000


def enrol(log: FakeLog, public: bytes, user: int, name: str, made_ms: int) -> None:
    """A certificate as a server makes it at that time, with a serial below that of the one before."""
    body = CertificateBody(LOG_ID, user, public, name, name.title(), made_ms + 1, made_ms)
    log.devices[device_of(key_of(9)) if user == 99 else body.device] = issue_certificate(log.key, body)


async def reconnect(server: FakeServer, anna: Person) -> None:
    """Another session."""
    (before,) = server.sessions
    before.cut()
    await until(lambda: any(session.logged_in and session is not before for session in server.sessions))
    await anna.call(api.WaitLiveCommand(100))


def test_login_and_lines_work_after_the_clock_was_ahead(tmp_path: File) -> None:
    log = FakeLog()
    enrol(log, keys.public_octets(key_of(9)), 99, "other", AHEAD_MS)
    log.time_ms = AHEAD_MS
    log.say(text="from the future")

    async def scenario(server: FakeServer, anna: Person) -> None:
        ((device, (name, public)),) = server.public_keys.items()
        enrol(log, public, 1, name, AHEAD_MS)
        await reconnect(server, anna)
        assert [line.text for line in await anna.call(api.LoadLinesCommand(ROOM, 0, 10))] == ["from the future"]
        # The clock is right again, and the database is one that never saw those certificates.
        log.time_ms = NOW_MS
        enrol(log, public, 1, name, NOW_MS)
        enrol(log, keys.public_octets(key_of(9)), 99, "other", NOW_MS)
        await reconnect(server, anna)
        server.relay(ROOM, log.say(text="from today"))
        assert await anna.say("and I") == 3
        # By number, whatever the clock showed.
        lines = await anna.call(api.LoadLinesCommand(ROOM, 0, 10))
        assert [line.text for line in lines] == ["from the future", "from today", "and I"]
        stored = anna.profile.device(LOG_ID)
        assert stored is not None
        assert stored.device_id == device

    play(scenario, tmp_path, log)
