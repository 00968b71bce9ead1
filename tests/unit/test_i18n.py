"""The Russian catalogue is complete, fits the source, and equals the compiled file; languages are chosen correctly.

After a text was added or changed: `python packaging/dev/catalog.py`, then translate what it lists.
"""

import ast
import gettext
import re
import runpy
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from lanchat import i18n

ROOT = Path(__file__).parents[2]
PO = ROOT / "lanchat" / "locale" / "ru" / "LC_MESSAGES" / "lanchat.po"
# Texts that hold nothing to translate.
WORDLESS = re.compile(r"^[^A-Za-z]*$")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    with PO.open("rb") as stream:
        return read_po(stream, locale="ru")


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    yield
    i18n.set_language("en")


def messages(catalog: Catalog) -> list[Message]:
    """Those that have a translation; one test asks that all have."""
    return [message for message in catalog if message.id and all(forms(message))]


def key(message: Message) -> str | tuple[str, ...]:
    """The text, or its singular and plural."""
    return message.id if isinstance(message.id, str) else tuple(message.id)


def forms(message: Message) -> list[str]:
    """The translations of a message: one, or one for each plural form."""
    return list(message.string) if isinstance(message.string, list | tuple) else [str(message.string or "")]


def sources(message: Message) -> list[str]:
    return list(message.id) if isinstance(message.id, list | tuple) else [str(message.id)]


@cache
def marked_calls() -> list[tuple[str, ast.Call]]:
    """Each call of `_`, `N_` and `ngettext` in the source, with its place."""
    found = []
    for package in ("lanchat", "lanchat_server"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "N_", "ngettext"):
                    found.append((f"{file.relative_to(ROOT)}:{node.lineno}", node))
    return found


@cache
def marked_texts() -> dict[str | tuple[str, str], str]:
    """Text (or singular and plural) to its place."""
    found: dict[str | tuple[str, str], str] = {}
    for place, call in marked_calls():
        texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if call.func.id == "ngettext" and len(texts) == 2:  # type: ignore[attr-defined]
            found[texts[0], texts[1]] = place
        elif texts:
            found[texts[0]] = place
    log_texts = runpy.run_path(str(ROOT / "packaging/dev/catalog.py"))["log_texts"]
    return found | {text: place for place, text in log_texts(ROOT)}


# --- The catalogue ----------------------------------------------------------------------------------------------------


def test_every_text_is_translated(catalog: Catalog) -> None:
    known = {key(message) for message in messages(catalog)}
    missing = [f"{place}: {text!r}" for text, place in marked_texts().items() if text not in known]
    assert not missing, "\n".join(["run packaging/dev/catalog.py and translate:", *missing])


def test_no_translation_is_unused(catalog: Catalog) -> None:
    used = set(marked_texts())
    assert [message.id for message in messages(catalog) if key(message) not in used] == []
    assert not catalog.obsolete


def test_marked_text_is_a_plain_string() -> None:
    # An f-string or a format() inside the brackets is looked up after it was filled in, and so never found.
    wrong = [
        place
        for place, call in marked_calls()
        if call.args and isinstance(call.args[0], ast.JoinedStr | ast.Call | ast.BinOp)
    ]
    assert wrong == []


def test_no_translation_is_fuzzy(catalog: Catalog) -> None:
    assert [message.id for message in messages(catalog) if message.fuzzy] == []


def placeholders(text: str) -> set[str]:
    """Fields of str.format, of % with names and of % without, for texts of argparse."""
    if "%" in text and "{" not in text:
        return set(re.findall(r"%\(\w+\)[sdr]|%[sdr]", text))
    return {f"{name}:{spec}" for _text, name, spec, _conversion in string.Formatter().parse(text) if name is not None}


def test_placeholders_agree(catalog: Catalog) -> None:
    wrong = []
    for message in messages(catalog):
        expected = placeholders(sources(message)[-1])
        wrong += [(message.id, form) for form in forms(message) if placeholders(form) != expected]
    assert wrong == []


def test_translations_are_russian(catalog: Catalog) -> None:
    wrong = []
    for message in messages(catalog):
        for form in forms(message):
            words = re.sub(r"\{.*?\}|%\(\w+\)s", "", sources(message)[0])
            if not WORDLESS.match(words) and not re.search("[а-яё]", form, re.IGNORECASE):
                wrong.append(message.id)
    names = {"TLS", "UDP", "LAN Chat", "general", "OK", "Emoji"}
    assert [id for id in wrong if str(id).strip("{}: ") not in names] == []


def test_whitespace_and_ending_of_a_text_are_kept(catalog: Catalog) -> None:
    """Blanks, line breaks and the end of a sentence: texts are concatenated with others."""
    wrong = []
    for message in messages(catalog):
        for form in forms(message):
            one = sources(message)[0]
            edges = [(text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]) for text in (one, form)]
            if edges[0] != edges[1] or one.endswith("…") != form.endswith("…") or one.count("\n") != form.count("\n"):
                wrong.append((message.id, form))
    assert wrong == []


def test_compiled_catalogue_equals_the_source(catalog: Catalog) -> None:
    with PO.with_suffix(".mo").open("rb") as stream:
        compiled = gettext.GNUTranslations(stream)
    entries = compiled._catalog  # type: ignore[attr-defined]
    expected: dict[object, str] = {}
    for message in messages(catalog):
        if isinstance(message.id, str):
            expected[message.id] = str(message.string)
        else:
            expected |= {(message.id[0], number): form for number, form in enumerate(forms(message))}
    assert {id: entries.get(id) for id in expected} == expected


@pytest.mark.parametrize(
    ("number", "form"),
    [(0, 2), (1, 0), (2, 1), (4, 1), (5, 2), (11, 2), (12, 2), (14, 2), (21, 0), (22, 1), (100, 2), (101, 0), (111, 2)],
)
def test_russian_has_three_plural_forms(number: int, form: int) -> None:
    i18n.set_language("ru")
    words = ("сообщение", "сообщения", "сообщений")
    assert i18n.ngettext("{number} message", "{number} messages", number) == "{number} " + words[form]


def test_every_plural_has_three_forms(catalog: Catalog) -> None:
    assert catalog.num_plurals == 3
    plural = [message for message in messages(catalog) if message.pluralizable]
    assert plural
    assert [message.id for message in plural if len(forms(message)) != 3] == []


# --- Choosing a language ----------------------------------------------------------------------------------------------

VARIABLES = ("LANCHAT_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "de_DE", "LC_MESSAGES": "ru_RU"}, "ru"),
        ({"LC_MESSAGES": "ru_RU", "LC_ALL": "C"}, "en"),
        ({"LC_ALL": "C", "LANCHAT_LANGUAGE": "ru"}, "ru"),
    ],
)
def test_environment_selects_the_language(
    variables: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert i18n.set_language() == language
    assert i18n.language() == language


def test_requested_language_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANCHAT_LANGUAGE", "ru")
    assert i18n.set_language("en") == "en"
    assert i18n._("yes") == "yes"
    assert i18n.set_language("ru") == "ru"
    assert i18n._("yes") == "да"
    assert i18n.set_language("tlh") == "ru"


def test_untranslated_text_is_shown_unchanged() -> None:
    i18n.set_language("ru")
    assert i18n._("No such text, ever") == "No such text, ever"
