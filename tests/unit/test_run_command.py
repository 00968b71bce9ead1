"""`make run` where there is nobody to talk to."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "packaging" / "dev" / "run.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module, without a screen."""
    spec = importlib.util.spec_from_file_location("run_command", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "_has_screen", lambda: False)
    monkeypatch.setattr(module, "_discover", lambda fingerprint: 0)
    return module


def test_closed_input_is_no_terminal(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert script._client({"fingerprint": "ab" * 32}) == 0
