"""The product uses no private or undocumented part of a library but those in `USES`, each behind one function with a
test that fails when the library has changed.

Found are: names with a leading underscore of what is not ours, read, written, imported or inherited; modules that the
library does not document; and whatever is put into a module or class of a library. The last tests plant violations to
see that they are found.
"""

import argparse
import ast
import functools
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("lanchat", "lanchat_server")
SCANNED = (*OURS, "db", "packaging")

# (file, name): the test that fails when the library has changed.
USES = {
    ("lanchat/discovery/mdns_sockets.py", "_listen_socket"): "tests/unit/discovery/test_mdns_internals.py",
    ("lanchat/discovery/mdns_sockets.py", "_respond_sockets"): "tests/unit/discovery/test_mdns_internals.py",
    ("lanchat/platform/programs/interrupts.py", "_signal"): "tests/unit/platform/test_interrupts.py",
    ("lanchat/terminal/arguments.py", "argparse._"): "tests/unit/cli/test_grammar.py",
    ("lanchat/terminal/arguments.py", "argparse.ngettext"): "tests/unit/cli/test_grammar.py",
    ("lanchat_server/service/net/tls_internals.py", "asyncio.sslproto"): (
        "tests/unit/server/service/test_tls_internals.py"
    ),
    ("lanchat_server/service/net/tls_internals.py", "SSLProtocol.max_size"): (
        "tests/unit/server/service/test_tls_internals.py"
    ),
    ("lanchat_server/service/net/tls_internals.py", "_ssl_protocol"): "tests/unit/server/service/test_tls_internals.py",
    ("lanchat_server/service/net/tls_internals.py", "_transport"): "tests/unit/server/service/test_tls_internals.py",
    (
        "lanchat_server/store/connection/connector.py",
        "mysql.connector.network",
    ): "tests/unit/server/store/test_connector.py",
    ("lanchat_server/store/connection/connector.py", "_socket"): "tests/unit/server/store/test_connector.py",
    ("lanchat_server/store/connection/connector.py", "_netbroker"): "tests/unit/server/store/test_connector.py",
    ("lanchat_server/store/connection/connector.py", "_pktnr"): "tests/unit/server/store/test_connector.py",
    ("lanchat_server/store/connection/driver.py", "dispatch"): "tests/unit/server/store/test_driver_internals.py",
    ("lanchat_server/store/connection/driver.py", "instance"): "tests/unit/server/store/test_driver_internals.py",
    ("packaging/linux/grammar.py", "_actions"): "tests/unit/test_command_pages.py",
}

# Documented in spite of the underscore: of named tuples, and of `os`.
DOCUMENTED = {"_replace", "_asdict", "_fields", "_field_defaults", "_make", "os._exit"}
# asyncio documents its own names alone, none of its modules'; the connector no module but those of its classes.
UNDOCUMENTED_MODULES = re.compile(
    r"asyncio\.\w|mysql\.connector\.(network|protocol|utils|abstracts|opentelemetry|plugins)|argparse\.\w"
    r"|(msgspec|zeroconf|ttkbootstrap|sqlalchemy|alembic)(\.\w+)*\._"
    r"|sqlalchemy\.(util|cresultproxy|engine\.(base|cursor|default|result|url))\b|prometheus_client\.metrics_core"
)
# Names without an underscore that the libraries do not document.
UNDOCUMENTED_NAMES = {
    "dispatch": "sqlalchemy: events of an engine",
    "instance": "sqlalchemy: DBAPIError.instance",
}
_UNDOCUMENTED_OF = {"dispatch": "connection.engine", "instance": "DBAPIError"}


def is_private(name: str) -> bool:
    """`_` alone is the translation of a text; names between two underscores are Python's."""
    return name.startswith("_") and name != "_" and not (name.startswith("__") and name.endswith("__"))


def dotted(node: ast.expr) -> str:
    """`a.b` of names and attributes, `super()`; empty for other expressions."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super":
        return "super()"
    return node.id if isinstance(node, ast.Name) else ""


def library_parts(source: str, ours: set[str]) -> Iterator[tuple[int, str]]:
    """Line and name of each private or undocumented part in a file. `ours`: names with an underscore that some class of
    the product has, which `self` may mean."""
    nodes = list(ast.walk(ast.parse(source)))
    own = own_names(nodes)
    foreign = foreign_names(nodes)
    for node in nodes:
        yield from _of_import(node)
        if isinstance(node, ast.Attribute):
            yield from _of_attribute(node, own, ours, foreign)
        elif isinstance(node, ast.Call) and dotted(node.func) in ("getattr", "hasattr", "setattr", "delattr"):
            name = str(node.args[1].value) if isinstance(node.args[1], ast.Constant) else ""
            if is_private(name) and name not in own:
                yield node.lineno, name


def _of_import(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        modules = [(alias.name, "") for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        modules = [(node.module or "", alias.name) for alias in node.names]
    else:
        return
    for module, name in modules:
        if module.partition(".")[0] in (*OURS, "__future__", "tests"):
            continue
        yield from ((node.lineno, part) for part in (*module.split("."), name) if is_private(part))
        if UNDOCUMENTED_MODULES.match(module):
            yield node.lineno, module


def _of_attribute(node: ast.Attribute, own: set[str], ours: set[str], foreign: set[str]) -> Iterator[tuple[int, str]]:
    owner = dotted(node.value)
    if isinstance(node.ctx, ast.Store) and owner in foreign:
        yield node.lineno, f"{owner}.{node.attr}"
    elif _UNDOCUMENTED_OF.get(node.attr) == owner:
        yield node.lineno, node.attr
    elif is_private(node.attr) and not DOCUMENTED & {node.attr, f"{owner}.{node.attr}"}:
        known = own | ours if owner in ("self", "cls", "super()") else own
        if node.attr not in known:
            yield node.lineno, node.attr


def own_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that a file defines, also as attributes of `self`."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found |= {node.attr} if dotted(node.value) in ("self", "cls") else set()
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def foreign_names(nodes: Iterable[ast.AST]) -> set[str]:
    """What a file imports from outside the product: modules, classes, functions, as it calls them."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name for alias in node.names if alias.name.partition(".")[0] not in OURS}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] not in OURS and not node.level:
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def inherited_parts(kind: type) -> set[str]:
    """Private names of libraries' classes that this class of ours has too: overridden, or met by accident."""
    bases = [base for base in kind.__mro__ if base is not object and base.__module__.partition(".")[0] not in OURS]
    if any(base.__module__ == "enum" for base in bases):  # each member list and map of an enum is its own
        return set()
    theirs = {name for base in bases for name in (*vars(base), *names_of_self(base))}
    mine = {*vars(kind), *names_of_self(kind)}
    inherited = {name for name in mine & theirs if is_private(name) and not name.startswith(("_abc_", "_is_"))}
    return inherited - DOCUMENTED


def names_of_self(kind: type) -> set[str]:
    """Private attributes that the text of a class reads or writes of `self`; none where it has no Python source."""
    return _names_of_classes(kind.__module__).get(kind.__qualname__, set())


@functools.cache
def _names_of_classes(module: str) -> dict[str, set[str]]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, KeyError):
        return {}
    return {
        node.name: {
            each.attr
            for each in ast.walk(node)
            if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
        }
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }


def sources() -> dict[str, str]:
    files = sorted(file for folder in SCANNED for file in (ROOT / folder).rglob("*.py"))
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}


def own_names_of_all() -> set[str]:
    return set().union(*(own_names(ast.walk(ast.parse(source))) for source in sources().values()))


def our_classes() -> Iterator[type]:
    for package in OURS:
        found = importlib.import_module(package)
        for info in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not info.name.endswith("__main__"):
                module = importlib.import_module(info.name)
                yield from (
                    each for each in vars(module).values() if isinstance(each, type) and each.__module__ == info.name
                )


def found_parts() -> dict[tuple[str, str], str]:
    """(file, name) to the place."""
    ours = own_names_of_all()
    found = {}
    for file, source in sources().items():
        for line, name in library_parts(source, ours):
            found[file, name] = f"{file}:{line}: {name}"
    for kind in our_classes():
        file = kind.__module__.replace(".", "/") + ".py"
        found |= {(file, name): f"{file}: {kind.__name__}.{name}" for name in inherited_parts(kind)}
    return found


def test_private_parts_are_used_only_as_listed() -> None:
    found = found_parts()
    assert [place for use, place in found.items() if use not in USES] == []
    if sys.version_info < (3, 15):
        assert USES.keys() - found.keys() == set()


def test_each_use_has_a_test_for_library_changes() -> None:
    for test in USES.values():
        assert (ROOT / test).is_file(), test


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import _signal", "_signal"),
        ("from zeroconf._core import Zeroconf", "_core"),
        ("from msgspec import _core", "_core"),
        ("from asyncio.selector_events import BaseSelectorEventLoop", "asyncio.selector_events"),
        ("from mysql.connector.abstracts import MySQLConnectionAbstract", "mysql.connector.abstracts"),
        ("def f(loop):\n    loop._ready.clear()", "_ready"),
        ("class A:\n    def f(self, loop):\n        return self.loop._ready", "_ready"),
        ("class A(tk.Frame):\n    def f(self):\n        return self._w", "_w"),
        ("def f(x):\n    return getattr(x, '_sslobj', None)", "_sslobj"),
        ("import argparse\nargparse._ = print", "argparse._"),
        ("from ssl import SSLContext\nSSLContext.options = 0", "SSLContext.options"),
        ("import os\nos._execvpe('a', [], {})", "_execvpe"),
        ("def f(connection):\n    connection.engine.dispatch.commit()", "dispatch"),
    ],
)
def test_planted_use_is_found(source: str, name: str) -> None:
    assert name in [found for _line, found in library_parts(source, {"_own"})]


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos._exit(1)",
        "class A:\n    def f(self):\n        return self._own",
        "class A:\n    def __init__(self):\n        self._x = 1\ndef f(a):\n    return a._x",
        "def f(point):\n    return point._replace(x=1)",
        "from lanchat.i18n import _\nprint(_('x').__len__())",
        "import email.policy",
    ],
)
def test_own_or_documented_part_is_not_reported(source: str) -> None:
    assert list(library_parts(source, {"_own"})) == []


def test_private_part_of_a_base_class_is_found() -> None:
    class Step(ast.NodeVisitor):
        def _private(self) -> None: ...

    class Ours(Step):
        def _private(self) -> None: ...

    Ours.__module__ = "lanchat.core"
    assert inherited_parts(Ours) == {"_private"}


def test_private_attributes_of_a_library_class_are_found() -> None:
    assert "_prog_prefix" in names_of_self(argparse._SubParsersAction)
