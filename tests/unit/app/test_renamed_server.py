"""A server that is called something else when the client comes back."""

from typing import Any

from msgspec.structs import replace

from lanchat.app import api
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person, run, until

__all__ = ["run"]


def test_renamed_server_is_reported_on_reconnect(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        assert anna.of(api.ServerRenamed) == []
        usual = server.welcome
        server.welcome = lambda challenge: replace(usual(challenge), server_name="Workshop")  # type: ignore[method-assign]
        server.sessions[0].cut()
        await until(lambda: anna.of(api.ServerRenamed))
        (event,) = anna.of(api.ServerRenamed)
        assert (event.server.name, event.server.fingerprint) == ("Workshop", server.fingerprint)

    run(scenario)
