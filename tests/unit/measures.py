"""`python -m tests.unit.measures [FOLDER]`: measures of the structure of this tree, or of the checkout in FOLDER.

What a message costs in calls and files is counted by `python -m pytest -s tests/benchmarks/test_client_counts.py`.
"""

import sys
from collections import Counter
from pathlib import Path

from tests.support.procs import ROOT
from tests.unit.test_imports import OURS, import_cycles, imports_of_ours
from tests.unit.test_names import defined_more_than_once
from tests.unit.test_sizes import FILE_MAX, FUNCTION_MAX, long_functions


def modules(root: Path, *folders: str) -> list[Path]:
    """The modules below these folders of `root`, without those that only make a folder a package."""
    found = sorted(file for folder in folders for file in (root / folder).rglob("*.py"))
    return [file for file in found if file.name != "__init__.py"]


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def measures(root: Path) -> dict[str, str]:
    """What is measured, and its value, of the checkout in `root`."""
    product, tests = modules(root, *OURS), modules(root, "tests")
    folders = Counter(file.parent.relative_to(root).as_posix() for file in product)
    most = ", ".join(f"{name} {count}" for name, count in folders.most_common(3))
    texts = {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in product}
    functions = [name for file, text in texts.items() for name in long_functions(file, text)]
    return {
        "files of the product": str(len(product)),
        "folders": str(len(folders)),
        "files in a folder, on average": f"{len(product) / len(folders):.1f}",
        "files in the fullest folders": most,
        "import cycles": str(len(import_cycles(imports_of_ours(root)))),
        f"files over {FILE_MAX} lines, product": str(sum(_lines(file) > FILE_MAX for file in product)),
        f"files over {FILE_MAX} lines, tests": str(sum(_lines(file) > FILE_MAX for file in tests)),
        f"functions over {FUNCTION_MAX} lines": str(len(functions)),
        "class names defined twice": str(len(defined_more_than_once(root))),
    }


def table(found: dict[str, str]) -> str:
    """The measures as rows of Markdown."""
    return "\n".join(["| measure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in found.items())])


if __name__ == "__main__":
    print(table(measures(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)))
