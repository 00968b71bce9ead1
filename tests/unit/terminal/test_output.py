"""Times, streams and texts of the command line, and the redaction of secrets in logs."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.cli.lines import message_row, message_text
from lanchat.i18n import set_language
from lanchat.protocol import wire
from lanchat.protocol.codes import Role
from lanchat.terminal.output import OutputClosed, OutputWriter, clock, rfc3339, shown
from lanchat_server import logs
from lanchat_server.cli.users import account_text
from lanchat_server.figures_text import clock_lines, duration, local_time, status_lines
from lanchat_server.logs import redact
from tests.support.fake_client import line


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (1700000000.0, "2023-11-14T22:13:20.000Z"),
        (1700000000.123, "2023-11-14T22:13:20.123Z"),
        (1700000000.9996, "2023-11-14T22:13:21.000Z"),
        (0.001, "1970-01-01T00:00:00.001Z"),
        (0.0, None),
        (1e30, None),
        (-1e30, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_times_have_milliseconds_and_a_zone(moment: float, text: str | None) -> None:
    assert rfc3339(moment) == text


@given(st.integers(1, 4_000_000_000_000))
def test_each_millisecond_is_printed_exactly(millis: int) -> None:
    from datetime import datetime

    text = rfc3339(millis / 1000)
    assert text is not None
    assert len(text) == 24
    assert round(datetime.fromisoformat(text).timestamp() * 1000) == millis


def test_time_outside_the_calendar_is_shown_as_unknown() -> None:
    assert clock(1e30) == clock(0.0) == "-"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("two\nlines\ttab", "two\n    lines\ttab"),
        ("family 👨\u200d👩\u200d👧", "family 👨\u200d👩\u200d👧"),
        ("bell\x07", "bell\ufffd"),
        ("csi \x9b2J", "csi \ufffd2J"),
        ("over\u202eride", "over\ufffdride"),
        ("lone \ud800", "lone \ufffd"),
    ],
)
def test_received_text_cannot_control_the_terminal(text: str, written: str) -> None:
    assert shown(text) == written


def test_json_rows_are_one_line_and_keep_letters() -> None:
    out = io.StringIO()
    OutputWriter(True, out, io.StringIO()).row({"text": "Привет\nмир 👋"}, "not this")
    assert out.getvalue() == '{"text": "Привет\\nмир 👋"}\n'


def test_notes_are_printed_in_text_mode_only() -> None:
    out, err = io.StringIO(), io.StringIO()
    for as_json in (True, False):
        OutputWriter(as_json, out, err).note(f"note {as_json}")
        OutputWriter(as_json, out, err).warn(f"warning {as_json}")
    assert (out.getvalue(), err.getvalue()) == ("", "warning True\nnote False\nwarning False\n")


@pytest.mark.parametrize("number", [32, 22])
def test_closed_pipe_raises_output_closed(number: int) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(number, "closed")

    with pytest.raises(OutputClosed):
        OutputWriter(True, Closed(), io.StringIO()).row({}, "")


def test_missing_console_is_tolerated_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "platform", "win32")
    output = OutputWriter(False)
    output.write("lost")
    output.warn("lost")


def test_closed_standard_output_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OSError, match="closed"):
        OutputWriter(False).write("lost")


# --- The server's log -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("mysql://chat:s3cr3t@db:3306/chat", "mysql://chat:***@db:3306/chat"),
        ("mysql+mysqlconnector://root:s3cr3t/@:x@h/n refused", "mysql+mysqlconnector://root:***@h/n refused"),
        ("mysql://a:s3cr3t@h/n and mysql://b:s3cr3t@i/m", "mysql://a:***@h/n and mysql://b:***@i/m"),
        ("{'user': 'chat', 'password': 's3cr3t x'}", "{'user': 'chat', 'password': ***}"),
        ('password="s3cr3t" host=h', "password=*** host=h"),
        ("Passwd: s3cr3t, next", "Passwd: ***, next"),
    ],
)
def test_passwords_are_redacted(text: str, hidden: str) -> None:
    assert redact(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "lanchat://192.0.2.1:47400/#abcdef",
        "mail to a@b.example",
        "https://h:443/x",
        "the password was changed",
        "12:30",
    ],
)
def test_other_text_is_not_redacted(text: str) -> None:
    assert redact(text) == text


@pytest.fixture
def root_logger() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def log_something(as_json: bool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    logs.configure(as_json, "info")
    log = logging.getLogger("lanchat_server.test")
    log.debug("not this")
    log.info("by %s", "mallory\n2026 ERROR fake\x1b[2J")
    try:
        raise ValueError("mysql://u:s3cr3t@h/n")
    except ValueError:
        log.exception("it broke")
    return err.getvalue().splitlines()


def test_log_lines_as_text(root_logger: object, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = log_something(False, monkeypatch)
    assert lines[0].endswith("Z INFO lanchat_server.test: by mallory\ufffd2026 ERROR fake\ufffd[2J")
    assert lines[1].endswith("ERROR lanchat_server.test: it broke")
    assert all(line.startswith("    ") for line in lines[2:])
    assert "s3cr3t" not in "\n".join(lines)


def test_log_lines_as_json(root_logger: object, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.loads(line) for line in log_something(True, monkeypatch)]
    assert [line["level"] for line in lines] == ["info", "error"]
    assert set(lines[0]) == {"time", "level", "logger", "message"}
    assert "mysql://u:***@h/n" in lines[1]["trace"]
    assert len(lines[0]["time"]) == 24


@pytest.mark.parametrize("sent_at", [915_148_800.0, 4_070_908_800.0, 1e300])
def test_stored_line_has_the_time_of_the_server(sent_at: float) -> None:
    set_language("en")
    text = message_text(line(3, sent_at=sent_at, stored_at=1_700_000_000.0))
    assert text.startswith(f"{clock(1_700_000_000.0)} #3 ")
    row = message_row(line(3, sent_at=sent_at, stored_at=1_700_000_000.0), "general")
    assert (row["sent_at"], row["stored_at"]) == (rfc3339(sent_at), "2023-11-14T22:13:20.000Z")


def test_imported_message_shows_the_time_of_the_other_program_and_says_so() -> None:
    imported = line(3, sent_at=1_234_567_890.0, stored_at=1_700_000_000.0, imported=True)
    text = message_text(imported)
    assert "(imported)" in text
    assert clock(1_234_567_890.0) in text
    assert message_row(imported, "general")["imported"] is True
    assert "imported" not in message_row(line(3), "general")


def test_pending_line_has_the_time_of_this_computer() -> None:
    set_language("en")
    waiting = line(None, sent_at=1_700_000_000.0, stored_at=0.0)
    assert message_text(waiting).startswith(clock(1_700_000_000.0))
    assert message_row(waiting, "general")["stored_at"] is None


# --- What an administrator reads ------------------------------------------------------------------------------------


def test_status_report_as_text() -> None:
    set_language("en")
    report = {
        "name": "Office",
        "version": "0.1.0",
        "uptime_s": 93784.5,
        "users_online": ["anna", "boris"],
        "sessions": 3,
        "rooms": [{"id": 1, "name": "general", "head": 1, "members": 2}],
        "queues": {"submissions": 4, "tls_octets": 5},
        "database": {"url": "mysql://chat@h/n", "latency_ms": 1.25},
        "counters": {},
    }
    assert status_lines(report) == [
        "Office, version 0.1.0, running for 1 d 2 h",
        "Online: 2 (sessions: 3): anna, boris",
        "Database: mysql://chat@h/n, 1.2 ms",
        "Waiting: 4 messages, 5 bytes to clients",
        "  general: 1 message, 2 members",
    ]


def test_clock_jumps_are_printed_with_the_status() -> None:
    set_language("en")
    assert clock_lines({"jumps": 0, "last_jump_s": 0.0, "behind_newest_s": 0.0}) == []
    assert clock_lines({"jumps": 1, "last_jump_s": 7200.0, "behind_newest_s": 1.0}) == [
        "Clock set 1 time, the last time 2 h 0 min ahead"
    ]
    assert clock_lines({"jumps": 2, "last_jump_s": -86400.0, "behind_newest_s": 86400.0}) == [
        "Clock set 2 times, the last time 1 d 0 h back",
        "The clock is 1 d 0 h behind the newest message",
    ]


def test_account_as_text() -> None:
    set_language("en")
    account = wire.AccountDetails(1, "anna", "Anna P", "a@b", Role.MODERATOR, True, 1769862896789, 0, 1)
    assert account_text(account) == "anna (Anna P) <a@b>  moderator, disabled, 1 device, last seen never"
    assert local_time("2026-01-31T12:34:56.789Z") == clock(1769862896.789)


@pytest.mark.parametrize(("seconds", "text"), [(59, "0 min 59 s"), (3600, "1 h 0 min"), (90000, "1 d 1 h")])
def test_time_spans_as_text(seconds: float, text: str) -> None:
    set_language("en")
    assert duration(seconds) == text


# --- As processes ---------------------------------------------------------------------------------------------------


def test_help_imports_no_heavy_module() -> None:
    check = (
        "import sys; sys.argv = ['lanchat', '--help']\n"
        "from lanchat.cli.main import run\n"
        "try: run(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'asyncio', 'cryptography', 'ssl', 'zeroconf', 'sqlite3', 'tkinter', 'PIL'} & set(sys.modules)\n"
        "sys.exit(repr(sorted(heavy)) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert (done.returncode, done.stderr) == (0, "")
