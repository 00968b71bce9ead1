"""Imports point down only and never in a circle: the pure parts touch no clock, network or randomness, the client knows
no server, the server takes from the client's package only what both share.

The rules stand in `RULES`, by folder; what breaks one for now stands in `EXCEPTIONS`, with the reason. The last tests
plant violations to see that they are found.
"""

import ast
import fnmatch
from collections.abc import Collection, Iterator
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

# The layers of the client, from below; each may import those that it names.
PROTOCOL = ("lanchat.protocol",)
CORE = (*PROTOCOL, "lanchat.core")
PLATFORM = (*PROTOCOL, "lanchat.platform")
DISCOVERY = (*PLATFORM, "lanchat.discovery")
TRANSPORT = (*CORE, *PLATFORM, "lanchat.transport")
STORE = (*CORE, *PLATFORM, "lanchat.store")
APP = (*STORE, "lanchat.transport", "lanchat.discovery", "lanchat.app", "lanchat.__version__")
# From here on texts are chosen for people; what is below says things in codes.
I18N = (*PLATFORM, "lanchat.i18n")
WORDING = (*CORE, *I18N, "lanchat.app.api", "lanchat.wording")
ABOUT = (*I18N, "lanchat.about", "lanchat.__version__")
TERMINAL = (*ABOUT, "lanchat.terminal")
CHECKS = (*TERMINAL, "lanchat.transport", "lanchat.discovery", "lanchat.checks")
CLI = (*WORDING, *TERMINAL, "lanchat.store", "lanchat.app", "lanchat.checks", "lanchat.cli")
UI_KIT = (*PROTOCOL, "lanchat.i18n", "lanchat.ui.kit")
UI_ADMINISTRATION = (*UI_KIT, "lanchat.ui.administration")
UI = (*WORDING, "lanchat.about", "lanchat.store", "lanchat.app", "lanchat.ui")
# Those of the server.
SERVER_CORE = (*PROTOCOL, "lanchat_server.core")
CONNECTION = (*SERVER_CORE, *I18N, "lanchat_server.store.connection")
TABLES = (*CONNECTION, "lanchat_server.store.tables")
SEARCHING = (*TABLES, "lanchat_server.store.searching")
SERVER_STORE = (*SERVER_CORE, *I18N, "lanchat_server.store")
MAINTENANCE = (*SERVER_STORE, "lanchat_server.maintenance", "lanchat_server.config", "lanchat_server.passwords")
SHARED = (*CHECKS, "lanchat_server")
SERVER_FACES = ("lanchat_server.cli", "lanchat_server.window")
FRAMES = "lanchat.protocol.wire"


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
    Rule("lanchat/protocol/*", never=IMPURE, ours=PROTOCOL),
    Rule("lanchat/core/*", never=IMPURE, ours=CORE),
    Rule("lanchat/i18n/*", ours=I18N),
    Rule("lanchat/platform/*", ours=PLATFORM),
    Rule("lanchat/about/*", ours=ABOUT),
    Rule("lanchat/wording/*", never=(FRAMES,), ours=WORDING),
    Rule("lanchat/terminal/*", never=(FRAMES,), ours=TERMINAL),
    Rule("lanchat/checks/*", ours=CHECKS),
    Rule("lanchat/discovery/*", ours=DISCOVERY),
    Rule("lanchat/transport/*", ours=TRANSPORT),
    Rule("lanchat/store/*", ours=STORE),
    Rule("lanchat/app/*", ours=APP),
    Rule("lanchat/cli/*", never=(FRAMES,), ours=CLI),
    Rule("lanchat/ui/*", never=(FRAMES,), ours=UI),
    Rule("lanchat/ui/kit/*", ours=UI_KIT),
    Rule("lanchat/ui/administration/*", ours=UI_ADMINISTRATION),
    Rule("lanchat/ui/model/*", never=("tkinter", "_tkinter", "ttkbootstrap")),
    Rule("lanchat/ui/texts/*", never=("tkinter", "_tkinter", "ttkbootstrap")),
    Rule("lanchat/*", never=("lanchat_server", *DATABASES)),
    Rule("lanchat_server/*", ours=SHARED, but="lanchat_server/window/*"),
    Rule("lanchat_server/window/*", ours=(*SHARED, "lanchat.ui.kit", "lanchat.ui.administration")),
    Rule("lanchat_server/*", never=SCREEN, but="lanchat_server/window/*"),
    Rule("lanchat_server/core/*", never=IMPURE, ours=SERVER_CORE),
    Rule("lanchat_server/store/*", ours=SERVER_STORE),
    Rule("lanchat_server/store/connection/*", ours=CONNECTION),
    Rule("lanchat_server/store/tables/*", ours=TABLES),
    Rule("lanchat_server/store/searching/*", ours=SEARCHING),
    Rule("lanchat_server/store/transactions/*", ours=(*SEARCHING, "lanchat_server.store.transactions")),
    Rule("lanchat_server/maintenance/*", ours=MAINTENANCE),
    # Clocks and entropy are handed in.
    Rule("lanchat_server/service/*", never=("time", "random", "secrets")),
    Rule("lanchat_server/service/*", never=SERVER_FACES),
    Rule("lanchat_server/admin/*", never=SERVER_FACES),
    Rule("lanchat_server/cli/*", never=("lanchat_server.window",)),
    Rule("lanchat_server/window/*", never=("lanchat_server.cli",)),
)

# (file, module): why the rules do not hold there yet.
EXCEPTIONS = {
    ("lanchat/cli/commands/window.py", "lanchat.ui.launch.run"): "`lanchat` without a command starts the window",
    ("lanchat_server/cli/main.py", "lanchat_server.window.main.run"): "`lanchat-server window` starts the window",
}


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
    """Each violation of the rules in the packages below `root`, as `file:line: reason`."""
    found = []
    for file in sorted(file for package in OURS for file in (root / package).rglob("*.py")):
        path = file.relative_to(root).as_posix()
        package = ".".join(Path(path).parent.parts)
        for line, module in imported_modules(file.read_text(encoding="utf-8"), package):
            if (path, module) not in EXCEPTIONS:
                found += [f"{path}:{line}: {reason}" for reason in _objections(path, module)]
    return found


def _objections(path: str, module: str) -> Iterator[str]:
    if module.endswith(".*"):
        yield f"star import of {module[:-2]}"
    for rule in RULES:
        if rule.covers(path) and (reason := rule.objection(module)):
            yield reason


def imports_of_ours(root: Path) -> dict[str, set[str]]:
    """Module to the modules of ours that it imports anywhere in its text, also for types alone."""
    files = {}
    for file in sorted(file for package in OURS for file in (root / package).rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    graph: dict[str, set[str]] = {}
    for name, file in files.items():
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        named = {module for _line, module in imported_modules(file.read_text(encoding="utf-8"), package)}
        graph[name] = {_module(module, files) for module in named if _is_ours(module)} & files.keys() - {name}
    return graph


def _module(name: str, files: Collection[str]) -> str:
    """`a.b.C` without its last part when that is no module."""
    return name if name in files else name.rpartition(".")[0]


def import_cycles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The largest sets of modules that can each be reached from each other."""
    found: set[frozenset[str]] = set()
    reached = {module: _reachable(graph, module) for module in graph}
    for module, others in reached.items():
        if module in others:
            found.add(frozenset(other for other in others if module in reached[other]))
    return found


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """The modules that `start` imports, directly or not; itself only when it is in a cycle."""
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += graph[module]
    return found


def test_imports_point_down_only() -> None:
    assert violations(ROOT) == []


def test_each_exception_is_needed() -> None:
    for path, module in EXCEPTIONS:
        package = ".".join(Path(path).parent.parts)
        modules = {module for _line, module in imported_modules((ROOT / path).read_text(encoding="utf-8"), package)}
        assert module in modules
        assert list(_objections(path, module))


def test_no_import_cycle() -> None:
    assert import_cycles(imports_of_ours(ROOT)) == set()


@pytest.mark.parametrize(
    "line",
    [
        "from lanchat.core import events",
        "from lanchat.core.events import Event",
        "from . import events",
        "def late():\n    from lanchat.core.events import Event",
        "if TYPE_CHECKING:\n    from lanchat.core.events import Event",
    ],
)
def test_planted_cycle_is_found(tmp_path: Path, line: str) -> None:
    plant(tmp_path, "lanchat/core/events.py", "import lanchat.core.ports")
    (tmp_path / "lanchat/core/ports.py").write_text("from lanchat.core.link import Link\n")
    (tmp_path / "lanchat/core/link.py").write_text(line + "\n")
    (tmp_path / "lanchat/core/core.py").write_text("from lanchat.core.link import Link\n")
    members = {"lanchat.core.events", "lanchat.core.ports", "lanchat.core.link"}
    assert import_cycles(imports_of_ours(tmp_path)) == {frozenset(members)}


def test_acyclic_imports_have_no_cycle(tmp_path: Path) -> None:
    plant(tmp_path, "lanchat/core/events.py", "from lanchat.core.ports import Port")
    (tmp_path / "lanchat/core/ports.py").write_text("import msgspec\n")
    (tmp_path / "lanchat/core/core.py").write_text("from lanchat.core import events, ports\n")
    assert import_cycles(imports_of_ours(tmp_path)) == set()


def test_rules_apply_to_existing_folders() -> None:
    for rule in RULES:
        assert (ROOT / rule.where.rstrip("*")).is_dir(), rule.where


@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        ("lanchat/protocol/wire/frames.py", "import time", "must not import time"),
        ("lanchat/protocol/codec.py", "from os import urandom", "must not import os.urandom"),
        ("lanchat/protocol/codec.py", "import asyncio.queues", "must not import asyncio.queues"),
        ("lanchat/protocol/codec.py", "from datetime import datetime", "must not import datetime.datetime"),
        ("lanchat/protocol/deep/er.py", "import random", "must not import random"),
        ("lanchat/protocol/codec.py", "from lanchat.store import outbox", "not lanchat.store.outbox"),
        ("lanchat/protocol/codec.py", "from lanchat import i18n", "not lanchat.i18n"),
        ("lanchat/core/core.py", "from lanchat.i18n import _", "not lanchat.i18n._"),
        ("lanchat/platform/disk/files.py", "from lanchat.i18n import _", "not lanchat.i18n._"),
        ("lanchat/store/local.py", "from lanchat.i18n import ngettext", "not lanchat.i18n.ngettext"),
        ("lanchat/discovery/probe.py", "from lanchat import i18n", "not lanchat.i18n"),
        ("lanchat/transport/udp.py", "def late():\n    from lanchat.i18n import _", "not lanchat.i18n._"),
        ("lanchat/app/client.py", "from lanchat.i18n import _", "not lanchat.i18n._"),
        ("lanchat/app/client.py", "from lanchat.wording import problems", "not lanchat.wording.problems"),
        ("lanchat/wording/problems.py", "from lanchat.app import client", "not lanchat.app.client"),
        ("lanchat/wording/problems.py", "from lanchat.ui.texts import words", "not lanchat.ui.texts.words"),
        ("lanchat/protocol/codec.py", "from ..transport import udp", "not lanchat.transport.udp"),
        ("lanchat/protocol/codec.py", "from lanchat.core import events", "not lanchat.core.events"),
        ("lanchat/protocol/codec.py", "def late():\n    import socket", "codec.py:2: lanchat/protocol/* must not"),
        ("lanchat/protocol/codec.py", "__import__('secrets')", "must not import secrets"),
        ("lanchat/core/core.py", "import time", "must not import time"),
        ("lanchat/core/rooms/room.py", "from lanchat.store import local", "not lanchat.store.local"),
        ("lanchat/i18n/input_rules.py", "from lanchat.app import api", "not lanchat.app.api"),
        ("lanchat/platform/disk/files.py", "from lanchat.store import local", "not lanchat.store.local"),
        ("lanchat/terminal/output.py", "from lanchat.app import api", "not lanchat.app.api"),
        ("lanchat/terminal/output.py", "from lanchat.protocol import wire", "must not import lanchat.protocol.wire"),
        ("lanchat/discovery/probe.py", "from lanchat.transport import tls", "not lanchat.transport.tls"),
        ("lanchat/transport/udp.py", "from lanchat.app import api", "not lanchat.app.api"),
        ("lanchat/transport/udp.py", "from lanchat.ui.kit import theme", "not lanchat.ui.kit.theme"),
        ("lanchat/store/local.py", "import lanchat.transport.udp", "not lanchat.transport.udp"),
        ("lanchat/app/api/events.py", "from lanchat.terminal import output", "not lanchat.terminal.output"),
        ("lanchat/cli/commands/chat.py", "import lanchat_server", "must not import lanchat_server"),
        ("lanchat/cli/commands/chat.py", "from lanchat.protocol import wire", "must not import lanchat.protocol.wire"),
        ("lanchat/cli/commands/chat.py", "from lanchat.ui import assembly", "not lanchat.ui.assembly"),
        ("lanchat/cli/commands/chat.py", "from lanchat.transport import tls", "not lanchat.transport.tls"),
        ("lanchat/ui/launch.py", "from lanchat.protocol.wire import Page", "must not import lanchat.protocol.wire"),
        ("lanchat/ui/launch.py", "from lanchat.cli.commands import rooms", "not lanchat.cli.commands.rooms"),
        ("lanchat/ui/kit/theme.py", "from lanchat.ui.texts import words", "not lanchat.ui.texts.words"),
        ("lanchat/ui/administration/people.py", "from lanchat.app import api", "not lanchat.app.api"),
        ("lanchat/ui/texts/words.py", "import tkinter as tk", "must not import tkinter"),
        ("lanchat/ui/texts/words.py", "import sqlalchemy as sa", "must not import sqlalchemy"),
        ("lanchat/__main__.py", "from mysql import connector", "must not import mysql.connector"),
        ("lanchat_server/core/sequencing/sequencer.py", "import threading", "must not import threading"),
        (
            "lanchat_server/core/sequencing/sequencer.py",
            "from lanchat_server.store import api",
            "not lanchat_server.store.api",
        ),
        (
            "lanchat_server/core/sequencing/sequencer.py",
            "from lanchat.transport import udp",
            "not lanchat.transport.udp",
        ),
        ("lanchat_server/store/dump.py", "import lanchat_server.service.keys", "not lanchat_server.service.keys"),
        (
            "lanchat_server/store/tables/rows.py",
            "from lanchat_server.store import dump",
            "not lanchat_server.store.dump",
        ),
        (
            "lanchat_server/store/connection/url.py",
            "import lanchat_server.store.tables",
            "not lanchat_server.store.tab",
        ),
        ("lanchat_server/maintenance/backup.py", "import lanchat_server.admin.run", "not lanchat_server.admin.run"),
        ("lanchat_server/service/run.py", "import tkinter.ttk", "must not import tkinter.ttk"),
        ("lanchat_server/service/run.py", "import time", "must not import time"),
        ("lanchat_server/service/run.py", "from lanchat.protocol.wire import *", "star import of"),
        ("lanchat_server/service/run.py", "import lanchat_server.cli.main", "must not import lanchat_server.cli.main"),
        ("lanchat_server/admin/run.py", "import lanchat_server.window.log", "must not import lanchat_server.window"),
        ("lanchat_server/cli/users.py", "from lanchat.cli.commands import rooms", "not lanchat.cli.commands.rooms"),
        ("lanchat_server/cli/users.py", "import lanchat_server.window.log", "must not import lanchat_server.window"),
        ("lanchat_server/config.py", "from lanchat.app import command_errors", "not lanchat.app.command_errors"),
        ("lanchat_server/mail.py", "from lanchat.core import core", "not lanchat.core.core"),
        ("lanchat_server/mail.py", "from lanchat.store import local", "not lanchat.store.local"),
        ("lanchat_server/window/view.py", "from lanchat.ui.texts import words", "not lanchat.ui.texts.words"),
        ("lanchat_server/window/view.py", "import lanchat_server.cli.main", "must not import lanchat_server.cli.main"),
    ],
)
def test_planted_violation_is_found(tmp_path: Path, path: str, line: str, expected: str) -> None:
    plant(tmp_path, path, line)
    found = violations(tmp_path)
    assert any(expected in each for each in found), found


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("lanchat/protocol/codec.py", "import hashlib, msgspec, urllib.parse"),
        ("lanchat/protocol/codec.py", "from .limits import MAX_BODY"),
        ("lanchat/protocol/codec.py", "import timeit_like_name"),
        ("lanchat/app/api/events.py", "from lanchat.store.local import SqliteLocalStore"),
        ("lanchat/wording/problems.py", "from lanchat.i18n import _"),
        ("lanchat/cli/commands/chat.py", "from lanchat.protocol.codes import Code"),
        ("lanchat/ui/kit/theme.py", "import tkinter"),
        ("lanchat_server/core/sequencing/sequencer.py", "from lanchat.protocol.log.records import Record"),
        ("lanchat_server/window/view.py", "import tkinter\nfrom lanchat.ui.kit import theme"),
        ("lanchat_server/store/tables.py", "import sqlalchemy"),
    ],
)
def test_allowed_import_is_not_reported(tmp_path: Path, path: str, line: str) -> None:
    plant(tmp_path, path, line)
    assert violations(tmp_path) == []


def plant(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text(text + "\n", encoding="utf-8")
