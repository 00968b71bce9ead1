"""`python -m tests.fuzz [--seconds N] [--only NAME …]`: coverage-guided search, one target after the other.

Each target has a process of its own and N seconds; Ctrl+C ends it and keeps what was found so far. What reaches new
code is kept in .cache/fuzz, the smallest set of it in tests/fuzz/corpus; an input that breaks something becomes a file
in tests/fuzz/regressions, which `make test` replays. Figures add up in docs/RELIABILITY.md until `--anew`.

    python -m tests.fuzz --only invite-link --seconds 300
    python -m tests.fuzz --only invite-link --input tests/fuzz/regressions/invite-link/0123456789abcdef
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.hunt import BROKEN, INPUT_SECONDS
from tests.fuzz.target import Target, attempt
from tests.fuzz.targets import TARGETS
from tests.support import marked

CACHE = Path(__file__).parents[2] / ".cache" / "fuzz"
PROGRESS = 10.0
_PULSE = re.compile(r"^#(\d+)\s.*?(?:cov: (\d+).*?corp: (\d+))?")
_RUNS = re.compile(r"^(?:Done (\d+) runs|stat::number_of_executed_units: (\d+))")
_ROW = re.compile(r"^\| `([a-z-]+)` \| ([\d,]+) \| ([\d,]+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


@dataclass
class Figures:
    """What is known of one target: inputs run, seconds, files in its corpus, inputs that broke something."""

    runs: int = 0
    seconds: int = 0
    corpus: int = 0
    findings: int = 0


class Search:
    """One target, N seconds. `figures` are of this search alone."""

    def __init__(self, target: Target, seconds: int) -> None:
        self.target = target
        self.seconds = seconds
        self.figures = Figures()
        self.interrupted = False
        self._folder = CACHE / target.name / "corpus"
        self._found = CACHE / target.name / "found"
        self._last_word = ""
        self._tail: list[str] = []

    def run(self) -> None:
        """Search, keep, report. Never raises KeyboardInterrupt: `interrupted` says that it came."""
        self._prepare()
        started = time.monotonic()
        code = self._search()
        self.figures.seconds = round(time.monotonic() - started)
        for file in sorted(self._found.iterdir()):
            # What was merely slow is not one: the computer may have been busy.
            if not file.name.startswith("slow-unit"):
                self._report(file)
        if code not in (0, BROKEN) and not self.figures.findings and not self.interrupted:
            print("\n".join(self._tail[-40:]))
            raise SystemExit(f"{self.target.name}: the search itself failed with exit code {code}")
        if not self.target.live:
            self._keep()
        print(
            f"{self.target.name}: {self.figures.runs:,} runs in {self.figures.seconds} s, "
            f"{self.figures.corpus} files kept, {self.figures.findings} findings",
            flush=True,
        )

    def _prepare(self) -> None:
        """Everything that is known goes in; what was found by an earlier run is a regression by now."""
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._found, ignore_errors=True)
        self._found.mkdir()
        known = [*corpus.load(corpus.CORPUS, self.target.name).values()]
        known += corpus.load(corpus.REGRESSIONS, self.target.name).values()
        for octets in known if self.target.live else [*known, *self.target.seeds()]:
            (self._folder / corpus.name_of(octets)).write_bytes(octets)

    def _hunt(self, command: str, *more: str) -> "subprocess.Popen[str]":
        argv = [sys.executable, "-m", "tests.fuzz.hunt", self.target.name, command, str(self._folder), *more]
        # A session of its own: Ctrl+C is for us, and we end the child in order.
        return subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
        )

    def _search(self) -> int:
        child = self._hunt("search", str(self.seconds))
        assert child.stdout is not None
        shown = time.monotonic()
        try:
            while True:
                try:
                    for line in child.stdout:
                        self._listen(line.rstrip("\n"))
                        if time.monotonic() - shown >= PROGRESS:
                            shown = time.monotonic()
                            print(f"{self.target.name}: {self._last_word}", flush=True)
                    return child.wait(INPUT_SECONDS)
                except KeyboardInterrupt:
                    self.interrupted = True
                    child.send_signal(signal.SIGTERM)
        finally:
            child.kill()

    def _listen(self, line: str) -> None:
        self._tail = [*self._tail[-200:], line]
        if _PULSE.match(line):
            self._last_word = line
            self.figures.runs = max(self.figures.runs, int(line[1:].split()[0]))
        elif found := _RUNS.match(line):
            self.figures.runs = int(found[1] or found[2])

    def _report(self, file: Path) -> None:
        """An input that broke something: kept for good, and how to see it again."""
        kept = corpus.keep_regression(self.target.name, file.read_bytes())
        self.figures.findings += 1
        print("\n".join(line for line in self._tail[-60:] if not line.startswith(("#", "stat::", "INFO:"))))
        print(f"FOUND {kept}")
        print(f"  again: python -m tests.fuzz --only {self.target.name} --input {kept}", flush=True)

    def _keep(self) -> None:
        child = self._hunt("minimise")
        out, _ = child.communicate()
        names = [line for line in out.splitlines() if re.fullmatch(r"[0-9a-f]{16}", line)]
        if child.returncode or not names:
            raise SystemExit(f"{self.target.name}: the corpus could not be made small\n{out}")
        corpus.save(corpus.CORPUS, self.target.name, [(self._folder / name).read_bytes() for name in names])
        self.figures.corpus = len(names)


# --- The table ------------------------------------------------------------------------------------------------------


def read_table() -> dict[str, Figures]:
    """What the document says."""
    text = marked.RELIABILITY.read_text(encoding="utf-8")
    numbers = {name: [int(cell.replace(",", "")) for cell in cells] for name, *cells in _ROW.findall(text)}
    return {name: Figures(*cells) for name, cells in numbers.items() if name in TARGETS}


def write_table(known: dict[str, Figures]) -> None:
    """All targets that were searched, in the order of the table of targets, and their sum."""
    rows = [(f"`{name}`", known[name]) for name in TARGETS if name in known]
    every = Figures(*(sum(getattr(figures, name) for _, figures in rows) for name in Figures.__annotations__))
    lines = ["| target | runs | seconds | corpus | findings |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {item.runs:,} | {item.seconds:,} | {item.corpus} | {item.findings} |"
        for name, item in [*rows, ("all", every)]
    ]
    marked.write(marked.RELIABILITY, "fuzzing", "\n".join(lines))


def add(known: dict[str, Figures], name: str, new: Figures) -> None:
    """Runs, seconds and findings add up; the corpus is what it is now."""
    old = known.get(name, Figures())
    runs, seconds, findings = old.runs + new.runs, old.seconds + new.seconds, old.findings + new.findings
    known[name] = Figures(runs, seconds, new.corpus or old.corpus, findings)


# --- The command ----------------------------------------------------------------------------------------------------


def replay(target: Target, file: Path) -> None:
    """One input, with its traceback when it breaks something."""
    print("taken" if attempt(target, file.read_bytes()) else f"refused with {target.error.__name__}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=30, metavar="N", help="for each target (30)")
    parser.add_argument("--only", choices=sorted(TARGETS), nargs="+", metavar="NAME", help=", ".join(TARGETS))
    parser.add_argument("--input", type=Path, metavar="FILE", help="run this one input of the target")
    parser.add_argument("--anew", action="store_true", help="begin the table of figures anew")
    options = parser.parse_args()
    # Whoever asks us to end asks for what Ctrl+C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    targets = [TARGETS[name] for name in options.only or TARGETS]
    if options.input:
        replay(targets[0], options.input)
        return 0
    if options.anew:
        write_table({})
    findings = 0
    for target in targets:
        search = Search(target, options.seconds)
        search.run()
        known = read_table()
        add(known, target.name, search.figures)
        write_table(known)
        findings += search.figures.findings
        if search.interrupted:
            return 130
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
