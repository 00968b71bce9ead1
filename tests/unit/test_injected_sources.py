"""Clocks and entropy are injected: decision code and code that the simulator runs call neither directly.

`ALLOWED` lists what does so all the same, with the reason. Defaults of parameters do not count: they are what is
handed in when nothing else is.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (
    *(f"lanchat/{part}" for part in ("core", "protocol", "app", "transport", "store")),
    *(f"lanchat_server/{part}" for part in ("core", "service", "admin", "store")),
)
_CLOCKS = frozenset(
    name + unit
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
    for unit in ("", "_ns")
) | {"localtime", "gmtime", "strftime", "ctime", "asctime"}
# Names of modules, classes and values that are a clock or a source of entropy; None: all of their attributes.
SOURCES: dict[str, frozenset[str] | None] = {
    "time": _CLOCKS,
    "random": None,
    "secrets": None,
    "uuid": None,
    "os": frozenset({"urandom", "getrandom"}),
    "datetime": frozenset({"now", "utcnow", "today"}),
    "date": frozenset({"today"}),
    "lanchat.platform.clock": frozenset({"wall_ms", "steady_ms"}),
    "SYSTEM_CLOCK": None,
    "SYSTEM_ENTROPY": None,
}

ALLOWED = {
    "lanchat_server/admin/local.py": "a command that waits for the answer of a server, over a socket",
    "lanchat_server/service/lifecycle/server.py": "the outermost: takes the lease before there is a service",
    "lanchat_server/store/connection/asking.py": "how long a connection was idle, as firewalls count it",
    "lanchat_server/store/opening.py": "the outermost of a store: the times of a new database and of its migration",
    "lanchat_server/store/sqlstore.py": "a command that waits for the lease of a server that was killed",
    "lanchat_server/store/transactions/writing.py": "the number by which a copy is known: nobody may foresee it",
}


def uses(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each use of a clock or of entropy, outside defaults of parameters."""
    tree = ast.parse(source)
    names = dict(_names(tree))
    spared = {id(node) for default in _defaults(tree) for node in ast.walk(default)}
    for node in ast.walk(tree):
        if id(node) in spared:
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            origin = names.get(node.value.id, node.value.id)
            if _is_source(origin, node.attr):
                yield node.lineno, f"{origin}.{node.attr}"
        elif isinstance(node, ast.Name) and "." in (origin := names.get(node.id, "")):
            module, _, name = origin.rpartition(".")
            if _is_source(module, name):
                yield node.lineno, origin


def _names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What names of the file stand for: `import time as t`, `from time import monotonic as now`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                own = alias.name in SOURCES and not _is_source(node.module or "", alias.name)
                yield alias.asname or alias.name, alias.name if own else f"{node.module}.{alias.name}"


def _defaults(tree: ast.AST) -> Iterator[ast.expr]:
    """Of parameters, and of fields of classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            yield from node.defaults
            yield from (default for default in node.kw_defaults if default is not None)
        elif isinstance(node, ast.ClassDef):
            yield from (field.value for field in node.body if isinstance(field, ast.AnnAssign) and field.value)


def _is_source(origin: str, attribute: str) -> bool:
    if origin not in SOURCES:
        return False
    attributes = SOURCES[origin]
    return attributes is None or attribute in attributes


def found(root: Path) -> dict[str, list[str]]:
    """File to its uses, as `line: name`."""
    files = [file for folder in FOLDERS for file in sorted((root / folder).rglob("*.py"))]
    listed = {
        file.relative_to(root).as_posix(): [f"{line}: {name}" for line, name in uses(file.read_text(encoding="utf-8"))]
        for file in files
    }
    return {path: lines for path, lines in listed.items() if lines}


def test_clocks_and_entropy_are_injected() -> None:
    assert {path: lines for path, lines in found(ROOT).items() if path not in ALLOWED} == {}


def test_each_allowed_file_needs_it() -> None:
    assert ALLOWED.keys() <= found(ROOT).keys()


def test_folders_exist() -> None:
    assert all((ROOT / folder).is_dir() for folder in FOLDERS)


@pytest.mark.parametrize(
    "text",
    [
        "import time\nx = time.time()",
        "import time as t\nx = t.monotonic()",
        "from time import monotonic as now\nx = now()",
        "import time\nclock = time.monotonic",
        "import secrets\ndef late():\n    return secrets.token_bytes(4)",
        "import os\nx = os.urandom(4)",
        "from os import urandom\nx = urandom(4)",
        "from random import random\nx = random()",
        "import random\nx = random.Random()",
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.now()",
        "import uuid\nx = uuid.uuid4()",
        "from lanchat.platform.clock import SYSTEM_CLOCK\nx = SYSTEM_CLOCK.wall_ms()",
        "from lanchat.platform.entropy import SYSTEM_ENTROPY\nx = SYSTEM_ENTROPY.randbits(4)",
        "from lanchat.platform.clock import wall_ms\nx = wall_ms()",
    ],
)
@pytest.mark.parametrize("folder", ["lanchat/core", "lanchat_server/service"])
def test_planted_use_is_found(tmp_path: Path, folder: str, text: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "planted.py").write_text(text + "\n", encoding="utf-8")
    assert list(found(tmp_path)) == [f"{folder}/planted.py"]


@pytest.mark.parametrize(
    "text",
    [
        "from lanchat.platform.clock import SYSTEM_CLOCK, Clock\ndef run(clock: Clock = SYSTEM_CLOCK): clock.wall_ms()",
        "import random\ndef run(draw=random.random): return draw()",
        "def run(self): return self.entropy.token_bytes(4), self.now()",
        "import os\nx = os.getpid()",
        "from datetime import datetime\nx = datetime.fromtimestamp(1)",
    ],
)
def test_injected_source_is_not_reported(text: str) -> None:
    assert list(uses(text)) == []
