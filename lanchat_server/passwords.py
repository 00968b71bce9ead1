"""Passwords at rest: Argon2id (RFC 9106) in a bounded pool of threads of its own.

One hash takes 19 MiB and some 20 ms of a core on purpose. So the work is done outside the event loop, by few threads,
and the number of callers that wait for one is bounded: a flood of log-ins gets `HasherBusy` and costs no more memory.
libsodium does it, a quarter quicker than others do the same; it knows one lane only, so OpenSSL does what has several.

The same password typed on another keyboard may come in other code points (é as one or two). Both sides are brought to
one form first (`password_form`), and marks that were copied along with it do not count. Compatibility forms stay apart:
NFKC would make different passwords equal.

Accounts that were imported from the original program had the MD5 of the password, in hex. What is kept of that is the
Argon2id hash of these 32 digits, after the mark `$md5`; the next log-in puts that of the password itself in its place.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, ParamSpec, TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from nacl import bindings
from nacl.exceptions import InvalidkeyError

from lanchat.protocol.text.cleaning import normal
from lanchat.protocol.text.names import password_form

P = ParamSpec("P")
T = TypeVar("T")

# Each worker holds one hash in memory: 4 × 19 MiB with the default parameters.
WORKERS_MAX = 4
# Callers that wait for a worker: an attacker fills it with log-ins from many addresses; honest need is everybody of a
# school logging in after a power cut, four at a time; memory: a coroutine each, some KiB. The last in line waits 2 s.
WAITING_MAX = 256
_SALT_OCTETS = 16
_HASH_OCTETS = 32
MD5_DIGITS = re.compile(r"[0-9a-f]{32}")
_MD5_MARK = "$md5"
_STORED = re.compile(
    r"(?P<md5>\$md5)?(?P<argon2>\$argon2id\$v=19\$m=(?P<memory>[0-9]{1,8}),t=(?P<passes>[0-9]{1,4}),p=(?P<lanes>[0-9]{1,3})"
    r"\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43})"
)


class HasherBusy(Exception):
    """Too many log-ins wait for their turn; nothing was computed."""


class PasswordHasher:
    """Makes and checks password hashes. For the thread of one event loop; `close` ends its threads."""

    def __init__(
        self,
        memory_kib: int = 19456,
        time_cost: int = 2,
        parallelism: int = 1,
        workers: int | None = None,
        waiting: int = WAITING_MAX,
    ) -> None:
        """The first three are Argon2's parameters. `workers`: threads; None: one for each core, WORKERS_MAX at most.
        `waiting`: callers that may wait for one."""
        self._parameters = memory_kib, time_cost, parallelism
        # Nobody's: well formed, with the parameters in use, and no password is known that gives 32 zero octets.
        nobody = f"$argon2id$v=19$m={memory_kib},t={time_cost},p={parallelism}${'A' * 22}${'A' * 43}"
        self._nobody = _Stored(nobody, self._parameters)
        threads = workers or min(os.cpu_count() or 1, WORKERS_MAX)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        # One job for each worker waits in the pool, so that none is idle until the event loop gives it the next.
        self._free = asyncio.Semaphore(2 * threads)
        self._waiting = 0
        self._waiting_max = waiting

    async def hash(self, password: str) -> str:
        """The password's hash for the database, with its parameters and a new salt. Raises HasherBusy."""
        return await self._run(_hash, _octets(password), *self._parameters)

    async def wrap_md5(self, digits: str) -> str:
        """What is kept of the MD5 of a password, given as 32 lower-case hex digits. Raises HasherBusy."""
        return _MD5_MARK + await self._run(_hash, digits.encode("ascii"), *self._parameters)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `stored` is this password's hash. Raises HasherBusy.

        `stored` None (no such user) or damaged: False after the same work, so that time does not tell who exists.
        """
        return await self._run(self._verify, password, stored)

    def needs_rehash(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than those in use, or of a password's MD5."""
        found = _parse(stored)
        return found is None or found.of_md5 or found.parameters != self._parameters

    def close(self) -> None:
        """End the threads; waits for the hash that is being computed."""
        self._pool.shutdown(cancel_futures=True)

    def _verify(self, password: str, stored: str | None) -> bool:
        found = _parse(stored)
        # The original program counted what nobody sees. Both are tried for everybody, so that time tells nothing.
        forms = {_octets(password), normal("NFC", password).encode("utf-8", "surrogatepass")}
        matching = [form for form in forms if _matches(form, found or self._nobody)]
        return bool(matching) and found is not None

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # Most callers wait here, not in the pool's queue: there a cancelled one would stay until its turn.
        if self._waiting >= self._waiting_max:
            raise HasherBusy
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        return await self._in_pool(work, *args, **kwargs)

    async def _in_pool(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()

        def release(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._free.release)

        try:
            job = self._pool.submit(work, *args, **kwargs)
        except BaseException:
            self._free.release()
            raise
        # The worker is free when the work is done, not when the caller went away.
        job.add_done_callback(release)
        return await asyncio.wrap_future(job)


class _Stored(NamedTuple):
    """A well-formed hash, and what it was made with: memory in KiB, passes, lanes."""

    text: str
    parameters: tuple[int, int, int]
    of_md5: bool = False


def _parse(stored: str | None) -> _Stored | None:
    found = _STORED.fullmatch(stored or "")
    if found is None:
        return None
    parameters = int(found["memory"]), int(found["passes"]), int(found["lanes"])
    return _Stored(found["argon2"], parameters, found["md5"] is not None)


def _hash(password: bytes, memory_kib: int, time_cost: int, lanes: int) -> str:
    if lanes == 1:
        kind = bindings.crypto_pwhash_ALG_ARGON2ID13
        return bindings.crypto_pwhash_str_alg(password, time_cost, memory_kib * 1024, kind).decode("ascii")
    salt = secrets.token_bytes(_SALT_OCTETS)
    kdf = Argon2id(salt=salt, length=_HASH_OCTETS, iterations=time_cost, lanes=lanes, memory_cost=memory_kib)
    return kdf.derive_phc_encoded(password)


def _matches(password: bytes, stored: _Stored) -> bool:
    if stored.of_md5:
        password = hashlib.md5(password, usedforsecurity=False).hexdigest().encode("ascii")
    try:
        if stored.parameters[2] == 1:
            return bindings.crypto_pwhash_str_verify(stored.text.encode("ascii"), password)
        Argon2id.verify_phc_encoded(password, stored.text)
    except (InvalidkeyError, InvalidKey):
        return False
    return True


def _octets(password: str) -> bytes:
    return password_form(password).encode("utf-8", "surrogatepass")
