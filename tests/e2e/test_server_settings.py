"""The server enforces limits that its configuration file sets to other values than the defaults."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.log.messages import Kind
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient, refusal, tls_connect
from tests.support.waiting import patient

# Rates of a message in 100 s: no computer is so slow that the next one is due within a test.
LOW_LIMITS = """
[limits]
message_rate = 0.01
message_burst = 6
sessions_per_user = 2
sessions_total = 3
unauthenticated_max = 2
edits_per_message = 1
reactions_per_message = 2
"""


def configured_server(folder: Path, settings: str) -> ServerProcess:
    config = folder / "server.toml"
    config.write_text(settings)
    return ServerProcess(folder / "server", extra=["--config", str(config)])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with configured_server(tmp_path_factory.mktemp("settings"), LOW_LIMITS) as process:
        for name in ("anna", "boris", "clara", "dora"):
            process.add_account(name)
        yield process


def test_message_rate_and_changes_per_message_are_limited(server: ServerProcess) -> None:
    with RawClient(server.port) as anna:
        anna.log_in("anna")
        general = anna.rooms["general"]
        text = anna.say(general, "one").seq
        changes = [(Kind.EDIT, "a"), (Kind.EDIT, "b"), (Kind.REACTION, "x"), (Kind.REACTION, "y"), (Kind.REACTION, "z")]
        codes = [anna.say(general, body, kind=kind, ref=text).code for kind, body in changes]
        assert codes == [0, Code.TOO_MANY_CHANGES, 0, 0, Code.TOO_MANY_CHANGES]
        anna.say_without_waiting(general, "the seventh")
        assert 50_000 < anna.wait_for(wire.Busy).retry_ms <= 100_000
        limits = anna.welcome.limits
        assert (limits.message_rate, limits.message_burst) == (0.01, 6)
        assert (limits.edits_per_message, limits.reactions_per_message) == (1, 2)


def test_sessions_per_user_and_in_total_are_limited(server: ServerProcess) -> None:
    with ExitStack() as opened:
        key = opened.enter_context(RawClient(server.port))
        key.log_in("anna")
        other = opened.enter_context(RawClient(server.port))
        other.log_in("anna")
        third = opened.enter_context(RawClient(server.port, key=key.key))
        assert refusal(third.log_in_by_key()) is Code.TOO_MANY_SESSIONS
        # The third of all takes the last place, the fourth that of whoever has two, and then all have one.
        for name in ("boris", "clara"):
            assert isinstance(opened.enter_context(RawClient(server.port)).log_in(name), wire.LoggedIn)
        assert key.wait_for(wire.Goodbye).code == Code.TOO_MANY_SESSIONS
        assert isinstance(other.request(wire.GetProfile()), wire.Profile)
        assert refusal(opened.enter_context(RawClient(server.port)).log_in("dora")) is Code.TOO_MANY_SESSIONS


def test_unauthenticated_connections_are_limited(server: ServerProcess) -> None:
    with ExitStack() as opened:
        strangers = [opened.enter_context(tls_connect(server.port)) for _ in range(3)]
        first = strangers[0]
        first.settimeout(patient(5.0))
        # The first of three gave way long before the ten seconds that each of them has.
        with suppress(ssl.SSLError, ConnectionError):
            assert first.recv(1) == b""
        for kept in strangers[1:]:
            kept.settimeout(0.1)
            with pytest.raises(TimeoutError):
                kept.recv(1)


def test_total_rate_and_password_cost_are_configurable(tmp_path: Path) -> None:
    settings = "[limits]\ntotal_rate = 0.01\n[passwords]\nmemory_kib = 20480\ntime_cost = 3\nparallelism = 2\n"
    with configured_server(tmp_path, settings) as server:
        for name in ("anna", "boris"):
            server.add_account(name)
        with RawClient(server.port) as anna, RawClient(server.port) as boris:
            anna.log_in("anna")
            boris.log_in("boris")
            anna.say(anna.rooms["general"], "one")
            boris.say_without_waiting(boris.rooms["general"], "two")
            assert 50_000 < boris.wait_for(wire.Busy).retry_ms <= 100_000
    (database,) = (tmp_path / "server").glob("*.sqlite3")
    assert b"$argon2id$v=19$m=20480,t=3,p=2$" in database.read_bytes()
