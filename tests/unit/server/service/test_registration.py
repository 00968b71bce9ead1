"""Who may make an account: the first one, closed servers, codes; also when several people come at the same moment."""

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
from lanchat_server.core import accounts
from lanchat_server.core.accounts import NewUser
from lanchat_server.core.directory import Directory
from lanchat_server.core.first_account import SETUP_RANDOM_OCTETS, SetupCode, is_own_computer
from lanchat_server.core.refusals import Refused
from lanchat_server.service.keys import load_or_create
from lanchat_server.service.requests import login
from lanchat_server.service.service import Service
from lanchat_server.store import open_store


class Meeting:
    """A hasher whose hashes are ready when `wanted` of them were asked for, and no sooner."""

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


class Visitor:
    """A connection as the handlers see it."""

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


class Door:
    """A service without sockets."""

    def __init__(self, folder: Path, mode: str, hashes: int) -> None:
        self._store = open_store(None, folder)
        self._store.take_lease("test", 0)
        config = load({"data_dir": folder, "registration": wire.Registration[mode.upper()]})
        directory = Directory(self._store.snapshot())
        self.service = Service(config, self._store, load_or_create(folder), directory, "", lambda: None)
        self.context = self.service.context
        self.context.hasher.close()
        self.context.hasher = Meeting(hashes)  # type: ignore[assignment]
        self._numbers = iter(range(1, 1000))

    async def close(self) -> None:
        await self.service.close()
        self._store.close()

    async def register(self, name: str, *, local: bool = False, visitor: int = 0, **codes: str) -> Code | None:
        """None: done. `visitor` tells addresses apart."""
        caller: Any = Visitor(visitor or next(self._numbers), local)
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
        visitor: Any = Visitor(next(self._numbers), local)
        return (await login.hello(self.context, visitor, wire.Hello([1], "test"))).setup

    def roles(self) -> dict[str, Role]:
        return {user.name: user.role for user in self.context.directory.users.values()}

    async def add(self, name: str) -> None:
        new = NewUser(name, name, "", "a hash", Role.MEMBER)
        await self.service.writer.transact(lambda tx: accounts.add_user(tx, self.context.directory, new, 1))


def run(folder: Path, mode: str, scenario: Callable[[Door], Awaitable[None]], hashes: int = 1) -> None:
    async def everything() -> None:
        door = Door(folder, mode, hashes)
        try:
            await scenario(door)
        finally:
            await door.close()

    asyncio.run(everything())


# --- At the same moment -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "late"), [("closed", Code.REGISTRATION_CLOSED), ("invite", Code.INVITE_INVALID)])
def test_of_three_simultaneous_registrations_one_becomes_the_first_account(
    tmp_path: Path, mode: str, late: Code
) -> None:
    async def scenario(door: Door) -> None:
        done = await asyncio.gather(*(door.register(name, local=True) for name in ("anna", "boris", "clara")))
        assert sorted(map(str, done)) == sorted([str(None), str(late), str(late)])
        assert list(door.roles().values()) == [Role.ADMINISTRATOR]

    run(tmp_path, mode, scenario, hashes=3)


def test_simultaneous_registrations_with_setup_code_make_one_account(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        code = door.context.setup_code
        done = await asyncio.gather(*(door.register(name, setup_code=code) for name in ("anna", "boris", "clara")))
        assert sorted(map(str, done)) == sorted([str(None)] + [str(Code.SETUP_INVALID)] * 2)
        assert list(door.roles().values()) == [Role.ADMINISTRATOR]

    run(tmp_path, "open", scenario, hashes=3)


def test_invitation_for_one_admits_one_of_three(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        await door.add("root")
        directory = door.context.directory
        far = door.context.wall_ms() + 60_000
        await door.service.writer.transact(lambda tx: accounts.add_invite(tx, directory, "ABCD-EFGH", 1, far, 1))
        done = await asyncio.gather(*(door.register(f"guest{n}", invite_code="abcd efgh") for n in range(3)))
        assert sorted(map(str, done)) == sorted([str(None)] + [str(Code.INVITE_INVALID)] * 2)

    run(tmp_path, "invite", scenario, hashes=3)


def test_invitation_that_expires_during_the_hash_is_refused(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        await door.add("root")
        now = 1_000_000
        service: Any = door.context
        service.wall_ms = lambda: now
        await service.writer.transact(lambda tx: accounts.add_invite(tx, service.directory, "ABCD", 1, now + 5, 1))
        waiting = asyncio.ensure_future(door.register("guest", invite_code="ABCD"))
        while not service.hasher.hashes:
            await asyncio.sleep(0)
        now += 10
        await asyncio.gather(service.hasher.hash("the second"))
        assert await waiting is Code.INVITE_INVALID

    run(tmp_path, "invite", scenario, hashes=2)


# --- The first account ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["open", "invite", "closed"])
def test_stranger_cannot_make_the_first_account(tmp_path: Path, mode: str) -> None:
    async def scenario(door: Door) -> None:
        assert await door.setup(local=False) is Setup.CODE
        assert await door.setup(local=True) is Setup.HERE
        assert await door.register("mallory") is Code.SETUP_NEEDED
        assert await door.register("mallory", setup_code="0000-0000-0000") is Code.SETUP_INVALID
        assert not door.roles()
        assert await door.register("anna", local=True) is None
        assert door.roles() == {"anna": Role.ADMINISTRATOR}
        assert await door.setup(local=False) is Setup.NONE
        assert await door.setup(local=True) is Setup.NONE

    run(tmp_path, mode, scenario)


def test_setup_code_makes_one_administrator_and_is_void_afterwards(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        code = door.context.setup_code
        assert door.service.status()["setup_code"] == code
        typed = f" {code.lower().replace('-', ' – ')} "
        assert await door.register("anna", setup_code=typed) is None
        assert door.roles() == {"anna": Role.ADMINISTRATOR}
        assert await door.register("boris", setup_code=code) is Code.SETUP_INVALID
        assert door.context.setup_code == ""
        assert "setup_code" not in door.service.status()
        assert await door.register("boris") is None
        assert door.roles()["boris"] is Role.MEMBER

    run(tmp_path, "open", scenario)


def test_setup_code_is_void_when_an_account_is_made_during_the_hash(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        waiting = asyncio.ensure_future(door.register("mallory", setup_code=door.context.setup_code))
        hasher: Any = door.context.hasher
        while not hasher.hashes:
            await asyncio.sleep(0)
        await door.add("anna")
        await hasher.hash("the second")
        assert await waiting is Code.SETUP_INVALID
        assert door.roles() == {"anna": Role.ADMINISTRATOR}

    run(tmp_path, "open", scenario, hashes=2)


def test_disabled_only_account_does_not_free_the_server(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        await door.add("anna")
        directory = door.context.directory
        # Past the rule that keeps the last administrator, as by hand in the database.
        directory.put_user(replace(directory.users[1], disabled=True))
        assert await door.setup(local=True) is Setup.NONE
        assert await door.register("mallory", local=True) is Code.REGISTRATION_CLOSED
        assert await door.register("mallory", setup_code=door.context.setup.text) is Code.SETUP_INVALID

    run(tmp_path, "closed", scenario)


def test_guessing_the_setup_code_is_throttled_and_costs_no_hash(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        service: Any = door.context
        answers = []
        for number in range(30):
            answers.append(await door.register(f"guess{number}", visitor=7, setup_code=f"{number:012d}"))
        assert answers.count(Code.SETUP_INVALID) == 20
        assert answers.count(Code.TOO_MANY_TRIES) == 10
        assert service.hasher.hashes == 0

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
def test_own_computer_is_loopback_or_the_address_that_was_connected_to(peer: str, own: str, expected: bool) -> None:
    assert is_own_computer(peer, own) is expected
