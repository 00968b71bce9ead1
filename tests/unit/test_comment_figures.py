"""Figures in comments and docstrings of the server equal those of the constants that they speak of."""

import inspect
import re
from itertools import accumulate
from math import ceil

import pytest

from lanchat.core.config import ClientConfig
from lanchat.discovery import browse
from lanchat.protocol.limits import Limits
from lanchat_server import passwords
from lanchat_server.admin import channel
from lanchat_server.core import config as core_config
from lanchat_server.core.accounts import first_account, recovery
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.limits import daily, throttle
from lanchat_server.core.limits.throttle import ThrottleConfig
from lanchat_server.core.relay import heartbeat
from lanchat_server.service.net import beacon, connection
from lanchat_server.service.upkeep import housekeeping
from lanchat_server.store.transactions import claiming
from lanchat_server.window import log

CORE, CLIENT, THROTTLE = CoreConfig(), ClientConfig(), ThrottleConfig()
IN_WORDS = {2: "two", 4: "four", 5: "five", 10: "ten"}
HASH_MIB = inspect.signature(passwords.PasswordHasher.__init__).parameters["memory_kib"].default // 1024
ROUNDS = ", ".join(f"{at:g}" for at in accumulate(browse._EXTRA_PAUSES[:-1], initial=0.0))
LAST_ROUND = f"{sum(browse._EXTRA_PAUSES):g}"
GATHER_400_MS = (CORE.gather + (400 - CORE.gather_crowd) * CORE.gather_receiver) * 1000
DELAYS = ", ".join(f"{THROTTLE.first_delay * 2**n:g}" for n in range(3))

PHRASES = [
    (passwords, f"takes {HASH_MIB} MiB"),
    (passwords, f"{passwords.WORKERS_MAX} × {HASH_MIB} MiB"),
    (passwords, f"{IN_WORDS[passwords.WORKERS_MAX]} at a time"),
    (log, f"{log.LINES_MAX} × {round(log._LINE_MAX / 1024)} KiB"),
    (channel, f"every {IN_WORDS[round(channel.SIGN_OF_LIFE)]} seconds a `Pong`"),
    (connection, f"{IN_WORDS[round(connection.LOGIN_TIMEOUT)]} seconds given"),
    (connection, f"the session lagging ({CORE.lag_octets >> 20} MiB)"),
    (beacon, f"{IN_WORDS[beacon.ANSWERS_PER_SECOND]} times a second to each"),
    (beacon, f"after {ROUNDS} and {LAST_ROUND} s: {IN_WORDS[beacon.ANSWERS_PER_SECOND]} answers a second"),
    (housekeeping, f"heard nothing for {CLIENT.silence_ping:g} s"),
    (claiming, f"every {IN_WORDS[round(housekeeping.LEASE_RENEWAL)]} seconds"),
    (recovery, f"its life ({recovery.CODE_MINUTES} minutes) and its {IN_WORDS[recovery.CODE_TRIES]} tries"),
    (recovery, f"an invitation is made of {recovery.INVITE_RANDOM_OCTETS} octets"),
    (first_account, f"a set-up code is made of {first_account.SETUP_RANDOM_OCTETS} octets"),
    (throttle, f"after {THROTTLE.failures} failures, none {THROTTLE.window / 60:g} min after the one before"),
    (throttle, f"waits {DELAYS} … {THROTTLE.delay_max:g} s"),
    (throttle, f"after {THROTTLE.account_failures} failures from addresses"),
    (throttle, f"{86_400 / THROTTLE.delay_max:g} tries a day"),
    (throttle, f"{THROTTLE.address_tries} tries a minute"),
    (throttle, f"{THROTTLE.network_tries} tries a minute"),
    (throttle, f"{THROTTLE.entries // 2:,} × {THROTTLE.failures} ×"),
    (throttle, f"{THROTTLE.entries >> 11} MiB for each of the four maps"),
    (daily, f"300 octets each: {round(daily.KEYS_MAX * 300 / (1 << 20))} MiB"),
    (heartbeat, f"({CORE.head_steps[0]:g} s, doubling)"),
    (core_config, f"{Limits().rooms_per_day} new rooms a day"),
    (core_config, f"{GATHER_400_MS:g} ms after one for 400 people"),
    (core_config, f"{round(CORE.queue_max / 2000)} s of work at 2,000 messages/s"),
    (core_config, f"{CORE.progress_max:,} × ~200 octets = {ceil(CORE.progress_max * 200 / (1 << 20))} MiB"),
]


@pytest.mark.parametrize(("module", "phrase"), PHRASES, ids=[phrase for _, phrase in PHRASES])
def test_figure_is_that_of_the_code(module: object, phrase: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"\n\s*#", " ", inspect.getsource(module)))  # type: ignore[arg-type]
    assert phrase in text
