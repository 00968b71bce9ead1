"""The guides: the same pages and headings in both languages, links that lead somewhere, commands that parse."""

import importlib.util
import io
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from lanchat.cli.options import client_parser
from lanchat.i18n import language, set_language
from lanchat_server.cli.main import server_parser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ENGLISH = sorted(path for path in (DOCS / "guide").glob("*.md") if not path.name.endswith(".ru.md"))
ENGLISH.append(DOCS / "USER_GUIDE.md")
ALL = [*ENGLISH, *(path.with_suffix(".ru.md") for path in ENGLISH)]
READMES = [ROOT / "README.md", ROOT / "README.ru.md"]
CODE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# Programs of ours in the guides, also under the path that an example installs them to.
PROGRAM = re.compile(r"(?:^|/)(lanchat(?:-server)?)(?:\.exe)?$")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", CODE.sub("", text))


def headings(path: Path) -> list[tuple[int, str]]:
    """Depth and text of each heading."""
    text = CODE.sub("", path.read_text(encoding="utf-8"))
    return [(len(hashes), title) for hashes, title in re.findall(r"^(#+) (.*)$", text, re.MULTILINE)]


def anchors(path: Path) -> set[str]:
    """What links may name in a page: its headings in lower case, without signs, spaces as hyphens."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for _depth, title in headings(path)}


def test_both_languages_have_the_same_pages() -> None:
    names = {path.name for path in (DOCS / "guide").glob("*.md")}
    english = {name for name in names if not name.endswith(".ru.md")}
    assert {name.replace(".ru.md", ".md") for name in names - english} == english


@pytest.mark.parametrize("page", ENGLISH, ids=relative)
def test_both_languages_have_the_same_headings_and_examples(page: Path) -> None:
    other = page.with_suffix(".ru.md")
    assert [depth for depth, _title in headings(page)] == [depth for depth, _title in headings(other)]
    if page.parent.name == "guide":
        examples = [[kind for _indent, kind, _text in CODE.findall(path.read_text("utf-8"))] for path in (page, other)]
        assert examples[0] == examples[1]


@pytest.mark.parametrize("page", [*ALL, *READMES], ids=relative)
def test_links_lead_to_pages_and_headings_that_exist(page: Path) -> None:
    for target in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if target.startswith("https://"):
            continue
        name, _mark, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", ALL, ids=relative)
def test_links_and_pictures_are_of_the_language(page: Path) -> None:
    """But for the line that leads to the other language."""
    russian = page.name.endswith(".ru.md")
    lines = [
        line
        for line in page.read_text("utf-8").splitlines()
        if "[По-русски]" not in line and "[In English]" not in line
    ]
    for target in LINK.findall("\n".join(lines)):
        file = target.partition("#")[0]
        if file.endswith(".png"):
            assert file.endswith("-ru.png") == russian, target
        elif (page.parent / file).resolve() in {path.resolve() for path in ALL}:
            assert file.endswith(".ru.md") == russian, target


def test_every_picture_is_shown_somewhere_and_small() -> None:
    shown = {Path(target).name for page in [*ALL, *READMES] for target in LINK.findall(page.read_text("utf-8"))}
    for picture in (DOCS / "pictures").glob("*.png"):
        assert picture.name in shown
        assert picture.stat().st_size < 60_000


# --- Command lines ---------------------------------------------------------------------------------------------------


@cache
def parser(program: str) -> ArgumentParser:
    return client_parser() if program == "lanchat" else server_parser()


def shown_commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Program and arguments of each command line of ours in an example of a page."""
    text = page.read_text(encoding="utf-8")
    for _indent, kind, example in CODE.findall(text):
        if kind:
            continue
        for line in example.splitlines():
            yield from commands_in(line.strip().removeprefix("$ "))


def commands_in(line: str) -> Iterator[tuple[str, list[str]]]:
    """Commands of ours in a line of a shell. A line of output has none."""
    for part in split_shell(line):
        words = part
        while words and (re.fullmatch(r"[A-Z_]+=\S*", words[0]) or words[0] in {"sudo", "-u", "do"}):
            words = words[1:]
        if words and (match := PROGRAM.search(words[0])):
            yield match[1], words[1:]


def split_shell(line: str) -> list[list[str]]:
    """The words of each command of a line, without comment, pipes and redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    try:
        words = list(lexer)
    except ValueError:  # a line of output with an apostrophe
        return []
    parts: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("|;&<>"):
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def complaint(program: str, arguments: list[str]) -> str:
    """What the parser says against these arguments, or nothing."""
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        try:
            parser(program).parse_args(arguments)
        except SystemExit as end:
            return said.getvalue() if end.code else ""
    return ""


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    before = language()
    set_language("en")
    yield
    set_language(before)


@pytest.mark.parametrize("page", [*ALL, *READMES], ids=relative)
def test_commands_of_examples_parse(page: Path) -> None:
    for program, shown in shown_commands(page):
        arguments = [re.sub(r"^[0-9a-f]{8}…$", "0" * 64, word) for word in shown]  # a fingerprint that was cut short
        assert not complaint(program, arguments), (program, arguments)


def test_commands_of_examples_are_found() -> None:
    """Else the test above would test nothing."""
    line = (
        "LANCHAT_PASSWORD=x lanchat listen general --json | while read -r event; do lanchat-server status; done  # both"
    )
    assert [program for program, _arguments in commands_in(line)] == ["lanchat", "lanchat-server"]
    assert complaint("lanchat", ["--no-such-option"])
    assert sum(len(list(shown_commands(page))) for page in ALL) > 100


@cache
def options(program: str) -> frozenset[str]:
    """Every option that a program or one of its commands has."""
    found: set[str] = set()
    waiting = [parser(program)]
    while waiting:
        for action in waiting.pop()._actions:
            found.update(action.option_strings)
            if isinstance(action.choices, dict):
                waiting += action.choices.values()
    return frozenset(found)


@pytest.mark.parametrize("page", [*ALL, *READMES], ids=relative)
def test_options_named_in_texts_exist(page: Path) -> None:
    """In the words of code between the lines: of the program that they begin with, else of one of the two."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    for code in re.findall(r"`([^`]+)`", text):
        start = PROGRAM.search(code.split()[0])
        known = options(start[1]) if start else options("lanchat") | options("lanchat-server")
        if start or code.startswith("--"):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code):
                assert option in known, code


# --- The site --------------------------------------------------------------------------------------------------------


@cache
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("guides_site", ROOT / "packaging" / "site" / "guides.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_site_has_every_page() -> None:
    assert {path for language in ("en", "ru") for path in site().sources(language).values()} == set(ALL)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_staged_pages_link_to_staged_pages_alone(language: str, tmp_path: Path) -> None:
    site().stage(language, tmp_path)
    for page in tmp_path.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert "По-русски]" not in text
        assert "In English]" not in text
        for target in LINK.findall(without_code(text)):
            assert target.startswith("https://") or (tmp_path / (target.partition("#")[0] or page.name)).is_file(), (
                target
            )


def test_site_check_finds_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text('<h2 id="here"></h2>')
    (tmp_path / "page.html").write_text(
        '<a href="there.html#here"></a><a href="there.html#gone"></a><a href="gone.html"></a><a href="#gone"></a>'
        '<img src="gone.png"><script src="https://cdn.example/x.js"></script><a href="https://example.org"></a>'
    )
    (tmp_path / "page.css").write_text("@import 'https://fonts.example/font.css';")
    assert [line.split(" ", 1)[1] for line in site().faults(tmp_path)] == [
        "loads gone.png",
        "loads https://cdn.example/x.js",
        "links to there.html#gone: no such anchor",
        "links to gone.html: there is no such page",
        "links to #gone: no such anchor",
        "loads https:…",
    ]
