"""Class names of the product are unique."""

import ast
from collections import defaultdict
from pathlib import Path

from tests.support.procs import ROOT

PRODUCT = ("lanchat", "lanchat_server", "db")


def defined_more_than_once(root: Path) -> dict[str, list[str]]:
    """Class names that several definitions below `root` share, with the files that define them."""
    places: dict[str, list[str]] = defaultdict(list)
    for folder in PRODUCT:
        for path in sorted((root / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(path.relative_to(root).as_posix())
    return {name: files for name, files in places.items() if len(files) > 1}


def test_each_class_name_is_defined_once() -> None:
    assert defined_more_than_once(ROOT) == {}


def test_name_defined_by_two_packages_is_found(tmp_path: Path) -> None:
    for folder in PRODUCT[:2]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "module.py").write_text("class Session:\n    pass\n")
    assert defined_more_than_once(tmp_path) == {"Session": ["lanchat/module.py", "lanchat_server/module.py"]}
