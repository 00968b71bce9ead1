"""The administration channel against another user of the computer who listens at the port of a killed server."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lanchat.platform.proofs import is_proof, prove
from lanchat.protocol import wire
from lanchat_server.admin import backups, run
from lanchat_server.admin.backups import CLAIMED_FILE
from lanchat_server.admin.channel import ADMIN_FILE, AdminChannel
from lanchat_server.admin.run import AdminError
from lanchat_server.cli import data
from lanchat_server.config import ServerConfig
from tests.support.admin_port import AdminPort
from tests.support.administration import accounts, ask

TOKEN = "5ec2e7" * 10 + "abcd"
PASSWORD = "a-password-that-stays-here"
COMMANDS: list[Any] = [
    wire.AddAccount("eve", PASSWORD),
    wire.ResetPassword(1),
    wire.ListAccounts(),
    wire.Status(),
    wire.CreateBackup(),
]


class Impostor(AdminPort):
    """Listens at the port that a killed server left in admin.json. `reply` makes an answer to each line; all received
    octets are kept."""

    def __init__(self, folder: Path, reply: Callable[[bytes], bytes]) -> None:
        self.received = b""
        self._reply = reply
        super().__init__(folder, TOKEN, self._answer)

    def _answer(self, sock: socket.socket) -> None:
        with sock.makefile("rb") as lines:
            for line in lines:
                self.received += line
                sock.sendall(self._reply(line) + b"\n")


def _guess(line: bytes) -> bytes:
    nonce = json.loads(line).get("nonce", "0" * 64)
    return json.dumps({"nonce": nonce, "proof": prove("guess", "server", nonce, nonce)}).encode()


def _echo(line: bytes) -> bytes:
    return json.dumps(json.loads(line) | {"proof": json.loads(line).get("nonce")}).encode()


REPLIES: dict[str, Callable[[bytes], bytes]] = {
    "result": lambda line: b'{"result": {"file": "/etc/shadow", "users": 1, "messages": 1}}',
    "guessed proof": _guess,
    "echo": _echo,
    "no proof": lambda line: b'{"nonce": "' + b"0" * 64 + b'"}',
    "proof of another type": lambda line: b'{"nonce": "' + b"0" * 64 + b'", "proof": [1]}',
    "proof beyond ASCII": lambda line: ('{"nonce": "' + "0" * 64 + '", "proof": "\u00e9\\ud800"}').encode(),
    "short nonce": lambda line: b'{"nonce": "", "proof": ""}',
    "error": lambda line: b'{"error": "There is no user"}',
    "deep": lambda line: b"[" * 100_000,
    "no text": lambda line: b"\xff\xfe",
}


@pytest.fixture
def config(tmp_path: Path) -> ServerConfig:
    return ServerConfig("office", tmp_path)


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_impostor_receives_neither_token_nor_password(
    config: ServerConfig, tmp_path: Path, reply: Callable[[bytes], bytes]
) -> None:
    impostor = Impostor(tmp_path, reply)
    try:
        for request in COMMANDS:
            with pytest.raises(AdminError, match="did not show that it is this server") as caught:
                ask(config, request, object)
            assert "\n" not in str(caught.value)
    finally:
        impostor.close()
    assert TOKEN.encode() not in impostor.received
    assert PASSWORD.encode() not in impostor.received
    assert all(json.loads(line).keys() == {"nonce"} for line in impostor.received.splitlines())


def test_nonces_of_two_connections_differ(config: ServerConfig, tmp_path: Path) -> None:
    impostor = Impostor(tmp_path, REPLIES["error"])
    try:
        for _ in range(2):
            with pytest.raises(AdminError):
                accounts(config)
    finally:
        impostor.close()
    first, second = impostor.received.splitlines()
    assert first != second


def test_command_without_the_token_is_refused(config: ServerConfig, tmp_path: Path) -> None:
    """Nor is the server's own proof, or one of another connection, accepted as the command's."""

    async def scenario() -> None:
        done: list[Any] = []

        async def perform(request: Any) -> wire.Result:
            done.append(request)
            return wire.Done()

        channel = AdminChannel(tmp_path, perform)
        await channel.start()
        where = json.loads((tmp_path / ADMIN_FILE).read_text())
        old = ""
        try:
            for attempt in ("server", "old", "token", "type", "none", "right"):
                reader, writer = await asyncio.open_connection("127.0.0.1", where["port"])
                writer.write(json.dumps({"nonce": "2" * 64}).encode() + b"\n")
                hello = json.loads(await reader.readline())
                assert hello["proof"] == prove(where["token"], "server", "2" * 64, hello["nonce"])
                right = prove(where["token"], "command", "2" * 64, hello["nonce"])
                proofs = {"server": hello["proof"], "old": old, "token": where["token"], "type": 5, "right": right}
                writer.write(json.dumps({"proof": proofs.get(attempt)}).encode() + b"\n")
                writer.write(wire.pack_frame(wire.Request(1, wire.Status())))
                answer = json.loads(await reader.readline())
                assert answer == ({"admitted": True} if attempt == "right" else {"error": "wrong proof"}), attempt
                assert (await reader.read(4) != b"") == (attempt == "right"), attempt
                writer.close()
                old = right
        finally:
            channel.close()
        assert done == [wire.Status()]

    asyncio.run(scenario())


def test_backup_uses_no_path_from_the_answer(
    config: ServerConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the server itself is hostile: the file is the one that the command expects."""
    precious = tmp_path / "precious"
    precious.write_text("keep")
    (tmp_path / CLAIMED_FILE).write_bytes(b"backup")
    os.chmod(tmp_path / CLAIMED_FILE, stat.S_IRUSR | stat.S_IWUSR)
    made = wire.BackupMade(str(precious), bytes(16), 1, 1, 1)
    monkeypatch.setattr(run.Administration, "ask", lambda *_: made)
    monkeypatch.setattr(backups, "check_written", lambda _file: None)

    class Options:
        file = tmp_path / "wanted"
        to = keep = None

    class Printed:
        def row(self, *_: object) -> None: ...

        def note(self, *_: object) -> None: ...

    data.backup(Options(), config, Printed())  # type: ignore[arg-type]
    assert precious.read_text() == "keep"
    assert (tmp_path / "wanted").read_bytes() == b"backup"
    assert not (tmp_path / CLAIMED_FILE).exists()


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_backup_does_not_follow_a_link_at_the_path_of_its_file(
    config: ServerConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("secret")
    (tmp_path / CLAIMED_FILE).symlink_to(precious)
    monkeypatch.setattr(run.Administration, "ask", lambda *_: wire.BackupMade("x", bytes(16), 1, 1, 1))

    class Options:
        file = tmp_path / "wanted"
        to = keep = None

    with pytest.raises(Exception, match="symbolic link"):
        data.backup(Options(), config, None)  # type: ignore[arg-type]
    assert precious.read_text() == "secret"
    assert not (tmp_path / "wanted").exists()


def test_proofs_of_the_two_ends_differ() -> None:
    assert prove("a", "server", "x", "y") != prove("a", "command", "x", "y") != prove("b", "command", "x", "y")
    assert not is_proof(None, prove("a", "server", "x", "y"))
