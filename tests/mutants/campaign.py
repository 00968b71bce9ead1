"""A sample of mutants, tried one after the other; verdicts are kept between runs."""

import hashlib
import json
import time
from pathlib import Path

from tests.mutants import reach
from tests.mutants.operators import Mutant, mutants_of
from tests.mutants.trial import SURVIVED, forked, run

CORES = ("lanchat/protocol/**/*.py", "lanchat/core/**/*.py", "lanchat_server/core/**/*.py")
# Seconds of processor time to see what each test calls.
_RECORDING = 1200
_RECORDED = "recorded"


class Campaign:
    """`seeds`: runs of the simulator for each mutant. Verdicts by the key of the mutant."""

    def __init__(self, root: Path, seeds: int) -> None:
        self._root = root
        self._seeds = seeds
        self._folder = root / ".cache" / "mutants"
        self._file = self._folder / "verdicts.json"
        self.verdicts: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def choose(self, seed: int, size: int, only: str) -> list[Mutant]:
        """Those whose name has `only` in it; without it a sample, the same for the same seed."""
        files = sorted(str(file.relative_to(self._root)) for core in CORES for file in self._root.glob(core))
        every = [mutant for path in files for mutant in mutants_of(self._root, path)]
        if only:
            return [mutant for mutant in every if only in mutant.name]
        drawn = sorted(every, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.name}".encode()).digest())
        return sorted(drawn[: size or None], key=lambda mutant: (mutant.path, mutant.place))

    def run(self, sample: list[Mutant], *, again: bool) -> None:
        """Try those of which nothing is known; `again`: and those that survived."""
        left = [
            mutant for mutant in sample if self.verdicts.get(mutant.key) in ((None, SURVIVED) if again else (None,))
        ]
        if not left:
            return
        calls = self._reach()
        began = time.monotonic()
        for number, mutant in enumerate(left, 1):
            verdict = self._try(mutant, calls)
            self.verdicts[mutant.key] = verdict
            self._save()
            minutes = (time.monotonic() - began) / number * (len(left) - number) / 60
            print(
                f"{number}/{len(left)}, {minutes:.0f} min left  {mutant.line} {mutant.name}\n    {verdict}", flush=True
            )

    def _try(self, mutant: Mutant, calls: reach.Reach) -> str:
        function = f"{mutant.path} {mutant.function}"
        tests = calls.tests_of_module(mutant.path) if mutant.cached else calls.tests_of(function)
        seeds = self._seeds if function in calls.simulated else 0
        return run(self._root, mutant, tests, seeds, calls.cost(tests) + seeds * calls.seed_seconds)

    def _reach(self) -> reach.Reach:
        file = self._folder / "reach.json"
        known, changed = reach.up_to_date(self._root, self._base(), reach.load(file))
        if not changed:
            return known
        print(f"looking what the tests of {len(changed)} files call", flush=True)
        answer = forked(lambda: self._record(file, known, changed), _RECORDING)
        if answer != _RECORDED:
            raise SystemExit(f"the tests must pass before mutants are tried: {answer}")
        return reach.load(file)

    def _record(self, file: Path, known: reach.Reach, changed: list[str]) -> str:
        reach.save(reach.record(self._root, known, changed, self._seeds), file)
        return _RECORDED

    def _base(self) -> str:
        """The digest of everything but the tests that decides which test calls what."""
        files = [file for core in CORES for file in self._root.glob(core)]
        files += [file for folder in ("sim", "support") for file in (self._root / "tests" / folder).glob("*.py")]
        whole = hashlib.sha256(str(self._seeds).encode())
        for file in sorted(files):
            whole.update(hashlib.sha256(file.read_bytes()).digest())
        return whole.hexdigest()

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(self.verdicts, indent=0, ensure_ascii=False), encoding="utf-8")
        fresh.replace(self._file)
