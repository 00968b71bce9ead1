"""Class names in comments and docstrings of the server refer to existing classes."""

import ast
import builtins
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = [path for name in ("lanchat", "lanchat_server") for path in sorted((ROOT / name).rglob("*.py"))]
SERVER = [path for path in PRODUCT if path.relative_to(ROOT).parts[0] == "lanchat_server"]
# Names of the world outside, as they are written within a sentence.
EXTERNAL_NAMES = frozenset(
    [
        "Alembic",
        "ClientHello",
        "Core",
        "Ctrl",
        "English",
        "From",
        "Galera",
        "Group",
        "InnoDB",
        "KiB",
        "Lines",
        "Linux",
        "MariaDB",
        "MiB",
        "MySQL",
        "OpaqueString",
        "OpenSSL",
        "Prometheus",
        "Python",
        "Replication",
        "Windows",
    ]
)
_NAME = re.compile(r"(?<![\w/-])[A-Z][a-z]+[A-Za-z0-9]*")
# Of a document, or what another program says.
_TITLE = re.compile('"[^"]*"')
_MEMBER = re.compile(r"`?\b([A-Z][A-Za-z]+)\.(?!md\b)([a-z_]+)\b")


@cache
def names() -> frozenset[str]:
    """Every name that the product defines, imports or uses."""
    found = set(dir(builtins))
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.alias):
                found.add((node.asname or node.name).split(".")[-1])
    return frozenset(found)


def docstrings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def comments(source: str) -> Iterator[str]:
    """Consecutive comment lines are joined."""
    block: list[str] = []
    line = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            own_line = token.line.lstrip().startswith("#")
            if token.start[0] != line + 1 or not own_line:
                yield "\n".join(block)
                block = []
            block.append(token.string.lstrip("# "))
            line = token.start[0] if own_line else -1
    yield "\n".join(block)


def begins_a_sentence(text: str, place: int) -> bool:
    before = text[:place].rstrip(' `"(')
    if before.endswith("\n") and not before.endswith("\n\n") and text[place - 1] != " ":
        # Within a paragraph.
        before = before.rstrip()
    return not before or before[-1] in ".:!?\n*-"


def unknown_names(source: str) -> set[str]:
    """Names that look like those of classes but do not exist: of several words, or capitalised within a sentence."""
    unknown = set()
    for text in (*docstrings(source), *comments(source)):
        text = _TITLE.sub("", text)
        for found in _NAME.finditer(text):
            word = found.group()
            several_words = re.search("[a-z0-9][A-Z]", word)
            if several_words or not begins_a_sentence(text, found.start()):
                unknown.add(word)
        unknown |= {f"{owner}.{member}" for owner, member in _MEMBER.findall(text) if member not in names()}
    return unknown - names() - EXTERNAL_NAMES


def test_names_in_comments_exist() -> None:
    found = {path.relative_to(ROOT).as_posix(): unknown_names(path.read_text(encoding="utf-8")) for path in SERVER}
    assert {path: unknown for path, unknown in found.items() if unknown} == {}


def test_unknown_names_are_found() -> None:
    source = '"""Made by the WritingThread; see Writer.no_such_method."""\n# A lock. Ends with a\n# Stopped event.\n'
    assert unknown_names(source) == {"WritingThread", "Writer.no_such_method", "Stopped"}
