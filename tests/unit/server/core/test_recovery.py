"""Recovery codes, which replace a password once, and invitations."""

import os
from collections import Counter

import pytest
from msgspec.structs import replace

from lanchat_server.core.accounts.recovery import (
    CODE_TRIES,
    after_wrong_try,
    code_hash,
    invite_hash,
    is_right,
    make_code,
    make_invite_code,
    new_recovery,
    normalise_code,
)

LOG = bytes(range(16))
NOW = 1_700_000_000_000


def test_code_has_eight_digits_with_leading_zeros() -> None:
    assert make_code(bytes(16)) == "00000000"
    assert make_code((123).to_bytes(16)) == "00000123"
    assert make_code((10**8 + 5).to_bytes(16)) == "00000005"
    with pytest.raises(ValueError, match="octets"):
        make_code(bytes(15))


def test_digits_are_uniformly_distributed() -> None:
    codes = [make_code(os.urandom(16)) for _ in range(20_000)]
    for place in range(8):
        counts = Counter(code[place] for code in codes)
        # 2,000 each; the standard deviation is 42, so 300 is seven of it.
        assert all(abs(counts[digit] - 2000) < 300 for digit in "0123456789")


@pytest.mark.parametrize(
    "typed", ["12345678", " 1234 5678\n", "1234-5678", "1234–5678", "1234\u00a05678", "１２３４５６７８", "١٢٣٤٥٦٧٨"]
)
def test_typed_variants_of_a_code_are_equal(typed: str) -> None:
    assert normalise_code(typed) == "12345678"
    assert code_hash(LOG, 7, typed) == code_hash(LOG, 7, "12345678")


@pytest.mark.parametrize("typed", ["", "x" * 100_000, "\ud800", "\x00", "½", "12345679", "0012345678"])
def test_other_text_is_another_code(typed: str) -> None:
    assert code_hash(LOG, 7, typed) != code_hash(LOG, 7, "12345678")


def test_hash_belongs_to_one_account_of_one_log() -> None:
    hashes = {code_hash(LOG, 7, "12345678"), code_hash(LOG, 8, "12345678"), code_hash(bytes(16), 7, "12345678")}
    assert len(hashes) == 3
    assert all(len(digest) == 32 and b"12345678" not in digest for digest in hashes)


def test_code_is_valid_for_fifteen_minutes() -> None:
    row = new_recovery(LOG, 7, "12345678", NOW)
    assert is_right(row, LOG, "1234 5678", NOW)
    assert is_right(row, LOG, "12345678", NOW + 15 * 60_000 - 1)
    assert not is_right(row, LOG, "12345678", NOW + 15 * 60_000)
    assert not is_right(row, LOG, "12345679", NOW)
    assert not is_right(None, LOG, "12345678", NOW)


def test_fifth_wrong_code_voids_it() -> None:
    row = new_recovery(LOG, 7, "12345678", NOW)
    for _ in range(CODE_TRIES - 1):
        after = after_wrong_try(row)
        assert after is not None
        row = after
        assert is_right(row, LOG, "12345678", NOW)
    assert after_wrong_try(row) is None
    assert not is_right(replace(row, tries=CODE_TRIES), LOG, "12345678", NOW)


def test_typed_variants_of_an_invitation_are_equal() -> None:
    code = make_invite_code(bytes.fromhex("00ff10abcdef42991234"))
    assert code == "03ZH-1AYD-XX19-J4HM"
    assert invite_hash(LOG, code) == invite_hash(LOG, " o3zh1ayd xxi9—j4hm ")
    assert invite_hash(LOG, code) != invite_hash(LOG, code[:-1] + "N")
    assert invite_hash(LOG, code) != invite_hash(bytes(16), code)


def test_all_octets_of_an_invitation_count() -> None:
    codes = {make_invite_code((1 << bit).to_bytes(10)) for bit in range(80)}
    assert len(codes) == 80
    for wrong in (9, 11):
        with pytest.raises(ValueError, match="octets"):
            make_invite_code(bytes(wrong))
