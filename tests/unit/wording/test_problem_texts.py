"""Every code has a text in each language, with exactly the values that it is used with."""

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat import i18n
from lanchat.app import command_errors
from lanchat.app.api import CommandError, ErrorKind
from lanchat.core.ports import LocalStoreError
from lanchat.core.session.states import Reason
from lanchat.i18n import _, set_language
from lanchat.i18n.os_errors import FILE_TEXTS, os_error_text
from lanchat.platform.disk.files import FileRefused, os_reason
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem, ProblemDetails, placeholders
from lanchat.wording.problems import CODE_TEXTS, SECOND_SENTENCES, TEXTS, code_text, details_text, error_text

ROOT = Path(__file__).parents[3]
LANGUAGES = ("en", "ru")
MINUTE = 1_700_000_040.0  # a whole minute in every time zone


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def details(problem: Problem) -> ProblemDetails:
    """With a value for each placeholder."""
    values = {name: f"<{name}>" for name in placeholders(problem.value)}
    if problem is Problem.MESSAGES_KEPT:
        return ProblemDetails.of(problem, count=3)
    return ProblemDetails.of(problem, **values)


# --- The table ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", Problem, ids=lambda problem: problem.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_problem_has_a_text_with_all_its_values(problem: Problem, language: str) -> None:
    set_language(language)
    text = details_text(details(problem))
    assert text
    assert "{" not in text
    assert all(str(value) in text for _name, value in details(problem).values)
    if language == "ru" and problem is not Problem.OTHER:
        assert re.search("[а-яё]", text, re.IGNORECASE)


@pytest.mark.parametrize("problem", TEXTS, ids=lambda problem: problem.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_needs_exactly_the_values_of_its_problem(problem: Problem, language: str) -> None:
    set_language(language)
    needed = placeholders(_(TEXTS[problem])) | ({"reason"} if problem in SECOND_SENTENCES else set())
    assert needed == placeholders(problem.value)


def test_table_contains_each_problem_once() -> None:
    assert set(TEXTS) | {Problem.MESSAGES_KEPT} == set(Problem)
    assert set(CODE_TEXTS) == set(Code)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_server_code_has_a_text(language: str) -> None:
    set_language(language)
    for code in Code:
        assert code_text(code)
        assert details_text(ProblemDetails.of(code)) == code_text(code)
        assert (language == "ru") is bool(re.search("[а-яё]", code_text(code), re.IGNORECASE))


def test_each_reason_of_the_link_has_a_problem() -> None:
    for reason in Reason:
        found = command_errors.link_problem(reason)
        assert (found is None) is (reason is Reason.NONE)


def test_each_description_is_one_line() -> None:
    for problem in Problem:
        assert str(details(problem)).isprintable()


# --- Where problems are used ------------------------------------------------------------------------------------------


def uses(source: str) -> Iterator[tuple[int, Problem, set[str] | None]]:
    """Line and member of each `Problem.X`; with the names of the values when it is an argument of a call."""
    tree = ast.parse(source)
    calls: dict[ast.expr, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            names = {keyword.arg for keyword in node.keywords if keyword.arg} - {"code", "retry_s"}
            calls |= dict.fromkeys(node.args, names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Problem":
            yield node.lineno, Problem[node.attr], calls.get(node)


def faults(source: str) -> list[str]:
    """Uses of a problem without its values, or with other ones."""
    return [
        f"{line}: {problem.name} needs {sorted(placeholders(problem.value))}"
        for line, problem, names in uses(source)
        if (names or set()) != placeholders(problem.value)
    ]


def sources() -> Iterator[Path]:
    """Where problems are made: all but the tables of their words."""
    for package in ("lanchat", "lanchat_server"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if not {"wording", "i18n"} & set(file.relative_to(ROOT).parts):
                yield file


def test_each_use_gives_exactly_the_values_of_the_text() -> None:
    assert [
        f"{file.relative_to(ROOT)}:{fault}" for file in sources() for fault in faults(file.read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize(
    "line",
    [
        "CommandError(kind, Problem.UNKNOWN_ROOM)",
        "CommandError(kind, Problem.UNKNOWN_ROOM, room=name)",
        "CommandError(kind, Problem.OFFLINE, name=name)",
        "ProblemDetails.of(Problem.COPY_UNUSABLE, file=file)",
        "LocalStoreError(Problem.COPY_CLOSED if closed else Problem.COPY_DAMAGED)",
        "REASONS = {Reason.LOST: Problem.NO_SERVER_AT}",
    ],
)
def test_use_without_the_right_values_is_found(line: str) -> None:
    assert len(faults(line)) == 1


def test_each_problem_is_used() -> None:
    used = {problem for file in sources() for _line, problem, _names in uses(file.read_text(encoding="utf-8"))}
    assert used == set(Problem)


# --- Single texts -----------------------------------------------------------------------------------------------------


def test_values_may_be_problems_and_lists_of_them() -> None:
    creator = ProblemDetails.of(Problem.ROOM_WITH_CREATOR, number=7, name="anna")
    found = ProblemDetails.of(Problem.SEVERAL_ROOMS, name="office", rooms=("5", creator))
    expected = "Several rooms are named office. Give the number of the one that is meant: 5, 7 (made by anna)"
    assert details_text(found) == expected
    assert str(found) == "several rooms are named office: 5, 7 (made by anna)"
    set_language("ru")
    assert "anna" in details_text(found)
    assert "made by" not in details_text(found)


def test_value_with_braces_is_shown_unchanged() -> None:
    assert details_text(ProblemDetails.of(Problem.UNKNOWN_ROOM, name="{name} {0}")) == "Room {name} {0} does not exist"
    assert str(ProblemDetails.of(Problem.UNKNOWN_ROOM, name="{0}")) == "room {0} does not exist"


@pytest.mark.parametrize(("count", "text"), [(1, "1 message that was"), (2, "2 messages that were")])
def test_kept_messages_are_counted(count: int, text: str) -> None:
    assert details_text(ProblemDetails.of(Problem.MESSAGES_KEPT, count=count)).startswith(text)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of Windows is no variable")
@pytest.mark.parametrize(("zone", "clock"), [("UTC0", "22:14"), ("XXX-5:30", "03:44")])
def test_delayed_message_shows_the_local_time_to_the_minute(
    zone: str, clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        quota = command_errors.delayed(Code.USER_QUOTA, MINUTE + 12.5)
        assert quota == command_errors.delayed(Code.USER_QUOTA, MINUTE + 59)
        assert quota != command_errors.delayed(Code.USER_QUOTA, MINUTE + 60)
        text = details_text(quota)
    finally:
        monkeypatch.undo()
        time.tzset()
    then = f"The message is kept and goes by itself, at {clock} or a little later"
    assert text == f"You have written as much as this server stores for one person a day. {then}"


def test_delayed_message_without_a_time_has_its_own_text() -> None:
    text = details_text(command_errors.delayed(Code.LOG_FULL, MINUTE))
    assert text.endswith("tell its administrator. The message is kept and goes by itself when there is room")
    unknown = details_text(command_errors.delayed(9999, MINUTE))
    assert unknown == "The server refused. The message is kept and goes by itself when there is room"


def test_unknown_code_is_a_refusal() -> None:
    assert details_text(command_errors.refused_with(9999)) == "The server refused"
    assert command_errors.known_code(9999) is Code.BAD_REQUEST


def test_input_rules_have_texts() -> None:
    rule = details_text(ProblemDetails.of(Problem.BAD_USER_NAME))
    assert rule == "A user name has up to 32 letters, digits, dots, hyphens and underscores"
    assert error_text(command_errors.mistyped(ProtocolError("not an invite link"))).endswith("to its end")
    assert error_text(command_errors.mistyped(ProtocolError("something else"))) == "something else"


def test_errors_have_code_and_values() -> None:
    error = CommandError(ErrorKind.INVALID, Problem.UNKNOWN_USER, name="carl")
    assert (error.kind, error.code, str(error)) == (ErrorKind.INVALID, None, "there is nobody called carl")
    assert error_text(error) == "There is nobody called carl"
    refused = CommandError(ErrorKind.REFUSED, Code.ROOM_ARCHIVED)
    assert (refused.code, str(refused)) == (Code.ROOM_ARCHIVED, "the server refused: ROOM_ARCHIVED")
    store = LocalStoreError(Problem.COPY_DAMAGED, file="/x")
    assert (str(store), error_text(store)) == ("the local copy /x is damaged", "The local copy /x is damaged")
    assert details_text(None) == ""


# --- Files ------------------------------------------------------------------------------------------------------------


def test_refused_file_is_reported_in_the_current_language() -> None:
    error = FileRefused(1, Problem.OTHER_OWNER, "/x")
    assert (error.errno, error.filename, error.strerror) == (1, "/x", "it belongs to another user")
    assert os_error_text(error) == "it belongs to another user"
    assert os_reason(error) == ProblemDetails.of(Problem.OTHER_OWNER)
    set_language("ru")
    assert os_error_text(error) == i18n._(FILE_TEXTS[Problem.OTHER_OWNER]) != "it belongs to another user"


def test_operating_system_error_keeps_its_text() -> None:
    error = OSError(28, "No space left on device", "/x")
    assert os_error_text(error) == os_reason(error) == "No space left on device"
    assert os_error_text(OSError("without a number")) == os_reason(OSError("without a number")) == "without a number"


def test_operating_system_error_texts_come_from_one_function() -> None:
    """Direct use of `strerror` would show texts of the product in English."""
    allowed = {"lanchat/i18n/os_errors.py", "lanchat/platform/disk/files.py"}
    found = {
        file.relative_to(ROOT).as_posix()
        for package in ("lanchat", "lanchat_server")
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr == "strerror" and getattr(node.value, "id", "") != "os")
        or (isinstance(node, ast.Constant) and node.value == "strerror")
    }
    assert found == allowed


@pytest.mark.parametrize("language", LANGUAGES)
def test_reasons_about_a_file_are_no_sentences(language: str) -> None:
    """They stand behind the name of the file, and all begin alike."""
    set_language(language)
    assert [text for text in map(_, FILE_TEXTS.values()) if text[0].isupper()] == []
