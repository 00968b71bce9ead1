"""The mutation run itself: what tests notice it must find, and what nothing can notice it must report."""

import subprocess
import sys
from pathlib import Path

from tests.mutants import reach
from tests.mutants.operators import mutants_of
from tests.mutants.table import EXPLAINED, explanations, table
from tests.mutants.trial import SURVIVED, forked

ROOT = Path(__file__).parents[2]
CORE = """
from functools import cache


def larger(one, other):
    if one > other:
        return one
    return other


def unreached(number):
    return number + 1


@cache
def table():
    return [0, 1]


def looked_up(place):
    return table()[place]
"""
TEST = """
from lanchat.protocol.planted import larger, looked_up


def test_no_place():
    looked_up(0)


def test_the_larger_one_is_returned():
    assert larger(2, 1) == 2
    assert larger(1, 2) == 2


def test_place():
    assert looked_up(1) == 1
"""
RUN = """
import sys
from pathlib import Path
from tests.mutants.campaign import Campaign
campaign = Campaign(Path(sys.argv[1]), seeds=0)
sample = campaign.choose(1, 0, "")
campaign.run(sample, again="--again" in sys.argv)
for mutant in sample:
    print("VERDICT", mutant.name, "=", campaign.verdicts[mutant.key])
"""
TEST_ID = "tests/unit/test_planted.py::test_the_larger_one_is_returned"


def _project(root: Path) -> Path:
    """A core of one module, and a test of it."""
    core, unit = root / "lanchat" / "protocol", root / "tests" / "unit"
    core.mkdir(parents=True)
    unit.mkdir(parents=True)
    (root / "lanchat" / "__init__.py").touch()
    (core / "__init__.py").touch()
    (core / "planted.py").write_text(CORE)
    (unit / "test_planted.py").write_text(TEST)
    return root


def _run(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(root), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _verdicts(output: str) -> dict[str, str]:
    lines = [line.removeprefix("VERDICT ") for line in output.splitlines() if line.startswith("VERDICT ")]
    return dict(line.split(" = ") for line in lines)


def test_finds_caught_uncaught_and_unreached_mutants(tmp_path: Path) -> None:
    verdicts = _verdicts(_run(_project(tmp_path)))
    name = "lanchat/protocol/planted.py larger: "
    assert verdicts[name + "one > other → one <= other"] == TEST_ID
    assert verdicts[name + "return other → return None"] == TEST_ID
    assert verdicts[name + "one > other → one >= other"] == SURVIVED
    assert verdicts["lanchat/protocol/planted.py unreached: number + 1 → number - 1"] == SURVIVED
    # The other test called it first, and the result was kept.
    place = "tests/unit/test_planted.py::test_place"
    assert verdicts["lanchat/protocol/planted.py table: [0, 1] → [0, 2]"] == place


def test_tries_only_mutants_without_a_verdict(tmp_path: Path) -> None:
    project = _project(tmp_path)
    first = _run(project)
    second = _run(project)
    assert _verdicts(second) == _verdicts(first)
    assert "left" in first
    assert "left" not in second
    (project / "tests/unit/test_planted.py").write_text(TEST + "\n\ndef test_more():\n    assert larger(1, 1) == 1\n")
    unchanged, tried = _run(project), _run(project, "--again")
    assert _verdicts(unchanged) == _verdicts(first)
    assert "left" in tried


def test_changed_function_gets_new_mutant_keys(tmp_path: Path) -> None:
    project = _project(tmp_path)
    before = {mutant.name: mutant.key for mutant in mutants_of(project, "lanchat/protocol/planted.py")}
    core = project / "lanchat/protocol/planted.py"
    core.write_text('"""Moved down."""\n' + CORE.replace("return one", "return one or 0"))
    after = {mutant.name: mutant.key for mutant in mutants_of(project, "lanchat/protocol/planted.py")}
    name = "lanchat/protocol/planted.py unreached: number + 1 → number - 1"
    assert after[name] == before[name]
    name = "lanchat/protocol/planted.py larger: one > other → one >= other"
    assert after[name] != before[name]


def test_endless_work_is_ended_by_the_processor_limit() -> None:
    def endless() -> str:
        while True:
            pass

    assert forked(endless, 1) == "endless"


def test_table_counts_explained_survivors_apart(tmp_path: Path) -> None:
    sample = mutants_of(_project(tmp_path), "lanchat/protocol/planted.py")
    verdicts = {mutant.key: TEST_ID for mutant in sample} | {sample[0].key: SURVIVED, sample[1].key: SURVIVED}
    text = table(sample, verdicts, {sample[0].name: "equal either way"})
    assert f"| all | {len(sample)} | {len(sample) - 2} | 0 | 0 | 1 | 1 |" in text
    assert "equal either way" in text


def test_only_unit_tests_of_the_cores_are_used() -> None:
    names = {file.relative_to(ROOT).as_posix() for file in reach.test_files(ROOT)}
    assert {
        "tests/unit/core/test_room.py",
        "tests/unit/server/core/test_hub.py",
        "tests/unit/protocol/test_wire.py",
        "tests/unit/server/core/test_throttle.py",
    } <= names
    assert not names & {
        "tests/unit/cli/test_commands.py",
        "tests/unit/transport/test_tls.py",
        "tests/unit/server/store/test_log.py",
    }


def test_explanations_name_existing_mutants() -> None:
    paths = {name.partition(" ")[0] for name in explanations()}
    names = {mutant.name for path in paths for mutant in mutants_of(ROOT, path)}
    assert explanations().keys() <= names, EXPLAINED
