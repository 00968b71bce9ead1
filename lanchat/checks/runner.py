"""Runs checks one after the other, each bounded in time, and says a line for each.

A check works in a thread of its own, so that one which hangs neither holds the others up nor keeps Ctrl+C waiting.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.terminal.arguments import one_line
from lanchat.terminal.exits import DONE, FAILED
from lanchat.terminal.output import OutputWriter, shown

# Seconds for one check. The slowest honest one, DNS-SD, takes 2.
CHECK_TIMEOUT = 15.0
# How late Ctrl+C is noticed on Windows, where waiting for a thread cannot be interrupted.
_TURN = 0.1


class CheckFailed(Exception):
    """Something does not work; the text is one line in the person's language."""


class Finding(msgspec.Struct, frozen=True):
    """What a check found: a line for a person, and further values for `--json`. `absent`: there is nothing to check
    here, which is no failure."""

    text: str
    values: dict[str, Any] = {}
    absent: bool = False


class SelfCheck(msgspec.Struct, frozen=True):
    """A check: its name in JSON, its name for a person, and what does it. `run` is called in a thread of its own; it
    raises CheckFailed, or anything else, when something does not work."""

    name: str
    label: str
    run: Callable[[], Finding]


def run_checks(checks: Sequence[SelfCheck], output: OutputWriter, timeout: float = CHECK_TIMEOUT) -> int:
    """Runs all checks and writes a line for each; the exit code, FAILED when one of them failed. `timeout`: seconds
    for each. Raises OutputClosed, KeyboardInterrupt."""
    code = DONE
    for check in checks:
        began = time.monotonic()
        found = _bounded(check, timeout)
        ok = isinstance(found, Finding)
        detail = one_line(shown(found.text if isinstance(found, Finding) else found))
        state = _("failed")
        values: dict[str, Any] = {"check": check.name, "ok": ok, "detail": detail}
        if isinstance(found, Finding):
            state = _("absent") if found.absent else _("ok")
            values |= found.values | ({"absent": True} if found.absent else {})
        else:
            code = FAILED
        values["seconds"] = round(time.monotonic() - began, 3)
        output.row(values, f"{state:<9}{check.label}: {detail}")
    return code


def _bounded(check: SelfCheck, timeout: float) -> Finding | str:
    """What the check found, or why it failed."""
    answers: queue.Queue[Finding | str] = queue.Queue()
    threading.Thread(target=lambda: answers.put(_attempt(check)), name=f"check-{check.name}", daemon=True).start()
    end = time.monotonic() + timeout
    while (left := end - time.monotonic()) > 0:
        try:
            return answers.get(timeout=min(left, _TURN))
        except queue.Empty:
            continue
    return _("no result within {seconds} s").format(seconds=f"{timeout:g}")


def _attempt(check: SelfCheck) -> Finding | str:
    try:
        return check.run()
    except CheckFailed as error:
        return str(error)
    except ImportError as error:
        return _("a library is missing or broken: {error}").format(error=error)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{os_error_text(error)}"
    except Exception as error:  # whatever a broken library raises is what the check is for
        return f"{type(error).__name__}: {error}"
