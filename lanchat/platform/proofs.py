"""How two programs on one computer show each other that they can read the same private file, without sending what
stands there: whoever got the port of a program that was killed learns nothing. Pure.

Each end draws a number for the connection; an HMAC over both, with the token of the file as its key, is the proof.
"""

import hmac
import json
from typing import TypeGuard

# Octets of the number that an end draws; on the connection it stands in hex.
NONCE = 32


def prove(token: str, who: str, caller_nonce: str, server_nonce: str) -> str:
    """What shows that `who`, one of the two ends of a connection, knows the token."""
    return hmac.digest(token.encode(), f"{who} {caller_nonce} {server_nonce}".encode(), "sha256").hex()


def is_proof(found: object, expected: str) -> bool:
    """Compared in constant time; whatever else is found is none."""
    return isinstance(found, str) and hmac.compare_digest(found.encode(errors="replace"), expected.encode())


def is_nonce(found: object) -> TypeGuard[str]:
    """Whether an end may have drawn this."""
    return isinstance(found, str) and len(found) == 2 * NONCE and found.isascii()


def field_in_untrusted(line: bytes, field: str) -> object:
    """What a line of JSON says there, of any type; None: nothing."""
    try:
        return json.loads(line)[field]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None


def nonce_in_untrusted(line: bytes) -> str | None:
    """The number that the other end has drawn; None: there is none."""
    nonce = field_in_untrusted(line, "nonce")
    return nonce if is_nonce(nonce) else None


def proof_in_untrusted(line: bytes) -> object:
    """What the other end shows as its proof, of any type."""
    return field_in_untrusted(line, "proof")
