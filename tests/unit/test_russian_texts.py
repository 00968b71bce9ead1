"""What people read in Russian is Russian: no English leaks through, and no name stands where it would be inflected."""

import argparse
import ast
import io
import logging
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from lanchat import i18n
from lanchat.cli import options as client_options
from lanchat.terminal.arguments import METAVARS, Parser
from lanchat_server.cli import main as server_main
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.backup import examine
from lanchat_server.window.log import WindowLog

ROOT = Path(__file__).parents[2]
PO = ROOT / "lanchat/locale/ru/LC_MESSAGES/lanchat.po"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names of programs, formats, keys and characters; words that are typed as they stand.
NAMES = _words(
    """
    LAN Chat Server Windows Linux Python SQLite MySQL MariaDB Galera PyNaCl systemd Tk Wi-Fi VPN Markdown Emoji TCP
    UDP TLS DNS URL SQL CSV TOML JSON Lines jsonl ndjson json UTC UTF-8 UTF-16 Windows-1251 cp1251 utf8mb4 MD5 HEX
    ID SMTP QR zeroconf Prometheus prometheus-client pip install python3-tk chmod o-w ulimit LANCHAT PASSWORD NEW
    DATABASE Enter Esc Ctrl Shift Alt Tab Home End F3 keys general true false member moderator administrator stdout
    stderr html who reply edit delete react quit help csv sql archive unarchive void revoke cluster Slack Zulip
    Mattermost BeeBEEP server tada example org chat HH MM backups
    """
)
# What stands for itself: placeholders, code, options, addresses, commands, filters of the search.
_VERBATIM = re.compile(
    r"\{[^}]*\}|%\(\w+\)[sdr]|%[-+.0-9]*[sdrf]|`[^`]*`|--[a-z-]+(?:[ =][a-z|]+)?|@?[a-z]+://\S*|"
    r"\b(?:from|in|after|before):|"
    r"#[0-9a-f]{6}|\blanchat(?:-server)?(?: [a-z][a-z-]*)*|/[a-z]+\b|\S+@\S+|\S+\.(?:toml|json|example)\S*"
)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9'-]*[A-Za-z0-9]")
# Placeholders for names of people, rooms and servers, and the words after which a name may stand as it is.
_NAME = r"«?\{(?:user|name|server|room|author|device|holder)\}"
_GENERIC = _words(
    """
    сервер сервера серверу сервером сервере комната комнаты комнате комнату комнатой комнат пользователь пользователя
    пользователю запись записи записью устройство устройству базы экран названием роль работает
    """
)
_BEFORE_NAME = re.compile(rf"([а-яё]+) {_NAME}", re.IGNORECASE)


@pytest.fixture(autouse=True)
def russian() -> Iterator[None]:
    i18n.set_language("ru")
    yield
    i18n.set_language("en")


def translations() -> list[str]:
    with PO.open("rb") as stream:
        catalog = read_po(stream, locale="ru")
    found: list[str] = []
    for message in catalog:
        if message.id:
            found += message.string if isinstance(message.string, list | tuple) else [str(message.string)]
    return found


def english(text: str) -> list[str]:
    """The words of a Russian text that are English."""
    return [word for word in _WORD.findall(_VERBATIM.sub(" ", text)) if word not in NAMES]


def inflected(text: str) -> list[str]:
    """Words before a name that ask for another case of it."""
    return [match[0] for match in _BEFORE_NAME.finditer(text) if match[1].lower() not in _GENERIC]


def test_translations_hold_no_english_words() -> None:
    assert {text: found for text in translations() if (found := english(text))} == {}


def test_names_are_never_inflected() -> None:
    assert [text for text in translations() if inflected(text)] == []


@pytest.mark.parametrize("text", ["Подключено к {server}.", "Сообщение в «{room}»", "сеанс {user}", "Ответ для {name}"])
def test_inflected_names_are_found(text: str) -> None:
    assert inflected(text)


@pytest.mark.parametrize("text", ["Файл is damaged", "роль: Moderator", "/reply N TEXT", "не хватает: ROOM"])
def test_english_words_are_found(text: str) -> None:
    assert english(text)


# Help and complaints


def pages(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from pages(child)


def described(page: str) -> str:
    """Without the example at the end and the names of columns, which are typed as they stand."""
    return re.sub(r"Поля: [\w\s,]*", "", page.partition(i18n._("Example:"))[0])


@pytest.mark.parametrize("make", [client_options.client_parser, server_main.server_parser])
def test_help_is_russian(make: Callable[[], Parser]) -> None:
    found = {}
    for page in pages(make()):
        names = set(re.findall(r"[A-Za-z][A-Za-z-]+", page.prog))
        for action in page._actions:
            if action.choices:
                names |= {str(choice) for choice in action.choices}
        words = [word for word in english(described(page.format_help())) if word not in names]
        if words:
            found[page.prog] = words
    assert found == {}


def test_complaints_are_russian(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["send"], ["send", "a"], ["history", "a", "--limit", "x"], ["login", "--nonsense"], ["nothing"]):
        with pytest.raises(SystemExit):
            client_options.parse(argv)
        said = capsys.readouterr().err
        words = [word for word in english(said) if word not in ("nonsense", "nothing", *client_options.COMMANDS)]
        assert words == [], said


def test_values_in_forms_are_russian() -> None:
    assert [name for name in METAVARS if english(i18n._(name))] == []


# Reasons, roles, the log in the server's window


def test_reasons_against_a_backup_are_russian(tmp_path: Path) -> None:
    files = {"nothing": b"", "text": b"no archive", "cut": _archive()[:-30], "empty": _archive(), "odd": _archive("x")}
    for name, octets in files.items():
        file = tmp_path / name
        file.write_bytes(octets)
        with pytest.raises(StoreError) as caught:
            examine(file)
        assert english(str(caught.value).replace(str(file), "")) == []


def _archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return file.getvalue()


def test_log_of_the_window_is_russian() -> None:
    log = WindowLog()
    logger = logging.Logger("here")
    logger.addHandler(log)
    logger.info("%s logged in from %s", "анна", "192.168.1.7")
    logger.warning("a mail was not sent: %s", "нет связи")
    logger.error("a batch failed")
    logger.error("%s", "100 % как есть")
    lines = [line.text for line in log.after(0)]
    assert [english(line) for line in lines] == [[]] * 4
    assert "вход: анна, адрес 192.168.1.7" in lines[0]
    assert lines[3].endswith("100 % как есть")


# Texts that never reach the catalogue


def literals(file: Path) -> Iterator[str]:
    """Words that a control is given as a constant of the source."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg in ("text", "label", "title", "hint") and isinstance(value, ast.Constant):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}: {value.value!r}"


def test_controls_get_their_words_from_the_catalogue() -> None:
    files = [*(ROOT / "lanchat/ui").rglob("*.py"), *(ROOT / "lanchat_server/window").rglob("*.py")]
    found = [place for file in files for place in literals(file)]
    assert [place for place in found if english(place.partition(": ")[2])] == []
