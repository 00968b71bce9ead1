"""Codes that stand in for a password once: forgotten passwords (eight digits) and invitations to register.

Pure: random octets and the time are handed in. Only hashes are stored. A recovery code is short enough to be typed
from a phone, so what protects it is its life (15 minutes) and its five tries, not its hash: whoever reads the database
within these minutes can search 10^8 codes. An invitation has 80 bits and stands on its own.
"""

import hmac
import unicodedata

from msgspec.structs import replace

from lanchat_server.core.model import RecoveryRow

CODE_DIGITS = 8
CODE_MINUTES = 15
LIFETIME_MS = CODE_MINUTES * 60_000
# Clocks are set back by as much without notice.
CLOCK_TOLERANCE_MS = 60_000
INVITE_DAYS_MAX = 90
INVITE_LIFETIME_MAX = INVITE_DAYS_MAX * 86400  # seconds
CODE_TRIES = 5
# 10^8 out of 2^128: the bias of the remainder is below 2^-100.
CODE_RANDOM_OCTETS = 16
INVITE_RANDOM_OCTETS = 10

# Crockford's base 32: no I, L, O, U, so nothing is mistaken for 1, 0 or V.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("ILO", "110")
_TYPED_MAX = 64


def make_code(random: bytes) -> str:
    """Eight digits from CODE_RANDOM_OCTETS random octets."""
    if len(random) < CODE_RANDOM_OCTETS:
        raise ValueError("too few random octets")
    return f"{int.from_bytes(random) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def normalise_code(typed: str) -> str:
    """A code as it was typed or pasted: blanks, hyphens and dashes dropped, upper case, digits of any script."""
    text = unicodedata.normalize("NFKC", typed[:_TYPED_MAX]).upper()
    kept = (char for char in text if not char.isspace() and unicodedata.category(char) not in ("Pd", "Cf"))
    return "".join(str(unicodedata.decimal(char, char)) for char in kept)


def code_hash(log_id: bytes, user_id: int, code: str) -> bytes:
    """What is stored of a recovery code: HMAC-SHA-256, bound to this log and account."""
    covered = b"lanchat recovery\0" + user_id.to_bytes(8) + normalise_code(code).encode("utf-8", "replace")
    return hmac.digest(log_id, covered, "sha256")


def new_recovery(log_id: bytes, user_id: int, code: str, now_ms: int) -> RecoveryRow:
    """The row to store for a code that was just made."""
    return RecoveryRow(user_id, code_hash(log_id, user_id, code), now_ms + LIFETIME_MS, 0)


def is_right(recovery: RecoveryRow | None, log_id: bytes, code: str, now_ms: int) -> bool:
    """Whether `code` opens this account now. A wrong one is to be stored with `after_wrong_try`."""
    if recovery is None or recovery.tries >= CODE_TRIES:
        return False
    # One that ends later was made while the clock was ahead.
    if not 0 < recovery.not_after_ms - now_ms <= LIFETIME_MS + CLOCK_TOLERANCE_MS:
        return False
    return hmac.compare_digest(recovery.code_hash, code_hash(log_id, recovery.user, code))


def after_wrong_try(recovery: RecoveryRow) -> RecoveryRow | None:
    """The row to store after a wrong code; None when that was the last try and the row is to be removed."""
    tries = recovery.tries + 1
    return replace(recovery, tries=tries) if tries < CODE_TRIES else None


def make_invite_code(random: bytes) -> str:
    """An invitation to register, `XXXX-XXXX-XXXX-XXXX`, from INVITE_RANDOM_OCTETS random octets."""
    if len(random) != INVITE_RANDOM_OCTETS:
        raise ValueError("an invitation is made of 10 octets")
    return grouped_letters(int.from_bytes(random), 16)


def grouped_letters(number: int, digits: int) -> str:
    """The lowest five bits for each of `digits` letters and digits, in groups of four."""
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(digits)))
    return "-".join(letters[start : start + 4] for start in range(0, digits, 4))


def read_letters(typed: str) -> str:
    """What `grouped_letters` wrote, as it was typed or pasted; misread letters (I, L, O) count as the digits that they
    look like."""
    return normalise_code(typed).translate(_MISREAD)


def invite_hash(log_id: bytes, code: str) -> bytes:
    """What is stored of an invitation."""
    return hmac.digest(log_id, b"lanchat invite\0" + read_letters(code).encode("utf-8", "replace"), "sha256")
