"""Clients that are killed while they write: messages that the command line reported are stored once."""

import asyncio
from pathlib import Path

from tests.chaos.audit import Audit
from tests.chaos.crowd import LIMITS
from tests.chaos.killed_clients import LINES, CommandLineUser, Death, draw_deaths
from tests.support.procs import ServerProcess

DEATHS = 6


def test_messages_reported_by_killed_clients_are_stored_once(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text(LIMITS)
    with ServerProcess(tmp_path / "server", extra=["--config", str(config)]) as server:
        typist = CommandLineUser(tmp_path, "anna")
        typist.register(server)
        typist.type_until_killed(draw_deaths(DEATHS, seed=1))
        server.kill()
        typist.type_until_killed([Death("outbox-committed", 20), Death("outbox-not-committed", 30)])
        reported = len(typist.memory.made)
        assert reported > LINES
        with server.restart():
            asyncio.run(typist.send_queued())
    audit = Audit(None, tmp_path / "server")
    audit.check_memory("anna", typist.memory)
    audit.check_profile("anna", typist.profile)
    assert audit.faults == []
    assert audit.stored >= reported
