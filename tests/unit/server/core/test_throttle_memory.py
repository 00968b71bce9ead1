"""An entry of the login throttle takes no more memory than its constant says, whatever name is tried."""

import tracemalloc

from lanchat.protocol.text.names import name_key
from lanchat_server.core.limits.throttle import EXPIRED_AT_ONCE, LoginThrottle, ThrottleConfig

TRIES = 500
# Two entries a try (the pair, the account), one for each address: 0.5 KiB each.
OCTETS_A_TRY = 3 * 512


def test_names_lengthened_by_normalisation_take_no_more_memory() -> None:
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


def test_expired_delays_are_removed() -> None:
    throttle = LoginThrottle()
    for number in range(3_000):
        for _ in range(6):
            if not throttle.delay(f"{number}", f"192.0.{number // 250}.{number % 250}", 0.0):
                throttle.failed(f"{number}", f"192.0.{number // 250}.{number % 250}", 0.0)
    throttle.expire(1.0)
    assert len(throttle._pairs) == len(throttle._accounts) == len(throttle._addresses) == 3_000
    later = 2 * ThrottleConfig().window + ThrottleConfig().delay_max
    for _ in range(3_000 // EXPIRED_AT_ONCE + 1):
        throttle.expire(later)
    assert len(throttle._pairs) == len(throttle._accounts) == len(throttle._addresses) == 0


def test_delayed_entries_do_not_expire() -> None:
    throttle = LoginThrottle()
    for _ in range(5):
        assert not throttle.delay("anna", "192.0.2.1", 0.0)
        throttle.failed("anna", "192.0.2.1", 0.0)
    throttle.expire(4.0)
    assert throttle.delay("anna", "192.0.2.1", 4.0)
