"""Guessed passwords, and whether answers reveal user names: the real handlers in virtual time, and real sockets.

In virtual time the server's own log-in runs with its throttle; only the clock is the test's, and a look at the password
is counted instead of taking 30 ms. An attempt is accepted when it gets as far as that look: docs/THREATS.md says how
often that may be.
"""

import contextlib
import math
import secrets
import statistics
import time
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.log import keys
from lanchat_server.config import load
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.refusals import Refused
from lanchat_server.passwords import PasswordHasher
from lanchat_server.service.keys import load_or_create
from lanchat_server.service.requests import login
from lanchat_server.service.service import Service
from lanchat_server.store import open_store
from tests.attacks.outcome import Outcome
from tests.support.figures import percentile
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient

PASSWORD = "what she really typed"
# Guesses a second: the throttle sees each of them.
RATE = 10.0


class CountedHasher:
    """Counts password checks without their cost; a stored hash is the password itself."""

    def __init__(self) -> None:
        self.looks = 0

    async def verify(self, password: str, stored: str | None) -> bool:
        self.looks += 1
        return password == stored

    async def hash(self, password: str) -> str:
        return password

    def needs_rehash(self, stored: str) -> bool:
        return False

    def close(self) -> None:
        """Nothing to end."""


class FakeConnection:
    """A connection as the handlers see it: an address and a challenge that is never used up."""

    def __init__(self, number: int, address: str, challenge: bytes) -> None:
        self.session = number
        self.address = address
        self.local = True
        self.challenge: bytes | None = challenge
        self.user: int | None = None
        self.device = b""

    def logged_in(self, user: int, device: bytes) -> None:
        self.user, self.device = user, device

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class LoginService:
    """A service without sockets, and its clock."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.hasher = CountedHasher()
        self._store = open_store(None, folder)
        self._store.take_lease("guessing", 0)
        config = load({"data_dir": folder})
        directory = Directory(self._store.snapshot())
        self._service = Service(config, self._store, load_or_create(folder), directory, "", lambda: None)
        self._context = context = self._service.context
        context.credentials.hasher.close()
        context.credentials.hasher, context.now = cast(PasswordHasher, self.hasher), lambda: self.now
        self._numbers = iter(range(1, 1 << 40))
        self._challenge = secrets.token_bytes(32)
        self._log_id = directory.log.log_id
        self._fingerprint = bytes.fromhex(self._context.keys.fingerprint)
        self.guesser = self.proof(Ed25519PrivateKey.generate(), keys.ENROL_CONTEXT)

    async def close(self) -> None:
        await self._service.close()
        self._store.close()

    def proof(self, key: Ed25519PrivateKey, context: bytes) -> wire.Enrolment:
        signature = key.sign(context + self._log_id + self._fingerprint + self._challenge)
        return wire.Enrolment(keys.public_octets(key), "guess", signature)

    async def call(self, operation: Any, address: str) -> Code | None:
        """None when it logged somebody in."""
        caller: Any = FakeConnection(next(self._numbers), address, self._challenge)
        handlers: dict[type, Any] = {
            wire.LoginPassword: login.login_password,
            wire.LoginDevice: login.login_device,
            wire.Register: login.register,
        }
        try:
            await handlers[type(operation)](self._context, caller, operation)
        except Refused as refused:
            return refused.code
        self._service.disconnected(caller)
        return None

    async def guess(self, user: str, address: str) -> None:
        """One wrong password, a tenth of a second after the one before."""
        self.now += 1 / RATE
        code = await self.call(wire.LoginPassword(user, "a guess", self.guesser), address)
        assert code in (Code.BAD_CREDENTIALS, Code.TOO_MANY_TRIES), code


class Owner:
    """A user with an account, a device and an address."""

    def __init__(self, front: LoginService, name: str) -> None:
        self.name = name
        self._front = front
        self._key = Ed25519PrivateKey.generate()
        self._enrolment = front.proof(self._key, keys.ENROL_CONTEXT)
        self._login = front.proof(self._key, keys.LOGIN_CONTEXT).signature

    async def register(self, address: str) -> None:
        assert await self._front.call(wire.Register(self.name, PASSWORD, self._enrolment), address) is None

    async def logs_in_by_key(self, address: str) -> bool:
        device = keys.device_id(self._enrolment.public_key)
        return await self._front.call(wire.LoginDevice(device, self._login), address) is None

    async def logs_in_by_password(self, address: str) -> bool:
        return await self._front.call(wire.LoginPassword(self.name, PASSWORD, self._enrolment), address) is None


def allowed_checks(seconds: float, free: int) -> int:
    """How many tries the delays 5, 10, 20 … 900 s leave in this time after `free` ones."""
    delay, tries, left = 5.0, free, seconds
    while left > 0:
        left -= delay
        delay = min(900.0, delay * 2)
        tries += 1
    return tries


async def guess_one_account(folder: Path, guesses: int, addresses: int) -> Outcome:
    """All guesses at one account, from so many addresses; the owner comes and goes meanwhile."""
    places = "1 address" if addresses == 1 else f"{addresses:,} addresses"
    outcome = Outcome(f"guessing at one user from {places}", guesses)
    front = LoginService(folder)
    anna = Owner(front, "anna")
    try:
        await anna.register("198.51.100.1")
        looks = 0
        for number in range(guesses):
            before = front.hasher.looks
            await front.guess("anna", f"10.{number % addresses >> 8}.{number % addresses & 255}.7")
            looks += front.hasher.looks - before
            if number % (guesses // 10) == guesses // 20:
                outcome.expect(await anna.logs_in_by_key("198.51.100.77"), "her device was kept out")
                outcome.expect(await anna.logs_in_by_password("198.51.100.1"), "she was kept out where she works")
                if addresses == 1 and front.now < 3600:
                    outcome.expect(
                        await anna.logs_in_by_password(f"192.0.2.{number % 250}"), "she was kept out at a new address"
                    )
        bound = allowed_checks(guesses / RATE, 5 if addresses == 1 else 20)
        outcome.expect(looks <= bound, f"{looks} passwords were looked at, more than {bound}")
        outcome.seen = f"{looks} got as far as the password in {guesses / RATE / 60:.0f} min; bound {bound}"
    finally:
        await front.close()
    return outcome


async def guess_many_accounts(folder: Path, users: int, each: int, addresses: int) -> Outcome:
    """`each` guesses at each of so many names, a tenth of which exist."""
    places = "1 address" if addresses == 1 else f"{addresses:,} addresses"
    outcome = Outcome(f"guessing at {users:,} users × {each} from {places}", users * each)
    front = LoginService(folder)
    anna = Owner(front, "user5")
    try:
        await anna.register("198.51.100.1")
        registered = front.hasher.looks
        for number in range(users * each):
            place = number % addresses
            await front.guess(f"user{number % users}", f"10.1.{place >> 8}.{place & 255}")
        looks = front.hasher.looks - registered
        bound = math.ceil(addresses * (20 + 20 / 60 * users * each / RATE))
        outcome.expect(looks <= bound, f"{looks} passwords were looked at, more than {bound}")
        outcome.expect(await anna.logs_in_by_key("198.51.100.77"), "her device was kept out")
        outcome.expect(await anna.logs_in_by_password("198.51.100.1"), "she was kept out where she works")
        minutes = users * each / RATE / 60
        outcome.seen = f"{looks:,} got as far as the password in {minutes:.0f} min; bound {bound:,}"
    finally:
        await front.close()
    return outcome


# --- Over sockets -----------------------------------------------------------------------------------------------------


def guess_over_sockets(server: ServerProcess, guesses: int) -> Outcome:
    """A guesser from one address, as fast as the server answers; the owner from her own."""
    outcome = Outcome("guessing at one user over real connections", guesses)
    with RawClient(server.port, source="127.5.0.1") as anna:
        anna.register("anna", PASSWORD)
        key = anna.key
    answers: dict[int, int] = {}
    began = time.monotonic()
    made = 0
    while made < guesses:
        # A connection lasts ten seconds without a log-in; then he dials again.
        with contextlib.suppress(EOFError, OSError), RawClient(server.port, source="127.6.6.6") as guesser:
            while made < guesses:
                code = guesser.log_in("anna", f"guess {made}").code
                answers[code] = answers.get(code, 0) + 1
                made += 1
    looks = answers.pop(Code.BAD_CREDENTIALS, 0)
    bound = allowed_checks(time.monotonic() - began, 5)
    outcome.expect(set(answers) <= {Code.TOO_MANY_TRIES}, f"answered with {answers}")
    outcome.expect(looks <= bound, f"{looks} passwords were looked at, more than {bound}")
    with RawClient(server.port, key=key) as device, RawClient(server.port) as elsewhere:
        outcome.expect(isinstance(device.log_in_by_key(), wire.LoggedIn), "her device was kept out")
        outcome.expect(isinstance(elsewhere.log_in("anna", PASSWORD), wire.LoggedIn), "she was kept out elsewhere")
    outcome.seen = f"{looks} got as far as the password; bound {bound}"
    return outcome


def user_name_disclosure(server: ServerProcess, count: int) -> Outcome:
    """Whether answers or their times tell a name that exists from one that does not; `count` tries at each kind."""
    outcome = Outcome("telling names that exist from others", 2 * count)
    users = [f"known{number}" for number in range((count + 3) // 4)]
    for user in users:
        with RawClient(server.port) as client:
            client.register(user, PASSWORD)
    times: dict[bool, list[float]] = {True: [], False: []}
    words = set()
    for number in range(2 * count):
        known = number % 2 == 0
        name = users[number // 2 % len(users)] if known else f"other{number}"
        # Each from an address of its own: the limit per address is not what is looked at here.
        with RawClient(server.port) as client:
            client.hello()
            operation = wire.LoginPassword(name, "not the password", client.enrolment())
            began = time.perf_counter()
            answer = client.request(operation)
            times[known].append(time.perf_counter() - began)
            words.add((type(answer), answer.code, answer.text, answer.retry_ms))
    outcome.expect(words == {(wire.Failure, Code.BAD_CREDENTIALS, "wrong name or password", 0)}, f"answers: {words}")
    median, other = (statistics.median(times[each]) for each in (True, False))
    spread = percentile(times[True], 0.75) - percentile(times[True], 0.25)
    apart = abs(median - other)
    outcome.expect(apart < max(spread, 0.25 * median), f"medians {median * 1000:.1f} and {other * 1000:.1f} ms")
    outcome.seen = (
        f"one answer; medians {median * 1000:.2f} and {other * 1000:.2f} ms, half of them within {spread * 1000:.2f} ms"
    )
    return outcome
