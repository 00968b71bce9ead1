"""Guessed passwords, in a small form; `python -m tests.attacks guessing` tries 100,000 of each kind."""

import asyncio
from pathlib import Path

import pytest

from tests.attacks.guessing import many_users, names, one_user, over_sockets
from tests.attacks.outcome import faults
from tests.support.procs import ServerProcess


@pytest.mark.parametrize("addresses", [1, 500])
def test_few_guesses_at_one_user_get_as_far_as_the_password(tmp_path: Path, addresses: int) -> None:
    outcome = asyncio.run(one_user(tmp_path, 4_000, addresses))
    assert not faults([outcome])


def test_few_guesses_at_many_users_get_as_far_as_the_password(tmp_path: Path) -> None:
    outcome = asyncio.run(many_users(tmp_path, 300, 10, 1))
    assert not faults([outcome])


def test_guesses_over_real_connections_and_no_name_is_told(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        outcomes = [over_sockets(server, 100), names(server, 16)]
    assert not faults(outcomes)
