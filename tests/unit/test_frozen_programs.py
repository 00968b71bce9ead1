"""What the frozen programs leave out: nothing that a module in them imports.

The specs run here as PyInstaller runs them, but for its own parts, which tests do not install.
"""

import ast
import runpy
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "packaging" / "pyinstaller"
OURS = ("lanchat", "lanchat_server")


def modules() -> dict[str, Path]:
    """All modules of the program by name."""
    files = (path.relative_to(ROOT) for package in OURS for path in (ROOT / package).rglob("*.py"))
    return {".".join(file.with_suffix("").parts).removesuffix(".__init__"): ROOT / file for file in files}


MODULES = modules()


def below(package: str) -> list[str]:
    return [name for name in MODULES if name == package or name.startswith(f"{package}.")]


def analysed(spec: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a spec gives to PyInstaller's `Analysis`."""
    given: dict[str, Any] = {}

    def analysis(scripts: list[str], **options: Any) -> SimpleNamespace:
        given.update(options, scripts=scripts)
        return SimpleNamespace()

    class Nothing(ModuleType):
        def __getattr__(self, name: str) -> Any:
            return lambda *_arguments, **_options: []

    bundle = Nothing("bundle")
    vars(bundle).update(ROOT=ROOT, NEVER=[], AS_FILES={})
    hooks = Nothing("PyInstaller.utils.hooks")
    vars(hooks).update(collect_submodules=below)
    for name, module in {"bundle": bundle, "PyInstaller.utils.hooks": hooks}.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys, "path", list(sys.path))
    runpy.run_path(str(SPECS / spec), {"SPECPATH": str(SPECS), "Analysis": analysis})
    return given


@cache
def imported(file: Path) -> list[str]:
    """Names of modules, or of what is in them, that a file imports anywhere."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def frozen(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the modules of a program import: importer and import."""
    scripts = [SPECS / name for name in given["scripts"]]
    waiting = [(name, MODULES[name]) for name in given["hiddenimports"] if name in MODULES]
    waiting += [(script.name, script) for script in scripts]
    seen = {name for name, _file in waiting}
    while waiting:
        importer, file = waiting.pop()
        for name in imported(file):
            yield importer, name
            parts = name.split(".")
            for part in (".".join(parts[:length]) for length in range(1, len(parts) + 1)):
                if part in MODULES and part not in seen:
                    seen.add(part)
                    waiting.append((part, MODULES[part]))


def missing(given: dict[str, Any]) -> list[str]:
    excluded = tuple(given["excludes"])
    return sorted(
        f"{importer} imports {name}"
        for importer, name in frozen(given)
        if any(name == each or name.startswith(f"{each}.") for each in excluded)
    )


@pytest.mark.parametrize("spec", ["client.spec", "server.spec"])
def test_nothing_that_is_imported_is_left_out(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = analysed(spec, monkeypatch)
    assert len(set(frozen(given))) > 500
    assert missing(given) == []


def test_what_is_left_out_and_imported_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    given = analysed("client.spec", monkeypatch)
    given["excludes"] += ["segno"]
    assert missing(given) == ["lanchat.ui.kit.canvas.qr imports segno"]
