"""Class names in docstrings of the product refer to existing classes."""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.procs import ROOT

PRODUCT = ("lanchat", "lanchat_server", "db")
# Of libraries, where the product does not name it itself; terms that are written like the name of a class.
EXTERNAL_NAMES = {
    "ChaCha20",
    "ClientHello",  # TLS
    "MessageError",  # email.errors
    "OpaqueString",  # RFC 8265
}
# Behind "raises": a list of names.
_RAISES = re.compile(r"\b[Rr]aises? (?:an? )?([A-Z]\w*(?:(?:, | or | and |, or )[A-Z]\w*)*)")
_NAME = re.compile(r"[A-Z]\w*[a-z]\w*")
_SEVERAL_WORDS = re.compile(r"\b(?:[A-Z][a-z0-9]+){2,}\b")
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def trees(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for folder in PRODUCT:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def defined_names(tree: ast.Module) -> Iterator[str]:
    """Names of classes, imports, attributes, and type aliases."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.Attribute):
            yield node.attr


def docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, Documented) and (text := ast.get_docstring(node)):
            yield " ".join(text.split())


def named(docstring: str) -> set[str]:
    """Class names in a docstring: those behind "raises", and names of several words."""
    listed = {name for found in _RAISES.findall(docstring) for name in _NAME.findall(found)}
    return listed | set(_SEVERAL_WORDS.findall(docstring))


def unknown_names(root: Path) -> list[str]:
    """`file: name` for each name that is not defined."""
    sources = list(trees(root))
    known = {name for _file, tree in sources for name in defined_names(tree)} | set(dir(builtins)) | EXTERNAL_NAMES
    return sorted(
        {f"{file}: {name}" for file, tree in sources for text in docstrings(tree) for name in named(text) - known}
    )


def test_class_names_in_docstrings_exist() -> None:
    assert unknown_names(ROOT) == []


def test_unknown_names_are_found(tmp_path: Path) -> None:
    for folder in PRODUCT:
        (tmp_path / folder).mkdir()
    (tmp_path / "lanchat/module.py").write_text(
        'class ServerRefusal(Exception):\n    """Raises Busy or ServerRefusal, then WrongMove, from an OldName."""\n'
        'def ask() -> None:\n    """The answer.\n\n    Raises OSError, Refusal\n    or ServerRefusal."""\n'
    )
    assert unknown_names(tmp_path) == [
        f"lanchat/module.py: {name}" for name in ("Busy", "OldName", "Refusal", "WrongMove")
    ]
