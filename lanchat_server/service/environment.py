"""What a service takes from outside: clocks, entropy, threads and limits. The simulator hands in its own."""

from collections.abc import Callable

import msgspec

from lanchat.platform.clock import SYSTEM_CLOCK, Clock
from lanchat.platform.entropy import SYSTEM_ENTROPY, Entropy
from lanchat.protocol.datagram.seal import SEAL_LIMITS, SealLimits
from lanchat_server.core.config import CoreConfig
from lanchat_server.service.net.connection import CONNECTION_LIMITS, ConnectionLimits
from lanchat_server.service.upkeep.housekeeping import INTERVAL
from lanchat_server.service.work.threads import ThreadPool
from lanchat_server.service.work.writer import Writer


class Environment(msgspec.Struct, frozen=True):
    """The defaults are those of a real process. `core`: limits of the core that no setting says anything about;
    `make_writer` and `make_pool` take what `Writer` and `ThreadPool` take."""

    clock: Clock = SYSTEM_CLOCK
    entropy: Entropy = SYSTEM_ENTROPY
    core: CoreConfig = CoreConfig()
    connection: ConnectionLimits = CONNECTION_LIMITS
    seal: SealLimits = SEAL_LIMITS
    housekeeping_interval: float = INTERVAL
    make_writer: Callable[..., Writer] = Writer
    make_pool: Callable[[int, str, int], ThreadPool] = ThreadPool


ENVIRONMENT = Environment()
