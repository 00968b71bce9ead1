"""Clients that are killed while they write: what the command line had told is stored in the end, once."""

import asyncio
from pathlib import Path

from tests.chaos.audit import Audit
from tests.chaos.crowd import LIMITS
from tests.chaos.typists import LINES, Death, Typist, draw_deaths
from tests.support.procs import ServerProcess

DEATHS = 6


def test_what_a_killed_client_had_told_is_stored_once(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text(LIMITS)
    with ServerProcess(tmp_path / "server", extra=["--config", str(config)]) as server:
        typist = Typist(tmp_path, "anna")
        typist.register(server)
        typist.type_and_die(draw_deaths(DEATHS, seed=1))
        server.kill()
        typist.type_and_die([Death("outbox-committed", 20), Death("outbox-not-committed", 30)])
        told = len(typist.memory.made)
        assert told > LINES
        with server.restart():
            asyncio.run(typist.hand_in())
    audit = Audit(None, tmp_path / "server")
    audit.check_memory("anna", typist.memory)
    audit.check_profile("anna", typist.profile)
    assert audit.faults == []
    assert audit.stored >= told
