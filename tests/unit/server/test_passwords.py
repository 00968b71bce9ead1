"""Password hashing: verification, Unicode normalisation, and a bounded queue."""

import asyncio
import hashlib
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from lanchat_server.passwords import HasherBusy, PasswordHasher

PASSWORD = "correct horse"


@pytest.fixture
def hashers() -> Iterator[list[PasswordHasher]]:
    """Hashers to be closed after the test."""
    made: list[PasswordHasher] = []
    yield made
    for hasher in made:
        hasher.close()


@pytest.fixture
def fast_hasher(hashers: list[PasswordHasher]) -> PasswordHasher:
    hashers.append(PasswordHasher(memory_kib=64, time_cost=1, workers=2))
    return hashers[-1]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


def test_right_password_verifies_and_a_wrong_one_does_not(fast_hasher: PasswordHasher) -> None:
    async def scenario() -> None:
        stored = await fast_hasher.hash(PASSWORD)
        assert await fast_hasher.verify(PASSWORD, stored)
        assert not await fast_hasher.verify(PASSWORD + " ", stored)
        assert not await fast_hasher.verify("", stored)
        assert await fast_hasher.hash(PASSWORD) != stored

    run(scenario())


def test_default_is_argon2id_with_minimum_parameters(hashers: list[PasswordHasher]) -> None:
    hashers.append(PasswordHasher())
    stored = run(hashers[0].hash(PASSWORD))
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not hashers[0].needs_rehash(stored)


@pytest.mark.parametrize("lanes", [1, 2])
def test_hashes_of_other_programs_verify(fast_hasher: PasswordHasher, lanes: int) -> None:
    other = Argon2id(salt=b"s" * 16, length=32, iterations=3, lanes=lanes, memory_cost=96)
    stored = other.derive_phc_encoded(PASSWORD.encode())
    assert run(fast_hasher.verify(PASSWORD, stored))
    assert not run(fast_hasher.verify("wrong", stored))
    assert fast_hasher.needs_rehash(stored)


def test_several_lanes_are_supported(hashers: list[PasswordHasher]) -> None:
    hashers.append(PasswordHasher(memory_kib=64, time_cost=1, parallelism=3, workers=1))
    stored = run(hashers[0].hash(PASSWORD))
    assert stored.startswith("$argon2id$v=19$m=64,t=1,p=3$")
    assert run(hashers[0].verify(PASSWORD, stored))
    assert not run(hashers[0].verify("wrong", stored))
    assert not hashers[0].needs_rehash(stored)


@pytest.mark.parametrize(
    ("set_as", "typed_as", "same"),
    [
        ("caf\u00e9 au lait", "cafe\u0301 au lait", True),
        ("й" * 8, "и\u0306" * 8, True),
        ("two words", "two\u00a0words", True),
        ("two words", "two\u3000words", True),
        ("correct horse", "\u202dcorrect horse\u202c", True),
        ("correct horse", "\u2066correct\u200b horse\u2069\ufeff", True),
        ("corr\u00adect horse", "correct horse\u200e", True),
        ("\u2764\ufe0f four times", "\u2764 four times", True),
        ("\u2460" * 8, "1" * 8, False),
        ("\uff50assword", "password", False),
        ("Password", "password", False),
        ("\ud800" * 8, "\ud800" * 8, True),
    ],
)
def test_equivalent_unicode_passwords_verify(
    fast_hasher: PasswordHasher, set_as: str, typed_as: str, same: bool
) -> None:
    async def scenario() -> bool:
        return await fast_hasher.verify(typed_as, await fast_hasher.hash(set_as))

    assert run(scenario()) is same


@pytest.mark.parametrize("stored", [None, "", "x", "$argon2id$v=19$m=64,t=1,p=1$AAAA", "$argon2id$" + "A" * 500])
def test_missing_user_or_damaged_hash_never_verifies(fast_hasher: PasswordHasher, stored: str | None) -> None:
    assert run(fast_hasher.verify(PASSWORD, stored)) is False


def test_unknown_user_takes_as_long_as_a_wrong_password(hashers: list[PasswordHasher]) -> None:
    hashers.append(PasswordHasher(workers=1))

    async def fastest(stored: str | None) -> float:
        times = []
        for _ in range(7):
            # Processor time of this process: what other programs do meanwhile does not count.
            start = time.process_time()
            assert not await hashers[0].verify("wrong", stored)
            times.append(time.process_time() - start)
        return min(times)

    async def scenario() -> tuple[float, float]:
        stored = await hashers[0].hash(PASSWORD)
        return await fastest(stored), await fastest(None)

    known, unknown = run(scenario())
    assert unknown == pytest.approx(known, rel=0.5)


def test_other_parameters_need_a_new_hash(fast_hasher: PasswordHasher, hashers: list[PasswordHasher]) -> None:
    hashers.append(PasswordHasher(memory_kib=128, time_cost=1, workers=1))

    async def scenario() -> None:
        old = await fast_hasher.hash(PASSWORD)
        assert not fast_hasher.needs_rehash(old)
        assert hashers[1].needs_rehash(old)
        assert hashers[1].needs_rehash("damaged")
        assert await hashers[1].verify(PASSWORD, old)

    run(scenario())


def test_requests_beyond_the_queue_are_refused(hashers: list[PasswordHasher]) -> None:
    hasher = PasswordHasher(memory_kib=8192, time_cost=1, workers=2, waiting=10)
    hashers.append(hasher)

    async def scenario() -> list[object]:
        stored = await hasher.hash(PASSWORD)
        return await asyncio.gather(*(hasher.verify(PASSWORD, stored) for _ in range(100)), return_exceptions=True)

    results = run(scenario())
    # Two are computed, two are next, ten wait.
    assert results.count(True) == 14
    assert sum(isinstance(result, HasherBusy) for result in results) == 86


def test_event_loop_runs_while_hashes_are_computed(hashers: list[PasswordHasher]) -> None:
    hasher = PasswordHasher(workers=1)
    hashers.append(hasher)

    async def scenario() -> int:
        jobs = asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(10)))
        turns = 0
        while not jobs.done():
            await asyncio.sleep(0.001)
            turns += 1
        await jobs
        return turns

    assert run(scenario()) > 20


def test_cancelled_requests_leave_the_queue(hashers: list[PasswordHasher]) -> None:
    hasher = PasswordHasher(memory_kib=8192, time_cost=1, workers=1, waiting=10)
    hashers.append(hasher)

    async def scenario() -> None:
        stored = await hasher.hash(PASSWORD)
        for _ in range(20):
            tasks = [asyncio.create_task(hasher.verify(PASSWORD, stored)) for _ in range(11)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert await hasher.verify(PASSWORD, stored)

    run(scenario())


def test_closed_hasher_raises_an_error(fast_hasher: PasswordHasher) -> None:
    fast_hasher.close()

    async def scenario() -> None:
        for _ in range(5):
            with pytest.raises(RuntimeError):
                await fast_hasher.hash(PASSWORD)

    run(scenario())


class TestImported:
    """Of the MD5 of a password."""

    @pytest.mark.parametrize(
        "password",
        [
            "12345",
            "correct horse",
            "пароль",
            "pass with spaces",
            "",
            "👨\u200d👩\u200d👧 family",
            "❤\ufe0f",
            "a\u00a0b",
        ],
    )
    def test_wrapped_md5_is_verified_by_the_password(self, fast_hasher: PasswordHasher, password: str) -> None:
        stored = run(fast_hasher.wrap_md5(hashlib.md5(password.encode()).hexdigest()))
        assert run(fast_hasher.verify(password, stored))
        assert not run(fast_hasher.verify(password + "x", stored))
        assert fast_hasher.needs_rehash(stored)

    def test_md5_itself_is_not_the_password(self, fast_hasher: PasswordHasher) -> None:
        digits = hashlib.md5(b"secret").hexdigest()
        stored = run(fast_hasher.wrap_md5(digits))
        assert digits not in stored
        assert len(stored) <= 255
        assert not run(fast_hasher.verify(digits, stored))
        assert not run(fast_hasher.verify("secret", stored.removeprefix("$md5")))
