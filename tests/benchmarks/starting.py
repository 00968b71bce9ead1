"""Case i: how long until a server is found, until the log-in window is there, until a remembered client is live.

Discovery is between two computers made of network namespaces (which takes root), with the program's own announcer and
seeker. Searches by probe pause in between, because a server answers few probes of one address in a second; searches by
DNS-SD probe where nobody answers. `python -m tests.benchmarks.starting` is the computer that searches.

Starts are those of the real window, a new process each time, from the command to what is painted on a screen without
hardware.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lanchat.discovery.browse import discover
from lanchat.protocol.datagram.beacon import DISCOVERY_PORT
from lanchat.protocol.text.identity import make_invite
from lanchat_server.service.keys import load_or_create
from lanchat_server.service.net.beacon import ANSWERS_PER_SECOND
from tests.benchmarks.figures import Report
from tests.benchmarks.people import make_profile
from tests.benchmarks.serving import Serving, serving
from tests.benchmarks.windows import Window
from tests.lab.netns import Computer, Lab, missing
from tests.support.figures import percentile

_PEER = (sys.executable, "-m", "tests.lab.discovery_peer")
_NOBODY = 9  # the discovery port of searches that DNS-SD alone shall answer
_LIMIT = 5.0  # seconds for one search
_PAUSE = 1.5 / ANSWERS_PER_SECOND


def run(report: Report, *, rounds: int, quick: bool) -> None:
    reason = missing()
    if reason:
        print(f"i  discovery between computers is left out: it {reason}", flush=True)
    else:
        _discovery(report, probes=20 if quick else 100, browses=3 if quick else 9)
    _starts(report, 2 if quick else 2 * rounds)


def _discovery(report: Report, *, probes: int, browses: int) -> None:
    ways = {"probe": (probes, "--no-zeroconf", 30.0), "zeroconf": (browses, f"--discovery-port={_NOBODY}", None)}
    with Lab() as lab:
        lan = lab.lan()
        server, client = lab.computer((lan, "10.0.0.1/24")), lab.computer((lan, "10.0.0.2/24"))
        server.start(*_PEER, "serve", "bench", "4242").wait_for_line(lambda line: "ready" in line, 10, "announced")
        for way, (times, option, most) in ways.items():
            found = [seconds * 1000 for seconds in _search(client, times, option)]
            at = f"{times} searches"
            report.add("i", f"found by {way}, p50", "ms", "client", at, [percentile(found, 0.5)])
            report.add("i", f"found by {way}, p95", "ms", "client", at, [percentile(found, 0.95)], most=most)


def _search(client: Computer, times: int, option: str) -> list[float]:
    """Seconds of each search until the server was found."""
    argv = [sys.executable, "-m", "tests.benchmarks.starting", str(times), option]
    return [float(seconds) for seconds in json.loads(client.run(*argv, timeout=30 + times * _LIMIT))]


def _starts(report: Report, times: int) -> None:
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder, serving("SQLite", 20) as server:
        remembered = make_profile(Path(folder) / "remembered", server, server.world.accounts[-1])
        stranger = Path(folder) / "stranger"
        first = _median_of(times, lambda: _reached(stranger, "painted"))
        report.add("i", "start → first page", "s", "client", "new profile", first)
        asked = _median_of(times, lambda: _reached(stranger, "log-in", "--invite", _invite(server)))
        report.add("i", "start → log-in window", "s", "client", "invite link", asked, most=0.7)
        live = _median_of(times, lambda: _reached(remembered, "live"))
        report.add("i", "start → live", "s", "client", "remembered profile", live, most=1.2)


def _median_of(times: int, start: Callable[[], float]) -> list[float]:
    """Medians of the two halves of so many starts, of which the first does not count: it reads files from the disk."""
    start()
    seconds = [start() for _ in range(times)]
    half = max(1, times // 2)
    return [statistics.median(seconds[:half]), statistics.median(seconds[-half:])]


def _reached(profile: Path, event: str, *options: str) -> float:
    with Window(profile, *options) as window:
        return window.reached(event)


def _invite(server: Serving) -> str:
    return make_invite("127.0.0.1", server.port, load_or_create(server.folder).fingerprint)


# --- The computer that searches -----------------------------------------------------------------------------------


async def _searches(times: int, *, use_zeroconf: bool, discovery_port: int) -> list[float]:
    """Raises RuntimeError when a search found nothing."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        found = await discover(_LIMIT, use_zeroconf=use_zeroconf, discovery_port=discovery_port, stop_after_first=True)
        seconds.append(time.perf_counter() - began)
        if not found:
            raise RuntimeError("a search found nothing")
        await asyncio.sleep(_PAUSE)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("times", type=int)
    parser.add_argument("--no-zeroconf", dest="zeroconf", action="store_false")
    parser.add_argument("--discovery-port", type=int, default=DISCOVERY_PORT)
    options = parser.parse_args()
    work = _searches(options.times, use_zeroconf=options.zeroconf, discovery_port=options.discovery_port)
    print(json.dumps(asyncio.run(work)))


if __name__ == "__main__":
    main()
