"""Where random octets and numbers come from, as a value that is handed to what needs them."""

import secrets
from typing import Protocol


class Entropy(Protocol):
    """What nobody can foresee. The standard library's `secrets` is one."""

    def token_bytes(self, nbytes: int, /) -> bytes:
        """So many random octets."""

    def randbits(self, k: int, /) -> int:
        """A number from 0 to 2^k - 1."""


SYSTEM_ENTROPY: Entropy = secrets
