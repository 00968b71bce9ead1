"""Who may create an account: the first one, closed servers, codes; also with simultaneous requests."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role, Setup
from lanchat.protocol.log import keys
from lanchat_server.config import load
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.accounts import NewUser
from lanchat_server.core.accounts.first_account import SETUP_RANDOM_OCTETS, SetupCode, is_own_computer
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.refusals import Refused
from lanchat_server.service.keys import load_or_create
from lanchat_server.service.requests import login
from lanchat_server.service.service import Service
from lanchat_server.store import open_store


class BarrierHasher:
    """A hasher whose hashes are ready when `wanted` of them were requested, and no sooner."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._together = asyncio.Event()
        self.hashes = 0

    async def hash(self, password: str) -> str:
        self.hashes += 1
        if self.hashes >= self._wanted:
            self._together.set()
        await self._together.wait()
        return password

    def close(self) -> None:
        """Nothing to end."""


class FakeConnection:
    """A connection as the handlers use it."""

    def __init__(self, number: int, local: bool) -> None:
        self.session, self.local = number, local
        self.address = "127.0.0.1" if local else f"10.0.0.{number}"
        self.challenge: bytes | None = None
        self.user: int | None = None
        self.device = b""

    def logged_in(self, user: int, device: bytes) -> None:
        self.user, self.device = user, device

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class SocketlessServer:
    """A service without sockets."""

    def __init__(self, folder: Path, mode: str, hashes: int) -> None:
        self._store = open_store(None, folder)
        self._store.take_lease("test", 0)
        config = load({"data_dir": folder, "registration": wire.Registration[mode.upper()]})
        directory = Directory(self._store.snapshot())
        self.service = Service(config, self._store, load_or_create(folder), directory, "", lambda: None)
        self.context = self.service.context
        self.context.credentials.hasher.close()
        self.context.credentials.hasher = BarrierHasher(hashes)  # type: ignore[assignment]
        self._numbers = iter(range(1, 1000))

    async def close(self) -> None:
        await self.service.close()
        self._store.close()

    async def register(self, name: str, *, local: bool = False, visitor: int = 0, **codes: str) -> Code | None:
        """None: done. `visitor` distinguishes addresses."""
        caller: Any = FakeConnection(visitor or next(self._numbers), local)
        hello = await login.hello(self.context, caller, wire.Hello([1], "test"))
        key = Ed25519PrivateKey.generate()
        covered = hello.log_id + bytes.fromhex(self.context.keys.fingerprint) + hello.challenge
        enrolment = wire.Enrolment(keys.public_octets(key), "test", key.sign(keys.ENROL_CONTEXT + covered))
        try:
            await login.register(self.context, caller, wire.Register(name, "a password", enrolment, **codes))
        except Refused as refused:
            return Code(refused.code)
        return None

    async def setup(self, local: bool) -> Setup:
        visitor: Any = FakeConnection(next(self._numbers), local)
        return (await login.hello(self.context, visitor, wire.Hello([1], "test"))).setup

    def roles(self) -> dict[str, Role]:
        return {user.name: user.role for user in self.context.directory.users.values()}

    async def add(self, name: str) -> None:
        new = NewUser(name, name, "", "a hash", Role.MEMBER)
        await self.service.writer.transact(lambda tx: accounts.add_user(tx, self.context.directory, new, 1))


def run(folder: Path, mode: str, scenario: Callable[[SocketlessServer], Awaitable[None]], hashes: int = 1) -> None:
    async def everything() -> None:
        server = SocketlessServer(folder, mode, hashes)
        try:
            await scenario(server)
        finally:
            await server.close()

    asyncio.run(everything())


# --- At the same moment -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "late"), [("closed", Code.REGISTRATION_CLOSED), ("invite", Code.INVITE_INVALID)])
def test_one_of_three_simultaneous_registrations_is_first_account(tmp_path: Path, mode: str, late: Code) -> None:
    async def scenario(server: SocketlessServer) -> None:
        done = await asyncio.gather(*(server.register(name, local=True) for name in ("anna", "boris", "clara")))
        assert sorted(map(str, done)) == sorted([str(None), str(late), str(late)])
        assert list(server.roles().values()) == [Role.ADMINISTRATOR]

    run(tmp_path, mode, scenario, hashes=3)


def test_simultaneous_registrations_with_setup_code_make_one_account(tmp_path: Path) -> None:
    async def scenario(server: SocketlessServer) -> None:
        code = server.context.setup_code
        done = await asyncio.gather(*(server.register(name, setup_code=code) for name in ("anna", "boris", "clara")))
        assert sorted(map(str, done)) == sorted([str(None)] + [str(Code.SETUP_INVALID)] * 2)
        assert list(server.roles().values()) == [Role.ADMINISTRATOR]

    run(tmp_path, "open", scenario, hashes=3)


def test_invitation_with_one_use_admits_one_of_three(tmp_path: Path) -> None:
    async def scenario(server: SocketlessServer) -> None:
        await server.add("root")
        directory = server.context.directory
        expires_ms = server.context.wall_ms() + 60_000
        await server.service.writer.transact(
            lambda tx: accounts.add_invite(tx, directory, "ABCD-EFGH", 1, expires_ms, 1)
        )
        done = await asyncio.gather(*(server.register(f"guest{n}", invite_code="abcd efgh") for n in range(3)))
        assert sorted(map(str, done)) == sorted([str(None)] + [str(Code.INVITE_INVALID)] * 2)

    run(tmp_path, "invite", scenario, hashes=3)


def test_invitation_that_expires_during_the_hash_is_refused(tmp_path: Path) -> None:
    async def scenario(server: SocketlessServer) -> None:
        await server.add("root")
        now = 1_000_000
        service: Any = server.context
        service.wall_ms = lambda: now
        await service.writer.transact(lambda tx: accounts.add_invite(tx, service.directory, "ABCD", 1, now + 5, 1))
        waiting = asyncio.ensure_future(server.register("guest", invite_code="ABCD"))
        while not service.credentials.hasher.hashes:
            await asyncio.sleep(0)
        now += 10
        await asyncio.gather(service.credentials.hasher.hash("the second"))
        assert await waiting is Code.INVITE_INVALID

    run(tmp_path, "invite", scenario, hashes=2)


# --- The first account ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["open", "invite", "closed"])
def test_remote_client_cannot_create_the_first_account(tmp_path: Path, mode: str) -> None:
    async def scenario(server: SocketlessServer) -> None:
        assert await server.setup(local=False) is Setup.CODE
        assert await server.setup(local=True) is Setup.HERE
        assert await server.register("mallory") is Code.SETUP_NEEDED
        assert await server.register("mallory", setup_code="0000-0000-0000") is Code.SETUP_INVALID
        assert not server.roles()
        assert await server.register("anna", local=True) is None
        assert server.roles() == {"anna": Role.ADMINISTRATOR}
        assert await server.setup(local=False) is Setup.NONE
        assert await server.setup(local=True) is Setup.NONE

    run(tmp_path, mode, scenario)


def test_setup_code_makes_one_administrator_and_is_void_afterwards(tmp_path: Path) -> None:
    async def scenario(server: SocketlessServer) -> None:
        code = server.context.setup_code
        assert server.service.status().setup_code == code
        typed = f" {code.lower().replace('-', ' – ')} "
        assert await server.register("anna", setup_code=typed) is None
        assert server.roles() == {"anna": Role.ADMINISTRATOR}
        assert await server.register("boris", setup_code=code) is Code.SETUP_INVALID
        assert server.context.setup_code == ""
        assert not server.service.status().setup_code
        assert await server.register("boris") is None
        assert server.roles()["boris"] is Role.MEMBER

    run(tmp_path, "open", scenario)


def test_setup_code_is_void_after_an_account_is_made_meanwhile(tmp_path: Path) -> None:
    async def scenario(server: SocketlessServer) -> None:
        waiting = asyncio.ensure_future(server.register("mallory", setup_code=server.context.setup_code))
        hasher: Any = server.context.credentials.hasher
        while not hasher.hashes:
            await asyncio.sleep(0)
        await server.add("anna")
        await hasher.hash("the second")
        assert await waiting is Code.SETUP_INVALID
        assert server.roles() == {"anna": Role.ADMINISTRATOR}

    run(tmp_path, "open", scenario, hashes=2)


def test_disabled_only_account_does_not_reopen_the_setup(tmp_path: Path) -> None:
    async def scenario(server: SocketlessServer) -> None:
        await server.add("anna")
        directory = server.context.directory
        # Past the rule that keeps the last administrator, as by hand in the database.
        directory.put_user(replace(directory.users[1], disabled=True))
        assert await server.setup(local=True) is Setup.NONE
        assert await server.register("mallory", local=True) is Code.REGISTRATION_CLOSED
        assert await server.register("mallory", setup_code=server.context.credentials.setup.text) is Code.SETUP_INVALID

    run(tmp_path, "closed", scenario)


def test_setup_code_guesses_are_throttled_without_hashing(tmp_path: Path) -> None:
    async def scenario(server: SocketlessServer) -> None:
        service: Any = server.context
        answers = []
        for number in range(30):
            answers.append(await server.register(f"guess{number}", visitor=7, setup_code=f"{number:012d}"))
        assert answers.count(Code.SETUP_INVALID) == 20
        assert answers.count(Code.TOO_MANY_TRIES) == 10
        assert service.credentials.hasher.hashes == 0

    run(tmp_path, "open", scenario)


def test_setup_code_has_sixty_bits_in_a_readable_alphabet() -> None:
    seen = {SetupCode(secrets.token_bytes(SETUP_RANDOM_OCTETS)).text for _ in range(200)}
    assert len(seen) == 200
    for text in seen:
        groups = text.split("-")
        assert [len(group) for group in groups] == [4, 4, 4]
        assert not set("".join(groups)) & set("ILOU")
    code = SetupCode(b"\x0f" + b"\xff" * 7)
    assert code.text == "ZZZZ-ZZZZ-ZZZZ"
    assert SetupCode(bytes(8)).is_right("oOo0 0000–oooo")
    assert not code.is_right("")
    assert not code.is_right("ZZZZ-ZZZZ-ZZZ")
    with pytest.raises(ValueError, match="8 octets"):
        SetupCode(b"short")


@pytest.mark.parametrize(
    ("peer", "own", "expected"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.8.8.8", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("10.0.0.5", "10.0.0.5", True),
        ("::ffff:10.0.0.5", "10.0.0.5", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("10.0.0.6", "10.0.0.5", False),
        ("::ffff:10.0.0.6", "::ffff:10.0.0.5", False),
        ("fe80::2%eth0", "fe80::1%eth0", False),
        ("0.0.0.0", "10.0.0.5", False),
        ("", "", False),
        ("a name", "a name", False),
    ],
)
def test_own_computer_is_loopback_or_the_local_address(peer: str, own: str, expected: bool) -> None:
    assert is_own_computer(peer, own) is expected
