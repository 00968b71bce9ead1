"""The outcome of an attack, and tables of outcomes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.attacks.databases import KINDS
from tests.support.marked import write

NAME = "attacks"
_COLUMNS = ("attack", "attempts", "accepted", "others' p99, ms: quiet → attacked", "server memory, MiB", "seen")


@dataclass(slots=True)
class Outcome:
    """`accepted`: attempts that had any effect. `quiet`, `attacked`: p99 in seconds from send to shown of people who
    chat meanwhile. `memory`: octets resident before, and at most. `faults`: what is not as it must be."""

    attack: str
    attempts: int
    accepted: int = 0
    quiet: float | None = None
    attacked: float | None = None
    memory: tuple[int, int] | None = None
    seen: str = ""
    columns: ClassVar[tuple[str, ...]] = _COLUMNS
    faults: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Adds a fault unless the condition holds."""
        if not holds:
            self.faults.append(f"{self.attack}: {otherwise}")

    def row(self) -> tuple[str, ...]:
        """Its cells."""
        speed = "" if self.attacked is None else f"{_ms(self.attacked)}"
        if self.quiet is not None:
            speed = f"{_ms(self.quiet)} → {speed}"
        memory = "" if self.memory is None else f"{self.memory[0] >> 20} → {self.memory[1] >> 20}"
        return (self.attack, f"{self.attempts:,}", f"{self.accepted:,}", speed, memory, self.seen)


def faults(outcomes: Iterable[Outcome]) -> list[str]:
    """All of them; an accepted attempt is one."""
    return [
        fault
        for outcome in outcomes
        for fault in (
            *([f"{outcome.attack}: {outcome.accepted} accepted"] if outcome.accepted else []),
            *outcome.faults,
        )
    ]


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown."""
    columns = outcomes[0].columns
    rows = [columns, ("---",) * len(columns), *(outcome.row() for outcome in outcomes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def publish(document: Path, parts: Sequence[str], run: dict[str, str]) -> None:
    """Put the tables of the parts that were run into the document; the other parts keep theirs. The keys of
    `run` are titles."""
    kept = _sections(document.read_text(encoding="utf-8"))
    titles = [title(part, kind) for part in parts for kind in KINDS]
    sections = [(each, run.get(each) or kept.get(each)) for each in titles]
    text = "\n\n".join(f"#### {each}\n\n{content.strip()}" for each, content in sections if content)
    write(document, NAME, f"\n{text}\n")


def title(part: str, kind: str) -> str:
    """Of a part's section: the figures on each kind of database stand beside each other."""
    return part.capitalize() + ("" if kind == KINDS[0] else " on MariaDB")


def made_by(part: str, kind: str, quick: bool) -> str:
    """The command whose figures these are."""
    options = [part, *(["--database", kind] if kind != KINDS[0] else []), *(["--quick"] if quick else [])]
    return f'`make attacks ARGS="{" ".join(options)}"`'


def _sections(text: str) -> dict[str, str]:
    found = re.search(rf"<!-- {NAME}: written by .*?-->\n(.*?)<!-- end of {NAME} -->", text, re.DOTALL)
    parts = re.split(r"^#### (.+)$", found[1], flags=re.MULTILINE)[1:] if found else []
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
