"""Programs without a console say in a window why they end."""

import sys
from pathlib import Path
from typing import Any

import pytest

from lanchat.terminal.failure_window import show_failure
from lanchat_server.cli import main

tkinter = pytest.importorskip("tkinter")


class Root:
    """In place of the hidden window behind the message."""

    def withdraw(self) -> None:
        pass

    def destroy(self) -> None:
        pass


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    from tkinter import messagebox

    monkeypatch.setattr(tkinter, "Tk", Root)
    monkeypatch.setattr(messagebox, "showerror", lambda _title, text: texts.append(text))
    return texts


def test_window_is_opened_only_without_a_console(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    show_failure("a console says it")
    monkeypatch.setattr(sys, "__stderr__", None)
    show_failure("nobody else says it")
    assert shown == ["nobody else says it"]


def test_without_a_screen_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise tkinter.TclError("no display")

    monkeypatch.setattr(sys, "__stderr__", None)
    monkeypatch.setattr(tkinter, "Tk", refuse)
    show_failure("nobody can be told")


@pytest.mark.parametrize(("command", "said"), [("window", True), ("run", False), ("status", False)])
def test_servers_window_says_what_is_wrong_with_its_file(
    monkeypatch: pytest.MonkeyPatch, shown: list[str], tmp_path: Path, command: str, said: bool
) -> None:
    """A service has no console either, and nobody would close a window of it."""
    monkeypatch.setattr(sys, "__stderr__", None)
    code = main.run([command, "--config", str(tmp_path / "missing.toml")])
    assert code == 1
    assert [str(tmp_path / "missing.toml") in text for text in shown] == ([True] if said else [])
