"""The policy of an administrator: what it fixes, and files that are not taken."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.core.policy import NO_POLICY, Policy
from lanchat.core.ports import LocalStoreError
from lanchat.i18n import LANGUAGES, set_language
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.identity import InviteLink
from lanchat.store.policy import KEYS, POLICY_MAX, parse_policy_untrusted, policy_files, read_policy
from lanchat.ui.kit.fonts import SIZES
from lanchat.ui.kit.theme import PALETTES
from lanchat.wording.policy import fixed_lines
from lanchat.wording.problems import error_text

LINK = f"lanchat://192.0.2.7:47400/#{'ab' * 32}"
WHOLE = f"""
server = "{LINK}"
discovery = false

[settings]
language = "ru"
theme = "dark"
text_size = 2
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing there")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path / "policy.toml"


def write(file: Path, text: str | bytes, mode: int = 0o644) -> Path:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    return file


def test_reads_all_that_a_policy_can_fix(file: Path) -> None:
    policy = read_policy([write(file, WHOLE)])
    assert policy.server == InviteLink("192.0.2.7", 47400, "ab" * 32)
    assert not policy.discovery
    assert policy.settings == {"language": "ru", "theme": "dark", "text_size": 2}
    assert (policy.file, policy.language, policy.ignored) == (str(file), "ru", None)
    assert policy.fixes("theme")
    assert not policy.fixes("geometry")


def test_without_a_file_nothing_is_fixed(file: Path) -> None:
    assert read_policy([file, file / "below"]) == NO_POLICY
    assert fixed_lines(NO_POLICY) == []


@pytest.mark.parametrize("text", ["", "\ufeff# nothing\r\n"])
def test_empty_policy_fixes_nothing(file: Path, text: str) -> None:
    assert read_policy([write(file, text)]) == Policy(str(file))


def test_first_of_two_files_holds(file: Path) -> None:
    machine, beside = write(file, "discovery = false"), write(file.with_name("beside.toml"), WHOLE)
    assert read_policy([machine, beside]) == Policy(str(machine), discovery=False)


def test_values_are_those_that_the_window_has() -> None:
    assert KEYS["settings.language"].values == LANGUAGES
    assert KEYS["settings.theme"].values == tuple(PALETTES)
    assert KEYS["settings.text_size"].values == SIZES


WRONG = {
    "unknown key": ("colour = 1", "colour", Problem.POLICY_UNKNOWN_KEY),
    "unknown setting": ("[settings]\nfont = 'x'", "settings.font", Problem.POLICY_UNKNOWN_KEY),
    "unknown table": ("[limits]\nrate = 1", "limits", Problem.POLICY_UNKNOWN_KEY),
    "settings that are no table": ("settings = 3", "settings", Problem.POLICY_UNKNOWN_KEY),
    "key in other case": ("Discovery = false", "Discovery", Problem.POLICY_UNKNOWN_KEY),
    "text for a truth value": ("discovery = 'no'", "discovery", Problem.POLICY_VALUE),
    "number for a truth value": ("discovery = 0", "discovery", Problem.POLICY_VALUE),
    "truth value for a number": ("[settings]\ntext_size = true", "settings.text_size", Problem.POLICY_VALUE),
    "number that is no step": ("[settings]\ntext_size = 3", "settings.text_size", Problem.POLICY_VALUE),
    "fraction": ("[settings]\ntext_size = 2.0", "settings.text_size", Problem.POLICY_VALUE),
    "language that there is not": ("[settings]\nlanguage = 'de'", "settings.language", Problem.POLICY_VALUE),
    "list": ("[settings]\ntheme = ['dark']", "settings.theme", Problem.POLICY_VALUE),
    "link that is none": ("server = '192.0.2.7'", "server", Problem.POLICY_LINK),
    "link cut short": (f"server = '{LINK[:-1]}'", "server", Problem.POLICY_LINK),
    "two links": (f"server = '{LINK} {LINK[:-1]}0'", "server", Problem.POLICY_LINK),
    "number for a link": ("server = 5", "server", Problem.POLICY_LINK),
    "twice the same key": ("discovery = true\ndiscovery = false", "line 2", Problem.POLICY_NOT_TOML),
    "no TOML": ("discovery false", "line 1", Problem.POLICY_NOT_TOML),
    "cut off": ("discovery = false\nserver = '", "line 2", Problem.POLICY_NOT_TOML),
    "nested too deeply": ("x = " + "[" * 20_000, "line 1", Problem.POLICY_NOT_TOML),
    "UTF-16": (WHOLE.encode("utf-16"), "", Problem.POLICY_NOT_TEXT),
    "other encoding": ("# правило".encode("cp1251"), "", Problem.POLICY_NOT_TEXT),
    "too long": ("#" * (POLICY_MAX + 1), "", Problem.POLICY_TOO_LONG),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("text", "named", "problem"), WRONG.values(), ids=WRONG)
def test_error_names_file_and_key_in_one_line(
    file: Path, text: str | bytes, named: str, problem: Problem, language: str
) -> None:
    write(file, text)
    with pytest.raises(LocalStoreError) as caught:
        read_policy([file])
    assert caught.value.details.problem is problem
    set_language(language)
    said = error_text(caught.value)
    assert len(said.splitlines()) == 1
    assert str(file) in said
    assert language != "en" or named in said


def test_key_with_control_characters_is_shown_harmless() -> None:
    with pytest.raises(LocalStoreError) as caught:
        parse_policy_untrusted(b'"a\\u001b[31mb" = 1', "policy.toml")
    assert "\x1b" not in error_text(caught.value)


def test_folder_in_the_place_of_the_file_is_an_error(file: Path) -> None:
    file.mkdir()
    with pytest.raises(LocalStoreError, match=r"policy\.toml"):
        read_policy([file])


@posix
@pytest.mark.parametrize(("of_file", "of_folder"), [(0o646, 0o755), (0o644, 0o757)], ids=["file", "folder"])
def test_file_that_others_can_write_is_ignored(file: Path, of_file: int, of_folder: int) -> None:
    write(file, WHOLE, of_file)
    file.parent.chmod(of_folder)
    try:
        policy = read_policy([file])
    finally:
        file.parent.chmod(0o755)
    assert policy.ignored is not None
    assert policy.ignored.problem is Problem.POLICY_WRITABLE
    assert (policy.server, policy.settings, policy.file) == (None, {}, "")


@posix
def test_file_in_a_sticky_folder_is_taken(file: Path) -> None:
    write(file, WHOLE)
    file.parent.chmod(0o1777)
    try:
        assert read_policy([file]).server is not None
    finally:
        file.parent.chmod(0o755)


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a file away")
@pytest.mark.parametrize(("owner", "group", "mode"), [(12345, 0, 0o644), (0, 12345, 0o664)], ids=["owner", "group"])
def test_file_of_another_user_or_group_is_ignored(file: Path, owner: int, group: int, mode: int) -> None:
    write(file, WHOLE)
    os.chown(file, owner, group)
    file.chmod(mode)
    assert read_policy([file]).ignored is not None


def test_what_is_wrong_with_an_ignored_file_is_not_read(file: Path) -> None:
    if sys.platform != "win32":
        assert read_policy([write(file, "no TOML", 0o666)]).ignored is not None


def test_places_are_the_machine_and_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine, *beside = policy_files()
    # Without a virtual environment there is no folder of the program alone.
    assert beside == ([Path(sys.prefix) / "policy.toml"] if sys.prefix != sys.base_prefix else [])
    assert machine.name == "policy.toml"
    assert machine.is_absolute()
    program = tmp_path / "lanchat"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(program))
    assert policy_files() == [machine, program.resolve().with_name("policy.toml")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_say_what_is_fixed(file: Path, language: str) -> None:
    set_language(language)
    lines = fixed_lines(read_policy([write(file, WHOLE)]))
    assert len(lines) == 6
    assert str(file) in lines[0]
    assert "192.0.2.7:47400" in lines[1]
    assert "Русский" in lines[3]
