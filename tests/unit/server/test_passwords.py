"""Passwords: right ones open, the same text in other code points too, and a flood is bounded."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from lanchat_server.passwords import HasherBusy, PasswordHasher

PASSWORD = "correct horse"


@pytest.fixture
def hashers() -> Iterator[list[PasswordHasher]]:
    """Put yours in; they are closed after the test."""
    made: list[PasswordHasher] = []
    yield made
    for hasher in made:
        hasher.close()


@pytest.fixture
def cheap(hashers: list[PasswordHasher]) -> PasswordHasher:
    hashers.append(PasswordHasher(memory_kib=64, time_cost=1, workers=2))
    return hashers[-1]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


def test_the_right_password_opens_and_a_wrong_one_does_not(cheap: PasswordHasher) -> None:
    async def scenario() -> None:
        stored = await cheap.hash(PASSWORD)
        assert await cheap.verify(PASSWORD, stored)
        assert not await cheap.verify(PASSWORD + " ", stored)
        assert not await cheap.verify("", stored)
        assert await cheap.hash(PASSWORD) != stored

    run(scenario())


def test_the_default_is_argon2id_at_its_floor(hashers: list[PasswordHasher]) -> None:
    hashers.append(PasswordHasher())
    stored = run(hashers[0].hash(PASSWORD))
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not hashers[0].needs_rehash(stored)


@pytest.mark.parametrize("lanes", [1, 2])
def test_what_other_programs_hashed_opens_too(cheap: PasswordHasher, lanes: int) -> None:
    other = Argon2id(salt=b"s" * 16, length=32, iterations=3, lanes=lanes, memory_cost=96)
    stored = other.derive_phc_encoded(PASSWORD.encode())
    assert run(cheap.verify(PASSWORD, stored))
    assert not run(cheap.verify("wrong", stored))
    assert cheap.needs_rehash(stored)


def test_several_lanes(hashers: list[PasswordHasher]) -> None:
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
        ("\u2460" * 8, "1" * 8, False),
        ("\uff50assword", "password", False),
        ("Password", "password", False),
        ("\ud800" * 8, "\ud800" * 8, True),
    ],
)
def test_the_same_text_from_another_keyboard(cheap: PasswordHasher, set_as: str, typed_as: str, same: bool) -> None:
    async def scenario() -> bool:
        return await cheap.verify(typed_as, await cheap.hash(set_as))

    assert run(scenario()) is same


@pytest.mark.parametrize("stored", [None, "", "x", "$argon2id$v=19$m=64,t=1,p=1$AAAA", "$argon2id$" + "A" * 500])
def test_no_user_and_a_damaged_hash_open_to_nothing(cheap: PasswordHasher, stored: str | None) -> None:
    assert run(cheap.verify(PASSWORD, stored)) is False


def test_an_unknown_user_takes_as_long_as_a_wrong_password(hashers: list[PasswordHasher]) -> None:
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


def test_other_parameters_ask_for_a_new_hash(cheap: PasswordHasher, hashers: list[PasswordHasher]) -> None:
    hashers.append(PasswordHasher(memory_kib=128, time_cost=1, workers=1))

    async def scenario() -> None:
        old = await cheap.hash(PASSWORD)
        assert not cheap.needs_rehash(old)
        assert hashers[1].needs_rehash(old)
        assert hashers[1].needs_rehash("damaged")
        assert await hashers[1].verify(PASSWORD, old)

    run(scenario())


def test_a_flood_is_turned_away_and_the_rest_is_served(hashers: list[PasswordHasher]) -> None:
    hasher = PasswordHasher(memory_kib=8192, time_cost=1, workers=2, waiting=10)
    hashers.append(hasher)

    async def scenario() -> list[object]:
        stored = await hasher.hash(PASSWORD)
        return await asyncio.gather(*(hasher.verify(PASSWORD, stored) for _ in range(100)), return_exceptions=True)

    results = run(scenario())
    # Two are computed, two are next, ten wait.
    assert results.count(True) == 14
    assert sum(isinstance(result, HasherBusy) for result in results) == 86


def test_the_loop_stays_free_while_hashes_are_computed(hashers: list[PasswordHasher]) -> None:
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


def test_those_who_went_away_are_taken_out_of_the_line(hashers: list[PasswordHasher]) -> None:
    hasher = PasswordHasher(memory_kib=8192, time_cost=1, workers=1, waiting=10)
    hashers.append(hasher)

    async def scenario() -> None:
        stored = await hasher.hash(PASSWORD)
        for _ in range(20):
            crowd = [asyncio.create_task(hasher.verify(PASSWORD, stored)) for _ in range(11)]
            await asyncio.sleep(0)
            for task in crowd:
                task.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)
        assert await hasher.verify(PASSWORD, stored)

    run(scenario())


def test_a_closed_one_says_so_instead_of_hanging(cheap: PasswordHasher) -> None:
    cheap.close()

    async def scenario() -> None:
        for _ in range(5):
            with pytest.raises(RuntimeError):
                await cheap.hash(PASSWORD)

    run(scenario())
