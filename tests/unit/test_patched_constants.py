"""Limits and times are handed in where a test of a pure part needs others: it replaces no constant of the product."""

import ast
from collections.abc import Iterator
from functools import cache

from tests.support.procs import ROOT

# Folders whose tests replace none; a slash ends each.
_FOLDERS = ("tests/sim/", "tests/explorer/", "tests/unit/protocol/", "tests/unit/server/core/")


def constants_patched(source: str) -> Iterator[str]:
    """Names of constants of the product that this test module replaces, by `setattr` of pytest's monkeypatch or by
    unittest's `patch`."""
    tree = ast.parse(source)
    ours = {"lanchat", "lanchat_server"}
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        for alias, module in _imports(node)
        if module.partition(".")[0] in ours
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("setattr", "patch.object", "patch"))):
            continue
        given = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        names = [value for value in given if isinstance(value, str)]
        if not names:
            continue
        place, _dot, name = names[0].rpartition(".")
        target = place or ast.unparse(node.args[0])
        if target.partition(".")[0] in ours | imported and _is_constant(name):
            yield name


def _imports(node: ast.AST) -> Iterator[tuple[ast.alias, str]]:
    if isinstance(node, ast.ImportFrom):
        yield from ((alias, node.module or "") for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from ((alias, alias.name) for alias in node.names)


def _is_constant(name: str) -> bool:
    return name.isupper() and len(name) > 1


@cache
def found() -> dict[str, set[str]]:
    """By test module of this tree."""
    by_file = {}
    for file in sorted((ROOT / "tests").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if ("setattr(" in text or "patch" in text) and (names := set(constants_patched(text))):
            by_file[file.relative_to(ROOT).as_posix()] = names
    return by_file


def test_tests_of_pure_parts_replace_no_constant() -> None:
    assert found()  # others do, as of a whole command, which has no argument for it
    assert [file for file in found() if file.startswith(_FOLDERS)] == []


def test_replaced_constants_are_found() -> None:
    lines = [
        "from lanchat.core.peers import carried as carried_module",
        "import os, lanchat_server.config",
        "monkeypatch.setattr(carried_module, 'AUTHOR_MAX', 3)",
        "with patch.object(carried_module, 'LEFT_MAX', 3): pass",
        "monkeypatch.setattr('lanchat_server.config.SETTINGS', 3)",
        "monkeypatch.setattr(carried_module, 'remove', 3)",
        "monkeypatch.setattr(os, 'EX_OK', 3)",
        "monkeypatch.setattr('os.EX_USAGE', 3)",
    ]
    assert sorted(constants_patched("\n".join(lines))) == ["AUTHOR_MAX", "LEFT_MAX", "SETTINGS"]
