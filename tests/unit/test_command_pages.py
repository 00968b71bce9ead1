"""Man pages and shell completion say what the programs take, and are current."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lanchat.i18n import set_language
from lanchat.terminal.arguments import Parser

FOLDER = Path(__file__).parents[2] / "packaging" / "linux"


@pytest.fixture(scope="module")
def commands() -> Iterator[Any]:
    """The module that makes them."""
    sys.path.insert(0, str(FOLDER))
    try:
        import commands  # type: ignore[import-not-found, unused-ignore]

        yield commands
    finally:
        sys.path.remove(str(FOLDER))
        set_language("en")


@pytest.fixture(params=["lanchat", "lanchat-server"])
def program(request: pytest.FixtureRequest, commands: Any) -> Any:
    parser = commands.client_parser() if request.param == "lanchat" else commands.server_parser()
    return commands.read(parser)


def run(*argv: str, home: Path | None = None) -> str:
    """What it prints; skips the test where the program is not installed, as no server or screen depends on it."""
    if shutil.which(argv[0]) is None:
        pytest.skip(f"no {argv[0]}")
    environment = os.environ if home is None else os.environ | {"HOME": str(home)}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_files_are_current(commands: Any) -> None:
    assert commands.outdated() == [], "run packaging/linux/commands.py"


def test_lists_every_argument_of_a_parser(commands: Any) -> None:
    parser = Parser("prog")
    parser.add_argument("--some", metavar="FILE", help="100%% of it")
    parser.add_argument("--kind", choices=["a", "b"])
    parser.add_argument("--yes", action="store_true")
    parser.add_argument("--secret", help=argparse.SUPPRESS)
    parser.add_argument("place", metavar="DIR")
    found = commands.read(parser)
    assert [option.names[-1] for option in found.options] == ["--help", "--some", "--kind", "--yes"]
    by_name = {option.names[-1]: option for option in found.options}
    assert by_name["--some"][1:] == ("FILE", "100% of it", ())
    assert by_name["--some"].path == "file"
    assert (by_name["--kind"].value, by_name["--kind"].choices) == ("a|b", ("a", "b"))
    assert by_name["--yes"].value == ""
    assert [(argument.value, argument.path) for argument in found.positionals] == [("DIR", "folder")]


def test_page_names_every_command_and_option(commands: Any, program: Any) -> None:
    page = commands.manpages.page(program).replace("\\-", "-")
    for command in program.walk():
        assert command is program or f".SS {command.path}\n" in page
        for argument in command.options:
            assert all(f"\\fB{name}\\fR" in page for name in argument.names)


def test_page_is_valid_roff(commands: Any, program: Any) -> None:
    page = FOLDER / "man" / f"{program.path}.{commands.manpages.SECTIONS[program.path]}"
    run("groff", "-man", "-Tutf8", "-ww", "-z", str(page))


def test_option_takes_a_value_in_all_commands_or_in_none(program: Any) -> None:
    kinds: dict[str, set[bool]] = {}
    for command in program.walk():
        for option in command.options:
            for name in option.names:
                kinds.setdefault(name, set()).add(bool(option.value))
    assert [name for name, found in kinds.items() if len(found) > 1] == []


CASES = [
    ("lanchat", "se", {"send", "send-file", "search"}),
    ("lanchat", "--server office rooms un", {"unarchive"}),
    ("lanchat", "--user send --lang", {"--language"}),
    ("lanchat", "--language ", {"en", "ru"}),
    ("lanchat", "send general --re", {"--reply-to"}),
    ("lanchat", "send --user ", set()),
    ("lanchat-server", "--data-dir users users re", {"reset-password", "revoke-device"}),
    ("lanchat-server", "users set-role anna mod", {"moderator"}),
    ("lanchat-server", "run --log-level w", {"warning"}),
    ("lanchat-server", "--no-d", {"--no-discovery"}),
]


@pytest.mark.parametrize(("name", "typed", "offered"), CASES)
def test_bash_completes(commands: Any, name: str, typed: str, offered: set[str]) -> None:
    words = [name, *typed.split(" ")]
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"""source {FOLDER}/completion/{name}.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}
        _{name.replace("-", "_")}; printf '%s\\n' "${{COMPREPLY[@]}}" """
    assert set(run("bash", "--norc", "-c", script).split()) == offered


@pytest.mark.parametrize(("name", "typed", "offered"), CASES)
def test_zsh_completes(commands: Any, name: str, typed: str, offered: set[str]) -> None:
    words = [name, *typed.split(" ")]
    quoted = " ".join(f"'{word}'" for word in words)
    # The functions of zsh's completion system, as far as they are used: they print what is offered.
    script = f"""_describe() {{ [[ $1 = -o ]] && shift; print -l -- ${{(@)found%%:*}} }}; _files() {{ print files }}
        compdef() {{}}; words=({quoted}); CURRENT={len(words)}; source {FOLDER}/completion/_{name}
        _{name.replace("-", "_")}"""
    found = set(run("zsh", "-f", "-c", script).split())
    assert {word for word in found if word.startswith(words[-1])} == offered


@pytest.mark.parametrize(("name", "typed", "offered"), CASES)
def test_fish_completes(commands: Any, name: str, typed: str, offered: set[str], tmp_path: Path) -> None:
    script = f"set -g fish_complete_path; source {FOLDER}/completion/{name}.fish; complete -C '{name} {typed}'"
    lines = run("fish", "--no-config", "-c", script, home=tmp_path).splitlines()
    assert {line.partition("\t")[0] for line in lines} == offered


def test_paths_are_completed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for words, offered in (
        (["lanchat-server", "--data-dir", "f"], ["folder"]),
        (["lanchat-server", "--config", "f"], ["file", "folder"]),
        (["lanchat-server", "backup", "f"], ["file", "folder"]),
    ):
        script = f"""cd {tmp_path}; source {FOLDER}/completion/lanchat-server.bash; COMP_WORDS=({" ".join(words)})
            compopt() {{ :; }}; COMP_CWORD={len(words) - 1}; _lanchat_server; printf '%s\\n' "${{COMPREPLY[@]}}" """
        assert sorted(run("bash", "--norc", "-c", script).split()) == offered
