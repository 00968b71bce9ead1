"""How often a password may be tried. Pure: the time (float seconds, any steady clock) is handed in.

Four limits; a try waits for the longest of them:

* **account and address**: after 5 failures, none 15 min after the one before, each further try waits 5, 10, 20 … 900 s;
* **account, from anywhere**: after 20 failures from addresses where its owner has not been, the same delay for all such
  addresses. That is for the guesser with 100,000 addresses: at the cap he gets 96 tries a day. Addresses where the
  account logged in before are spared, so he locks nobody out of where he works (device keys are not throttled at all);
* **address**: 20 tries a minute;
* **IPv6 network** (/64): 200 tries a minute, as one computer may take any address of it.

A try counts from the moment it is allowed, not when its answer is known: 64 log-ins started at once get five answers.

An attacker must not push the entry that slows him out of a full map. An entry exists because of a try, and a try costs
him a place in the address limit and the server an Argon2 hash (some 30 ms, few at a time). A full map forgets the
entries that delay nobody first; delaying ones have half of it, and take 5 failures each: 32,768 × 5 × 30 ms / 2 workers
is 40 minutes, longer than the longest delay that he could get rid of. Where an account logged in before is kept per
account, so that nobody's entries displace another's.
"""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Generic, TypeVar

import msgspec

from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.log.keys import sha256

# 2**20 × 5 s is far above every cap; a higher power gains nothing and would overflow in the end.
_DOUBLINGS_MAX = 20
# A full map of 65,536 is empty after some minutes of calls two seconds apart.
EXPIRED_AT_ONCE = 512
_MARK = 8


class ThrottleConfig(msgspec.Struct, frozen=True):
    """Times in seconds. Defaults are those of a server for 2 to 1,000 people."""

    failures: int = 5
    window: float = 900.0
    account_failures: int = 20
    first_delay: float = 5.0
    delay_max: float = 900.0
    address_tries: int = 20
    address_period: float = 60.0
    # A school's worth of people on one IPv6 network who log in after a holiday.
    network_tries: int = 200
    # Attacker: invents names and addresses. Honest need: 1,000 people with some devices each. Memory: an entry with its
    # key is up to 0.5 KiB, so 32 MiB for each of the four maps when it is full.
    entries: int = 65_536
    # Where one person works: home and office of some years.
    known_addresses: int = 16
    # A try that never got its answer (the server was busy, the connection broke) stops counting.
    answer_within: float = 30.0
    # What somebody is told to wait while earlier tries are being answered.
    answer_wait: float = 1.0


class _Failures:
    """Failures in a row of one account and address, or of one account."""

    __slots__ = ("allowed_at", "count", "last", "pending")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        self.pending = 0
        self.allowed_at = 0.0

    def delay(self, now: float, limit: int, config: ThrottleConfig) -> float:
        """Seconds until a try is allowed."""
        self._forget(now, limit, config)
        until = self._blocked_until(limit, config)
        if until > now:
            return until - now
        return config.answer_wait if self.pending and self.count + self.pending >= limit else 0.0

    def allow(self, now: float) -> None:
        self.pending += 1
        self.allowed_at = now

    def answered(self) -> None:
        self.pending = max(0, self.pending - 1)

    def fail(self, now: float, limit: int, config: ThrottleConfig) -> None:
        self._forget(now, limit, config)
        self.answered()
        self.count += 1
        self.last = now

    def delays(self, now: float, limit: int, config: ThrottleConfig) -> bool:
        """Whether it has reached the failures from which on tries have to wait."""
        self._forget(now, limit, config)
        return self.count >= limit

    def as_new(self, now: float, limit: int, config: ThrottleConfig) -> bool:
        """Whether forgetting it changes nothing."""
        self._forget(now, limit, config)
        return not self.count and not self.pending

    def _blocked_until(self, limit: int, config: ThrottleConfig) -> float:
        if self.count < limit:
            return self.last
        doublings = min(self.count - limit, _DOUBLINGS_MAX)
        return self.last + min(config.delay_max, config.first_delay * 2.0**doublings)

    def _forget(self, now: float, limit: int, config: ThrottleConfig) -> None:
        if self.count and now - self._blocked_until(limit, config) > config.window:
            self.count = 0
        if self.pending and now - self.allowed_at > config.answer_within:
            self.pending = 0


E = TypeVar("E")


class _Bounded(Generic[E]):
    """A map that forgets the longest unused: first of the entries that delay nobody, which are most.

    Delaying ones get half of it at most, so that new entries always find room.
    """

    def __init__(self, size: int, delays: Callable[[E, float], bool], as_new: Callable[[E, float], bool]) -> None:
        self._size = size
        self._delays = delays
        self._as_new = as_new
        self._light: OrderedDict[str, E] = OrderedDict()
        self._heavy: OrderedDict[str, E] = OrderedDict()

    def get(self, key: str) -> E | None:
        return self._heavy.get(key) or self._light.get(key)

    def put(self, key: str, entry: E, now: float) -> None:
        """Insert or refresh; to be called after a change of `entry`."""
        self.drop(key)
        (self._heavy if self._delays(entry, now) else self._light)[key] = entry
        if len(self) > self._size:
            self._forget_one(now)

    def drop(self, key: str) -> None:
        self._heavy.pop(key, None)
        self._light.pop(key, None)

    def __len__(self) -> int:
        return len(self._light) + len(self._heavy)

    def expire(self, now: float) -> None:
        """Forget the longest unused of those that are as good as new ones, EXPIRED_AT_ONCE of each kind at most."""
        for table in (self._light, self._heavy):
            for _ in range(min(EXPIRED_AT_ONCE, len(table))):
                if not self._as_new(next(iter(table.values())), now):
                    break
                table.popitem(last=False)

    def _forget_one(self, now: float) -> None:
        if self._heavy:
            oldest = next(iter(self._heavy.values()))
            if len(self._heavy) > self._size // 2 or not self._delays(oldest, now):
                self._heavy.popitem(last=False)
                return
        self._light.popitem(last=False)


class LoginThrottle:
    """Ask `delay` once before each try with a password; when it says 0, call `failed` or `succeeded` afterwards."""

    def __init__(self, config: ThrottleConfig | None = None) -> None:
        """`config` None: the defaults. Nothing is remembered beyond the process."""
        self._config = config = config or ThrottleConfig()
        self._pairs = self._failures(config.failures)
        self._accounts = self._failures(config.account_failures)
        self._addresses = _Bounded[TokenBucket](
            config.entries, lambda e, now: not e.full(now), lambda e, now: e.full(now)
        )
        # Marks of addresses one behind the other, the one that was seen last at the end.
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def _failures(self, limit: int) -> _Bounded[_Failures]:
        config = self._config
        return _Bounded[_Failures](
            config.entries, lambda e, now: e.delays(now, limit, config), lambda e, now: e.as_new(now, limit, config)
        )

    def expire(self, now: float) -> None:
        """Call now and then: what delays nobody any more is forgotten."""
        self._pairs.expire(now)
        self._accounts.expire(now)
        self._addresses.expire(now)

    def delay(self, user_key: str, address: str, now: float) -> float:
        """Seconds until this try is allowed. 0: it is, and it counts from now on."""
        user_key = _digest(user_key)
        address, network = _place(address)
        buckets = self._buckets(address, network, now)
        rows = self._rows(user_key, address)
        waits = [bucket.wait(now) for bucket in buckets]
        waits += [entry.delay(now, limit, self._config) for table, key, limit in rows if (entry := table.get(key))]
        if longest := max(waits):
            return longest
        for bucket in buckets:
            bucket.take(now)
        for table, key, _ in rows:
            entry = table.get(key) or _Failures()
            entry.allow(now)
            table.put(key, entry, now)
        return 0.0

    def failed(self, user_key: str, address: str, now: float) -> None:
        """The password was wrong, or there is no such user."""
        user_key = _digest(user_key)
        address, _ = _place(address)
        for table, key, limit in self._rows(user_key, address):
            entry = table.get(key) or _Failures()
            entry.fail(now, limit, self._config)
            table.put(key, entry, now)

    def succeeded(self, user_key: str, address: str, now: float) -> None:
        """The password was right: this address is forgiven and known for this account from now on."""
        user_key = _digest(user_key)
        address, _ = _place(address)
        for table, key, _ in self._rows(user_key, address):
            if entry := table.get(key):
                entry.answered()
        self._pairs.drop(_pair(user_key, address))
        self._seen(user_key, address)

    def seen(self, user_key: str, address: str) -> None:
        """The owner of the account proved by other means (device key, recovery code) that he is at this address."""
        user_key = _digest(user_key)
        self._seen(user_key, _place(address)[0])

    def _seen(self, user_key: str, address: str) -> None:
        mark = _mark(address)
        known = [other for other in _marks(self._known.get(user_key, b"")) if other != mark]
        self._known[user_key] = b"".join([*known, mark][-self._config.known_addresses :])
        self._known.move_to_end(user_key)
        if len(self._known) > self._config.entries:
            self._known.popitem(last=False)

    def _rows(self, user_key: str, address: str) -> list[tuple[_Bounded[_Failures], str, int]]:
        """The failures that this try is measured by: table, key, how many are free of delay."""
        rows = [(self._pairs, _pair(user_key, address), self._config.failures)]
        if _mark(address) not in _marks(self._known.get(user_key, b"")):
            rows.append((self._accounts, user_key, self._config.account_failures))
        return rows

    def _buckets(self, address: str, network: str, now: float) -> list[TokenBucket]:
        limits = [(address, self._config.address_tries)]
        if network:
            limits.append((network, self._config.network_tries))
        return [self._bucket(key, tries, now) for key, tries in limits]

    def _bucket(self, key: str, tries: int, now: float) -> TokenBucket:
        bucket = self._addresses.get(key) or TokenBucket(tries / self._config.address_period, tries)
        self._addresses.put(key, bucket, now)
        return bucket


def _digest(user_key: str) -> str:
    """A name's key as it is kept: normalisation makes a name of a stranger up to eighteen times as long."""
    return sha256(user_key.encode()).hex()[:32]


def _mark(address: str) -> bytes:
    """An address as it is kept where an account logged in."""
    return sha256(address.encode())[:_MARK]


def _marks(known: bytes) -> list[bytes]:
    return [known[start : start + _MARK] for start in range(0, len(known), _MARK)]


def _pair(user_key: str, address: str) -> str:
    return f"{address} {user_key}"


def network_of(address: str) -> str:
    """What one computer can take no other of: its address, in IPv6 its network."""
    place, network = _place(address)
    return network or place


def _place(address: str) -> tuple[str, str]:
    """The address in one spelling, and its IPv6 network (empty for IPv4)."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:  # a name or a local socket
        return address, ""
    if not isinstance(ip, IPv6Address):
        return str(ip), ""
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped), ""
    return str(ip), ip.packed[:8].hex() + "/64"
