"""Tk as `--check` uses it: a window in a process of its own, whatever the display does."""

import socket
import sys
from typing import Any

import pytest

from lanchat.checks import window
from lanchat.checks.runner import CheckFailed
from tests.support.waiting import patient


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "_TIMEOUT", patient(10))


def test_window_is_shown(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display)
    finding = window.check_window("lanchat", needed=True)
    assert not finding.absent
    assert "200×80" in finding.text
    assert finding.values["version"].startswith("8.") or finding.values["version"].startswith("9.")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a display")
def test_no_display_is_said_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    finding = window.check_window("lanchat", needed=True)
    assert finding.absent
    assert "no display" in finding.text


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a display")
def test_unusable_display_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(CheckFailed, match="no window can be opened"):
        window.check_window("lanchat", needed=True)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a display")
def test_silent_display_fails_within_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "_TIMEOUT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DISPLAY", f"127.0.0.1:{silent.getsockname()[1] - 6000}")
        with pytest.raises(CheckFailed, match="does not answer"):
            window.check_window("lanchat", needed=True)


@pytest.mark.parametrize("needed", [True, False])
def test_missing_tk_fails_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch, needed: bool) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(window, "_run", lambda command: (window.NO_TK, "", "No module named '_tkinter'"))
    if needed:
        with pytest.raises(CheckFailed, match="not installed"):
            window.check_window("lanchat", needed=True)
    else:
        assert window.check_window("lanchat_server", needed=False).absent


def test_missing_library_of_the_window_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "ttkbootstrap", None)
    assert window.open_test_window() == window.NO_TK
    assert "ttkbootstrap" in capsys.readouterr().err


def test_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def run(command: list[str]) -> tuple[int, str, str]:
        started.append(command)
        return 0, "8.6.13 200×80\n", ""

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(window, "_run", run)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    window.check_window("lanchat", needed=True)
    assert started == [[sys.executable, "--check-window"]]
