"""Checks run one after the other: a line for each, bounded in time, whatever they raise."""

import io
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lanchat.checks import runner
from lanchat.checks.runner import CheckFailed, Finding, SelfCheck, run_checks
from lanchat.i18n import set_language
from lanchat.terminal.output import OutputWriter


def lines_of(*checks: SelfCheck, as_json: bool = False, timeout: float = 60.0) -> tuple[int, list[str]]:
    out = io.StringIO()
    code = run_checks(checks, OutputWriter(as_json, out, io.StringIO()), timeout)
    return code, out.getvalue().splitlines()


def objects_of(*checks: SelfCheck, timeout: float = 60.0) -> tuple[int, list[dict[str, Any]]]:
    code, lines = lines_of(*checks, as_json=True, timeout=timeout)
    return code, [json.loads(line) for line in lines]


def raising(error: BaseException) -> Callable[[], Finding]:
    def run() -> Finding:
        raise error

    return run


WORKING = SelfCheck("one", "One", lambda: Finding("it works", {"version": "1.2"}))


def test_each_check_is_one_line() -> None:
    code, lines = lines_of(WORKING, SelfCheck("two", "Two", lambda: Finding("nothing there", absent=True)))
    assert code == 0
    assert lines == ["ok       One: it works", "absent   Two: nothing there"]


def test_json_has_values_of_finding() -> None:
    code, objects = objects_of(WORKING, SelfCheck("two", "Two", lambda: Finding("nothing there", absent=True)))
    assert code == 0
    assert [item.pop("seconds") >= 0 for item in objects] == [True, True]
    assert objects == [
        {"check": "one", "ok": True, "detail": "it works", "version": "1.2"},
        {"check": "two", "ok": True, "detail": "nothing there", "absent": True},
    ]


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (CheckFailed("it is broken"), "it is broken"),
        (FileNotFoundError(2, "No such file or directory", "/nowhere"), "/nowhere: No such file or directory"),
        (ImportError("no module named x"), "a library is missing or broken: no module named x"),
        (ValueError("two\nlines"), "ValueError: two lines"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_failure_is_one_line_and_the_others_run(error: Exception, detail: str) -> None:
    code, objects = objects_of(SelfCheck("bad", "Bad", raising(error)), WORKING)
    assert code == 1
    assert [(item["check"], item["ok"]) for item in objects] == [("bad", False), ("one", True)]
    assert objects[0]["detail"] == detail


def test_hanging_check_fails_and_the_others_run() -> None:
    hangs = threading.Event()

    def hang() -> Finding:
        hangs.wait()
        return Finding("too late")

    try:
        code, objects = objects_of(SelfCheck("slow", "Slow", hang), timeout=0.05)
        assert code == 1
        assert objects[0]["detail"] == "no result within 0.05 s"
    finally:
        hangs.set()


def test_interrupt_ends_waiting_for_hanging_check(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()

    class Interrupted:
        def get(self, timeout: float) -> Finding:
            raise KeyboardInterrupt

        def put(self, found: object) -> None:
            pass

    monkeypatch.setattr(runner.queue, "Queue", Interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            lines_of(SelfCheck("slow", "Slow", lambda: Finding(str(hangs.wait()))))
    finally:
        hangs.set()


def test_control_characters_of_an_answer_are_not_shown() -> None:
    _code, lines = lines_of(SelfCheck("one", "One", lambda: Finding("version \x1b[31m1\n2")))
    assert len(lines) == 1
    assert "\x1b" not in lines[0]


def test_states_are_translated() -> None:
    set_language("ru")
    try:
        _code, lines = lines_of(WORKING, SelfCheck("bad", "Bad", raising(CheckFailed("x"))))
    finally:
        set_language("en")
    assert [line.split()[0] for line in lines] == ["исправно", "ошибка"]
