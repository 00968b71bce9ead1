"""A running server whose database is replaced by another file or an older copy, or whose clock is set."""

import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.log.certificates import CERTIFICATE_LIFETIME, open_certificate_untrusted
from lanchat.protocol.log.records import Record
from tests.attacks import databases
from tests.attacks.clock_skew_server import VARIABLE
from tests.attacks.outcome import Outcome
from tests.support.mariadb import MariaDB
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import patient

DECADE = 315_360_000


def database_file_replaced(folder: Path) -> Outcome:
    """Another file comes in the place of the SQLite database; members go on writing."""
    outcome = Outcome("the SQLite file is replaced by an older copy while people write", 0)
    data = folder / "sqlite"
    with ServerProcess(data) as server, RawClient(server.port) as client:
        client.register("anna")
        (file,) = data.glob("*.sqlite3")
        source, copy = sqlite3.connect(file), sqlite3.connect(folder / "copy")
        source.backup(copy)
        source.close()
        copy.close()
        assert client.say(client.rooms["general"], "kept").seq == 1
        (folder / "copy").rename(file)
        _write_to_replaced_database(outcome, server, client)
    return outcome


def database_rolled_back(folder: Path) -> Outcome:
    """MariaDB ends and comes back as it was before an account was made; that account's session goes on writing, and
    somebody registers."""
    outcome = Outcome("MariaDB comes back as an older copy while people write and register", 0)
    with MariaDB() as database:
        database.create_database("older")
        with ServerProcess(folder / "mariadb", database=database.url("older")) as server:
            server.add_account("anna")
            database.stop()
            shutil.copytree(database.folder / "data", folder / "older")
            database.start()
            with RawClient(server.port) as client, RawClient(server.port) as newcomer:
                number = client.register("boris").user.id
                newcomer.hello()
                database.kill()
                shutil.rmtree(database.folder / "data")
                (folder / "older").rename(database.folder / "data")
                database.start()
                outcome.attempts += 1
                try:
                    made = newcomer.request(
                        wire.Register("mallory", "correct horse", newcomer.enrolment()), patient(20)
                    )
                    outcome.accepted += isinstance(made, wire.LoggedIn) and made.user.id == number
                except (OSError, EOFError):
                    pass
                _write_to_replaced_database(outcome, server, client)
    return outcome


def _write_to_replaced_database(outcome: Outcome, server: ServerProcess, client: RawClient) -> None:
    """An acknowledgement counts as accepted; the server must end with a sentence."""
    outcome.attempts += 1
    try:
        client.send(wire.Submit([client.message(client.rooms["general"], "into the void")]))
        while not isinstance(client.receive(patient(20)), wire.Decided):
            pass
        outcome.accepted += 1
    except (OSError, EOFError):
        pass
    outcome.expect(server.wait(patient(20)) == 1 and "stopped" in server.stderr[-1], "it went on, or said nothing")
    outcome.seen = "the server ended with one sentence"


def clock_set_ahead(folder: Path) -> Outcome:
    """The server's clock is ten years ahead for a moment, while somebody writes and another one registers."""
    outcome = Outcome("the server's clock is ten years ahead for a moment", 0)
    skew = folder / "skew"
    folder.mkdir(parents=True, exist_ok=True)
    skew.write_text("0")
    options: dict[str, Any] = {
        "module": "tests.attacks.clock_skew_server",
        "env": {VARIABLE: str(skew)},
        "database": databases.new_database(),
    }
    with ServerProcess(folder / "server", **options) as server, RawClient(server.port) as client:
        client.register("anna")
        room = client.rooms["general"]
        client.say(room, "before")
        skew.write_text(str(DECADE))
        with RawClient(server.port) as boris:
            boris.register("boris")
            boris.say(room, "meanwhile")
        skew.write_text("0")
        client.say(room, "after")
        end = time.monotonic() + patient(10)
        while (late := _certificate_expires_late(server, boris)) and time.monotonic() < end:
            time.sleep(0.2)
        client.say(room, "later")
        records: list[Record] = client.request(wire.History(room, 1, True, 10)).records
    times = [record.time_ms for record in records]
    outcome.attempts = 3
    outcome.accepted += sum(moment > (time.time() + 60) * 1000 for moment in (times[0], times[2], times[3]))
    outcome.accepted += late
    outcome.expect(times[1] > (time.time() + DECADE / 2) * 1000, "the clock was not set")
    outcome.seen = "records before and after, and a certificate of the time, have the right time"
    return outcome


def _certificate_expires_late(server: ServerProcess, owner: RawClient) -> bool:
    """Whether the certificate of this device, as its next log-in gets it, is good for longer than any should be."""
    with RawClient(server.port, key=owner.key) as back:
        certificate = back.log_in_by_key().certificate
        body = open_certificate_untrusted(back.welcome.log_key, back.welcome.log_id, certificate)
    return body.not_after_ms > (time.time() + CERTIFICATE_LIFETIME + 60) * 1000
