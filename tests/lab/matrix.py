"""The matrix of broken networks:  python -m tests.lab.matrix [--only TEXT] [--minutes N] [--again]

A server and three clients, each on a computer of its own; whatever the case does to the network, everything that is
written must be stored once and shown once to everybody, and every copy must be the log. One row per case; times are
from the moment when a message is durable at its author to when another client shows it as stored. Cases that were
played are kept until `--again`, and the table of all of them goes into docs/RELIABILITY.md. The exit code is 1 when
anything was lost or came twice.
"""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lanchat.store.profile import ProfileStore
from tests.chaos.audit import Audit
from tests.chaos.crowd import LIMITS
from tests.chaos.pieces import Figures, Kept, Piece, bound
from tests.chaos.pieces import play as play_pieces
from tests.chaos.server_with_clients import START_PATIENCE
from tests.lab.matrix_cases import CASES, Case, Net
from tests.lab.netns import Computer, Lab, missing
from tests.support import marked
from tests.support.figures import percentile, table
from tests.support.procs import ServerProcess
from tests.support.waiting import wait_until

LIVE_PATIENCE = 60.0
# Seconds after the last word was said. What is not shown by then counts as lost.
PATIENCE = 90.0
DISCOVERY_PORT = 47474
COLUMNS = ("network", "sent", "stored", "shown", "lost", "twice", "p50 ms", "p99 ms", "max ms")


@dataclass(slots=True)
class Row:
    """`shown`: how often in all, each message once per reader when all is well. `delays`: seconds to other clients."""

    name: str
    sent: int = 0
    stored: int = 0
    shown: int = 0
    lost: int = 0
    twice: int = 0
    delays: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def cells(self) -> tuple[object, ...]:
        times = (f"{1000 * percentile(self.delays, part):,.0f}" for part in (0.5, 0.99, 1.0))
        return (self.name, self.sent, self.stored, self.shown, self.lost, self.twice, *times)

    @property
    def figures(self) -> Figures:
        """To be kept; `Row(**…)` makes it a row again."""
        bad = self.bad
        delays = [round(delay, 4) for delay in self.delays]
        return {key: value for key, value in asdict(self).items() if key != "faults"} | {
            "delays": delays,
            "faults": bad,
        }

    @property
    def bad(self) -> list[str]:
        """What must not be."""
        found = [f"{self.lost} lost"] if self.lost else []
        found += [f"{self.twice} twice"] if self.twice else []
        found += [f"{self.sent - self.stored} not stored"] if self.stored != self.sent else []
        return [f"{self.name}: {text}" for text in found + self.faults]


def report(kept: Kept) -> str:
    """The table of all cases that are kept, in their order."""
    rows = [Row(**kept[case.name]) for case in CASES if case.name in kept]
    shown = sum(row.shown for row in rows)
    text = (
        f"{sum(row.sent for row in rows):,} messages, each shown to three people: {sum(row.lost for row in rows)} lost,"
    )
    text += f" {sum(row.twice for row in rows)} twice, of {shown:,} in all."
    if not any(row.bad for row in rows):
        text += f" With 95 % confidence fewer than one in {bound(shown):,} is lost or comes twice on such networks."
    return f"{text}\n\n{table(COLUMNS, [row.cells for row in rows])}"


class Talker:
    """A client's process and what it has told."""

    def __init__(self, computer: Computer, folder: Path, name: str, case: Case, address: str | None) -> None:
        self.name = name
        self.folder = folder / name
        self.events: list[dict[str, Any]] = []
        argv = [sys.executable, "-m", "tests.lab.talker", str(self.folder), name, str(case.count), str(case.rate)]
        self.child = computer.start(*argv, *([address] if address else []))
        self._read = 0

    def listen(self) -> list[dict[str, Any]]:
        """All that it has told so far."""
        lines = self.child.stdout[self._read :]
        self._read += len(lines)
        self.events += map(json.loads, lines)
        return self.events

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in self.listen() if event["event"] in kinds]

    def wait_for(self, kind: str, timeout: float) -> None:
        self.child.wait_for_line(lambda line: f'"event": "{kind}"' in line, timeout, f"{self.name}: {kind}")


def play(case: Case, folder: Path) -> Row:
    """One case, from an empty server to the audit."""
    with Lab() as lab:
        net = case.build(lab)
        config = folder / "server.toml"
        config.write_text(LIMITS)
        server = ServerProcess(
            folder / "server",
            discovery_port=DISCOVERY_PORT,
            namespace=net.server.name,
            extra=["--config", str(config)],
            timeout=START_PATIENCE,
        )
        with server:
            server.add_account("administrator")
            address = f"{net.server_address}:{server.port}" if case.typed else None
            talkers = [
                Talker(computer, folder, f"person{number}", case, address)
                for number, computer in enumerate(net.clients)
            ]
            for talker in talkers:
                talker.wait_for("live", LIVE_PATIENCE)
            _talk(case, net, talkers)
            net.lans[0].forward_everything()
            for talker in talkers:
                talker.child.stop()
    row = judge(case, talkers)
    _audit(row, folder, talkers)
    return row


def _talk(case: Case, net: Net, talkers: Sequence[Talker]) -> None:
    """Until everybody has shown everything, or patience is over."""
    case.trouble(net)
    over = threading.Event()
    beside = threading.Thread(target=case.meanwhile or (lambda net, over: None), args=(net, over))
    for talker in talkers:
        talker.child.signal(signal.SIGUSR1)
    beside.start()
    try:
        for talker in talkers:
            talker.wait_for("said", PATIENCE + 2 * case.count / case.rate)
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: complete(talkers), PATIENCE, "everything is shown", interval=0.1)
    finally:
        over.set()
        beside.join()


def complete(talkers: Sequence[Talker]) -> bool:
    """Whether everything that was made is stored, and shown to everybody."""
    made = {event["id"] for talker in talkers for event in talker.of("made")}
    stored = {event["id"] for talker in talkers for event in talker.of("stored")}
    return made <= stored and all(made <= {event["id"] for event in talker.of("shown")} for talker in talkers)


def judge(case: Case, talkers: Sequence[Talker]) -> Row:
    """What they told, without a look at any copy."""
    row = Row(case.name)
    made = {event["id"]: event["at"] for talker in talkers for event in talker.of("made")}
    row.sent = len(made)
    row.stored = len({event["id"] for talker in talkers for event in talker.of("stored")})
    for talker in talkers:
        shown = talker.of("shown")
        ids = {event["id"] for event in shown}
        row.shown += len(shown)
        row.twice += len(shown) - len(ids)
        row.lost += len(made.keys() - ids)
        seqs = [event["seq"] for event in shown]
        row.faults += [f"{talker.name}: shown out of order"] * (seqs != sorted(seqs))
        row.faults += [f"{talker.name}: refused {event['id']}" for event in talker.of("refused")]
        row.delays += [event["at"] - made[event["id"]] for event in shown if not event["mine"]]
    return row


def _audit(row: Row, folder: Path, talkers: Sequence[Talker]) -> None:
    audit = Audit(None, folder / "server")
    for talker in talkers:
        audit.check_profile(talker.name, ProfileStore.open(talker.folder))
    row.faults += audit.faults


def _play_somewhere(case: Case) -> Figures:
    with tempfile.TemporaryDirectory(prefix="lanchat-lab-") as folder:
        return play(case, Path(folder)).figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.matrix")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with this in their name")
    parser.add_argument("--minutes", type=float, help="begin nothing more after so long")
    parser.add_argument("--again", action="store_true", help="forget how these cases went before")
    options = parser.parse_args()
    if reason := missing():
        parser.error(reason)
    kept = Kept("networks")
    cases = [case for case in CASES if options.only in case.name]
    for case in cases if options.again else []:
        kept.forget(case.name)
    pieces = (Piece(case.name, lambda case=case: _play_somewhere(case)) for case in cases)
    play_pieces(pieces, kept, options.minutes, lambda: marked.write(marked.RELIABILITY, "networks", report(kept)))
    print(report(kept))
    return 1 if any(kept[case.name]["faults"] for case in cases if case.name in kept) else 0


if __name__ == "__main__":
    sys.exit(main())
