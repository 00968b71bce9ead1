"""Addresses and links with an invalid host are refused with a message or not found, without an internal error."""

import asyncio
import subprocess
import sys
from pathlib import Path as File

import pytest

from lanchat.app import api
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.identity import parse_address, parse_invite_untrusted, tidy_address
from lanchat.transport.connecting import connect
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.initdb import init_db
from tests.support.procs import plain_environment
from tests.support.scripted_client import Person

FINGERPRINT = "ab" * 32
INVALID_HOSTS = (
    "a..b",
    ".",
    "..",
    ".a",
    "a" * 64 + ".de",
    "a*b",
    "h\\x",
    "h'x",
    'h"x',
    "<b>",
    "`x`",
    "$(x)",
    "a;b",
    "a,b",
    "a=b",
    "{x}",
    "a|b",
    "a!b",
    "-rf",
    "a&b",
    "a+b",
)


@pytest.mark.parametrize("host", INVALID_HOSTS)
def test_invalid_hosts_are_refused(host: str) -> None:
    for text in (host, f"{host}:1"):
        with pytest.raises(ProtocolError, match="not an address"):
            parse_address(text, 1)
    for link in (f"lanchat://{host}:1/#{FINGERPRINT}", f"lanchat://h:1/?also={host}:2#{FINGERPRINT}"):
        with pytest.raises(ProtocolError):
            parse_invite_untrusted(tidy_address(link))


@pytest.mark.parametrize(
    "host", ["a_b", "a-b.c", "host.", "m\u00fcnchen.de", "127.0.0.1", "a" * 63, "\u0434\u043e\u043c"]
)
def test_valid_hosts_are_accepted(host: str) -> None:
    assert parse_address(f"{host}:1", 2) == (host, 1)
    assert parse_invite_untrusted(f"lanchat://{host}:1/#{FINGERPRINT}").host == host


@pytest.mark.parametrize("host", ["\u00fc" * 63, "a..b", "\ud800", "x\0y", ".", "a" * 300])
def test_unresolvable_name_is_an_os_error(host: str) -> None:
    with pytest.raises(OSError, match=r".") as error:
        asyncio.run(connect(host, 1))
    assert "\n" not in str(error.value)


def test_link_with_unresolvable_host_finds_no_server(tmp_path: File) -> None:
    async def scenario() -> None:
        anna = Person(tmp_path / "anna")
        error = await anna.fails(api.ConnectCommand(invite=f"lanchat://{chr(252) * 63}:1/#{FINGERPRINT}"))
        assert error.kind is api.ErrorKind.NO_SERVER
        many = "&".join(f"also={chr(252) * 63}:{port}" for port in range(1, 9))
        error = await anna.fails(api.ConnectCommand(invite=f"lanchat://h..x:1/?{many}#{FINGERPRINT}"))
        assert error.kind is api.ErrorKind.INVALID
        await anna.client.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["a..b", "\u00fc" * 63])
def test_server_refuses_an_invalid_host_in_one_line(tmp_path: File, host: str) -> None:
    with pytest.raises(StoreError) as refused:
        init_db(f"mysql://user:secret@{host}/name", None, tmp_path)
    assert len(str(refused.value).splitlines()) == 1
    argv = [sys.executable, "-m", "lanchat_server", "run", "--data-dir", str(tmp_path), "--host", host]
    done = subprocess.run(
        [*argv, "--port", "0", "--no-discovery"], env=plain_environment(tmp_path), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("lanchat-server: "), done.stderr
