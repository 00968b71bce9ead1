"""An entry of the login throttle takes as little memory as its constant says, whatever name a stranger tries."""

import tracemalloc

from lanchat.protocol.names import name_key
from lanchat_server.core.throttle import LoginThrottle

TRIES = 2_000
# Two entries a try (the pair, the account), one for each address: 0.5 KiB each.
OCTETS_A_TRY = 3 * 512


def test_names_that_normalisation_makes_longer_take_no_more_memory() -> None:
    throttle = LoginThrottle()
    tracemalloc.start()
    try:
        for number in range(TRIES):
            key = name_key(f"{number}" + "\ufdfa" * 250)
            address = f"192.0.{number // 250}.{number % 250}"
            assert not throttle.delay(key, address, 0.0)
            throttle.failed(key, address, 0.0)
        taken, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < TRIES * OCTETS_A_TRY
