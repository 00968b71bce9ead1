"""Notifications through the desktop's command: what it is given, clicks, old versions, none at all."""

import json
import os
import sys
import threading
from pathlib import Path

from lanchat.platform.programs.notifications import WAITING_MAX, Notifier
from tests.support.waiting import patient, wait_until

PROGRAM = """#!{python}
import json, os, sys, time
with open({log!r}, "a") as log:
    log.write(json.dumps([os.getpid(), sys.argv[1:]]) + "\\n")
{does}
"""


def program(folder: Path, does: str) -> tuple[str, Path]:
    """A command in the place of the desktop's, and the file in which it notes its arguments."""
    path, log = folder / "notify-send", folder / "log"
    path.write_text(PROGRAM.format(python=sys.executable, log=str(log), does=does))
    path.chmod(0o700)
    return str(path), log


def calls(log: Path) -> list[tuple[int, list[str]]]:
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []


def test_click_is_told_and_text_is_no_markup(tmp_path: Path) -> None:
    command, log = program(tmp_path, "print('default')")
    clicked = threading.Event()
    Notifier(command).show("--Bob\n& Co", "<b>1 < 2</b>\0 " + "x" * 500, clicked.set)
    assert clicked.wait(patient(20))
    ((_pid, arguments),) = calls(log)
    assert "--wait" in arguments
    title, text = arguments[arguments.index("--") + 1 :]
    assert title == "--Bob & Co"
    assert text.startswith("&lt;b&gt;1 &lt; 2&lt;/b&gt; xxx")
    assert text.endswith("x…")


def test_command_without_clicks_shows_the_notification_all_the_same(tmp_path: Path) -> None:
    command, log = program(tmp_path, "sys.exit('--wait' in sys.argv)")
    clicked = threading.Event()
    Notifier(command).show("Bob", "Hello", clicked.set)
    wait_until(lambda: len(calls(log)) == 2, 20, "it is shown")
    assert "--wait" not in calls(log)[1][1]
    assert not clicked.is_set()


def test_missing_command_changes_nothing(tmp_path: Path) -> None:
    for command in ("", str(tmp_path / "nothing here")):
        Notifier(command).show("Bob", "Hello", lambda: None)


def test_oldest_gives_way_and_none_outlives_the_window(tmp_path: Path) -> None:
    command, log = program(tmp_path, "time.sleep(600)")
    notifier = Notifier(command)
    for number in range(WAITING_MAX + 1):
        notifier.show("Bob", str(number), lambda: None)
        wait_until(lambda number=number: len(calls(log)) == number + 1, 20, "it is shown")
    wait_until(lambda: not alive(calls(log)[0][0]), 20, "the oldest is gone")
    assert all(alive(pid) for pid, _arguments in calls(log)[1:])
    notifier.close()
    for pid, _arguments in calls(log):
        wait_until(lambda pid=pid: not alive(pid), 20, "it has ended")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
