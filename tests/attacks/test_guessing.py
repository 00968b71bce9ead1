"""Guessed passwords, in a small form; `python -m tests.attacks guessing` tries 100,000 of each kind."""

import asyncio
from pathlib import Path

import pytest

from tests.attacks.guessing import guess_many_accounts, guess_one_account, guess_over_sockets, user_name_disclosure
from tests.attacks.outcome import faults
from tests.support.procs import ServerProcess


@pytest.mark.parametrize("addresses", [1, 500])
def test_guesses_at_one_account_are_throttled(tmp_path: Path, addresses: int) -> None:
    outcome = asyncio.run(guess_one_account(tmp_path, 4_000, addresses))
    assert not faults([outcome])


def test_guesses_at_many_accounts_are_throttled(tmp_path: Path) -> None:
    outcome = asyncio.run(guess_many_accounts(tmp_path, 300, 10, 1))
    assert not faults([outcome])


def test_guesses_over_sockets_are_throttled_and_reveal_no_names(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        outcomes = [guess_over_sockets(server, 100), user_name_disclosure(server, 16)]
    assert not faults(outcomes)
