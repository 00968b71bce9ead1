"""What a sample came to: printed, and written into docs/RELIABILITY.md."""

import tomllib
from collections import Counter
from pathlib import Path

from tests.mutants.operators import Mutant
from tests.mutants.trial import SURVIVED
from tests.support.marked import RELIABILITY, write

# By the name of the mutant: why no test can notice it, or need not.
EXPLAINED = Path(__file__).with_name("explained.toml")


def explanations() -> dict[str, str]:
    found: dict[str, str] = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))
    return found


def report(sample: list[Mutant], verdicts: dict[str, str], *, written: bool) -> int:
    """1 when a mutant survived that nobody explains."""
    reasons = explanations()
    survivors = [mutant for mutant in sample if verdicts.get(mutant.key) == SURVIVED]
    unexplained = [mutant for mutant in survivors if mutant.name not in reasons]
    print(table(sample, verdicts, reasons))
    for mutant in unexplained:
        print(f"survived: {mutant.path}:{mutant.line} {mutant.name}")
    if written:
        write(RELIABILITY, "mutants", table(sample, verdicts, reasons))
    return 1 if unexplained else 0


def table(sample: list[Mutant], verdicts: dict[str, str], reasons: dict[str, str]) -> str:
    """A row for each part of the cores, and the survivors with their reasons."""
    counts: dict[str, Counter[str]] = {}
    for mutant in sample:
        row = counts.setdefault(_part(mutant.path), Counter())
        row.update(["all", _by(mutant, verdicts, reasons)])
    total = sum(counts.values(), Counter[str]())
    columns = ("all", "test", "simulator", "endless", "explained", "survived")
    lines = [
        "| part | mutants | caught by a unit test | only by the simulator | ran without end | survived, explained "
        "| survived |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(_line(part, [row[name] for name in columns]) for part, row in sorted(counts.items())),
        _line("all", [total[name] for name in columns]),
    ]
    # What was not tried since its function changed counts as what survives.
    listed = [mutant for mutant in sample if verdicts.get(mutant.key, SURVIVED) == SURVIVED]
    if listed:
        lines += ["", "| survived | why |", "|---|---|"]
        lines += [f"| `{_escaped(mutant.name)}` | {reasons.get(mutant.name, '')} |" for mutant in listed]
    return "\n".join(lines)


def _line(part: str, numbers: list[int]) -> str:
    return f"| {part} | {' | '.join(str(number) for number in numbers)} |"


def _part(path: str) -> str:
    return path.rpartition("/")[0]


def _by(mutant: Mutant, verdicts: dict[str, str], reasons: dict[str, str]) -> str:
    verdict = verdicts.get(mutant.key, SURVIVED)
    if verdict == SURVIVED:
        return "explained" if mutant.name in reasons else "survived"
    return "endless" if verdict == "endless" else "simulator" if verdict.startswith("simulator") else "test"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
