"""Imports point down only: the pure parts touch no clock, network or randomness, the client knows no server.

The rules stand in `RULES`, one line per folder; the last tests plant violations to see that they are found.
"""

import ast
import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("lanchat", "lanchat_server")

# What a core must be handed instead of taking it: the clock, randomness, the network, the disk, the screen.
IMPURE = (
    "_thread",
    "asyncio",
    "concurrent",
    "ctypes",
    "datetime",
    "getpass",
    "http",
    "logging",
    "multiprocessing",
    "mysql",
    "os",
    "pathlib",
    "platform",
    "queue",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "tkinter",
    "ttkbootstrap",
    "urllib.request",
    "uuid",
    "zeroconf",
)
DATABASES = ("sqlalchemy", "alembic", "mysql")
SCREEN = ("tkinter", "_tkinter", "ttkbootstrap", "lanchat.ui")


@dataclass(frozen=True)
class Rule:
    """Files that match `where` import nothing of `never`; of our own packages nothing but `ours`, when given."""

    where: str
    never: tuple[str, ...] = ()
    ours: tuple[str, ...] | None = None
    but: str = ""  # files that the rule spares

    def covers(self, path: str) -> bool:
        return fnmatch.fnmatch(path, self.where) and not (self.but and fnmatch.fnmatch(path, self.but))

    def objection(self, module: str) -> str | None:
        if any(_inside(module, banned) for banned in self.never):
            return f"{self.where} must not import {module}"
        if self.ours is not None and _is_ours(module) and not any(_inside(module, own) for own in self.ours):
            return f"{self.where} may import of ours only {', '.join(self.ours)}, not {module}"
        return None


RULES = (
    Rule("lanchat/protocol/*", never=IMPURE, ours=("lanchat.protocol",)),
    Rule("lanchat_server/core/*", never=IMPURE, ours=("lanchat.protocol", "lanchat_server.core")),
    # The service has the clocks and hands them to its parts.
    Rule("lanchat_server/service/*", never=("time",), but="lanchat_server/service/service.py"),
    Rule("lanchat/store/*", ours=("lanchat.protocol", "lanchat.store", "lanchat.i18n")),
    Rule("lanchat/net/*", ours=("lanchat.protocol", "lanchat.store", "lanchat.net", "lanchat.i18n")),
    Rule("lanchat/*", never=("lanchat_server", *DATABASES)),
    Rule("lanchat_server/*", never=SCREEN, but="lanchat_server/window*.py"),
)


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _is_ours(module: str) -> bool:
    return any(_inside(module, package) for package in OURS)


def imported_modules(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Line and module of each import, also those inside functions; a relative one is resolved in `package`.

    `from a import b` counts as `a.b`, as `b` may be a module. A star import yields `a.*`.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and (name := _named_import(node)):
            yield node.lineno, name


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _named_import(node: ast.Call) -> str | None:
    """The module of `__import__("…")` or `import_module("…")`, when it is written out."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called in ("__import__", "import_module") and node.args and isinstance(node.args[0], ast.Constant):
        return str(node.args[0].value)
    return None


def violations(root: Path) -> list[str]:
    """Each breach of the rules in the packages below `root`, as `file:line: reason`."""
    found = []
    for file in sorted(file for package in OURS for file in (root / package).rglob("*.py")):
        path = file.relative_to(root).as_posix()
        package = ".".join(Path(path).parent.parts)
        for line, module in imported_modules(file.read_text(encoding="utf-8"), package):
            found += [f"{path}:{line}: {reason}" for reason in _objections(path, module)]
    return found


def _objections(path: str, module: str) -> Iterator[str]:
    if module.endswith(".*"):
        yield f"star import of {module[:-2]}"
    for rule in RULES:
        if rule.covers(path) and (reason := rule.objection(module)):
            yield reason


def test_imports_point_down_only() -> None:
    assert violations(ROOT) == []


def test_the_rules_look_at_real_folders() -> None:
    for rule in RULES:
        assert (ROOT / rule.where.rstrip("*")).is_dir(), rule.where


@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        ("lanchat/protocol/wire.py", "import time", "must not import time"),
        ("lanchat/protocol/wire.py", "from os import urandom", "must not import os.urandom"),
        ("lanchat/protocol/wire.py", "import asyncio.queues", "must not import asyncio.queues"),
        ("lanchat/protocol/wire.py", "from datetime import datetime", "must not import datetime.datetime"),
        ("lanchat/protocol/deep/er.py", "import random", "must not import random"),
        ("lanchat/protocol/wire.py", "from lanchat.store import outbox", "not lanchat.store.outbox"),
        ("lanchat/protocol/wire.py", "from lanchat import i18n", "not lanchat.i18n"),
        ("lanchat/protocol/wire.py", "from ..net import udp", "not lanchat.net.udp"),
        ("lanchat/protocol/wire.py", "def late():\n    import socket", "wire.py:2: lanchat/protocol/* must not"),
        ("lanchat/protocol/wire.py", "__import__('secrets')", "must not import secrets"),
        ("lanchat_server/core/writer.py", "import threading", "must not import threading"),
        ("lanchat_server/core/writer.py", "from lanchat_server.store import api", "not lanchat_server.store.api"),
        ("lanchat_server/core/writer.py", "from lanchat.net import udp", "not lanchat.net.udp"),
        ("lanchat/store/outbox.py", "import lanchat.net.udp", "not lanchat.net.udp"),
        ("lanchat/net/udp.py", "from lanchat.ui import theme", "not lanchat.ui.theme"),
        ("lanchat/cli/chat.py", "import lanchat_server", "must not import lanchat_server"),
        ("lanchat/ui/model.py", "import sqlalchemy as sa", "must not import sqlalchemy"),
        ("lanchat/__main__.py", "from mysql import connector", "must not import mysql.connector"),
        ("lanchat_server/service/run.py", "import tkinter.ttk", "must not import tkinter.ttk"),
        ("lanchat_server/__main__.py", "from lanchat.ui import theme", "must not import lanchat.ui.theme"),
        ("lanchat_server/service/run.py", "import time", "must not import time"),
        ("lanchat_server/service/run.py", "from lanchat.protocol.wire import *", "star import of"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, path: str, line: str, expected: str) -> None:
    plant(tmp_path, path, line)
    found = violations(tmp_path)
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("lanchat/protocol/wire.py", "import hashlib, msgspec, urllib.parse"),
        ("lanchat/protocol/wire.py", "from .limits import MAX_BODY"),
        ("lanchat/protocol/wire.py", "import timeit_like_name"),
        ("lanchat_server/core/writer.py", "from lanchat.protocol.records import Record"),
        ("lanchat/net/udp.py", "from lanchat.store.outbox import Outbox"),
        ("lanchat/store/outbox.py", "from lanchat.i18n import _"),
        ("lanchat_server/window.py", "import tkinter\nfrom lanchat.ui import theme"),
        ("lanchat_server/store/tables.py", "import sqlalchemy"),
        ("lanchat_server/service/service.py", "import time"),
    ],
)
def test_what_is_allowed_is_not_found(tmp_path: Path, path: str, line: str) -> None:
    plant(tmp_path, path, line)
    assert violations(tmp_path) == []


def plant(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text(text + "\n", encoding="utf-8")
