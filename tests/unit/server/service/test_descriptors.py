"""The limit of descriptors: raised as far as allowed, and how many sessions then fit."""

import subprocess
import sys

import pytest

from lanchat_server.service.net.acceptor import WAITING_MAX
from lanchat_server.service.net.descriptors import RESERVE
from lanchat_server.service.net.local_port import ADMITTED_MAX, PLACES_MAX
from lanchat_server.service.transfers.limits import CONNECTIONS_MAX
from tests.support.waiting import patient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such limit")

OTHERS = WAITING_MAX + 2 * 64 + 2 * CONNECTIONS_MAX + 2 * (PLACES_MAX + ADMITTED_MAX) + RESERVE
PROGRAM = """
import resource, sys
from lanchat_server.service.net.descriptors import sessions_that_fit
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(sessions_that_fit(wanted, 64), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "sessions", "raised"),
    [
        (256, 4096, 1000, OTHERS + 1000),
        (3000, 4096, 1000, 3000),
        (1200, 1200, 1200 - OTHERS, 1200),
        (1024, 1500, 1500 - OTHERS, 1500),
        (256, 256, 8, 256),
    ],
)
def test_sessions_fit_beside_all_other_descriptors(soft: int, hard: int, sessions: int, raised: int) -> None:
    assert fitting(soft, hard, 1000) == [sessions, raised, hard]


def test_no_more_sessions_than_configured() -> None:
    assert fitting(4096, 4096, 3)[0] == fitting(256, 256, 3)[0] == 3


def fitting(soft: int, hard: int, wanted: int) -> list[int]:
    """How many sessions fit, and the limits of the process afterwards."""
    argv = [sys.executable, "-c", PROGRAM, str(soft), str(hard), str(wanted)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=patient(20))
    return [int(word) for word in done.stdout.split()]
