"""Imports one module of the product with a change, in this process only; the file stays as it is."""

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType


def module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def import_changed(root: Path, path: str, tree: ast.Module) -> None:
    """From now on the module at `path` is what `tree` says. It must not have been imported yet."""
    name = module_name(path)
    if name in sys.modules:
        raise RuntimeError(f"{name} is imported already")
    sys.meta_path.insert(0, _Finder(name, root / path, tree))


class _Finder(MetaPathFinder):
    def __init__(self, name: str, file: Path, tree: ast.Module) -> None:
        self._name = name
        self._file = file
        self._tree = tree

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        return spec_from_file_location(name, self._file, loader=_Loader(name, str(self._file), self._tree))


class _Loader(SourceFileLoader):
    def __init__(self, name: str, file: str, tree: ast.Module) -> None:
        super().__init__(name, file)
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.path, "exec")
