"""What a client says of itself before log-in."""

from pathlib import Path as File

from lanchat import __version__
from lanchat.protocol import wire
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person
from tests.unit.app.test_silent_server import play


def test_client_names_its_program_and_version(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        assert {hello.client for hello in server.requests(wire.Hello)} == {f"lanchat {__version__}"}

    play(scenario, tmp_path)
