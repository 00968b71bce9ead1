"""Which host of a database address is used: of a cluster one node at a time.

All connections of a process go to the same node, so that readers find what the writer has just committed there. The
node changes when it does not answer, or has lost the others; connections to the one before are then of no more use.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

# Seconds for which a node that failed is tried after all others.
AVOIDANCE = 30.0
# That of MySQL.
USUAL_PORT = 3306


class DatabaseHost(NamedTuple):
    """One host of a database address. `name` without brackets, "" for this computer; `says_port`: the address names the
    port."""

    name: str
    port: int
    says_port: bool = True

    def __str__(self) -> str:
        """As in a URL."""
        name = f"[{self.name}]" if ":" in self.name else self.name or "localhost"
        return f"{name}:{self.port}" if self.says_port else name


class NodeChoice:
    """The node in use. For any number of threads and engines."""

    def __init__(self, hosts: Sequence[DatabaseHost], now: Callable[[], float] = time.monotonic) -> None:
        """The first of `hosts` is in use until another one is taken. `now`: steady seconds."""
        self.hosts = tuple(hosts)
        self._now = now
        self._lock = threading.Lock()
        self._present = self.hosts[0]
        self._generation = 0
        self._failed: dict[DatabaseHost, float] = {}

    @property
    def is_cluster(self) -> bool:
        """Whether there is another host to go to."""
        return len(self.hosts) > 1

    @property
    def generation(self) -> int:
        """Grows by one with each change of the node."""
        return self._generation

    def candidates(self) -> list[DatabaseHost]:
        """All hosts in the order in which they are to be tried: the present one, then the others as in the address;
        those that failed lately come last, the one that failed first before the others."""
        with self._lock:
            since = self._now() - AVOIDANCE
            failed = {host: when for host, when in self._failed.items() if when > since}
            return sorted(self.hosts, key=lambda host: (failed.get(host, 0.0), host != self._present))

    def taken(self, host: DatabaseHost) -> int:
        """A connection to this host is there and usable: the generation that it belongs to."""
        with self._lock:
            self._failed.pop(host, None)
            if host != self._present:
                self._present = host
                self._generation += 1
            return self._generation

    def failed(self, host: DatabaseHost) -> None:
        """No usable connection could be made to this host, or one broke."""
        with self._lock:
            self._failed[host] = self._now()
